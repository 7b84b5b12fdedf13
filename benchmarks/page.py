"""Figures as tables, and benchmarks/README.md made of them.

What enters: figures of the last `make bench` and `make bench-scale`, kept in results.json. What leaves: Markdown. A
machine is described by its processors and memory alone; no figure here is written by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FIGURES = HERE / "results.json"
PAGE = HERE / "README.md"
MIB = 1024 * 1024

WAYS = {
    "policytrail": "**PolicyTrail ingest**: hash, dedupe key, every member, sort, Delta commit",
    "chdb": "chdb (embedded ClickHouse), fastest of the forms tried: typed extraction to Parquet",
    "limit": "the limit: inflate, SHA-256, JSON validation, zstd write, two processes",
    "policytrail_middle": "PolicyTrail ingest of the smaller corpus",
    "duckdb": "DuckDB `read_json`, `unnest`, `COPY` to Parquet",
    "polars": "polars `read_json`, `explode`, Parquet; without free-form members, which it cannot keep",
}


def keep(file: Path, name: str, figures: Mapping[str, Any]) -> None:
    """Put figures beside those that are there."""
    kept = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(kept | {name: figures}, indent=1, sort_keys=True) + "\n")


def write_page(figures: Path = FIGURES, page: Path = PAGE) -> None:
    """Write README.md from the kept figures."""
    kept = json.loads(figures.read_text())
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench` and `make bench-scale`; do not edit. MB are 10^6 bytes of JSON.",
    ]
    if "bench" in kept:
        lines += ["", "## Ingest beside the alternatives (`make bench`)", "", *render_bench(kept["bench"])]
    if "scale" in kept:
        lines += ["", "## Scale (`make bench-scale`)", "", *render_scale(kept["scale"])]
    page.write_text("\n".join(lines) + "\n")


def render_bench(figures: Mapping[str, Any]) -> list[str]:
    """The tables of `make bench`."""
    large, small = figures["corpora"]["large"], figures["corpora"]["small"]
    lines = [
        _machine(figures["machine"]),
        "",
        f"{large['events']:,} simulated events in {large['archives']:,} archives, {large['json_mb']:,.0f} MB of JSON "
        f"({large['stored_mb']:,.0f} MB gzipped). Medians of {figures['large_rounds']} cold processes, in turns that "
        "change direction; imports are outside the clock, worker start-up inside. DuckDB would take minutes for all of "
        f"it: it and polars read its largest archives (hard links), {figures['rounds']} times each, and so does a run "
        "of ours that they are compared with.",
        "",
        "| way | JSON, MB | MB/s | events/s | seconds (from, to) | processor seconds a GB | peak memory, MiB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, text in WAYS.items():
        found = figures["ways"][name]
        low, high = found["spread_seconds"]
        lines.append(
            f"| {text} | {found['json_mb']:,.0f} | {found['mb_per_second']:.0f} | {found['events_per_second']:,} | "
            f"{found['seconds']} ({low}, {high}) | {found['cpu_seconds_per_gb']} | {found['peak_rss_bytes'] // MIB:,} |"
        )
    forms = ", ".join(f"`{form}` {rate:.0f}" for form, rate in figures["chdb_forms"].items())
    lines += ["", f"Forms of chdb on the smaller corpus, MB/s: {forms} (benchmarks/peers.py says what each is).", ""]
    lines += [*_render_small(figures["small"], small), *_render_s3(figures["s3"]), *_render_verify(figures["verify"])]
    return [*lines, "", "```json", json.dumps(figures["line"]), "```"]


def _render_small(found: Mapping[str, Any], small: Mapping[str, Any]) -> list[str]:
    return [
        f"- Small archives from disk ({small['archives']:,} of 10 events): {found['archives_per_second']:,} a second, "
        f"{found['mb_per_second']:.0f} MB/s, peak {found['peak_rss_bytes'] // MIB:,} MiB."
    ]


def _render_s3(found: Mapping[str, Any]) -> list[str]:
    bare = found["bare_gets_per_second"]
    return [
        f"- {found['objects']:,} such objects from S3 (a server on loopback, sharing the processors): ingest "
        f"{found['objects_per_second']:,} objects/s; bare concurrent GETs with as many client processes: boto3 "
        f"{bare['boto3']:,}/s (ours is {found['fraction_of_boto3']} of it), aiohttp, unsigned, {bare['aiohttp']:,}/s "
        f"({found['fraction_of_aiohttp']})."
    ]


def _render_verify(found: Mapping[str, Any]) -> list[str]:
    if not found:
        return []
    return [
        f"- Verification of {found['verify_archives']:,} archives: `policytrail verify` {found['verify_seconds']} s, "
        f"`aws cloudtrail validate-logs` {found['awscli_seconds']} s ({found['verify_ratio_vs_awscli']} times).",
        *render_overhead(found["overhead"]),
    ]


def render_overhead(found: Mapping[str, Any]) -> list[str]:
    """What verification adds to an ingest."""
    trail = found["trail"]
    costs = "; ".join(
        f"{name} {one['cpu_ratio']} times the processor seconds ({one['cpu_plain']} to {one['cpu_verified']}), "
        f"{one['wall_ratio']} times the wall time"
        for name, one in (("from a folder", found["folder"]), ("from S3", found["s3"]))
    )
    return [
        f"- Ingest with verification beside ingest without it, {trail['archives']:,} archives of {trail['archive_kb']} "
        f"kB and {trail['digests']:,} hourly digests, medians of {found['rounds']} rounds in turn: {costs}."
    ]


def render_scale(figures: Mapping[str, Any]) -> list[str]:
    """The tables of `make bench-scale`."""
    lines = [
        _machine(figures["machine"]),
        "",
        "Ingest of trails of ten days a million events; a longer trail holds the shorter one. One cold process each.",
        "",
        "| events | archives | JSON, MB | ingest, s | MB/s | peak memory, MiB | models, s | models' peak, MiB |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for found in figures["trails"]:
        built = (
            f"{found['build_seconds']} | {found['build_peak_rss_bytes'] // MIB:,}"
            if "build_seconds" in found
            else " | "
        )
        lines.append(
            f"| {found['events']:,} | {found['archives']:,} | {found['json_mb']:,.0f} | {found['ingest_seconds']} | "
            f"{found['mb_per_second']:.0f} | {found['peak_rss_bytes'] // MIB:,} | {built} |"
        )
    run, noop = figures["run"], figures["noop"]
    stages = ", ".join(f"{stage} {seconds} s" for stage, seconds in run["stages"].items())
    shares = ", ".join(map(str, run["shares"]))
    lines += [
        "",
        f"- The main job over {run['events']:,} records with planted attacks, {len(run['shares'])} times: models and "
        f"report take {run['share']} of the time of the ingest in the middle one ({shares}). That one: {stages}; peak "
        f"memory of all {run['peak_rss_bytes'] // MIB:,} MiB, {run['findings']} findings.",
        f"- A run over {noop['objects']:,} objects that the ledger has: {noop['seconds']} s, "
        f"{noop['timings']['listing']} s of it listing ({noop['listing_share']:.0%}).",
    ]
    return [*lines, "", "```json", json.dumps(figures["line"]), "```"]


def _machine(machine: Mapping[str, Any]) -> str:
    shared = (
        " The machine was busy with other work while this was measured: trust ratios, not rates."
        if machine["load_before"] > 0.5
        else ""
    )
    return (
        f"{machine['processors']} processors, {machine['memory_gib']} GiB of memory; load average before the first run "
        f"{machine['load_before']}.{shared}"
    )
