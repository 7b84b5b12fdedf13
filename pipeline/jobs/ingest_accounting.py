"""The counts of one ingest run, and the report that carries them on.

What enters: results of committed tasks. What leaves: an ``IngestReport`` whose counts add up. This module must never
guess a count: what does not add up is an error of the program, and said so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from pipeline.jobs.ingest_rows import is_unchanged
from pipeline.jobs.ingest_tasks import RegionSpan, TaskResult
from pipeline.lake.event_keys import KeyFile
from pipeline.lake.parquet import FileAction

LISTED_PROBLEMS = 1000
"""Quarantine entries and failed objects that a report names; the lake has all of them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

OUTCOMES = ("committed", "empty", "quarantined", "skipped", "failed", "unchanged")


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """What this run read of one account and region, by the archives' keys; ``None`` where keys do not say."""

    account_id: str | None
    region: str | None
    archive_count: int
    event_count: int
    first_event_time: datetime | None
    last_event_time: datetime | None


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What one ingest run did.

    Attributes:
        sources: SOURCEs, normalised.
        archives: listed = unchanged + committed + empty + quarantined + skipped + failed.
        records: read = kept + quarantined, kept = distinct + duplicates.
        quarantine: the first 1,000 entries: ``uri``, ``record_index`` (``None`` for a whole object), ``reason``.
        quarantine_total: how many there are.
        failed: the first 1,000 objects that could not be read: ``uri``, ``reason``, ``detail``; the next run tries
            them again.
        coverage: accounts and regions by the archives' keys.
        event_regions: accounts and regions as the events themselves name them.
        verification: verdict -> archives of this run; empty where nothing was checked.
        changed_dates: event dates that have new rows.
        first_batch: the lake's newest batch before the run.
        last_batch: the newest batch that the run wrote, or ``first_batch``.
        deferred_count: objects listed but left for the next run, because this one was asked to stop.
        timings_seconds: stage -> wall-clock seconds of the coordinator.
        worker_seconds: step -> seconds summed over workers.
        peak_rss_bytes: peak of resident memory: the coordinator and its workers together.
        has_unverified: an object that digests judge is neither verified nor pending.
        verification_problem: why digests that are there could not be checked; "" where they were.
    """

    sources: tuple[str, ...]
    archives: Mapping[str, int]
    records: Mapping[str, int]
    quarantine: tuple[Mapping[str, Any], ...]
    quarantine_total: int
    failed: tuple[Mapping[str, Any], ...]
    coverage: tuple[CoverageRow, ...]
    event_regions: tuple[RegionSpan, ...]
    verification: Mapping[str, int]
    changed_dates: tuple[date, ...]
    first_batch: int
    last_batch: int
    deferred_count: int
    timings_seconds: Mapping[str, float]
    worker_seconds: Mapping[str, float]
    peak_rss_bytes: int
    has_unverified: bool = False
    verification_problem: str = ""

    @property
    def exit_code(self) -> int:
        """3 where this run quarantined or failed something, or what it judged failed verification; else 0."""
        return 3 if self.quarantine_total or self.archives["failed"] or self.has_unverified else 0


@dataclass
class Tally:
    """Counts while a run goes on."""

    listed: int = 0
    unchanged: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    quarantine_total: int = 0
    failed: list[dict[str, Any]] = field(default_factory=list)
    verification: Counter[str] = field(default_factory=Counter)
    rows_written: int = 0
    keys: list[KeyFile] = field(default_factory=list)
    changed_dates: set[date] = field(default_factory=set)
    worker_seconds: Counter[str] = field(default_factory=Counter)
    _coverage: dict[tuple[str | None, str | None], list[Any]] = field(default_factory=dict)
    _regions: dict[tuple[str, str | None], RegionSpan] = field(default_factory=dict)
    _peaks: dict[int, int] = field(default_factory=dict)

    def add(self, result: TaskResult) -> None:
        """Count a task whose part is committed."""
        self.records.update(result.records)
        self.worker_seconds.update(result.seconds)
        self._peaks[result.pid] = max(result.peak_rss_bytes, self._peaks.get(result.pid, 0))
        self.keys += result.keys
        self.changed_dates.update(item.event_date for item in result.keys)
        self._add_archives(result)
        self._add_quarantine(result)
        for span in result.spans:
            key = (span.account_id, span.region)
            self._regions[key] = _join_spans(self._regions.get(key), span)

    def add_files(self, files: Sequence[FileAction]) -> None:
        """Count the rows of event files that were committed."""
        self.rows_written += sum(item.rows for item in files)

    def worker_peak(self, workers: int) -> int:
        """Resident memory of the largest workers that can have lived at once."""
        return sum(sorted(self._peaks.values(), reverse=True)[:workers])

    def archives(self) -> dict[str, int]:
        """Counts of objects, checked: every object listed has one outcome."""
        counts = {name: self.outcomes[name] for name in OUTCOMES}
        counts["unchanged"] += self.unchanged
        if self.listed != sum(counts.values()):
            raise AssertionError(f"{self.listed} objects listed, but {counts}")
        return {"listed": self.listed, **counts}

    def record_counts(self, distinct: int) -> dict[str, int]:
        """Counts of records, checked against the rows of the files that were committed and the keys counted."""
        read, kept, quarantined = (self.records[name] for name in ("read", "kept", "quarantined"))
        keys = sum(item.rows for item in self.keys)
        if read != kept + quarantined or not self.rows_written == keys == kept or not 0 <= distinct <= kept:
            raise AssertionError(
                f"{read} records read, {kept} kept in {self.rows_written} rows with {keys} keys, {distinct} distinct, "
                f"{quarantined} bad"
            )
        return {
            "read": read,
            "kept": kept,
            "distinct": distinct,
            "duplicates": kept - distinct,
            "quarantined": quarantined,
        }

    def coverage(self) -> tuple[CoverageRow, ...]:
        """Accounts and regions by key, sorted."""
        ordered = sorted(self._coverage.items(), key=lambda item: (item[0][0] or "", item[0][1] or ""))
        return tuple(
            CoverageRow(account, region, archives, events, _instant(first), _instant(last))
            for (account, region), (archives, events, first, last) in ordered
        )

    def event_regions(self) -> tuple[RegionSpan, ...]:
        """Accounts and regions by event, sorted."""
        return tuple(self._regions[key] for key in sorted(self._regions, key=lambda key: (key[0], key[1] or "")))

    def _add_archives(self, result: TaskResult) -> None:
        names = ("outcome", "reason", "detail", "archive_uri", "account_id", "region", "verification")
        more = ("record_kept_count", "first_event_time", "last_event_time")
        ledger = result.part.ledger
        columns = [_values(ledger.column(name)) for name in names + more]
        for outcome, reason, detail, uri, account, region, verdict, kept, first, last in zip(*columns, strict=True):
            if is_unchanged(reason):
                self.outcomes["unchanged"] += 1
                continue
            self.outcomes[outcome] += 1
            if verdict is not None:
                self.verification[verdict] += 1
            if outcome == "failed":
                if len(self.failed) < LISTED_PROBLEMS:
                    self.failed.append({"uri": uri, "reason": reason, "detail": detail})
            elif outcome != "skipped":
                self._cover((account, region), kept, first, last)

    def _cover(self, key: tuple[str | None, str | None], kept: int, first: Any, last: Any) -> None:
        entry = self._coverage.setdefault(key, [0, 0, None, None])
        entry[0] += 1
        entry[1] += kept
        if first is not None:
            entry[2] = first if entry[2] is None else min(entry[2], first)
            entry[3] = last if entry[3] is None else max(entry[3], last)

    def _add_quarantine(self, result: TaskResult) -> None:
        rows = result.part.quarantine
        room = LISTED_PROBLEMS - len(self.quarantine)
        for row in rows.slice(0, max(room, 0)).select(["archive_uri", "record_index", "reason"]).to_pylist():
            self.quarantine.append({"uri": row.pop("archive_uri"), **row})
        self.quarantine_total += rows.num_rows


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Values for Python, instants as microseconds: a ``datetime`` each would cost more than all else."""
    is_instant = pa.types.is_timestamp(column.type)
    values: list[Any] = (column.cast(pa.int64()) if is_instant else column).to_pylist()
    return values


def _instant(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


def _join_spans(left: RegionSpan | None, right: RegionSpan) -> RegionSpan:
    if left is None:
        return right
    return RegionSpan(
        left.account_id,
        left.region,
        left.event_count + right.event_count,
        min(left.first_event_time, right.first_event_time),
        max(left.last_event_time, right.last_event_time),
    )


def list_unique(values: Sequence[str]) -> tuple[str, ...]:
    """Values in order, each once."""
    return tuple(dict.fromkeys(values))
