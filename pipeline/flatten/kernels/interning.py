"""Distinct values by their raw bytes, in compiled code: each is kept once and stands for itself by a number.

What enters: addresses of values. What leaves: entry numbers. This module must never copy a value: an entry is the
place where it was seen first, in a buffer that the caller keeps alive.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.flatten.kernels.memory import compiled, entry_point, equal_bytes, item, item32, load8, load64, put, put32
from pipeline.flatten.kernels.mixing import MIX_A, MIX_B
from pipeline.flatten.state import AT, CAPACITY, COLUMN, COUNT, HASH, IS_ESCAPED, MASK, META, ROOM_PER_ROW, TABLE

_FOLD, _BYTE = np.uint64(32), np.uint64(8)
_ROTATE, _BACK = np.uint64(23), np.uint64(41)


@entry_point
def fill_table(block: Any) -> Any:
    """Put every entry into an empty table."""
    table, mask = item(block, TABLE), item(block, MASK)
    for entry in range(item(block, COUNT)):
        place = item(item(block, HASH), entry) & mask
        while item(table, place):
            place = (place + 1) & mask
        put(table, place, entry + 1)
    return 0


@compiled
def has_room(block: Any) -> Any:
    """Whether another row's values surely fit."""
    return item(block, COUNT) + ROOM_PER_ROW < item(block, CAPACITY)


@compiled
def _hash_few(at: Any, length: Any) -> Any:
    """Fewer than eight bytes as one word."""
    word = np.uint64(0)
    for index in range(length):
        word = (word << _BYTE) | np.uint64(load8(at + index))
    return word


@compiled
def hash_bytes(at: Any, length: Any, column: Any) -> Any:
    """Hash of a value within a column: two words at a time, neither of which waits for the other."""
    mixed = np.uint64(length) * MIX_A ^ np.uint64(column)
    if length < 8:
        mixed = (mixed ^ _hash_few(at, length)) * MIX_A
    else:
        other, last = mixed, at + length - 8
        while at + 16 <= last:
            mixed = (mixed ^ load64(at)) * MIX_A
            other = (other ^ load64(at + 8)) * MIX_B
            mixed = (mixed << _ROTATE) | (mixed >> _BACK)
            other = (other << _ROTATE) | (other >> _BACK)
            at += 16
        if at + 8 < last:
            mixed = (mixed ^ load64(at)) * MIX_A
            mixed = (mixed << _ROTATE) | (mixed >> _BACK)
            at += 8
        mixed = (mixed ^ load64(at)) * MIX_A  # these two overlap each other, or what was read; neither goes further
        other = (other ^ load64(last)) * MIX_B
        mixed ^= (other << _ROTATE) | (other >> _BACK)
    mixed = (mixed ^ (mixed >> _FOLD)) * MIX_A
    return mixed ^ (mixed >> _FOLD)


@compiled
def is_entry(block: Any, entry: Any, at: Any, meta: Any) -> Any:
    """Whether an entry is of the bytes at ``at``, whose length is in ``meta``."""
    return item(item(block, META), entry) == meta and equal_bytes(item(item(block, AT), entry), at, meta >> 2)


@compiled
def intern_bytes(block: Any, at: Any, length: Any, meta: Any, column: Any) -> Any:
    """Number of the entry for ``length`` bytes at ``at``; ``meta`` is kept with a new one."""
    hashed = np.int64(hash_bytes(at, length, column))
    table, mask = item(block, TABLE), item(block, MASK)
    place = hashed & mask
    while item(table, place):
        entry = item(table, place) - 1
        if (
            item(item(block, HASH), entry) == hashed
            and item(item(block, COLUMN), entry) == column
            and item(item(block, META), entry) == meta
            and equal_bytes(item(item(block, AT), entry), at, length)
        ):
            return entry
        place = (place + 1) & mask
    entry = item(block, COUNT)
    put(block, COUNT, entry + 1)
    put(table, place, entry + 1)
    put(item(block, HASH), entry, hashed)
    put(item(block, AT), entry, at)
    put(item(block, META), entry, meta)
    put(item(block, COLUMN), entry, column)
    return entry


@compiled
def _distinct_place(table: Any, mask: Any, firsts: Any, at: Any, meta: Any, index: Any, count: Any) -> Any:
    """Number of the value at ``index`` among the ``count`` distinct ones before it; ``count`` if it is new."""
    start, value = item(at, index), item(meta, index)
    place = np.int64(hash_bytes(start, value >> 2, 0)) & mask
    while item32(table, place):
        number = item32(table, place) - 1
        first = item(firsts, number)
        if item(meta, first) == value and equal_bytes(item(at, first), start, value >> 2):
            return number
        place = (place + 1) & mask
    put32(table, place, count + 1)
    put(firsts, count, index)
    return count


@entry_point
def number_distinct(at: Any, meta: Any, count: Any, table: Any, mask: Any, firsts: Any, numbers: Any) -> Any:
    """Number values by their first appearance, nulls by -1, and note where each stands first.

    Returns:
        How many differ; -1 if one is escaped, for then two may be the same text though their bytes differ.
    """
    found = 0
    for place in range(mask + 1):
        put32(table, place, 0)
    for index in range(count):
        value = item(meta, index)
        if value & IS_ESCAPED:
            return -1
        number = -1 if value == 0 else _distinct_place(table, mask, firsts, at, meta, index, found)
        found += number == found
        put32(numbers, index, number)
    return found
