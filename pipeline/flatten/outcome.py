"""What goes into flattening and what comes out, as types.

What enters: nothing. What leaves: ``ArchiveRef``, ``ArchiveRecords``, ``BadRecord``, ``ArchiveRows``, ``Flattened``,
``UnprovedError``.
This module must never look at bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.errors import RecordError


@dataclass(frozen=True, slots=True)
class ArchiveRef:
    """Where records came from; kept as evidence on each row.

    Attributes:
        uri: ``s3://`` or ``file://`` URI of the object.
        version: ETag, or size and mtime.
        sha256: of the object's bytes as stored, lower-case hex.
        key_account_id: account that the key's path names, if it does.
        delivered_at: when it was delivered, aware; an event over a day later is absurd. ``None``: not judged.
    """

    uri: str
    version: str
    sha256: str
    key_account_id: str | None = None
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ArchiveRecords:
    """One archive's inflated bytes and the spans of its records (see ``RecordSpans`` of the archive room).

    Attributes:
        prove: says of bytes whether they are one well-formed JSON value. Given where the spans were found by
            ``delimit_archives``: each record is then proved while it is flattened, odd ones by this.
        digests: SHA-256 of the records, 32 bytes each, where ``hash_archives`` made them; else they are made later.
    """

    buffer: bytes | bytearray
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    indexes: npt.NDArray[np.int64]
    strict: npt.NDArray[np.bool_]
    archive: ArchiveRef
    prove: Callable[[bytes], bool] | None = None
    digests: npt.NDArray[np.uint8] | None = None


class UnprovedError(Exception):
    """Spans of some archives are not the records that they seemed to be: nothing of the batch can be used.

    Attributes:
        archives: their numbers among those given. They must be split by what proves first.
    """

    def __init__(self, archives: Sequence[int]) -> None:
        super().__init__(f"{len(archives)} archives hold spans that are no well-formed JSON")
        self.archives = tuple(archives)


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that cannot become an event: to be quarantined with its reason."""

    record_index: int
    start: int
    end: int
    reason: str
    detail: str

    @classmethod
    def from_error(cls, error: RecordError, record_index: int, start: int, end: int) -> BadRecord:
        """The record at ``record_index`` failed with ``error``."""
        return cls(record_index, start, end, error.reason, error.message)


@dataclass(slots=True)
class ArchiveRows:
    """What one archive gave: for its row in the ledger.

    Attributes:
        kept_count: records that became rows.
        bad: the others.
        event_dates: dates of the rows, sorted.
        first_event_time: earliest event, aware UTC; ``None`` without rows.
        last_event_time: latest event.
    """

    kept_count: int = 0
    bad: list[BadRecord] = field(default_factory=list)
    event_dates: tuple[date, ...] = ()
    first_event_time: datetime | None = None
    last_event_time: datetime | None = None


@dataclass(slots=True)
class Flattened:
    """Rows of one or more archives.

    Attributes:
        batch: columns of EVENTS in its order; some strings are dictionary-encoded, and
            ``pa.Table.from_batches([batch]).cast(EVENTS)`` holds. Sorted by event_date, event_time, event_id.
        archives: one entry per archive given, in their order.
    """

    batch: pa.RecordBatch
    archives: list[ArchiveRows]

    @property
    def bad(self) -> list[BadRecord]:
        """All bad records, archive after archive."""
        return [bad for rows in self.archives for bad in rows.bad]


def records_of(
    buffer: bytes,
    starts: Sequence[int] | npt.NDArray[np.int64],
    ends: Sequence[int] | npt.NDArray[np.int64],
    *,
    archive: ArchiveRef,
    is_strict: bool | npt.NDArray[np.bool_],
    indexes: npt.NDArray[np.int64] | None = None,
) -> ArchiveRecords:
    """Bring spans in any handy form to ``ArchiveRecords``; without ``indexes`` records count from 0."""
    first = np.asarray(starts, dtype=np.int64)
    strict = np.full(len(first), is_strict) if isinstance(is_strict, bool) else is_strict
    positions = np.arange(len(first)) if indexes is None else indexes
    return ArchiveRecords(buffer, first, np.asarray(ends, dtype=np.int64), positions, strict, archive)
