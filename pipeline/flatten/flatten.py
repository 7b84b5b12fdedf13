"""Records of archives to one sorted batch of EVENTS.

What enters: ``ArchiveRecords``. What leaves: ``Flattened``: every record is a row or a ``BadRecord``.
This module must never lose count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pipeline.flatten.outcome import (
    ArchiveRecords,
    ArchiveRef,
    ArchiveRows,
    Flattened,
    UnprovedError,
    records_of,
)

if TYPE_CHECKING:
    from pipeline.flatten.compiled_path import RowFiller

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = _EPOCH.date()
_DAY_MICROSECONDS = 86_400_000_000


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

    Raises:
        UnprovedError: what ``delimit_archives`` found in some of the archives are no records.
    """
    from pipeline.flatten.batch import BatchMaker  # compiled code loads with the first batch, not with the room
    from pipeline.flatten.compiled_path import RowFiller

    filler = RowFiller(archives)
    filler.fill()
    if filler.unproved:
        raise UnprovedError(sorted(filler.unproved))
    maker = BatchMaker(filler, archives)
    batch = maker.make()
    return Flattened(batch, _describe_archives(filler, maker.kept, len(archives)))


def _describe_archives(filler: RowFiller, kept: npt.NDArray[np.int64], count: int) -> list[ArchiveRows]:
    """What each archive gave."""
    outcomes = [ArchiveRows() for _ in range(count)]
    for archive, bad in filler.bad:
        outcomes[archive].bad.append(bad)
    archive_of, times = filler.archive_of[kept].astype(np.int64), filler.columns.time[kept]
    if not len(kept):
        return outcomes
    # Rows stand archive after archive: where the number changes, the next archive begins.
    firsts = np.concatenate([[0], np.flatnonzero(archive_of[1:] != archive_of[:-1]) + 1])
    counts = np.diff(firsts, append=len(kept))
    earliest, latest = np.minimum.reduceat(times, firsts), np.maximum.reduceat(times, firsts)
    numbers = archive_of[firsts].tolist()
    for number, rows, first, last in zip(
        numbers, *(values.tolist() for values in (counts, earliest, latest)), strict=True
    ):
        outcome = outcomes[number]
        outcome.kept_count = rows
        outcome.first_event_time = _EPOCH + timedelta(microseconds=first)
        outcome.last_event_time = _EPOCH + timedelta(microseconds=last)
    for number, day in _pair_days(archive_of, times // _DAY_MICROSECONDS):
        outcomes[number].event_dates += (_FIRST_DAY + timedelta(days=day),)
    return outcomes


def _pair_days(archive_of: npt.NDArray[np.int64], days: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Each archive with each of its days, in order; a pair is one number while it is sorted."""
    first = int(days.min())
    width = int(days.max()) - first + 1
    pairs = archive_of * width + (days - first)
    changes = np.flatnonzero(pairs[1:] != pairs[:-1]) + 1  # few: an archive's events are of a quarter of an hour
    for pair in np.unique(pairs[np.concatenate([[0], changes])]).tolist():
        number, day = divmod(pair, width)
        yield number, first + day
