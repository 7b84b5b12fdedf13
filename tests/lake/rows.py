"""Events, ledger rows and parts for the tests of the lake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from pipeline.lake import LEDGER_ROWS, QUARANTINE_ROWS, BatchPart, FileAction, Lake, LakeLocation, write_event_file
from pipeline.lake.event_files import sort_events, split_by_date
from pipeline.schema import EVENTS

DAY = date(2024, 5, 1)
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def event(number: int, *, day: int = 0, uri: str = "file:///a.json.gz", second: int | None = None) -> dict[str, Any]:
    """One event row: number decides its id, and its time unless ``second`` does."""
    moment = NOON + timedelta(days=day, seconds=number if second is None else second)
    return {
        "event_date": moment.date(),
        "event_time": moment,
        "event_id": f"event-{number:04d}",
        "recipient_account_id": "111122223333",
        "event_name": "PutRolePolicy",
        "is_request_omitted": False,
        "is_denied": False,
        "session_id": "session-a",
        "parse_flags": [],
        "archive_uri": uri,
        "archive_version": "v1",
        "archive_sha256": f"sha of {uri}",
        "record_index": number,
        "record_sha256": f"sha of {number}",
    }


def events(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows as schema EVENTS."""
    return pa.Table.from_pylist(list(rows), schema=EVENTS)


def write_event_files(table: pa.Table, location: LakeLocation, *, file_stem: str) -> list[FileAction]:
    """Write rows of any dates in any order, a file an event date."""
    return [
        write_event_file(rows, event_date, location, file_stem=file_stem)
        for event_date, rows in split_by_date(sort_events(table))
    ]


def ledger_row(uri: str, kept: int = 1, **values: Any) -> dict[str, Any]:
    """A ledger row of a committed archive; ``values`` win."""
    return {
        "archive_uri": uri,
        "archive_version": "v1",
        "archive_key": uri.rpartition("/")[2],
        "source_uri": uri.rpartition("/")[0] + "/",
        "kind": "archive",
        "outcome": "committed",
        "archive_sha256": f"sha of {uri}",
        "record_read_count": kept,
        "record_kept_count": kept,
        "record_quarantined_count": 0,
        "event_dates": [DAY],
        **values,
    }


def make_part(lake: Lake, uri: str, rows: Sequence[dict[str, Any]], **values: Any) -> BatchPart:
    """A part of one archive, its event files written."""
    found = [{**row, "archive_uri": uri} for row in rows]
    stem = uri.rpartition("/")[2].partition(".")[0]
    files = write_event_files(events(found), lake.location, file_stem=stem)
    dates = sorted({row["event_date"] for row in found})
    ledger = pa.Table.from_pylist([ledger_row(uri, len(found), event_dates=dates, **values)], schema=LEDGER_ROWS)
    return BatchPart(tuple(files), ledger, QUARANTINE_ROWS.empty_table())


def with_quarantine(part: BatchPart, count: int = 1) -> BatchPart:
    """The same part with quarantine rows of its archive."""
    uri, version = part.archive_versions()[0]
    rows = [
        {"archive_uri": uri, "archive_version": version, "record_index": index, "reason": "not_object"}
        for index in range(count)
    ]
    return BatchPart(part.events, part.ledger, pa.Table.from_pylist(rows, schema=QUARANTINE_ROWS))


def contents(lake: Lake) -> dict[str, Any]:
    """Everything visible in a lake, in an order of its own."""
    snapshot = lake.snapshot()
    names = ["event_date", "event_time", "event_id", "archive_uri", "record_index"]
    found = snapshot.open_dataset("events").to_table(columns=names).to_pylist()
    bad = snapshot.open_dataset("quarantine").to_table(columns=["archive_uri", "record_index", "reason"]).to_pylist()
    ledger = lake.ledger_history().select(["archive_uri", "archive_version", "outcome", "record_kept_count"])
    return {
        "events": sorted(found, key=lambda row: (row["archive_uri"], row["record_index"])),
        "quarantine": sorted(bad, key=lambda row: (row["archive_uri"], row["record_index"])),
        "ledger": sorted(ledger.to_pylist(), key=lambda row: row["archive_uri"]),
    }
