"""run.json's dictionary: built in one place, and checked before it is written or shown.

What enters: counts and times of one run. What leaves: a ``policytrail.run/1`` dictionary whose counts add up. This
module must never repair a count: a run that does not add up is an error of the program, and is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from pipeline.errors import ReportError
from pipeline.finding import format_time

RUN_SCHEMA = "policytrail.run/1"
QUARANTINE_LISTED = 1000
"""Entries of the quarantine that run.json names; ``quarantine_total`` says how many there are."""

ARCHIVE_COUNTS = ("listed", "committed", "empty", "quarantined", "skipped", "failed", "unchanged")
RECORD_COUNTS = ("read", "kept", "distinct", "duplicates", "quarantined")

_SHAPE: dict[str, type | tuple[type, ...]] = {
    "schema": str,
    "version": str,
    "started_at": str,
    "finished_at": str,
    "sources": (list, tuple),
    "archives": Mapping,
    "records": Mapping,
    "coverage": Mapping,
    "quarantine": (list, tuple),
    "timings_seconds": Mapping,
    "peak_rss_bytes": int,
    "quarantine_total": int,
}

_COVERAGE_SHAPE: dict[str, type | tuple[type, ...]] = {
    "statement": str,
    "iam_visible": Mapping,
    "verification": (Mapping, type(None)),
    "accounts": (list, tuple),
}

ACCOUNT_MEMBERS = (
    "account_id",
    "region",
    "first_event_time",
    "last_event_time",
    "archives",
    "events",
    "hours_expected",
    "hours_seen",
    "missing",
    "late",
)
"""Members of one entry of ``coverage.accounts``; null means unknown, never zero."""


def build_run(
    *,
    version: str,
    started_at: datetime,
    finished_at: datetime,
    sources: Sequence[str],
    archives: Mapping[str, int],
    records: Mapping[str, int],
    coverage: Mapping[str, Any],
    quarantine: Iterable[Mapping[str, Any]],
    quarantine_total: int,
    timings_seconds: Mapping[str, float],
    peak_rss_bytes: int,
    **added: Any,
) -> dict[str, Any]:
    """Build the run's dictionary, and check it.

    Args:
        version: PolicyTrail's version.
        started_at: when the run began, UTC.
        finished_at: when it ended, UTC.
        sources: the sources, normalised.
        archives: ``ARCHIVE_COUNTS`` of this run.
        records: ``RECORD_COUNTS`` of this run.
        coverage: as ``build_coverage`` makes it.
        quarantine: entries with ``uri``, ``record_index`` (null for a whole archive) and ``reason``.
        quarantine_total: how many entries there are; the first 1,000 are listed.
        timings_seconds: stage -> seconds.
        peak_rss_bytes: peak of resident memory, workers included.
        **added: further members, written after the published ones.

    Returns:
        A ``policytrail.run/1`` dictionary.

    Raises:
        ReportError: the counts do not add up, or a member has another shape.
    """
    entries = islice(quarantine, QUARANTINE_LISTED)
    run = {
        "schema": RUN_SCHEMA,
        "version": version,
        "started_at": format_time(started_at),
        "finished_at": format_time(finished_at),
        "sources": list(sources),
        "archives": {name: archives.get(name, 0) for name in ARCHIVE_COUNTS},
        "records": {name: records.get(name, 0) for name in RECORD_COUNTS},
        "coverage": dict(coverage),
        "quarantine": [{name: entry.get(name) for name in ("uri", "record_index", "reason")} for entry in entries],
        "timings_seconds": {stage: round(seconds, 3) for stage, seconds in timings_seconds.items()},
        "peak_rss_bytes": peak_rss_bytes,
        "quarantine_total": quarantine_total,
        **added,
    }
    check_run(run)
    return run


def order_run(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run with its members in the published order, and added ones, sorted by name, after them."""
    ordered = {name: run[name] for name in _SHAPE}
    ordered["archives"] = {name: run["archives"][name] for name in ARCHIVE_COUNTS}
    ordered["records"] = {name: run["records"][name] for name in RECORD_COUNTS}
    return ordered | {name: run[name] for name in sorted(run) if name not in _SHAPE}


def check_run(run: Mapping[str, Any]) -> None:
    """Check a run's shape and its conservation laws.

    Args:
        run: a ``policytrail.run/1`` dictionary.

    Raises:
        ReportError: a member is missing or of another shape; listed is not the sum of the outcomes; records read are
            not kept + quarantined; kept are not distinct + duplicates; more entries are listed than counted.
    """
    _check_shape("run.json", run, _SHAPE)
    if run["schema"] != RUN_SCHEMA:
        raise ReportError(f"run.json says schema {run['schema']!r}, not {RUN_SCHEMA!r}")
    archives = _check_counts("archives", run["archives"], ARCHIVE_COUNTS)
    records = _check_counts("records", run["records"], RECORD_COUNTS)
    _check_sum("archives listed", archives["listed"], {name: archives[name] for name in ARCHIVE_COUNTS[1:]})
    _check_sum("records read", records["read"], {name: records[name] for name in ("kept", "quarantined")})
    _check_sum("records kept", records["kept"], {name: records[name] for name in ("distinct", "duplicates")})
    listed = len(run["quarantine"])
    if listed > QUARANTINE_LISTED or listed > run["quarantine_total"]:
        raise ReportError(f"run.json lists {listed} quarantine entries of {run['quarantine_total']}")
    _check_coverage(run["coverage"])


def _check_coverage(coverage: Mapping[str, Any]) -> None:
    _check_shape("run.json coverage", coverage, _COVERAGE_SHAPE)
    if not coverage["statement"]:
        raise ReportError("run.json coverage has an empty statement: a report must say what was looked at")
    for partition, entry in coverage["iam_visible"].items():
        if entry.get("visible") not in (True, False, "unknown") or not entry.get("sentence"):
            raise ReportError(f"run.json coverage.iam_visible[{partition!r}] needs 'visible' and 'sentence'")
    for index, account in enumerate(coverage["accounts"]):
        missing = [name for name in ACCOUNT_MEMBERS if name not in account]
        if missing:
            raise ReportError(f"run.json coverage.accounts[{index}] lacks {', '.join(missing)}")


def _check_shape(where: str, value: Mapping[str, Any], shape: Mapping[str, type | tuple[type, ...]]) -> None:
    missing = [name for name in shape if name not in value]
    if missing:
        raise ReportError(f"{where} lacks {', '.join(missing)}")
    for name, kind in shape.items():
        if not isinstance(value[name], kind) or isinstance(value[name], bool):
            raise ReportError(f"{where}: {name} is a {type(value[name]).__name__}")


def _check_counts(where: str, counts: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, int]:
    odd = sorted(set(counts) ^ set(names))
    if odd:
        raise ReportError(f"run.json {where}: missing or unknown count {', '.join(odd)}")
    for name in names:
        if not isinstance(counts[name], int) or isinstance(counts[name], bool) or counts[name] < 0:
            raise ReportError(f"run.json {where}.{name} is {counts[name]!r}, no count")
    return counts


def _check_sum(what: str, total: int, parts: Mapping[str, int]) -> None:
    if total != sum(parts.values()):
        terms = " + ".join(f"{name} {count}" for name, count in parts.items())
        raise ReportError(f"{what}: {total} is not {terms} = {sum(parts.values())}")
