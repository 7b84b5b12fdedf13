"""One stage of the product in a cold process: ``python -m benchmarks.stages ingest|build|run|fill FOLDER LAKE``.

What enters: a folder of archives, a lake. What leaves: one line of JSON with what it took. ``fill`` writes the folder
first: as many archives as asked for, each an empty list of records, and takes them in.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from pathlib import Path
from typing import Any

import pipeline.cli  # noqa: F401 - as in the command's own process: it says what its libraries do without
from pipeline.jobs.build import build_lake
from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.run import RunRequest, run_once
from pipeline.settings import Settings

EMPTY = gzip.compress(b'{"Records":[]}', mtime=0)
_A_DAY = 2_000


def ingest(folder: Path, lake: Path) -> dict[str, Any]:
    """Ingest alone."""
    report = ingest_sources([str(folder)], str(lake), Settings())
    return {"rows": report.records["kept"], "timings": dict(report.timings_seconds)}


def build(folder: Path, lake: Path) -> dict[str, Any]:
    """Models alone."""
    return {"timings": dict(build_lake(str(lake), Settings()).timings_seconds)}


def run(folder: Path, lake: Path) -> dict[str, Any]:
    """The main job."""
    out = lake / "report"
    started = time.perf_counter()
    run_once(RunRequest((str(folder),), str(lake), out=out), Settings())
    seconds = time.perf_counter() - started
    stages = json.loads((out / "run.json").read_text())["timings_seconds"]
    # The report cannot hold its own time: what the job took beside the stages that it names.
    stages["report"] = seconds - stages["ingest"] - stages["build"]
    findings = json.loads((out / "findings.json").read_text())
    return {"stages": stages, "findings": len(findings["findings"])}


def fill(folder: Path, lake: Path, objects: int) -> None:
    """Write archives without records, two thousand a day."""
    for number in range(objects):
        day, at = divmod(number, _A_DAY)
        stamp = f"2024{1 + day // 28:02d}{1 + day % 28:02d}"
        name = f"111122223333_CloudTrail_us-east-1_{stamp}T{at // 60 % 24:02d}{at % 60:02d}Z_{number:016d}.json.gz"
        place = folder / f"AWSLogs/111122223333/CloudTrail/us-east-1/2024/{stamp[4:6]}/{stamp[6:]}"
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(EMPTY)


def main() -> None:
    """Run one stage."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages")
    parser.add_argument("stage", choices=["ingest", "build", "run", "fill"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--objects", type=int, default=0)
    given = parser.parse_args()
    if given.stage == "fill" and not given.folder.exists():
        fill(given.folder, given.lake, given.objects)
    stages = {"ingest": ingest, "build": build, "run": run, "fill": ingest}
    started = time.perf_counter()
    answer = stages[given.stage](given.folder, given.lake)
    print(json.dumps(answer | {"seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
