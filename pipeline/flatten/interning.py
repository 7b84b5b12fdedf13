"""Distinct values by their raw bytes: each is kept once and stands for itself by a number.

What enters: addresses of values, by way of compiled code. What leaves: entry numbers. This module must never copy a
value: an entry is the place where it was seen first, in a buffer that the caller keeps alive.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.flatten.memory import address
from pipeline.flatten.native import call
from pipeline.flatten.state import COUNT

_START_SIZE = 4096


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

    def by_column(self, columns: int) -> list[npt.NDArray[np.int64]]:
        """Entries of each of ``columns`` columns, in the order in which they came."""
        column = self.column[: self.count].astype(np.uint8)  # so few that sorting is counting
        order = np.argsort(column, kind="stable")
        return np.split(order, np.searchsorted(column[order], np.arange(1, columns)))

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
        call("fill_table", address(self.block))
