"""Distinct values by their raw bytes, in compiled code: each is kept once and stands for itself by a number.

What enters: addresses of values. What leaves: entry numbers. This module must never copy a value: an entry is the
place where it was seen first, in a buffer that the caller keeps alive.
"""

# ruff: noqa: SIM109, SIM110 - compiled code: plain comparisons and loops are what becomes good machine code.

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.flatten.memory import compiled, equal_bytes, load8, load64

_MIX, _FOLD = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
_ROTATE, _BACK = np.uint64(23), np.uint64(41)
_START_SIZE = 4096
ROOM_PER_ROW = 32
"""Entries that one row may add at most."""


class Interner(NamedTuple):
    """An open-addressing table over entries; ``count[0]`` of them are used."""

    table: npt.NDArray[np.int64]  # entry + 1, or 0
    hash: npt.NDArray[np.uint64]
    at: npt.NDArray[np.int64]
    meta: npt.NDArray[np.int64]
    column: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]


def make_interner(size: int = _START_SIZE) -> Interner:
    """An empty interner for up to half of ``size`` entries; ``size`` is a power of two."""
    entries = size // 2
    return Interner(
        np.zeros(size, dtype=np.int64),
        np.empty(entries, dtype=np.uint64),
        np.empty(entries, dtype=np.int64),
        np.empty(entries, dtype=np.int64),
        np.empty(entries, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
    )


def grow_interner(old: Interner) -> Interner:
    """The same entries, under the same numbers, with four times the room."""
    new = make_interner(len(old.table) * 4)
    count = int(old.count[0])
    for before, after in zip(old[1:5], new[1:5], strict=True):
        after[:count] = before[:count]
    new.count[0] = count
    _fill_table(new.table, new.hash, count)
    return new


@compiled
def _fill_table(table: Any, hashes: Any, count: Any) -> Any:
    mask = len(table) - 1
    for entry in range(count):
        place = np.int64(hashes[entry] & np.uint64(mask))
        while table[place]:
            place = (place + 1) & mask
        table[place] = entry + 1


@compiled
def has_room(interner: Any) -> Any:
    """Whether another row's values surely fit."""
    return interner.count[0] + ROOM_PER_ROW < len(interner.hash)


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
def intern_bytes(interner: Any, at: Any, length: Any, meta: Any, column: Any) -> Any:
    """Number of the entry for ``length`` bytes at ``at``; ``meta`` is kept with a new one."""
    hashed = hash_bytes(at, length, column)
    mask = len(interner.table) - 1
    place = np.int64(hashed & np.uint64(mask))
    while interner.table[place]:
        entry = interner.table[place] - 1
        if (
            interner.hash[entry] == hashed
            and interner.column[entry] == column
            and interner.meta[entry] == meta
            and equal_bytes(interner.at[entry], at, length)
        ):
            return entry
        place = (place + 1) & mask
    entry = interner.count[0]
    interner.count[0] = entry + 1
    interner.table[place] = entry + 1
    interner.hash[entry] = hashed
    interner.at[entry], interner.meta[entry], interner.column[entry] = at, meta, column
    return entry
