"""Records of archives to one sorted batch of EVENTS.

What enters: ``ArchiveRecords``. What leaves: ``Flattened``: every record is a row or a ``BadRecord``.
This module must never lose count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.errors import RecordError
from pipeline.flatten.exact import Row, flatten_record
from pipeline.flatten.outcome import (
    ArchiveRecords,
    ArchiveRef,
    ArchiveRows,
    BadRecord,
    Flattened,
    records_of,
)
from pipeline.flatten.times import latest_plausible
from pipeline.schema import EVENTS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def flatten_archive(
    buffer: bytes,
    starts: Sequence[int] | npt.NDArray[np.int64],
    ends: Sequence[int] | npt.NDArray[np.int64],
    *,
    is_strict: bool | npt.NDArray[np.bool_],
    archive: ArchiveRef,
    indexes: npt.NDArray[np.int64] | None = None,
) -> Flattened:
    """Flatten the records of one archive.

    Args:
        buffer: inflated bytes.
        starts: first byte of each record.
        ends: one past its last byte.
        is_strict: records proved well-formed JSON and UTF-8, all or one by one.
        archive: where they came from.
        indexes: positions in ``Records``, where they are not 0, 1, 2 ...

    Returns:
        Rows and bad records; together as many as were given.
    """
    return flatten_archives([records_of(buffer, starts, ends, archive=archive, is_strict=is_strict, indexes=indexes)])


def flatten_archives(archives: Sequence[ArchiveRecords]) -> Flattened:
    """Flatten the records of many archives into one batch: small archives cost next to nothing each.

    Args:
        archives: inflated archives with the spans of their records; all are held in memory at once.

    Returns:
        One batch, sorted by event_date, event_time, event_id, and what each archive gave.
    """
    outcomes = [ArchiveRows() for _ in archives]
    rows: list[Row] = []
    for archive, outcome in zip(archives, outcomes, strict=True):
        kept = list(_rows_of(archive, outcome.bad))
        _describe(outcome, [row["event_time"] for row in kept])
        rows += kept
    rows.sort(key=lambda row: (row["event_time"], row["event_id"]))
    columns = [pa.array([row[field.name] for row in rows], type=field.type) for field in EVENTS]
    return Flattened(pa.RecordBatch.from_arrays(columns, schema=EVENTS), outcomes)


def _rows_of(archive: ArchiveRecords, bad: list[BadRecord]) -> Iterator[Row]:
    ref = archive.archive
    provenance: dict[str, Any] = {
        "archive_uri": ref.uri,
        "archive_version": ref.version,
        "archive_sha256": ref.sha256,
    }
    latest = latest_plausible(ref.delivered_at)
    spans = zip(archive.starts.tolist(), archive.ends.tolist(), archive.indexes.tolist(), strict=True)
    for start, end, index in spans:
        try:
            row = flatten_record(archive.buffer[start:end], key_account_id=ref.key_account_id, latest=latest)
        except RecordError as error:
            bad.append(BadRecord.from_error(error, index, start, end))
            continue
        row.update(provenance, record_index=index)
        yield row


def _describe(outcome: ArchiveRows, times: list[int]) -> None:
    outcome.kept_count = len(times)
    if times:
        outcome.first_event_time = _EPOCH + timedelta(microseconds=min(times))
        outcome.last_event_time = _EPOCH + timedelta(microseconds=max(times))
        days = sorted({time // 86_400_000_000 for time in times})
        outcome.event_dates = tuple(date(1970, 1, 1) + timedelta(days=day) for day in days)
