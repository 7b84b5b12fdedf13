"""Many archives to one batch: compiled code for what is ordinary, the exact path for what is odd.

What enters: ``ArchiveRecords``. What leaves: rows as columns of places, codes and bytes, ready to be gathered.
This module must never let go of a buffer while places point into it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipeline.errors import RecordError
from pipeline.flatten import rows as filling
from pipeline.flatten.arrow_arrays import Places
from pipeline.flatten.exact import Row, flatten_record
from pipeline.flatten.interning import Interner, grow_interner, make_interner
from pipeline.flatten.layout import BOOLEAN_COLUMNS, DICTIONARY_COLUMNS, get_layout, rule_key
from pipeline.flatten.outcome import ArchiveRecords, BadRecord
from pipeline.flatten.promotions import rules_for
from pipeline.flatten.scanner import make_memo, make_scan
from pipeline.flatten.times import latest_plausible

EXACT_VIEWS = ("unknown_members", "raw_record")
"""Columns that only the exact path fills; places too, behind the layout's."""

_ARENA_BYTES = 1 << 20
_KINDS_SIZE = 4096


class RowFiller:
    """The rows of one batch while they are filled.

    Attributes:
        columns: values by row, in the order of the records.
        interner: entries behind the codes.
        identities: entries behind the identities.
        exact: rows of the exact path by row number.
        bad: (archive, bad record) of each that cannot be a row.
        archive_of: number of each row's archive.
    """

    def __init__(self, archives: Sequence[ArchiveRecords]) -> None:
        self._archives = archives
        self._layout = get_layout()
        self._buffers = [np.frombuffer(archive.buffer, dtype=np.uint8) for archive in archives]
        counts = [len(archive.starts) for archive in archives]
        self.archive_of = np.repeat(np.arange(len(archives)), counts)
        self.count = int(sum(counts))
        self.columns = _make_columns(self.count, len(self._layout.views) + len(EXACT_VIEWS), len(self._layout.identity))
        self.interner: Interner = make_interner()
        self.identities: Interner = make_interner()
        self.exact: dict[int, Row] = {}
        self.bad: list[tuple[int, BadRecord]] = []
        self._kinds = _make_kinds(_KINDS_SIZE)
        self._arenas = [np.empty(_ARENA_BYTES, dtype=np.uint8)]
        self._arena_used = np.zeros(1, dtype=np.int64)

    def fill(self) -> None:
        """Fill every row."""
        if not self.count:
            return
        strict = np.concatenate([archive.strict for archive in self._archives])
        self.columns.state[:] = np.where(strict, filling.PENDING, filling.ODD)
        self._run()
        for row in np.flatnonzero(self.columns.state == filling.ODD).tolist():
            self._fill_exactly(row)

    def addresses(self) -> filling.Records:
        """Where each record is."""
        bases = [buffer.ctypes.data for buffer in self._buffers]
        parts = list(zip(self._archives, self._buffers, bases, strict=True))
        latest = [latest_plausible(archive.archive.delivered_at) for archive in self._archives]
        return filling.Records(
            np.concatenate([archive.starts + base for archive, _, base in parts]),
            np.concatenate([archive.ends + base for archive, _, base in parts]),
            np.array([base + len(buffer) for _, buffer, base in parts], dtype=np.int64)[self.archive_of],
            np.array(latest, dtype=np.int64)[self.archive_of],
        )

    def _run(self) -> None:
        """Run the compiled filler; it comes back for more room and for each new kind of event."""
        layout = self._layout
        records = self.addresses()
        scan, memo = make_scan(len(layout.slots)), make_memo()
        row, why = 0, filling.NEEDS_KIND
        while True:
            why, row = filling.fill_rows(
                records,
                self.columns,
                layout.tables,
                layout.trie,
                scan,
                memo,
                self.interner,
                self.identities,
                self._kinds,
                self._arenas[-1],
                self._arena_used,
                row,
            )
            if why == filling.FINISHED:
                return
            if why == filling.NEEDS_KIND:
                self._add_kind(row)
            elif why == filling.NEEDS_ARENA:
                size = max(_ARENA_BYTES, 4 * int(records.end[row] - records.start[row]) + 8192)
                self._arenas.append(np.empty(size, dtype=np.uint8))
                self._arena_used[0] = 0
            else:
                self.interner, self.identities = (
                    grow_interner(table) if int(table.count[0]) * 2 > len(table.hash) else table
                    for table in (self.interner, self.identities)
                )

    def _add_kind(self, row: int) -> None:
        """Find the rule of the event in ``row`` and keep it."""
        source, name = (
            int(self.columns.code[DICTIONARY_COLUMNS.index(column), row]) for column in ("event_source", "event_name")
        )
        rules = rules_for(self._entry_text(source - 1), self._entry_text(name - 1))
        if int(self._kinds.count[0]) * 2 >= len(self._kinds.key):
            self._kinds = _grow_kinds(self._kinds)
        filling.add_kind(self._kinds, source, name, self._layout.rules[rule_key(rules)])

    def _entry_text(self, entry: int) -> str | None:
        """Text of an interned value; ``None`` for the code of null."""
        if entry < 0:
            return None
        return self.decode_entries(np.array([entry]))[0]

    def decode_entries(self, entries: npt.NDArray[np.int64]) -> list[str]:
        """Texts of interned values."""
        places = Places(self.interner.at[entries], self.interner.meta[entries])
        texts: list[str] = places.gather(np.arange(len(entries))).to_pylist()
        return texts

    def _fill_exactly(self, row: int) -> None:
        archive = int(self.archive_of[row])
        records = self._archives[archive]
        place = row - int(np.searchsorted(self.archive_of, archive))
        start, end, index = int(records.starts[place]), int(records.ends[place]), int(records.indexes[place])
        ref = records.archive
        try:
            values = flatten_record(
                records.buffer[start:end], key_account_id=ref.key_account_id, latest=latest_plausible(ref.delivered_at)
            )
        except RecordError as error:
            self.bad.append((archive, BadRecord.from_error(error, index, start, end)))
            return
        self.exact[row] = values
        self.columns.time[row] = values["event_time"]
        self.columns.state[row] = filling.DONE


def _make_columns(rows: int, views: int, identity: int) -> filling.Columns:
    """Columns for ``rows`` rows; zeroed pages cost nothing until a value is written."""
    return filling.Columns(
        np.zeros((views, rows), dtype=np.int64),
        np.zeros((views, rows), dtype=np.int64),
        np.zeros((len(DICTIONARY_COLUMNS), rows), dtype=np.int32),
        np.zeros((len(BOOLEAN_COLUMNS), rows), dtype=np.int8),
        np.zeros(rows, dtype=np.int64),
        np.zeros(rows, dtype=np.int32),
        np.zeros(rows, dtype=np.int8),
        np.zeros(rows, dtype=np.int8),
        np.zeros((identity, rows), dtype=np.int64),
        np.zeros((identity, rows), dtype=np.int64),
    )


def _make_kinds(size: int) -> filling.Kinds:
    return filling.Kinds(np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64), np.zeros(1, dtype=np.int64))


def _grow_kinds(old: filling.Kinds) -> filling.Kinds:
    new = _make_kinds(len(old.key) * 4)
    for place in np.flatnonzero(old.key).tolist():
        pair = int(old.key[place]) - 1
        filling.add_kind(new, pair >> 32, pair & 0xFFFFFFFF, int(old.rule[place]))
    return new
