"""``status``: what a lake holds and lacks, from its ledger alone.

What enters: a lake. What leaves: counts per account, region and day, the newest batch, the quarantine by reason. This
module must never read events, nor say "missing" where nobody knows what should be there: a day without archives
between two days with some is a gap, no more.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.jobs.ingest_accounting import CoverageRow
from pipeline.jobs.ingest_retry import select_current
from pipeline.jobs.lake_access import open_job_lake
from pipeline.jobs.quarantine import count_reasons
from pipeline.lake.lake import Lake
from pipeline.lake.ledger import CHAIN_START, find_chain_break
from pipeline.settings import Settings

_PLACE = ["account_id", "region"]
_READ = ("committed", "empty", "quarantined")


@dataclass(frozen=True, slots=True)
class DayRow:
    """Archives delivered on one day for one account and region; ``None`` where their keys do not say."""

    account_id: str | None
    region: str | None
    delivery_date: date | None
    archive_count: int
    event_count: int
    quarantined_count: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Days without a single archive between days that have some."""

    account_id: str | None
    region: str | None
    first_date: date
    last_date: date
    day_count: int


@dataclass(frozen=True, slots=True)
class LakeStatus:
    """What a lake holds.

    Attributes:
        lake: its path.
        batch_number: newest batch; 0 for an empty lake.
        last_commit_at: when it was committed.
        archives: outcome -> objects, by their latest ledger row.
        deliveries_count: rows of ``events``, duplicates included.
        event_date_count: dates that have events.
        first_event_date: the earliest of them.
        last_event_date: the latest.
        file_count: Parquet files of ``events``.
        size_bytes: their size.
        verification: verdict -> archives; empty where nothing was checked.
        quarantine: reason -> entries that still hold.
        failed: objects that the next run tries again, by reason.
        coverage: per account and region.
        days: per account, region and delivery date.
        gaps: delivery dates without archives, between dates with some.
        models: models that are built.
        ledger_row_count: rows of the ledger, verdicts and retries included.
        ledger_chain_sha256: its hash chain after the last row: whoever writes it down can tell later that none changed.
        ledger_broken_at: position of the first row whose hash does not follow from those before; ``None`` where all do.
    """

    lake: str
    batch_number: int
    last_commit_at: datetime | None
    archives: Mapping[str, int]
    deliveries_count: int
    event_date_count: int
    first_event_date: date | None
    last_event_date: date | None
    file_count: int
    size_bytes: int
    verification: Mapping[str, int]
    quarantine: Mapping[str, int]
    failed: Mapping[str, int]
    coverage: tuple[CoverageRow, ...]
    days: tuple[DayRow, ...]
    gaps: tuple[Gap, ...]
    models: tuple[str, ...]
    ledger_row_count: int
    ledger_chain_sha256: str
    ledger_broken_at: int | None


def lake_status(lake_path: str | os.PathLike[str], settings: Settings) -> LakeStatus:
    """Say what a lake holds.

    Args:
        lake_path: a folder or ``s3://bucket/prefix``.
        settings: how to reach S3.

    Returns:
        Counts from the ledger and the tables' metadata.

    Raises:
        UsageError: there is no lake.
    """
    lake = open_job_lake(lake_path, settings)
    ledger, history = lake.ledger(), lake.ledger_history()
    snapshot = lake.snapshot()
    dates = snapshot.dates
    days = summarise_days(ledger)
    return LakeStatus(
        lake=lake.location.root,
        batch_number=snapshot.batch_number,
        last_commit_at=lake.last_commit_at(),
        archives=_count(ledger.column("outcome")),
        deliveries_count=sum(item.rows for item in snapshot.events),
        event_date_count=len(dates),
        first_event_date=dates[0] if dates else None,
        last_event_date=dates[-1] if dates else None,
        file_count=len(snapshot.events),
        size_bytes=sum(item.size for item in snapshot.events),
        verification=_count(ledger.column("verification")),
        quarantine=count_reasons(select_current(lake)),
        failed=_count(ledger.filter(pc.equal(ledger.column("outcome"), "failed")).column("reason")),
        coverage=summarise_coverage(ledger),
        days=days,
        gaps=find_gaps(days),
        models=tuple(lake.list_models()),
        ledger_row_count=history.num_rows,
        ledger_chain_sha256=history.column("chain_sha256")[-1].as_py() if history.num_rows else CHAIN_START,
        ledger_broken_at=find_chain_break(history),
    )


def summarise_coverage(ledger: pa.Table) -> tuple[CoverageRow, ...]:
    """Archives and events per account and region, over the whole ledger.

    Args:
        ledger: the latest row per object.

    Returns:
        Rows sorted by account and region; an account's archives whose key names no region come first.
    """
    aggregates = [
        ("archive_uri", "count"),
        ("record_kept_count", "sum"),
        ("first_event_time", "min"),
        ("last_event_time", "max"),
    ]
    grouped = _read_rows(ledger).group_by(_PLACE, use_threads=False).aggregate(aggregates)
    names = [*_PLACE, *(f"{column}_{function}" for column, function in aggregates)]
    rows = zip(*(grouped.column(name).to_pylist() for name in names), strict=True)
    return tuple(CoverageRow(*row) for row in sorted(rows, key=lambda row: (row[0] or "", row[1] or "")))


def summarise_days(ledger: pa.Table) -> tuple[DayRow, ...]:
    """Archives and events per account, region and delivery date, sorted."""
    aggregates = [("archive_uri", "count"), ("record_kept_count", "sum"), ("record_quarantined_count", "sum")]
    keys = [*_PLACE, "delivery_date"]
    grouped = _read_rows(ledger).group_by(keys, use_threads=False).aggregate(aggregates)
    names = [*keys, *(f"{column}_{function}" for column, function in aggregates)]
    rows = zip(*(grouped.column(name).to_pylist() for name in names), strict=True)
    ordered = sorted(rows, key=lambda row: (row[0] or "", row[1] or "", row[2] or date.min))
    return tuple(DayRow(*row) for row in ordered)


def find_gaps(days: tuple[DayRow, ...]) -> tuple[Gap, ...]:
    """Runs of days without archives between days with some, per account and region."""
    gaps = []
    previous: DayRow | None = None
    for row in days:
        is_same = previous is not None and (previous.account_id, previous.region) == (row.account_id, row.region)
        if is_same and previous is not None and previous.delivery_date and row.delivery_date:
            missing = (row.delivery_date - previous.delivery_date).days - 1
            if missing > 0:
                one = timedelta(days=1)
                first, last = previous.delivery_date + one, row.delivery_date - one
                gaps.append(Gap(row.account_id, row.region, first, last, missing))
        previous = row
    return tuple(gaps)


def open_coverage(lake: Lake) -> tuple[CoverageRow, ...]:
    """Coverage of an open lake: what a report over it has looked at."""
    return summarise_coverage(lake.ledger())


def _read_rows(ledger: pa.Table) -> pa.Table:
    return ledger.filter(pc.is_in(ledger.column("outcome"), pa.array(_READ)))


def _count(column: pa.ChunkedArray) -> dict[str, int]:
    counts = pc.value_counts(column.drop_null()).to_pylist()
    return {item["values"]: item["counts"] for item in sorted(counts, key=lambda item: str(item["values"]))}
