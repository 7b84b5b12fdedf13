"""Records of a damaged list: each judged by itself, so that one cannot take its neighbours along.

What enters: a buffer and where a list begins. What leaves: spans, good and bad. This module must never read the
same bytes more than a bounded number of times.
"""

from __future__ import annotations

import json
import re

import msgspec
import numpy as np

from pipeline.archive.spans import BadSpan, RecordSpans
from pipeline.archive.tokens import find_value_end, skip_space
from pipeline.errors import ArchiveError
from pipeline.settings import Caps

HARD_DEPTH = 512
"""Nesting beyond which no reader downstream is known to be safe; such a record is quarantined."""

LENIENT_BYTES = 16 * 1024 * 1024
"""Size of the largest odd record that is kept; CloudTrail's own limit is 256 KB."""

_NO_VALUE = b",]}:"
_REREAD_FACTOR = 4
_REREAD_FREE_BYTES = 4 * 1024 * 1024
_RAW_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KEYS = rb'"(?:eventVersion|userIdentity|eventTime|eventSource|eventName|awsRegion|eventID)"'
# A seam cannot lie inside a well-formed string, which would have to escape the quote.
_SEAM = re.compile(rb",[ \t\r\n]*(?=\{[ \t\r\n]*" + _KEYS + rb"[ \t\r\n]*:)")
_NEXT = re.compile(rb",[ \t\r\n]*(?=\{)|\]")


class RecordCollector:
    """Collects the spans of one archive's records."""

    def __init__(self, buffer: bytes, caps: Caps) -> None:
        self._buffer = buffer
        self._cap = caps.records
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._indexes: list[int] = []
        self._strict: list[bool] = []
        self._bad: list[BadSpan] = []
        self._count = 0
        self._wasted = 0
        self.is_exhausted = False

    def spans(self, notes: tuple[str, ...]) -> RecordSpans:
        """What was collected."""
        starts, ends, indexes = (
            np.array(values, dtype=np.int64) for values in (self._starts, self._ends, self._indexes)
        )
        strict = np.array(self._strict, dtype=np.bool_)
        return RecordSpans(starts, ends, indexes, strict, self._bad, notes=notes)

    def reject_bytes(self, start: int, end: int, reason: str, detail: str) -> None:
        """Name bytes that belong to no record; touching ones become one span."""
        last = self._bad[-1] if self._bad else None
        if last is not None and last.record_index is None and last.reason == reason and start - last.end <= 1:
            start = self._bad.pop().start
        self._bad.append(BadSpan(None, start, end, reason, detail))

    def take_list(self, at: int) -> int | None:
        """Read the elements of a list from behind its bracket; returns the offset behind its end, if it has one."""
        buffer = self._buffer
        at = skip_space(buffer, at)
        if buffer[at : at + 1] == b"]":
            return at + 1
        while at < len(buffer):
            if buffer[at] in _NO_VALUE:
                self.reject_bytes(at - 1, at, "malformed_json", "a comma without a record")
            else:
                at = skip_space(buffer, self._take_element(at))
            if self.is_exhausted:
                return None
            if buffer[at : at + 1] not in (b",", b"]"):
                at = self._pass_junk(at)
            if buffer[at : at + 1] == b"]":
                return at + 1
            at = skip_space(buffer, at + 1)
        self._end_early(len(buffer), "truncated_json", "the list of records does not end", is_record=False)
        return None

    def _pass_junk(self, at: int) -> int:
        """Bytes between two records; returns the offset of the comma or bracket to go on from."""
        match = _NEXT.search(self._buffer, at)
        end = match.start() if match else len(self._buffer)
        if end > at:
            self.reject_bytes(at, end, "malformed_json", "bytes between two records")
        return end

    def _take_element(self, at: int) -> int:
        """Judge the element that begins at ``at``; returns the offset behind it."""
        self._count += 1
        if self._count > self._cap:
            raise ArchiveError("too_many_records", f"more than {self._cap} records")
        found = find_value_end(self._buffer, at)
        if found.end is None:
            return self._resume(at, len(self._buffer), is_cut=True)
        if self._buffer[at : at + 1] != b"{":
            return self._take_other(at, found.end)
        if found.depth > HARD_DEPTH:
            self._reject(at, found.end, "too_deep", f"nested {found.depth} levels deep; {HARD_DEPTH} is the limit")
            return found.end
        raw = self._buffer[at : found.end]
        is_strict = is_strict_record(raw)
        if not is_strict and len(raw) > LENIENT_BYTES:
            self._reject(at, found.end, "malformed_json", f"an odd record of {len(raw)} bytes")
            return found.end
        if not is_strict and not _is_lenient(raw):
            return self._resume(at, found.end, is_cut=False)
        self._starts.append(at)
        self._ends.append(found.end)
        self._indexes.append(self._count - 1)
        self._strict.append(is_strict)
        return found.end

    def _take_other(self, at: int, end: int) -> int:
        """An element that is no object."""
        raw = self._buffer[at : min(end, at + LENIENT_BYTES)]
        if self._buffer[at : at + 1] == b"[" or _is_lenient(raw):
            self._reject(at, end, "not_object", "the record is no JSON object")
        else:
            self._reject(at, end, "malformed_json", "the record is no JSON")
        return end

    def _resume(self, at: int, end: int, *, is_cut: bool) -> int:
        """A malformed record: reject it up to the next seam, so that a lost bracket costs one record, not all."""
        self._wasted += end - at
        if self._wasted > _REREAD_FREE_BYTES + _REREAD_FACTOR * len(self._buffer):
            self._end_early(at, "malformed_json", "too much of the archive is malformed to go on")
            return len(self._buffer)
        seam = _SEAM.search(self._buffer, at, end)
        if seam is not None:
            self._reject(at, seam.start(), "malformed_json", "the record is no JSON")
            return seam.start()
        if is_cut:
            self._end_early(at, "truncated_json", "the record does not end")
            return len(self._buffer)
        self._reject(at, end, "malformed_json", "the record is no JSON")
        return end

    def _end_early(self, at: int, reason: str, detail: str, *, is_record: bool = True) -> None:
        index = self._count - 1 if is_record else None
        self._bad.append(BadSpan(index, at, len(self._buffer), reason, detail))
        self.is_exhausted = True

    def _reject(self, start: int, end: int, reason: str, detail: str) -> None:
        self._bad.append(BadSpan(self._count - 1, start, end, reason, detail))


def is_strict_record(raw: bytes) -> bool:
    """Whether bytes are one JSON object as RFC 8259 has it, in UTF-8."""
    try:
        _RAW_OBJECT.decode(raw)
        if not raw.isascii():
            raw.decode()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


def _is_lenient(raw: bytes) -> bool:
    """JSON but for NaN, control characters, lone surrogates and bytes that are no UTF-8."""
    try:
        # Numbers stay text: a million digits cost nothing and none is refused.
        json.loads(raw.decode("utf-8", "replace"), strict=False, parse_int=str, parse_float=str)
    except (json.JSONDecodeError, RecursionError):
        return False
    return True
