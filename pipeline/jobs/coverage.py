"""What a report rests on: which accounts, regions and hours the lake has archives of.

What enters: the ledger's latest rows. What leaves: run.json's ``coverage`` and the rows of the coverage map. This job
must never call an hour missing that nothing vouched for: without digests it is unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.finding import format_time
from pipeline.report import build_coverage

LOOKED_AT = ("committed", "empty", "quarantined")
"""Outcomes of archives that were opened; a skipped object is another kind of log."""

COVERAGE = pa.schema(
    [
        pa.field("account_id", pa.string()),
        pa.field("region", pa.string()),
        pa.field("hour_at", pa.timestamp("us", tz="UTC")),
        pa.field("archive_count", pa.int64()),
        pa.field("event_count", pa.int64()),
        pa.field("state", pa.string()),
    ]
)


def looked_at(ledger: pa.Table) -> pa.Table:
    """Return the ledger rows of archives that were opened."""
    return ledger.filter(pc.is_in(ledger.column("outcome"), value_set=pa.array(LOOKED_AT)))


def select_period(ledger: pa.Table, since: date | None, until: date | None) -> pa.Table:
    """Return the ledger rows of archives that hold events of ``[since, until)``; rows without events stay."""
    for bound, column, keep in ((since, "last_event_time", pc.greater_equal), (until, "first_event_time", pc.less)):
        if bound is not None:
            moment = pa.scalar(datetime(bound.year, bound.month, bound.day), pa.timestamp("us")).cast(  # noqa: DTZ001 - cast below
                pa.timestamp("us", tz="UTC")
            )
            inside = keep(ledger.column(column), moment)
            ledger = ledger.filter(pc.fill_null(inside, True))
    return ledger


def summarise_coverage(
    ledger: pa.Table,
    *,
    event_regions: Iterable[tuple[str | None, str | None]] | None,
    verification: Mapping[str, int] | None,
) -> dict[str, Any]:
    """Build run.json's coverage from the ledger.

    Args:
        ledger: latest ledger rows of the period.
        event_regions: accounts and regions as events name them; asked for only where keys do not say.
        verification: verdict -> objects; ``None`` where nothing was checked.

    Returns:
        The coverage dictionary of the report room.
    """
    looked = looked_at(ledger)
    grouped = looked.group_by(["account_id", "region"], use_threads=False).aggregate(
        [
            ("archive_uri", "count"),
            ("record_kept_count", "sum"),
            ("first_event_time", "min"),
            ("last_event_time", "max"),
        ]
    )
    rows = sorted(grouped.to_pylist(), key=lambda row: (row["account_id"] or "", row["region"] or ""))
    accounts = [
        {
            "account_id": row["account_id"],
            "region": row["region"],
            "first_event_time": _time(row["first_event_time_min"]),
            "last_event_time": _time(row["last_event_time_max"]),
            "archives": row["archive_uri_count"],
            "events": row["record_kept_count_sum"],
            "hours_expected": None,
            "hours_seen": None,
            "missing": None,
            "late": None,
        }
        for row in rows
    ]
    regions = {row["region"] for row in rows}
    if event_regions is not None:
        regions |= {region for _, region in event_regions}
    return build_coverage(accounts, verification=verification, regions=sorted(regions, key=lambda item: item or ""))


def map_coverage(ledger: pa.Table) -> pa.Table:
    """Return one row per account, region and hour of delivery, schema COVERAGE; ``state`` is ``seen``."""
    looked = looked_at(ledger)
    hours = pc.floor_temporal(looked.column("delivered_at"), unit="hour")
    table = pa.table(
        {
            "account_id": looked.column("account_id"),
            "region": looked.column("region"),
            "hour_at": hours,
            "event_count": looked.column("record_kept_count"),
        }
    )
    keys = ["account_id", "region", "hour_at"]
    grouped = table.group_by(keys, use_threads=False).aggregate([("event_count", "count"), ("event_count", "sum")])
    ordered = grouped.sort_by([(name, "ascending") for name in keys])
    columns = [
        *(ordered.column(name) for name in keys),
        ordered.column("event_count_count"),
        ordered.column("event_count_sum"),
        pa.array(["seen"] * ordered.num_rows, pa.string()),
    ]
    return pa.table(columns, names=COVERAGE.names).cast(COVERAGE)


def _time(value: datetime | None) -> str | None:
    return None if value is None else format_time(value)
