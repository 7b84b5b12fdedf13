"""Many archives to one batch: compiled code for what is ordinary, the exact path for what is odd.

What enters: ``ArchiveRecords``. What leaves: rows as columns of places, codes and bytes, ready to be gathered.
This module must never let go of a buffer while places point into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.errors import RecordError
from pipeline.flatten import state as meaning
from pipeline.flatten.arrow_arrays import Places
from pipeline.flatten.exact import Row, flatten_record
from pipeline.flatten.interning import Interner
from pipeline.flatten.layout import BOOLEAN_COLUMNS, DICTIONARY_COLUMNS, get_layout, rule_key
from pipeline.flatten.memory import address, hold, read_bytes
from pipeline.flatten.native import call
from pipeline.flatten.outcome import ArchiveRecords, BadRecord
from pipeline.flatten.promotions import rules_for
from pipeline.flatten.state import RUN_BUCKETS, RUN_VALUES, RUN_WAYS, SCAN_SIZES
from pipeline.flatten.times import latest_plausible

EXACT_VIEWS = ("unknown_members", "raw_record")
"""Columns that only the exact path fills; places too, behind the layout's."""

_ARENA_BYTES = 1 << 20
_KINDS_SIZE = 4096


class Columns(NamedTuple):
    """Values of the rows, as arrays; ``state.STATE`` says what they hold."""

    view_used: npt.NDArray[np.int8]
    view_at: npt.NDArray[np.int64]
    view_meta: npt.NDArray[np.int64]
    code: npt.NDArray[np.int32]
    boolean: npt.NDArray[np.int8]
    time: npt.NDArray[np.int64]
    id_start: npt.NDArray[np.int64]
    identity: npt.NDArray[np.int32]
    is_omitted: npt.NDArray[np.int8]
    done: npt.NDArray[np.int8]
    identity_at: npt.NDArray[np.int64]
    identity_meta: npt.NDArray[np.int64]

    def put_place(self, view: int, row: int, at: int, meta: int) -> None:
        """Put a place into a column."""
        if not self.view_used[view]:
            self.view_meta[view], self.view_used[view] = 0, 1
        self.view_at[view, row], self.view_meta[view, row] = at, meta

    def places(self, view: int) -> Places | None:
        """A column's places; ``None`` if it has none."""
        return Places(self.view_at[view], self.view_meta[view]) if self.view_used[view] else None


class RowFiller:
    """The rows of one batch while they are filled.

    Attributes:
        columns: values by row, in the order of the records.
        interner: entries behind the codes.
        identities: entries behind the identities.
        exact: rows of the exact path by row number.
        bad: (archive, bad record) of each that cannot be a row.
        unproved: archives of which a span is no well-formed JSON.
        archive_of: number of each row's archive.
        starts: address of each record.
        ends: one past its last byte.
    """

    def __init__(self, archives: Sequence[ArchiveRecords]) -> None:
        self._archives = archives
        self._layout = get_layout()
        self._buffers = [hold(archive.buffer) for archive in archives]
        counts = [len(archive.starts) for archive in archives]
        self._first_rows = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        self.archive_of = np.repeat(np.arange(len(archives), dtype=np.int32), counts)
        self.count = int(self._first_rows[-1])
        self.columns = _make_columns(self.count, len(self._layout.views) + len(EXACT_VIEWS), len(self._layout.identity))
        self.interner, self.identities = Interner(), Interner()
        self.exact: dict[int, Row] = {}
        self.bad: list[tuple[int, BadRecord]] = []
        self.unproved: set[int] = set()
        bases, sizes = np.array([(b.address, b.size) for b in self._buffers], dtype=np.int64).reshape(-1, 2).T
        nothing, base_of = [np.empty(0, dtype=np.int64)], bases[self.archive_of]
        self.starts = np.concatenate(nothing + [archive.starts for archive in archives]) + base_of
        self.ends = np.concatenate(nothing + [archive.ends for archive in archives]) + base_of
        self._limits = bases + sizes
        self._arenas: list[npt.NDArray[np.uint8]] = []
        self._state = np.zeros(1, dtype=meaning.STATE)
        self._held: dict[str, npt.NDArray[np.int64]] = {}

    def fill(self) -> None:
        """Fill every row."""
        if not self.count:
            return
        strict = np.concatenate([archive.strict for archive in self._archives])
        self.columns.done[:] = np.where(strict, meaning.PENDING, meaning.ODD)
        self._prepare()
        self._run()
        for row in np.flatnonzero(self.columns.done == meaning.ODD).tolist():
            self._fill_exactly(row)

    def _prepare(self) -> None:
        """Give the compiled code its working memory and its columns."""
        latest = [latest_plausible(archive.archive.delivered_at) for archive in self._archives]
        slot_count = self._layout.numbers["slot_count"]
        sizes = {**SCAN_SIZES, "slot_at": slot_count, "slot_end": slot_count, "slot_kind": slot_count}
        sizes["next_edge"] = self._layout.numbers["trie_mask"] + 1 + len(self._layout.arrays["element_node"])
        self._held = {
            **self._layout.arrays,
            **{name: np.zeros(size, dtype=np.int64) for name, size in sizes.items()},
            "run_values": np.empty(3 * RUN_VALUES * RUN_BUCKETS * RUN_WAYS, dtype=np.int64),
            "start": self.starts,
            "end": self.ends,
            "limit": self._limits[self.archive_of],
            "latest": np.array(latest, dtype=np.int64)[self.archive_of],
        }
        for name, array in [*self._held.items(), *self.columns._asdict().items()]:
            self._state[name] = address(array)
        for name, number in self._layout.numbers.items():
            self._state[name] = number
        self._state["row_count"], self._state["view_count"] = self.count, len(self._layout.views)
        self._set_kinds(_KINDS_SIZE)
        self._add_room()
        self._add_arena(0)

    def _run(self) -> None:
        """Run the compiled filler; it comes back for more room and for each new kind of event."""
        while True:
            why = call("fill_rows", address(self._state))
            if why == meaning.FINISHED:
                return
            if why == meaning.NEEDS_KIND:
                self._add_kind()
            elif why == meaning.NEEDS_ARENA:
                row = int(self._state["row"][0])
                self._add_arena(int(self.ends[row] - self.starts[row]))
            else:
                self._add_room()

    def _add_room(self) -> None:
        for name, interner in (("interner", self.interner), ("identities", self.identities)):
            interner.grow()
            self._state[name] = address(interner.block)

    def _add_arena(self, record_bytes: int) -> None:
        """Fresh memory for spliced members; places point into the old ones, which stay."""
        arena = np.empty(max(_ARENA_BYTES, 4 * record_bytes + 8192), dtype=np.uint8)
        self._arenas.append(arena)
        self._state["arena"], self._state["arena_size"], self._state["arena_used"] = address(arena), len(arena), 0

    def _set_kinds(self, size: int) -> None:
        """A table of kinds with room for half of ``size``; keeps what the last one held."""
        before = {name: self._held.get(name) for name in ("kind_key", "kind_rule")}
        for name in before:
            self._held[name] = np.zeros(size, dtype=np.int64)
            self._state[name] = address(self._held[name])
        self._state["kind_mask"], self._state["kind_count"] = size - 1, 0
        keys, rules = before["kind_key"], before["kind_rule"]
        if keys is not None and rules is not None:
            for place in np.flatnonzero(keys).tolist():
                call("add_kind", address(self._state), int(keys[place]), int(rules[place]))

    def _add_kind(self) -> None:
        """Find the rule of the event in the pending row and keep it."""
        key = call("pending_kind", address(self._state))
        source, name = (key - 1) >> 32, (key - 1) & 0xFFFFFFFF
        rules = rules_for(self._entry_text(source - 1), self._entry_text(name - 1))
        size = len(self._held["kind_key"])
        if int(self._state["kind_count"][0]) * 2 >= size:
            self._set_kinds(size * 4)
        call("add_kind", address(self._state), key, self._layout.rules[rule_key(rules)])

    def _entry_text(self, entry: int) -> str | None:
        """Text of an interned value; ``None`` for the code of null."""
        if entry < 0:
            return None
        at, meta = int(self.interner.at[entry]), int(self.interner.meta[entry])
        if meta & meaning.IS_ESCAPED:
            return self.decode_entries(np.array([entry]))[0]
        return read_bytes(at, meta >> 2).decode()

    def decode_entries(self, entries: npt.NDArray[np.int64]) -> list[str]:
        """Texts of interned values."""
        places = Places(self.interner.at[entries], self.interner.meta[entries])
        texts: list[str] = places.gather().to_pylist()
        return texts

    def _fill_exactly(self, row: int) -> None:
        archive = int(self.archive_of[row])
        if archive in self.unproved:
            return
        records = self._archives[archive]
        place = row - int(self._first_rows[archive])
        start, end, index = int(records.starts[place]), int(records.ends[place]), int(records.indexes[place])
        ref, raw = records.archive, bytes(records.buffer[start:end])
        if records.prove is not None and not records.prove(raw):
            self.unproved.add(archive)
            return
        try:
            values = flatten_record(raw, key_account_id=ref.key_account_id, latest=latest_plausible(ref.delivered_at))
        except RecordError as error:
            self.bad.append((archive, BadRecord.from_error(error, index, start, end)))
            return
        self.exact[row] = values
        self.columns.time[row] = values["event_time"]
        self.columns.done[row] = meaning.DONE


def _make_columns(rows: int, views: int, identity: int) -> Columns:
    """Columns for ``rows`` rows; what is not used is never touched."""
    return Columns(
        np.zeros(views, dtype=np.int8),
        np.empty((views, rows), dtype=np.int64),
        np.empty((views, rows), dtype=np.int64),
        np.zeros((len(DICTIONARY_COLUMNS), rows), dtype=np.int32),
        np.zeros((len(BOOLEAN_COLUMNS), rows), dtype=np.int8),
        np.zeros(rows, dtype=np.int64),
        np.empty(rows, dtype=np.int64),
        np.zeros(rows, dtype=np.int32),
        np.zeros(rows, dtype=np.int8),
        np.zeros(rows, dtype=np.int8),
        np.empty((identity, rows), dtype=np.int64),
        np.empty((identity, rows), dtype=np.int64),  # each new identity writes all of its own
    )
