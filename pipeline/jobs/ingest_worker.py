"""The worker's side of ingest: fetch, inflate, split, flatten, write; nothing that it does is visible yet.

What enters: an ``ArchiveTask``. What leaves: a ``TaskResult`` naming the files that it wrote. This module must never
commit, and one bad object must never cost its neighbours.
"""

from __future__ import annotations

import hashlib
import os
import resource
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.archive import (
    BadSpan,
    RecordSpans,
    is_strict_record,
    open_archive,
    split_records,
)
from pipeline.errors import ArchiveError, ObjectChangedError, SourceError
from pipeline.flatten import (
    ArchiveRecords,
    ArchiveRef,
    BadRecord,
    UnprovedError,
    flatten_archives,
)
from pipeline.jobs.ingest_gathering import ArchiveTally, StepClock, cut_rows
from pipeline.jobs.ingest_opened import CHUNK_BYTES, CHUNK_ROWS, OpenedArchive, delimit_opened, hash_opened
from pipeline.jobs.ingest_rows import EXCERPT_BYTES, RETRIED, ArchiveOutcome, TaskRows, unchanged_outcome
from pipeline.jobs.ingest_tasks import ArchiveTask, RegionSpan, Retry, TaskResult, WorkerContext
from pipeline.lake.batch import BatchPart
from pipeline.lake.event_files import sort_events, split_by_date, write_event_file
from pipeline.lake.event_keys import KeyFile, write_keys
from pipeline.lake.parquet import FileAction
from pipeline.lake.stray_events import StrayEvents
from pipeline.source.keys import ObjectKind
from pipeline.source.objects import ListedObject

OPENED_BYTES = 1024 * 1024
"""Inflated bytes whose records are found at once: the same calls for a hundred small archives as for a large one."""

_Waiting = tuple[OpenedArchive, ArchiveRecords]
_WHOLE = Retry()
_held: dict[str, WorkerContext] = {}


def run_task(context: WorkerContext, task: ArchiveTask) -> TaskResult:
    """Read a task's objects and write their events as Parquet files.

    Args:
        context: what all tasks of the run share.
        task: the objects.

    Returns:
        The files, the ledger and quarantine rows, and what it cost.

    Raises:
        LakeError: the lake's disk is full, or its store refused: the run cannot go on.
    """
    if context.run_id not in _held:
        _held.clear()
        _held[context.run_id] = context
    reader = _TaskReader(_held[context.run_id], task)
    reader.read()
    return reader.finish()


class _TaskReader:
    def __init__(self, context: WorkerContext, task: ArchiveTask) -> None:
        self.context = context
        self.task = task
        self.rows = TaskRows()
        self.slots: list[tuple[ListedObject, ArchiveOutcome | ArchiveTally]] = []
        self.opened: list[OpenedArchive] = []
        self.stored: list[bytes] = []  # as they were read; an archive that waits does without
        self.opened_bytes = 0
        self.waiting: list[_Waiting] = []
        self.waiting_bytes = self.waiting_rows = 0
        self.files: list[FileAction] = []
        self.strays = StrayEvents()
        self.keys: list[KeyFile] = []
        self.chunk_count = 0
        self.name = hashlib.sha256()
        self.spans: dict[tuple[str, str | None], list[int]] = {}
        self.clock = StepClock()

    def read(self) -> None:
        for listed, data in self._fetch():
            if isinstance(data, SourceError):
                reason = "object_changed" if isinstance(data, ObjectChangedError) else "unreadable"
                self.slots.append((listed, ArchiveOutcome("failed", reason, str(data))))
            elif data is None:
                self.slots.append((listed, _skip_by_key(listed)))
            else:
                self.slots.append((listed, self._read_archive(listed, data)))
        self._take_opened()
        while self.waiting:  # what turned out to be split wrongly waits once more
            self._write_waiting()

    def finish(self) -> TaskResult:
        with self.clock.timed("rows"):
            records = {"read": 0, "kept": 0, "quarantined": 0}
            for listed, found in self.slots:
                if isinstance(found, ArchiveTally):
                    found.add_to(records)
                outcome = found.outcome() if isinstance(found, ArchiveTally) else found
                if listed.uri in self.task.retries and outcome.outcome not in ("quarantined", "failed"):
                    outcome = replace(outcome, reason=RETRIED)
                self.rows.add_archive(listed, outcome)
            tables = self.rows.ledger_table(), self.rows.quarantine_table()
            part = BatchPart(tuple(self.files), *tables, strays=self.strays.finish())
        spans = [
            RegionSpan(account, region, count, _instant(first), _instant(last))
            for (account, region), (count, first, last) in self.spans.items()
        ]
        keys, peak = tuple(self.keys), peak_rss_bytes()
        return TaskResult(part, records, tuple(spans), keys, os.getpid(), peak, self.clock.seconds)

    def _fetch(self) -> Iterator[tuple[ListedObject, bytes | SourceError | None]]:
        """Every object with its bytes, in order; ``None`` for one that its key already rules out."""
        for (source_uri, is_wanted), group in groupby(
            self.task.objects, lambda item: (item.source_uri, _is_wanted(item))
        ):
            if not is_wanted:
                yield from ((listed, None) for listed in group)
                continue
            fetched = iter(self.context.sources[source_uri].fetch_objects(list(group)))
            while True:
                with self.clock.timed("fetch"):
                    item = next(fetched, None)
                if item is None:
                    break
                yield item

    def _read_archive(self, listed: ListedObject, data: bytes) -> ArchiveOutcome | ArchiveTally:
        retry, contents = self.task.retries.get(listed.uri), self.task.contents.get(listed.uri)
        if contents and retry is None:
            sha256 = hashlib.sha256(data).hexdigest()
            if sha256 in contents:
                return unchanged_outcome(contents[sha256], sha256)
        try:
            with self.clock.timed("inflate"):
                raw = open_archive(data, self.context.caps)
        except ArchiveError as error:
            self.rows.add_quarantine(listed, reason=error.reason, detail=error.message, raw=data[:EXCERPT_BYTES])
            sha256 = hashlib.sha256(data).hexdigest()
            return ArchiveOutcome("quarantined", error.reason, error.message, archive_sha256=sha256)
        tally = ArchiveTally(retry or _WHOLE, {"inflated_bytes": len(raw)})
        self.opened.append(OpenedArchive(listed, raw, tally))
        self.stored.append(data)
        self.opened_bytes += len(raw)
        if self.opened_bytes >= OPENED_BYTES:
            self._take_opened()
        return tally

    def _take_opened(self) -> None:
        """Find and hash the records of what was opened; the tallies wait for their rows."""
        opened, stored = self.opened, self.stored
        self.opened, self.stored, self.opened_bytes = [], [], 0
        if not opened:
            return
        with self.clock.timed("split"):
            found = delimit_opened(opened, self.context.caps.records, self.task.retries)
        with self.clock.timed("hash"):
            digests = hash_opened(opened, stored, found)
        for archive, spans, hashed in zip(opened, found, digests, strict=True):
            if spans is None:
                self._split(archive)
            else:
                self._take_records(archive, spans, is_proved=False, digests=hashed)

    def _split(self, archive: OpenedArchive) -> None:
        """Take the records of an archive that is proved while it is split, whatever is wrong with it."""
        listed, raw, tally = archive.listed, bytes(archive.raw), archive.tally
        try:
            with self.clock.timed("split"):
                spans = split_records(raw, self.context.caps)
        except ArchiveError as error:
            self.rows.add_quarantine(listed, reason=error.reason, detail=error.message, raw=raw[:EXCERPT_BYTES])
            tally.settle(ArchiveOutcome("quarantined", error.reason, error.message, **tally.facts))
            return
        if spans.kind != ObjectKind.ARCHIVE:
            detail = "by its content this is no log of management or data events"
            tally.settle(ArchiveOutcome("skipped", spans.kind, detail, kind=spans.kind, **tally.facts))
            return
        self._take_records(OpenedArchive(listed, raw, tally), spans)

    def _take_records(
        self,
        opened: OpenedArchive,
        spans: RecordSpans,
        *,
        is_proved: bool = True,
        digests: npt.NDArray[np.uint8] | None = None,
    ) -> None:
        listed, buffer, tally = opened
        only = tally.retry.records
        sha256 = tally.facts["archive_sha256"]
        wanted = "all" if only is None else sorted(only)
        self.name.update(f"{listed.uri}\0{listed.version}\0{sha256}\0{wanted}\0".encode())
        for span in spans.bad:
            if only is None or span.record_index is None or span.record_index in only:
                self._quarantine(opened, span)
        key = listed.archive_key
        archive = ArchiveRef(listed.uri, listed.version, sha256, key.account_id, key.delivered_at or listed.modified_at)
        for rows in cut_rows(spans, only, CHUNK_BYTES, CHUNK_ROWS):
            starts, ends = spans.starts[rows], spans.ends[rows]
            if self.waiting_rows + len(starts) > CHUNK_ROWS:
                self._write_waiting()
            indexes, strict = spans.indexes[rows], spans.strict[rows]
            prove = None if is_proved else is_strict_record
            hashed = None if digests is None else digests[rows]
            records = ArchiveRecords(buffer, starts, ends, indexes, strict, archive, prove, hashed)
            self.waiting.append((opened, records))
            self.waiting_bytes += int(ends[-1] - starts[0])
            self.waiting_rows += len(starts)
            if self.waiting_bytes >= CHUNK_BYTES:
                self._write_waiting()

    def _write_waiting(self) -> None:
        """Flatten and write what is waiting; many small archives at once cost what one large one does."""
        if not self.waiting:
            return
        batch, unproved = self._flatten()
        self.waiting, self.waiting_bytes, self.waiting_rows = [], 0, 0  # their bytes are free for the encoder
        if batch.num_rows:
            self._write(pa.Table.from_batches([batch]))
        for opened, _ in unproved:
            self._split(opened)

    def _flatten(self) -> tuple[pa.RecordBatch, list[_Waiting]]:
        """Rows of what is waiting, and what is not to be believed before it was split by what proves."""
        unproved: list[_Waiting] = []
        with self.clock.timed("flatten"):
            try:
                made = flatten_archives([records for _, records in self.waiting])
            except UnprovedError as error:
                unproved = [self.waiting[number] for number in error.archives]
                self.waiting = [item for number, item in enumerate(self.waiting) if number not in error.archives]
                made = flatten_archives([records for _, records in self.waiting])
        for (opened, records), rows in zip(self.waiting, made.archives, strict=True):
            if rows.kept_count + len(rows.bad) != len(records.starts):
                raise AssertionError(
                    f"{opened.listed.uri}: {len(records.starts)} records became {rows.kept_count} + {len(rows.bad)}"
                )
            opened.tally.add_rows(rows)
            for bad in rows.bad:
                self._quarantine(opened, bad)
        return made.batch, unproved

    def _quarantine(self, opened: OpenedArchive, bad: BadSpan | BadRecord) -> None:
        listed, buffer, tally = opened
        tally.add_bad(bad.reason, is_record=bad.record_index is not None)
        self.rows.add_quarantine(
            listed,
            reason=bad.reason,
            detail=bad.detail,
            record_index=bad.record_index,
            byte_offset=int(bad.start),
            raw=bytes(buffer[bad.start : min(bad.end, bad.start + EXCERPT_BYTES)]),
        )

    def _write(self, table: pa.Table) -> None:
        """Write a chunk, a file for each event date that has many rows; its name tells all that was read up to here."""
        context, stem = self.context, f"{self.name.hexdigest()[:32]}-{self.chunk_count:04d}"
        self.chunk_count += 1
        level = context.compression_level
        write = partial(write_event_file, location=context.location, file_stem=stem, compression_level=level)
        with self.clock.timed("write"):
            self._measure(table)
            for event_date, rows in split_by_date(sort_events(table)):
                self.keys.append(write_keys(rows, event_date, context.scratch))
                if not self.strays.take(rows, table.num_rows):
                    self.files.append(write(rows, event_date))

    def _measure(self, table: pa.Table) -> None:
        """Count events per account and region: the material of the coverage statement."""
        keys = ["recipient_account_id", "aws_region"]
        found = table.select([*keys, "event_time"]).group_by(keys, use_threads=False)
        grouped = found.aggregate([("event_time", "count"), ("event_time", "min"), ("event_time", "max")])
        bounds = [
            pc.cast(grouped.column(f"event_time_{name}"), pa.int64()).to_pylist() for name in ("count", "min", "max")
        ]
        names = [grouped.column(name).to_pylist() for name in keys]
        for account, region, count, first, last in zip(*names, *bounds, strict=True):
            total = self.spans.setdefault((account, region), [0, first, last])
            total[:] = [total[0] + count, min(total[1], first), max(total[2], last)]


def peak_rss_bytes() -> int:
    """Peak of this process's resident memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _is_wanted(listed: ListedObject) -> bool:
    return listed.archive_key.kind == ObjectKind.ARCHIVE


def _skip_by_key(listed: ListedObject) -> ArchiveOutcome:
    kind = listed.archive_key.kind
    reason = "not_cloudtrail" if kind == ObjectKind.OTHER else str(kind)
    return ArchiveOutcome("skipped", reason, "by its key this is no log of management or data events")


def _instant(microseconds: int) -> Any:
    return pa.scalar(microseconds, pa.timestamp("us", tz="UTC")).as_py()
