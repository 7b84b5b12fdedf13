"""Openings of records in archives' bytes, 32 bytes at a time.

What enters: addresses of archives' bytes. What leaves: offsets. This module must never write more of them than records
of the fewest bytes have room for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.flatten.kernels.memory import (
    compiled,
    constant,
    count_trailing_zeros,
    entry_point,
    equal_bytes,
    item,
    load8,
    load64,
    mark_beyond_ascii,
    mark_openings,
    put,
)
from pipeline.flatten.state import VECTOR

_BEFORE, _HEAD_TEXT, _END_TEXT = b'{"Records":[', b'{"eventVersion"', b"}]}"
_BEFORE_BYTES, _AFTER_BYTES = len(_BEFORE), len(b"]}")
_START, _START_LENGTH = constant(_BEFORE + _HEAD_TEXT), len(_BEFORE + _HEAD_TEXT)
_END, _END_LENGTH = constant(_END_TEXT), len(_END_TEXT)
_SHORTEST_BYTES = _START_LENGTH + _END_LENGTH
_HEAD_BYTES, _TAIL_AT = len(_HEAD_TEXT), len(_HEAD_TEXT) - 8
_HEAD = np.uint64(int.from_bytes(_HEAD_TEXT[:8], "little"))
_TAIL = np.uint64(int.from_bytes(_HEAD_TEXT[-8:], "little"))
_COMMA, _CLOSE, _BEYOND_ASCII = ord(","), ord("}"), 0x80


@compiled
def _begins_record(at: Any) -> Any:
    """Whether ``},{"eventVersion"`` stands around ``at``, its second brace."""
    return (
        load64(at) == _HEAD and load64(at + _TAIL_AT) == _TAIL and load8(at - 1) == _COMMA and load8(at - 2) == _CLOSE
    )


@compiled
def _find_records(base: Any, end: Any, starts: Any) -> Any:
    """Write the offset of each opening that begins a record behind a record; the first one stands behind the list's.

    Returns how many there are, negated if there is a byte beyond ASCII.
    """
    at = base + _BEFORE_BYTES
    put(starts, 0, _BEFORE_BYTES)
    count, beyond = 1, 0
    at += _HEAD_BYTES
    while at + VECTOR + _HEAD_BYTES <= end:
        beyond |= mark_beyond_ascii(at)
        bits = mark_openings(at)
        while bits:
            found = at + count_trailing_zeros(bits)
            bits &= bits - 1
            if _begins_record(found):
                put(starts, count, found - base)
                count += 1
        at += VECTOR
    while at < end:
        beyond |= load8(at) & _BEYOND_ASCII
        if at + _HEAD_BYTES <= end and _begins_record(at):
            put(starts, count, at - base)
            count += 1
        at += 1
    return -count if beyond else count


@compiled
def _is_framed(base: Any, length: Any) -> Any:
    """Whether an archive begins and ends as CloudTrail's do."""
    if length < _SHORTEST_BYTES or not equal_bytes(base, _START(), _START_LENGTH):
        return False
    return equal_bytes(base + length - _END_LENGTH, _END(), _END_LENGTH)


@entry_point
def find_records(bases: Any, lengths: Any, archives: Any, counts: Any, starts: Any, ends: Any) -> Any:
    """Find the records of many archives: their offsets, archive after archive, and how many each has.

    A count is negated where the archive has a byte beyond ASCII, and 0 where it begins or ends otherwise.
    """
    filled = 0
    for archive in range(archives):
        base, length = item(bases, archive), item(lengths, archive)
        if not _is_framed(base, length):
            put(counts, archive, 0)
            continue
        found = _find_records(base, base + length, starts + 8 * filled)
        put(counts, archive, found)
        last = filled + (found if found > 0 else -found) - 1
        for row in range(filled, last):
            put(ends, row, item(starts, row + 1) - 1)
        put(ends, last, length - _AFTER_BYTES)
        filled = last + 1
    return filled
