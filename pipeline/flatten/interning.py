"""Distinct values by their raw bytes, in compiled code: each is kept once and stands for itself by a number.

What enters: addresses of values. What leaves: entry numbers. This module must never copy a value: an entry is the
place where it was seen first, in a buffer that the caller keeps alive.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.flatten.memory import address, compiled, entry_point, equal_bytes, item, load8, load64, put

_MIX, _FOLD = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
_ROTATE, _BACK = np.uint64(23), np.uint64(41)
_START_SIZE = 4096
ROOM_PER_ROW = 32
"""Entries that one row may add at most."""


TABLE, MASK, HASH, AT, META, COLUMN, COUNT, CAPACITY = range(8)
"""Words of an interner's control block: addresses, and how much of them is used."""


class Interner:
    """An open-addressing table over entries, as compiled code sees it through ``block``.

    Attributes:
        block: control block.
        at: address of each entry's bytes.
        meta: what was given with them.
        column: column of each entry.
    """

    def __init__(self, size: int = _START_SIZE) -> None:
        self._allocate(size)

    def _allocate(self, size: int) -> None:
        entries = size // 2
        self._table = np.zeros(size, dtype=np.int64)  # entry + 1, or 0
        self._hash, self.at, self.meta, self.column = (np.zeros(entries, dtype=np.int64) for _ in range(4))
        arrays = (self._table, self._hash, self.at, self.meta, self.column)
        table, *rest = map(address, arrays)
        self.block = np.array([table, size - 1, *rest, 0, entries], dtype=np.int64)

    @property
    def count(self) -> int:
        """Entries in use."""
        return int(self.block[COUNT])

    def grow(self) -> None:
        """Four times the room, if half of it is used; entries keep their numbers."""
        count = self.count
        if 2 * count <= len(self.at):
            return
        before = (self._hash, self.at, self.meta, self.column)
        self._allocate(4 * len(self._table))
        for old, new in zip(before, (self._hash, self.at, self.meta, self.column), strict=True):
            new[:count] = old[:count]
        self.block[COUNT] = count
        _fill_table(address(self.block))


@entry_point
def _fill_table(block: Any) -> Any:
    """Put every entry into an empty table."""
    table, mask = item(block, TABLE), item(block, MASK)
    for entry in range(item(block, COUNT)):
        place = item(item(block, HASH), entry) & mask
        while item(table, place):
            place = (place + 1) & mask
        put(table, place, entry + 1)


@compiled
def has_room(block: Any) -> Any:
    """Whether another row's values surely fit."""
    return item(block, COUNT) + ROOM_PER_ROW < item(block, CAPACITY)


@compiled
def hash_bytes(at: Any, length: Any, column: Any) -> Any:
    """Hash of a value within a column."""
    mixed = np.uint64(length) * _MIX ^ np.uint64(column)
    end = at + length
    while at + 8 <= end:
        mixed = (mixed ^ load64(at)) * _MIX
        mixed = (mixed << _ROTATE) | (mixed >> _BACK)
        at += 8
    while at < end:
        mixed = (mixed ^ np.uint64(load8(at))) * _MIX
        at += 1
    mixed *= _MIX
    return mixed ^ (mixed >> _FOLD)


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
