"""Openings of records in an archive's bytes, 32 bytes at a time.

What enters: addresses of an archive's bytes. What leaves: addresses. This module must never write more places than
records of the fewest bytes have room for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.flatten.kernels.memory import (
    WIDTH,
    compiled,
    count_trailing_zeros,
    entry_point,
    load8,
    load64,
    mark_beyond_ascii,
    mark_openings,
    put,
)

_HEAD_TEXT = b'{"eventVersion"'
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


@entry_point
def find_records(at: Any, end: Any, places: Any) -> Any:
    """Write the address of each opening that begins a record behind a record; the first one is at ``at``.

    Returns how many there are, negated if there is a byte beyond ASCII.
    """
    put(places, 0, at)
    count, beyond = 1, 0
    at += _HEAD_BYTES
    while at + WIDTH + _HEAD_BYTES <= end:
        beyond |= mark_beyond_ascii(at)
        bits = mark_openings(at)
        while bits:
            found = at + count_trailing_zeros(bits)
            bits &= bits - 1
            if _begins_record(found):
                put(places, count, found)
                count += 1
        at += WIDTH
    while at < end:
        beyond |= load8(at) & _BEYOND_ASCII
        if at + _HEAD_BYTES <= end and _begins_record(at):
            put(places, count, at)
            count += 1
        at += 1
    return -count if beyond else count
