"""The exact splitter: takes any bytes, keeps every record that can be delimited, names the rest.

What enters: bytes that the strict reader refused. What leaves: ``RecordSpans`` with ``bad`` filled, or
``ArchiveError``. This module must never recurse on input, take quadratic time, or guess inside a string.
"""

from __future__ import annotations

import json

from pipeline.archive.kinds import kind_by_members
from pipeline.archive.records import RecordCollector
from pipeline.archive.spans import RecordSpans
from pipeline.archive.tokens import find_value_end, match_string, skip_space
from pipeline.errors import ArchiveError
from pipeline.settings import Caps

_BOM = b"\xef\xbb\xbf"


def split_exactly(buffer: bytes, caps: Caps) -> RecordSpans:
    """Walk the document's members by hand and take the records of every ``Records`` list.

    Args:
        buffer: inflated bytes, not empty.
        caps: limits on the number of records.

    Returns:
        Spans, bad spans, notes; ``kind`` where the members show another kind of object.

    Raises:
        ArchiveError: nothing could be delimited, or too many records.
    """
    return _DocumentWalk(buffer, caps).run()


class _DocumentWalk:
    """State of one walk over the top-level members."""

    def __init__(self, buffer: bytes, caps: Caps) -> None:
        self._buffer = buffer
        self._records = RecordCollector(buffer, caps)
        self._notes: list[str] = []
        self._members: list[str] = []
        self._lists = 0
        self._other_records = ""

    def run(self) -> RecordSpans:
        at = 0
        if self._buffer.startswith(_BOM):
            at = len(_BOM)
            self._notes.append("bom")
        at = skip_space(self._buffer, at)
        if self._buffer[at : at + 1] == b"[":
            raise ArchiveError("no_records", "the document is a list, not an object with Records")
        if self._buffer[at : at + 1] != b"{":
            raise ArchiveError("not_json", "the content is no JSON object")
        broken = self._walk_members(at + 1)
        if self._lists == 0:
            return self._without_records(broken)
        if self._lists > 1:
            self._notes.append("repeated_records")
        return self._records.spans(tuple(self._notes))

    def _walk_members(self, at: int) -> str:
        """Visit each member; returns the reason why the walk ended early, or ``""``."""
        buffer, end = self._buffer, len(self._buffer)
        at = skip_space(buffer, at)
        if buffer[at : at + 1] == b"}":
            return self._finish(at + 1)
        while True:
            key_end = match_string(buffer, at)
            if key_end is None:
                return self._give_up(at)
            colon = skip_space(buffer, key_end)
            if buffer[colon : colon + 1] != b":":
                return self._give_up(colon)
            value = skip_space(buffer, colon + 1)
            if value >= end:
                return self._give_up(value)
            after = self._take_member(buffer[at:key_end], value)
            if after is None:
                return self._give_up(value)
            at = skip_space(buffer, after)
            if buffer[at : at + 1] == b"}":
                return self._finish(at + 1)
            if buffer[at : at + 1] != b",":
                return self._give_up(at)
            at = skip_space(buffer, at + 1)

    def _take_member(self, raw_key: bytes, value: int) -> int | None:
        """Read one member's value; returns its end, ``None`` if it has none."""
        try:
            key = json.loads(raw_key.decode("utf-8", "replace"), strict=False)
        except json.JSONDecodeError:
            return None
        self._members.append(key)
        if key != "Records":
            return find_value_end(self._buffer, value).end
        if self._buffer[value : value + 1] == b"[":
            self._lists += 1
            return self._records.take_list(value + 1)
        self._other_records = self._buffer[value : value + 20].decode("utf-8", "replace")
        return find_value_end(self._buffer, value).end

    def _finish(self, at: int) -> str:
        rest = skip_space(self._buffer, at)
        if rest < len(self._buffer):
            self._records.reject_bytes(rest, len(self._buffer), "trailing_bytes", "bytes follow the document")
        return ""

    def _give_up(self, at: int) -> str:
        """The document stops making sense at ``at``."""
        if self._records.is_exhausted:
            return "truncated_json"
        if at >= len(self._buffer):
            self._records.reject_bytes(at, at, "truncated_json", "the document ends early")
            return "truncated_json"
        self._records.reject_bytes(at, len(self._buffer), "malformed_json", "no JSON from here on")
        return "malformed_json"

    def _without_records(self, broken: str) -> RecordSpans:
        kind = kind_by_members(self._members)
        if kind != "archive":
            return RecordSpans(kind=kind, notes=tuple(self._notes))
        if self._other_records:
            raise ArchiveError("records_not_list", f"Records is no list but {self._other_records!r}")
        if broken == "truncated_json":
            raise ArchiveError("truncated_json", "the document ends before its Records")
        if broken:
            raise ArchiveError("not_json", "the document is malformed before its Records")
        raise ArchiveError("no_records", f"no Records among {len(self._members)} members")
