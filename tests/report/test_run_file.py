"""A run whose counts do not add up is never written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ReportError
from pipeline.report import build_run, check_run
from tests.report.samples import START, make_run

COUNT = st.integers(min_value=0, max_value=10**12)


def test_a_run_is_built_whole() -> None:
    """Every published member is there, times as text, absent counts as zero, timings rounded to milliseconds."""
    coverage = make_run()["coverage"]
    run = build_run(
        version="1.2.3",
        started_at=START,
        finished_at=START,
        sources=("s3://b/p/",),
        archives={"listed": 1, "quarantined": 1},
        records={},
        coverage=coverage,
        quarantine=[{"uri": "s3://b/p/x", "record_index": None, "reason": "not_gzip", "detail": "left out"}],
        quarantine_total=1,
        timings_seconds={"ingest": 1.23456},
        peak_rss_bytes=42,
    )
    assert run == {
        "schema": "policytrail.run/1",
        "version": "1.2.3",
        "started_at": "2024-03-04T08:00:00Z",
        "finished_at": "2024-03-04T08:00:00Z",
        "sources": ["s3://b/p/"],
        "archives": {
            "listed": 1, "committed": 0, "empty": 0, "quarantined": 1, "skipped": 0, "failed": 0, "unchanged": 0,
        },
        "records": {"read": 0, "kept": 0, "distinct": 0, "duplicates": 0, "quarantined": 0},
        "coverage": coverage,
        "quarantine": [{"uri": "s3://b/p/x", "record_index": None, "reason": "not_gzip"}],
        "timings_seconds": {"ingest": 1.235},
        "peak_rss_bytes": 42,
        "quarantine_total": 1,
    }  # fmt: skip


def test_the_first_thousand_of_the_quarantine_are_listed() -> None:
    """A larger quarantine is listed in part and counted in full."""
    entries = ({"uri": f"s3://b/{index}", "record_index": index, "reason": "not_object"} for index in range(5000))
    run = make_run(quarantine=entries, quarantine_total=5000)
    assert len(run["quarantine"]) == 1000
    assert run["quarantine"][-1] == {"uri": "s3://b/999", "record_index": 999, "reason": "not_object"}
    assert run["quarantine_total"] == 5000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"archives": {"listed": 5, "committed": 4}}, "archives listed: 5 is not committed 4"),
        ({"records": {"read": 5, "kept": 4, "distinct": 4}}, "records read: 5 is not kept 4"),
        ({"records": {"read": 4, "kept": 4, "distinct": 3}}, "records kept: 4 is not distinct 3"),
        ({"archives": {"listed": -1, "committed": -1}}, "archives.listed is -1, no count"),
        ({"archives": {"listed": True, "committed": True}}, "archives.listed is True, no count"),
        ({"quarantine_total": 1}, "lists 2 quarantine entries of 1"),
        ({"peak_rss_bytes": "many"}, "peak_rss_bytes is a str"),
        ({"coverage": {"statement": "x"}}, "coverage lacks iam_visible, verification, accounts"),
    ],
)
def test_what_does_not_add_up_is_named(change: dict[str, Any], message: str) -> None:
    """Each broken law raises, with the numbers that break it."""
    with pytest.raises(ReportError, match=message):
        make_run(**change)


@pytest.mark.parametrize("member", ["schema", "version", "archives", "coverage", "quarantine_total", "peak_rss_bytes"])
def test_a_missing_member_is_named(member: str) -> None:
    """A dictionary that lacks a published member is refused."""
    run = make_run()
    del run[member]
    with pytest.raises(ReportError, match=f"run.json lacks {member}"):
        check_run(run)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("schema",), "policytrail.run/2", "schema 'policytrail.run/2'"),
        (("coverage", "statement"), "", "empty statement"),
        (("coverage", "iam_visible"), {"aws": {"visible": "yes", "sentence": "x"}}, "needs 'visible' and 'sentence'"),
        (("coverage", "accounts"), [{"account_id": "1"}], r"accounts\[0\] lacks region"),
        (("archives", "lost"), 0, "unknown count lost"),
    ],
)
def test_a_wrong_shape_is_named(path: tuple[str, ...], value: Any, message: str) -> None:
    """A member of another shape is refused where it stands."""
    run = make_run()
    place = run
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(ReportError, match=message):
        check_run(run)


@given(COUNT, COUNT, COUNT, COUNT)
def test_exactly_the_runs_that_add_up_are_accepted(distinct: int, duplicates: int, quarantined: int, off: int) -> None:
    """A run passes if, and only if, its counts obey the laws."""
    kept = distinct + duplicates
    records = {
        "read": kept + quarantined + off,
        "kept": kept,
        "distinct": distinct,
        "duplicates": duplicates,
        "quarantined": quarantined,
    }
    if off:
        with pytest.raises(ReportError, match="records read"):
            make_run(records=records)
    else:
        assert make_run(records=records)["records"] == records
