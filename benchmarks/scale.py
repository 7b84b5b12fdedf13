"""``python -m benchmarks.scale``: one, five and ten million events, a run that finds nothing new, and the main job.

What enters: sizes. What leaves: a table, benchmarks/README.md, a last line of JSON. Each measurement is one cold
process (``benchmarks.stages``), its memory watched from outside.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.bench import facts, say
from benchmarks.corpora import BUILD, SCALE_EVENTS, Corpus, make_corpus, make_trail
from benchmarks.measure import describe_machine, run_module
from benchmarks.page import FIGURES, keep, render_scale, write_page

RUN_EVENTS = 600_000
RUN_DAYS = 30
RUN_ROUNDS = 5
NOOP_OBJECTS = 100_000


def measure_trail(corpus: Corpus, build: Path, *, with_build: bool) -> dict[str, Any]:
    """Ingest a trail into a new lake, and build its models where asked."""
    lake = build / "scale-lake"
    shutil.rmtree(lake, ignore_errors=True)
    ingest = run_module("benchmarks.stages", ["ingest", str(corpus.folder), str(lake)])
    assert ingest.answer["rows"] == corpus.records
    figures = facts(corpus) | {
        "ingest_seconds": round(ingest.seconds, 2),
        "mb_per_second": round(corpus.megabytes / ingest.seconds, 1),
        "peak_rss_bytes": ingest.peak_rss_bytes,
        "cpu_seconds": round(ingest.cpu_seconds, 1),
    }
    if with_build:
        built = run_module("benchmarks.stages", ["build", str(corpus.folder), str(lake)])
        figures |= {"build_seconds": round(built.seconds, 2), "build_peak_rss_bytes": built.peak_rss_bytes}
    shutil.rmtree(lake, ignore_errors=True)
    say(f"{corpus.records} records: {figures}")
    return figures


def measure_run(build: Path, events: int, days: int) -> dict[str, Any]:
    """The main job over planted attacks, ingest, models and report in one process, several times: the middle one."""
    corpus = make_corpus("run", events=events, days=days, layout="typical", scenarios=None, build=build)
    lake, runs = build / "run-lake", list[dict[str, Any]]()
    for _ in range(RUN_ROUNDS):
        shutil.rmtree(lake, ignore_errors=True)
        sample = run_module("benchmarks.stages", ["run", str(corpus.folder), str(lake)])
        stages = {name: round(value, 2) for name, value in sample.answer["stages"].items()}
        say(f"run: {stages}, {sample.peak_rss_bytes >> 20} MiB")
        share = round((stages["build"] + stages["report"]) / stages["ingest"], 2)
        known = {"seconds": round(sample.seconds, 2), "findings": sample.answer["findings"]}
        runs.append({"stages": stages, "share": share, "peak_rss_bytes": sample.peak_rss_bytes} | known)
    shutil.rmtree(lake, ignore_errors=True)
    middle = sorted(runs, key=lambda run: float(run["share"]))[RUN_ROUNDS // 2]
    peak = max(run["peak_rss_bytes"] for run in runs)
    return facts(corpus) | middle | {"peak_rss_bytes": peak, "shares": [run["share"] for run in runs]}


def measure_noop(build: Path, objects: int) -> dict[str, Any]:
    """A second run over objects that the ledger knows: each archive is one empty list of records."""
    folder, lake = build / f"noop-{objects}", build / "noop-lake"
    shutil.rmtree(lake, ignore_errors=True)
    first = run_module("benchmarks.stages", ["fill", str(folder), str(lake), "--objects", str(objects)])
    again = run_module("benchmarks.stages", ["ingest", str(folder), str(lake)])
    shutil.rmtree(lake, ignore_errors=True)
    timings = again.answer["timings"]
    say(f"no-op: {timings}")
    return {
        "objects": objects,
        "first_seconds": round(first.seconds, 2),
        "seconds": round(again.seconds, 2),
        "timings": {name: round(value, 3) for name, value in timings.items()},
        "listing_share": round(timings["listing"] / again.seconds, 3),
        "peak_rss_bytes": again.peak_rss_bytes,
    }


def make_line(figures: dict[str, Any]) -> dict[str, Any]:
    """The last line of `make bench-scale`; ratios are null where only one size was run."""
    trails = figures["trails"]
    small, large = trails[0], trails[-1]
    factor = large["events"] / small["events"]
    ratios = {
        f"rss_ratio_{name(large)}_to_{name(small)}": round(large["peak_rss_bytes"] / small["peak_rss_bytes"], 3),
        f"time_ratio_{name(large)}_to_{name(small)}": round(large["ingest_seconds"] / small["ingest_seconds"], 2),
        "time_ratio_over_event_ratio": round(large["ingest_seconds"] / small["ingest_seconds"] / factor, 3),
    }
    run = figures["run"]
    return ratios | {
        "peak_rss_bytes": {name(trail): trail["peak_rss_bytes"] for trail in trails},
        "ingest_seconds": {name(trail): trail["ingest_seconds"] for trail in trails},
        "run_models_and_report_over_ingest": run["share"],
        "run_peak_rss_bytes": run["peak_rss_bytes"],
        "noop_listing_share": figures["noop"]["listing_share"],
        "load_before": figures["machine"]["load_before"],
    }


def name(trail: dict[str, Any]) -> str:
    """``10m`` for ten million events."""
    return f"{trail['millions']}m"


def measure_scale(events: Sequence[int], *, with_build: bool, build: Path = BUILD, divisor: int = 1) -> dict[str, Any]:
    """Run all of it; a ``divisor`` makes everything so much smaller, to try the scripts out."""
    machine = describe_machine()
    build = build if divisor == 1 else build / f"by-{divisor}"
    run = measure_run(build, RUN_EVENTS // divisor, RUN_DAYS)
    noop = measure_noop(build, NOOP_OBJECTS // divisor)
    trails = []
    for count in sorted(events):
        say(f"{count} events")
        trail = make_trail(max(1, round(count / SCALE_EVENTS)), build=build, events=SCALE_EVENTS // divisor)
        millions = {"millions": round(count / SCALE_EVENTS)}
        trails.append(measure_trail(trail, build, with_build=with_build) | millions)
    figures = {"machine": machine, "run": run, "noop": noop, "trails": trails}
    return figures | {"line": make_line(figures)}


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000, 5_000_000, 10_000_000])
    parser.add_argument("--build", action="store_true", help="also build the models of each lake")
    parser.add_argument("--divisor", type=int, default=1, help="make everything so much smaller, and write no page")
    given = parser.parse_args()
    figures = measure_scale(given.events, with_build=given.build, divisor=given.divisor)
    print("\n".join(render_scale(figures)))
    if given.divisor == 1:
        keep(FIGURES, "scale", figures)
        write_page()
    print(json.dumps(figures["line"]))


if __name__ == "__main__":
    main()
