"""Where a record's strings may begin, end or be escaped: all places at once, before any is looked at.

What enters: a record's address. What leaves: the addresses of its quotes, backslashes and control characters, in order.
This module must never leave one out: a string would seem to go on.

Looking for each string's end when the one before is known waits for memory and comparison every time; a list of places
made beforehand does not, and a walk over it lets the processor run ahead.

Source: Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019 (the idea of a structural index).
"""

# ruff: noqa: SIM109 - compiled code: plain comparisons and loops are what becomes good machine code.

from __future__ import annotations

from typing import Any

from pipeline.flatten.kernels.memory import compiled, count_ones, count_trailing_zeros, load8, mark_block, put
from pipeline.flatten.state import BLOCK, MAX_MARKS

_QUOTE, _SLASH, _SPACE = (ord(mark) for mark in '"\\ ')
_AT_ONCE = 8


@compiled
def _mark_last(at: Any, limit: Any) -> Any:
    """The same as ``mark_block`` where fewer bytes than that can be read."""
    bits = 0
    for index in range(limit - at):
        byte = load8(at + index)
        if byte == _QUOTE or byte == _SLASH or byte < _SPACE:
            bits |= 1 << index
    return bits


@compiled
def mark_span(start: Any, end: Any, limit: Any, marks: Any, count: Any) -> Any:
    """Write the marks between ``start`` and ``end`` behind ``count`` others; returns how many, or -1 if too many."""
    at = start
    while at < end:
        if count > MAX_MARKS - BLOCK:
            return -1
        bits = mark_block(at) if at + BLOCK <= limit else _mark_last(at, limit)
        if at + BLOCK > end:
            bits &= (1 << (end - at)) - 1
        found = count_ones(bits)
        written = 0
        while written < found:
            # More than there are, so that nothing depends on how many: the next ones are written over them.
            for index in range(_AT_ONCE):
                put(marks, count + written + index, at + count_trailing_zeros(bits))
                bits &= bits - 1
            written += _AT_ONCE
        count += found
        at += BLOCK
    return count


@compiled
def end_marks(limit: Any, marks: Any, count: Any) -> Any:
    """Write ``limit`` behind the last mark, twice: what looks for another one stops there."""
    put(marks, count, limit)
    put(marks, count + 1, limit)
