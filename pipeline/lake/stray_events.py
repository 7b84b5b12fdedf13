"""Events of a task that fall on other dates than most of its: a few each, delivered late, or about midnight.

What enters: such rows, as a worker comes upon them. What leaves: one buffer for a task, and at the commit one event
file a date for all tasks of a batch. This module must never decide which tasks a batch holds.

A file of ten rows costs whoever writes it 4 ms, and every reader as much as a thousand rows; of 600,000 events on
30 dates they were three files in four.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial

import pyarrow as pa

from pipeline.lake.event_files import are_few, encode_event_file, sort_events, split_by_date, store_event_file
from pipeline.lake.layout import LakeLocation
from pipeline.lake.parquet import FileAction

_TASK_ROWS = 4_000
"""What a task may leave to its commit, which holds them all in memory."""
_THREADS = 2


class StrayEvents:
    """Gathers stray rows of one task."""

    def __init__(self) -> None:
        self._sink = pa.BufferOutputStream()
        self._writer: pa.ipc.RecordBatchStreamWriter | None = None
        self._rows = 0

    def take(self, rows: pa.Table, chunk_rows: int) -> bool:
        """Take the rows of one date, or leave them to be written as a file.

        Args:
            rows: of one event date, as ``split_by_date`` gave them.
            chunk_rows: how many rows they were cut from.

        Returns:
            Whether they were few enough, and are taken.
        """
        if not are_few(rows, chunk_rows) or self._rows + rows.num_rows > _TASK_ROWS:
            return False
        if self._writer is None:
            self._writer = pa.ipc.new_stream(self._sink, rows.schema)
        self._writer.write_table(rows)
        self._rows += rows.num_rows
        return True

    def finish(self) -> pa.Buffer | None:
        """All that was taken, as an Arrow stream: an eighteenth of what it takes to send tables between processes."""
        if self._writer is None:
            return None
        self._writer.close()
        return self._sink.getvalue()


def write_stray_events(strays: Sequence[pa.Buffer], location: LakeLocation, *, batch_number: int) -> list[FileAction]:
    """Write what the tasks of a batch left to it, one file a date.

    Args:
        strays: what ``StrayEvents.finish`` gave, of each task that the batch holds.
        location: the lake.
        batch_number: with a hash of what it holds it names a file: another choice of tasks makes others.

    Raises:
        LakeError: the disk is full, or the store refused.
    """
    if not strays:
        return []
    rows = sort_events(pa.concat_tables([_read(item) for item in strays]))
    # The encoder lets other threads go on, and workers have nothing to do while a run's last batch is committed.
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="strays") as pool:
        dates = zip(*split_by_date(rows), strict=True)
        return list(pool.map(partial(_write_date, location, batch_number), *dates))


def _write_date(location: LakeLocation, batch_number: int, event_date: date, rows: pa.Table) -> FileAction:
    data = encode_event_file(rows)
    stem = f"batch-{batch_number:010d}-{hashlib.sha256(data).hexdigest()[:16]}"
    return store_event_file(data, rows, event_date, location, file_stem=stem)


def _read(stray: pa.Buffer) -> pa.Table:
    with pa.ipc.open_stream(stray) as reader:
        return reader.read_all()
