"""What `make bench` measures: large archives, small ones, objects of S3, verification.

What enters: sizes. What leaves: plain values, every figure a median. Contenders of a comparison run in turns within one
round, so that what else the machine does meets all of them; a peer that is slow reads a part of the same archives, and
what is compared is MB of JSON a second.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.contenders import CHDB_FORMS
from benchmarks.corpora import BUILD, Corpus, make_corpus, take_part
from benchmarks.measure import Sample, describe_machine, middle, run_contender, run_module


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured; the defaults are those of `make bench`.

    Attributes:
        rounds: runs of each way; those over the large archives run ``large_rounds`` times.
    """

    large_events: int = 1_500_000
    large_days: int = 3
    middle_bytes: int = 400_000_000
    small_events: int = 200_000
    small_days: int = 1
    s3_bytes: int = 80_000_000
    rounds: int = 5
    with_verify: bool = True

    @property
    def large_rounds(self) -> int:
        """Runs of each way over the large archives: a busy host makes single runs differ by a third."""
        return self.rounds + 2


Samples = dict[str, list[Sample]]


def measure_all(sizes: Sizes, *, build: Path = BUILD) -> dict[str, Any]:
    """Run everything and return the figures, `make bench`'s own line included as ``line``."""
    say("corpora")
    large = make_corpus("large", events=sizes.large_events, days=sizes.large_days, layout="large", build=build)
    small = make_corpus("small", events=sizes.small_events, days=sizes.small_days, layout="small", build=build)
    middle = take_part(large, "large-middle", sizes.middle_bytes, build=build)
    machine = describe_machine()
    forms = choose_chdb(middle, build / "out")
    corpora = {"large": large, "middle": middle}
    runs = compare(corpora, forms[0][0], {"large": sizes.large_rounds, "middle": sizes.rounds}, build / "out")
    figures = {
        "machine": machine,
        "rounds": sizes.rounds,
        "large_rounds": sizes.large_rounds,
        "corpora": {name: facts(corpus) for name, corpus in (corpora | {"small": small}).items()},
        "chdb_forms": dict(forms),
        "ways": {name: way(samples, corpora[WAYS[name][1]]) for name, samples in runs.items()},
        "small": measure_small(small, sizes.rounds, build / "out"),
        "s3": measure_s3(take_part(small, "small-part", sizes.s3_bytes, build=build), sizes.rounds, build / "out"),
        "verify": measure_verification() if sizes.with_verify else {},
    }
    return figures | {"line": make_line(figures)}


WAYS = {
    "policytrail": ("policytrail", "large"),
    "chdb": ("chdb", "large"),
    "limit": ("limit", "large"),
    "policytrail_middle": ("policytrail", "middle"),
    "duckdb": ("duckdb", "middle"),
    "polars": ("polars", "middle"),
}
"""Name -> contender and corpus. DuckDB would take minutes for the whole: it and polars are compared with a run of ours
over the same smaller corpus, where our start-up weighs more."""


def facts(corpus: Corpus) -> dict[str, Any]:
    """A corpus in plain values, without its place."""
    return {
        "archives": corpus.archives,
        "events": corpus.records,
        "json_mb": round(corpus.megabytes, 1),
        "stored_mb": round(corpus.stored_bytes / 1e6, 1),
    }


def choose_chdb(middle: Corpus, out: Path) -> list[tuple[str, float]]:
    """Run each form of chdb twice, and return them with MB/s of the better run, the fastest first."""
    found = []
    for form in CHDB_FORMS:
        best = min(run_contender(f"chdb_{form}", middle.folder, middle.records, out).seconds for _ in range(2))
        found.append((form, round(middle.megabytes / best, 1)))
    say(f"chdb forms {found}")
    return sorted(found, key=lambda item: -item[1])


def compare(corpora: Mapping[str, Corpus], form: str, rounds: Mapping[str, int], out: Path) -> Samples:
    """Run all contenders in turns, so many rounds of each corpus; one of ours before, for its machine code on disk.

    Every other round goes backwards: who follows a large process gets memory that the system has at hand.
    """
    run_contender("policytrail", corpora["middle"].folder, corpora["middle"].records, out)
    runs: Samples = {name: [] for name in WAYS}
    for number in range(max(rounds.values())):
        turn = [name for name, (_, size) in WAYS.items() if number < rounds[size]]
        for name in reversed(turn) if number % 2 else turn:
            contender, size = WAYS[name]
            actual = f"chdb_{form}" if contender == "chdb" else contender
            runs[name].append(run_contender(actual, corpora[size].folder, corpora[size].records, out))
        say(f"round {number + 1}: " + ", ".join(f"{name} {runs[name][-1].seconds:.1f} s" for name in turn))
    return runs


def way(samples: list[Sample], corpus: Corpus) -> dict[str, Any]:
    """One contender's medians."""
    seconds = middle(samples)
    return {
        "seconds": round(seconds, 2),
        "spread_seconds": [round(min(s.seconds for s in samples), 2), round(max(s.seconds for s in samples), 2)],
        "mb_per_second": round(corpus.megabytes / seconds, 1),
        "events_per_second": round(corpus.records / seconds),
        "cpu_seconds_per_gb": round(middle(samples, "cpu_seconds") / corpus.megabytes * 1000, 2),
        "peak_rss_bytes": round(max(s.peak_rss_bytes for s in samples)),
        "json_mb": round(corpus.megabytes, 1),
    }


def measure_small(small: Corpus, rounds: int, out: Path) -> dict[str, Any]:
    """Our ingest of many small archives from disk."""
    samples = [run_contender("policytrail", small.folder, small.records, out) for _ in range(rounds)]
    seconds = middle(samples)
    say(f"small archives {seconds:.1f} s")
    return way(samples, small) | {"archives_per_second": round(small.archives / seconds)}


def measure_s3(small: Corpus, rounds: int, out: Path) -> dict[str, Any]:
    """Our ingest of small objects from an S3 server in memory, beside bare GETs of the same objects in turns."""
    ours: list[Sample] = []
    bare: Samples = {"boto3": [], "aiohttp": []}
    with serve(small.folder.parent) as endpoint:
        access = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1"}
        reached = access | {"POLICYTRAIL_S3_ENDPOINT_URL": endpoint, "AWS_EC2_METADATA_DISABLED": "true"}
        for _ in range(rounds):
            ours.append(run_contender("policytrail", "s3://bench", small.records, out, environment=reached))
            for client, samples in bare.items():
                arguments = [client, endpoint, str(small.folder.parent)]
                samples.append(run_module("benchmarks.bare_gets", arguments, environment=access))
                assert samples[-1].answer["bytes"] == small.stored_bytes
    rates = {client: round(small.archives / middle(samples)) for client, samples in bare.items()}
    rate = small.archives / middle(ours)
    say(f"s3: ours {rate:.0f} objects/s, bare GETs {rates}")
    return {
        "objects": small.archives,
        "objects_per_second": round(rate),
        "bare_gets_per_second": rates,
        "fraction_of_boto3": round(rate / rates["boto3"], 2),
        "fraction_of_aiohttp": round(rate / rates["aiohttp"], 2),
    }


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder's files as the objects of every bucket, from memory, from another process."""
    command = [sys.executable, "-m", "benchmarks.s3_static", str(folder), "--memory"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{json.loads(server.stdout.readline())['port']}"
        finally:
            server.terminate()


def measure_verification() -> dict[str, Any]:
    """Digest verification beside the AWS command line's, and what it adds to an ingest."""
    from benchmarks.verify import measure_verify
    from benchmarks.verify_overhead import measure_overhead

    say("verification")
    return measure_verify() | {"overhead": measure_overhead()}


def make_line(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The last line of `make bench`."""
    ways, s3 = figures["ways"], figures["s3"]
    ours = ways["policytrail"]

    def against(name: str, own: str = "policytrail") -> float:
        return round(float(ways[own]["mb_per_second"]) / float(ways[name]["mb_per_second"]), 2)

    return {
        "ratio_vs_duckdb": against("duckdb", "policytrail_middle"),
        "ratio_vs_chdb": against("chdb"),
        "ratio_vs_polars": against("polars", "policytrail_middle"),
        "fraction_of_limit": against("limit"),
        "events_per_second": ours["events_per_second"],
        "mb_per_second": ours["mb_per_second"],
        "peak_rss_bytes": ours["peak_rss_bytes"],
        "small_files_per_second": figures["small"]["archives_per_second"],
        "s3_fraction_of_bare_gets": s3["fraction_of_boto3"],
        "s3_fraction_of_aiohttp_gets": s3["fraction_of_aiohttp"],
        "verify_ratio_vs_awscli": figures["verify"].get("verify_ratio_vs_awscli"),
        "verify_overhead_ratio": figures["verify"].get("overhead", {}).get("verify_overhead_ratio"),
        "verify_root_cpu_added": figures["verify"].get("overhead", {}).get("verify_root_cpu_added"),
        "cpu_ratio_vs_chdb": round(ways["chdb"]["cpu_seconds_per_gb"] / ours["cpu_seconds_per_gb"], 2),
        "cpu_fraction_of_limit": round(ways["limit"]["cpu_seconds_per_gb"] / ours["cpu_seconds_per_gb"], 2),
        "load_before": figures["machine"]["load_before"],
    }


def say(text: str) -> None:
    """Tell whoever waits what is going on; standard output is for the table."""
    print(f"# {text}", file=sys.stderr, flush=True)
