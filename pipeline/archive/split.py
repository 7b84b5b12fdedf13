"""Where each record of an archive begins and ends: msgspec proves and delimits, numpy does the arithmetic.

What enters: inflated bytes. What leaves: ``RecordSpans``. This module must never hold more than a piece of the
records as objects, and never lose a record that can be delimited: what msgspec refuses goes to ``exact``.
"""

from __future__ import annotations

import re

import msgspec
import numpy as np

from pipeline.archive.exact import split_exactly
from pipeline.archive.kinds import kind_by_records
from pipeline.archive.spans import Offsets, RecordSpans
from pipeline.errors import ArchiveError
from pipeline.settings import Caps

_PIECE_BYTES = 4 * 1024 * 1024
_PIECE_COMMAS = 2_000_000
_OPENING = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"Records"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*')
_CLOSING = re.compile(rb"[ \t\r\n]*\][ \t\r\n]*\}[ \t\r\n]*\Z")
_CLOSING_WINDOW = 256
_BETWEEN = re.compile(rb'\}([ \t\r\n]*,[ \t\r\n]*)(?=\{[ \t\r\n]*"eventVersion")')
_SPACE = re.compile(rb"[ \t\r\n]*")
_RAW_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_WHOLE_BYTES = 4 * _PIECE_BYTES
"""What is split in one go: were it all records of two bytes, they would take 300 MB for a moment."""
_START, _END = b'{"Records":[{', b"}]}"


class _Archive(msgspec.Struct):
    Records: list[msgspec.Raw]


_RAW_ARCHIVE = msgspec.json.Decoder(_Archive)


def split_records(buffer: bytes, caps: Caps) -> RecordSpans:
    """Delimit every record of one archive.

    Args:
        buffer: inflated bytes.
        caps: limits on the number of records.

    Returns:
        Spans in file order; what cannot be a record is in ``bad``; objects of another kind have ``kind`` set.

    Raises:
        ArchiveError: ``zero_bytes``, ``not_json``, ``no_records``, ``records_not_list``, ``truncated_json`` or
            ``too_many_records``: nothing can be delimited, or too much.

    Source:
        AWS CloudTrail user guide, "CloudTrail log file examples": one object whose ``Records`` is a list.
    """
    if not buffer:
        raise ArchiveError("zero_bytes", "the archive inflates to nothing")
    spans = _split_whole(buffer, caps)
    if spans is None:
        spans = _split_plainly(buffer, caps)
    if spans is None:
        spans = split_exactly(buffer, caps)
    kind = spans.kind if spans.kind != "archive" else kind_by_records(buffer, spans)
    return spans if kind == "archive" else RecordSpans(kind=kind, notes=spans.notes)


def _split_whole(buffer: bytes, caps: Caps) -> RecordSpans | None:
    """A file of moderate size as CloudTrail writes it, without a byte of white space around its records.

    It is read where it lies, not copied. ``None`` if it is anything but that.
    """
    if len(buffer) > _WHOLE_BYTES or not buffer.startswith(_START) or not buffer.endswith(_END):
        return None
    try:
        records = _RAW_ARCHIVE.decode(buffer).Records
        if not buffer.isascii():
            buffer.decode()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    at, stop, count = len(_START) - 1, len(buffer) - len(_END) + 1, len(records)
    lengths = np.fromiter(map(len, records), np.int64, count)
    ends = np.cumsum(lengths + 1) + (at - 1)
    # Records and one comma between two of them fill the list to its end: nothing else has room, no second member.
    if not count or int(ends[-1]) != stop:
        return None
    starts = ends - lengths
    if not bool((np.frombuffer(buffer, dtype=np.uint8)[starts] == ord("{")).all()):
        return None
    if count > caps.records:
        raise ArchiveError("too_many_records", f"more than {caps.records} records")
    return RecordSpans(starts, ends, np.arange(count), np.ones(count, dtype=np.bool_))


def _split_plainly(buffer: bytes, caps: Caps) -> RecordSpans | None:
    """The ordinary file, ``{"Records":[...]}`` and nothing else; ``None`` if it is anything but that."""
    opening = _OPENING.match(buffer)
    closing = _CLOSING.search(buffer, max(0, len(buffer) - _CLOSING_WINDOW))
    if opening is None or closing is None or closing.start() < opening.end():
        return None
    at, stop = opening.end(), closing.start()
    starts: list[Offsets] = []
    ends: list[Offsets] = []
    count = 0
    while at < stop:
        end, following = _cut_piece(buffer, at, stop)
        piece = _split_piece(buffer, at, end)
        if piece is None:
            return None
        starts.append(piece[0])
        ends.append(piece[1])
        count += len(piece[0])
        if count > caps.records:
            raise ArchiveError("too_many_records", f"more than {caps.records} records")
        at = following
    if not starts:
        return RecordSpans()
    return RecordSpans(np.concatenate(starts), np.concatenate(ends), np.arange(count), np.ones(count, dtype=np.bool_))


def _cut_piece(buffer: bytes, at: int, stop: int) -> tuple[int, int]:
    """End of a piece that begins at ``at``, between two records, and the start of the next one."""
    if stop - at <= _PIECE_BYTES:
        return stop, stop
    # Looking for the seam may not run away over a file without any.
    seam = _BETWEEN.search(buffer, at + _PIECE_BYTES, min(stop, at + 8 * _PIECE_BYTES))
    if seam is None:
        return stop, stop
    return seam.start(1), seam.end(1)


def _split_piece(buffer: bytes, at: int, end: int) -> tuple[Offsets, Offsets] | None:
    """Spans of the records in ``buffer[at:end]``; ``None`` where that is no strict list of objects."""
    if end - at > 2 * _PIECE_BYTES and buffer.count(b",", at, end) > _PIECE_COMMAS:
        return None  # no seams: a flood of tiny elements, not records; the exact splitter counts as it goes
    piece = b"".join((b"[", memoryview(buffer)[at:end], b"]"))  # one copy; adding them up would make three
    try:
        records = _RAW_LIST.decode(piece)
        if not piece.isascii():
            piece.decode()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    lengths = np.fromiter(map(len, records), np.int64, len(records))
    if int(lengths.sum()) + len(records) - 1 == end - at:
        # Each separator holds at least its comma, so every one of them is exactly that.
        ends = at + np.cumsum(lengths + 1) - 1
        starts = ends - lengths
    else:
        starts = np.empty(len(records), dtype=np.int64)
        position = at
        for index, length in enumerate(lengths.tolist()):
            position = _skip_space(buffer, position)
            starts[index] = position
            position = _skip_space(buffer, position + length) + 1  # past the comma
        ends = starts + lengths
    opens = np.frombuffer(buffer, dtype=np.uint8)[starts]
    return (starts, ends) if bool((opens == ord("{")).all()) else None


def _skip_space(buffer: bytes, at: int) -> int:
    match = _SPACE.match(buffer, at)
    return match.end() if match else at
