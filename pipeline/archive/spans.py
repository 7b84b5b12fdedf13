"""What splitting says about an archive: where its records are, and what could not be read.

What enters: nothing. What leaves: ``RecordSpans`` and ``BadSpan``. This module must never look at bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BadSpan:
    """A stretch of the buffer that is no usable record.

    Attributes:
        record_index: position in ``Records``; ``None`` for bytes that belong to no record (after the document,
            between records): such a span is quarantined but does not count as a record read.
        start: first byte, in the inflated buffer.
        end: one past the last byte.
        reason: word of docs/quarantine.md.
        detail: the same as a sentence.
    """

    record_index: int | None
    start: int
    end: int
    reason: str
    detail: str


def _no_offsets() -> Offsets:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class RecordSpans:
    """Where the records of one archive are.

    Attributes:
        starts: first byte of each delimited record, in file order.
        ends: one past its last byte.
        indexes: its position in ``Records`` (differs from the row's number only after a bad record).
        strict: per record, whether msgspec proved it well-formed JSON and UTF-8; the compiled scanner may read it.
        bad: what could not be read, in file order.
        kind: ``archive``, or by content ``digest``, ``insight``, ``network_activity``, ``aggregated``,
            ``not_cloudtrail``: to be skipped and counted as skipped; such an object has no spans.
        notes: oddities of the file as a whole: ``bom``, ``repeated_records``.
    """

    starts: Offsets = field(default_factory=_no_offsets)
    ends: Offsets = field(default_factory=_no_offsets)
    indexes: Offsets = field(default_factory=_no_offsets)
    strict: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, dtype=np.bool_))
    bad: list[BadSpan] = field(default_factory=list)
    kind: str = "archive"
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def is_strict(self) -> bool:
        """Every record is proved well-formed."""
        return bool(self.strict.all())

    @property
    def read_count(self) -> int:
        """Records seen, good or bad; bytes between records are none."""
        return len(self.starts) + sum(span.record_index is not None for span in self.bad)

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, RecordSpans):
            return NotImplemented
        mine, theirs = (
            (list(s.starts), list(s.ends), list(s.indexes), list(s.strict), s.bad, s.kind, s.notes)
            for s in (self, other)
        )
        return mine == theirs

    __hash__ = None  # type: ignore[assignment]  # holds arrays and a list
