"""Filled rows to one Arrow batch of EVENTS, sorted.

What enters: a ``RowFiller`` that has run. What leaves: the batch and each archive's part in it. This module must
never treat a row of the exact path otherwise than one of the compiled path: both end in the same columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.flatten.arrow_arrays import (
    Order,
    Places,
    boolean_array,
    dictionary_array,
    encode_distinct,
    encode_places,
    instant_array,
)
from pipeline.flatten.compiled_path import EXACT_VIEWS, RowFiller
from pipeline.flatten.denials import DENIAL_CODES, denied_columns
from pipeline.flatten.exact import Row
from pipeline.flatten.gather import leading_bytes, write_hex
from pipeline.flatten.hashing import hash_spans
from pipeline.flatten.layout import BOOLEAN_COLUMNS, DICTIONARY_COLUMNS, get_layout
from pipeline.flatten.outcome import ArchiveRecords
from pipeline.flatten.session_ids import session_column
from pipeline.flatten.state import DIGEST_BYTES, DONE
from pipeline.flatten.times import MICROSECONDS, parse_time
from pipeline.schema import EVENTS

_DAY_MICROSECONDS = 86_400_000_000
_EXPIRATION = "issued_expiration_at"
_SECOND_BITS = 22
"""Seconds that one number has room for beside the beginning of an id: 48 days."""


class BatchMaker:
    """Makes the batch: exact rows and denials join the columns, rows are ordered, columns gathered."""

    def __init__(self, filler: RowFiller, archives: Sequence[ArchiveRecords]) -> None:
        self._filler = filler
        self._archives = archives
        self._columns = filler.columns
        self._views = (*get_layout().views, *EXACT_VIEWS)
        self._texts: list[bytes] = []  # text that no buffer holds, until _settle
        self._text_places: list[tuple[int, int, int]] = []  # column, row, length
        self._extra_values: dict[str, list[object]] = {column: [] for column in DICTIONARY_COLUMNS}
        self._extra_codes: dict[str, list[int]] = {column: [] for column in DICTIONARY_COLUMNS}
        self._extra_count = 0
        self._extra_identities: list[Row] = []
        self._kept = np.flatnonzero(self._columns.done == DONE)
        self._entries = filler.interner.by_column(len(DICTIONARY_COLUMNS))

    def make(self) -> pa.RecordBatch:
        """The batch, its columns in the order of EVENTS."""
        for row, values in self._filler.exact.items():
            self._join_exact(row, values)
        self._join_denials()
        arena = self._settle()
        self._order = self._sort()
        self._callers_of = self._columns.identity[self._order]
        made = self._make_columns()
        del arena  # every place has been copied by now
        columns = [made[name] for name in EVENTS.names]
        return pa.RecordBatch.from_arrays(columns, schema=_schema_of(tuple(column.type for column in columns)))

    @property
    def kept(self) -> Order:
        """Rows of the batch, in the order of the records."""
        return self._kept

    def _put_text(self, column: str, row: int, text: str) -> None:
        data = text.encode()
        self._texts.append(data)
        self._text_places.append((self._views.index(column), row, len(data)))

    def _settle(self) -> npt.NDArray[np.uint8]:
        """Give the texts an address; the result must live until the places were gathered."""
        arena = np.frombuffer(b"".join(self._texts) or b"\0", dtype=np.uint8)
        at = arena.ctypes.data
        for column, row, length in self._text_places:
            self._columns.put_place(column, row, at, length * 4 + 1)
            at += length
        return arena

    def _join_exact(self, row: int, values: Row) -> None:
        """Bring a row of the exact path into the columns."""
        subject = values["federated_subject"]
        provider, _, name = (subject or "").partition("|")
        parts = {"federated_provider": provider or None, "federated_name": name or None}
        for column in self._views:
            text = parts[column] if column in parts else values[column]
            if text is not None:
                self._put_text(column, row, text)
        for number, column in enumerate(DICTIONARY_COLUMNS):
            if values[column] is not None:
                self._extra_count += 1
                code = self._filler.interner.count + self._extra_count
                self._columns.code[number, row] = code
                self._extra_values[column].append(values[column])
                self._extra_codes[column].append(code)
        for number, column in enumerate(BOOLEAN_COLUMNS):
            self._columns.boolean[number, row] = _boolean_byte(values[column])
        self._columns.is_omitted[row] = values["is_request_omitted"]
        self._extra_identities.append(values)
        self._columns.identity[row] = self._filler.identities.count + len(self._extra_identities)

    def _join_denials(self) -> None:
        """Fill from a denial's message what its parameters do not say; the exact path has done so for its rows."""
        messages = self._columns.places(self._views.index("error_message"))
        if messages is None:
            return
        rows = self._denied_rows(messages)
        if not len(rows):
            return
        sources = self._columns.code[DICTIONARY_COLUMNS.index("event_source")][rows]
        codes = np.unique(sources)
        names = self._filler.decode_entries(codes[codes > 0].astype(np.int64) - 1)
        source_of = dict(zip(codes[codes > 0].tolist(), names, strict=True))
        for row, source, text in zip(rows.tolist(), sources.tolist(), messages.gather(rows).to_pylist(), strict=True):
            for column, value in denied_columns(source_of.get(source), text).items():
                self._put_denied(column, row, value)

    def _put_denied(self, column: str, row: int, value: str) -> None:
        places = self._columns.places(self._views.index(column))
        if places is None or not places.meta[row]:
            self._put_text(column, row, value)

    def _denied_rows(self, messages: Places) -> Order:
        """Rows of the compiled path whose error is a denial with a message."""
        column = DICTIONARY_COLUMNS.index("error_code")
        entries = self._entries[column]
        texts = self._filler.decode_entries(entries)
        denied = [entry + 1 for entry, text in zip(entries.tolist(), texts, strict=True) if text in DENIAL_CODES]
        return np.flatnonzero(np.isin(self._columns.code[column], denied) & (messages.meta != 0))

    def _sort(self) -> Order:
        """Rows by time, then event id; equal ones stay in the order of their archives."""
        rows = self._kept
        ids = self._columns.places(self._views.index("event_id"))
        if ids is None:
            return rows  # there are none
        at, meta = ids
        exact = np.array([*self._filler.exact], dtype=np.int64)
        self._columns.id_start[exact] = leading_bytes(exact, at, meta)
        ranks, is_tie = rank_rows(self._columns.time[rows], self._columns.id_start[rows].view(np.uint64))
        order = rows[ranks]
        if not len(is_tie):
            return order
        tied = np.unique(np.concatenate([is_tie, is_tie + 1]))
        texts = dict(zip(tied.tolist(), Places(at, meta).gather(order[tied]).to_pylist(), strict=True))
        for run in np.split(is_tie, np.flatnonzero(np.diff(is_tie) > 1) + 1):
            first, end = int(run[0]), int(run[-1]) + 2
            order[first:end] = order[sorted(range(first, end), key=texts.__getitem__)]
        return order

    def _make_columns(self) -> dict[str, pa.Array]:
        made: dict[str, pa.Array] = {}
        for number, column in enumerate(self._views):
            places = self._columns.places(number)
            made[column] = pa.nulls(len(self._order), pa.string()) if places is None else places.gather(self._order)
        for number, column in enumerate(DICTIONARY_COLUMNS):
            made[column] = self._coded(number, column)
        for number, column in enumerate(BOOLEAN_COLUMNS):
            made[column] = boolean_array(self._columns.boolean[number], self._order)
        made |= self._identity_columns()
        made |= self._provenance_columns()
        made |= self._derived_columns(made)
        return made

    def _coded(self, number: int, column: str) -> pa.Array:
        """A column of interned values."""
        interner, entries, extra = self._filler.interner, self._entries[number], self._extra_values[column]
        places = Places(interner.at[entries], interner.meta[entries])
        codes = np.concatenate([entries + 1, np.array(self._extra_codes[column], dtype=np.int64)])
        if column == _EXPIRATION:
            return self._instants(number, codes, [*map(parse_time, places.gather().to_pylist()), *extra])
        dictionary, numbers = encode_places(places, extra)
        local = np.full(interner.count + 1 + self._extra_count, -1, dtype=np.int32)
        local[codes] = numbers
        return dictionary_array(self._columns.code[number], self._order, local, dictionary)

    def _instants(self, number: int, codes: Order, instants: Sequence[object]) -> pa.Array:
        """A column of interned times."""
        by_code = np.zeros(self._filler.interner.count + 1 + self._extra_count, dtype=np.int64)
        is_null = np.ones(len(by_code), dtype=np.bool_)
        for code, instant in zip(codes.tolist(), instants, strict=True):
            if isinstance(instant, int):
                by_code[code], is_null[code] = instant, False
        rows = self._columns.code[number][self._order]
        return instant_array(by_code[rows], is_null[rows])

    def _identity_columns(self) -> dict[str, pa.Array]:
        """Columns of ``userIdentity``: each distinct identity was read once, rows refer to it."""
        identities, extra = self._filler.identities, self._extra_identities
        count, callers = identities.count, self._callers_of.astype(np.int64)
        texts = Places(identities.at[:count], identities.meta[:count])
        made = {"user_identity": self._identity_text("user_identity", texts)}
        for number, (column, kind) in enumerate(get_layout().identity):
            meta = self._columns.identity_meta[number][:count]
            extras = [row[column] for row in extra]
            if kind == "bool":
                values = np.concatenate([[0], meta, [_boolean_byte(value) for value in extras]]).astype(np.int8)
                made[column] = boolean_array(values, callers)
            elif kind == "time":
                pairs = [0 if value is None else value * 2 + 1 for value in extras]
                instants = np.concatenate([[0], meta, pairs]).astype(np.int64)[callers]
                made[column] = instant_array(instants >> 1, instants == 0)
            else:
                places = Places(self._columns.identity_at[number][:count], meta)
                made[column] = self._identity_text(column, places)
        return made

    def _identity_text(self, column: str, places: Places) -> pa.Array:
        dictionary, numbers = encode_places(places, [row[column] for row in self._extra_identities])
        local = np.concatenate([np.array([-1], dtype=np.int32), numbers])
        return dictionary_array(self._callers_of, None, local, dictionary)

    def _provenance_columns(self) -> dict[str, pa.Array]:
        refs = [records.archive for records in self._archives]
        made = {}
        for column, values in (
            ("archive_uri", [ref.uri for ref in refs]),
            ("archive_version", [ref.version for ref in refs]),
            ("archive_sha256", [ref.sha256 for ref in refs]),
        ):
            dictionary, local = encode_distinct(pa.array(values, type=pa.string()))
            made[column] = dictionary_array(self._filler.archive_of, self._order, local, dictionary)
        indexes = np.concatenate([records.indexes for records in self._archives]) if refs else self._order
        made["record_index"] = pa.array(indexes[self._order].astype(np.int32))
        made["record_sha256"] = self._hashes()
        return made

    def _hashes(self) -> pa.Array:
        """SHA-256 of each record's bytes."""
        found, first = [np.empty((0, DIGEST_BYTES), dtype=np.uint8)], 0
        for records in self._archives:
            rows = slice(first, first + len(records.starts))
            made = records.digests
            found.append(hash_spans(self._filler.starts[rows], self._filler.ends[rows]) if made is None else made)
            first = rows.stop
        text = write_hex(self._order, np.concatenate(found))
        offsets = np.arange(len(self._order) + 1, dtype=np.int32) * (2 * DIGEST_BYTES)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
        return pa.Array.from_buffers(pa.string(), len(self._order), buffers, 0)

    def _flags(self) -> pa.Array:
        """Lists of flags, nearly all of them empty."""
        counts = np.zeros(self._filler.count, dtype=np.int32)
        for row, values in self._filler.exact.items():
            counts[row] = len(values["parse_flags"])
        ordered = counts[self._order]
        rows = self._order[ordered > 0].tolist()
        words = [word for row in rows for word in self._filler.exact[row]["parse_flags"]]
        offsets = np.concatenate([[0], np.cumsum(ordered)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(words, type=pa.string()))

    def _derived_columns(self, made: dict[str, pa.Array]) -> dict[str, pa.Array]:
        times = self._columns.time[self._order]
        errors = made["error_code"]
        denied = [code in DENIAL_CODES for code in errors.dictionary.to_pylist()]
        by_error = np.array([*denied, False])
        is_denied = by_error[errors.indices.fill_null(len(denied)).to_numpy(zero_copy_only=False)]
        return {
            "event_time": instant_array(times),
            "event_date": pa.array((times // _DAY_MICROSECONDS).astype(np.int32)).view(pa.date32()),
            "is_request_omitted": pa.array(self._columns.is_omitted[self._order] != 0),
            "is_denied": pa.array(is_denied),
            "parse_flags": self._flags(),
            "federated_subject": _join_subject(made["federated_provider"], made["federated_name"]),
            "session_id": session_column(made, self._callers()),
        }

    def _callers(self) -> Order:
        """A number for each row's identity and account together."""
        accounts = self._columns.code[DICTIONARY_COLUMNS.index("recipient_account_id")][self._order]
        numbers: Order = self._callers_of * (np.int64(accounts.max(initial=0)) + 1) + accounts
        return numbers


@lru_cache(maxsize=64)
def _schema_of(kinds: tuple[pa.DataType, ...]) -> pa.Schema:
    """EVENTS with the types that a batch's columns have: nearly always the same ones."""
    return pa.schema(
        [pa.field(field.name, kind, field.nullable, field.metadata) for field, kind in zip(EVENTS, kinds, strict=True)]
    )


def rank_rows(times: npt.NDArray[np.int64], keys: npt.NDArray[np.uint64]) -> tuple[Order, Order]:
    """Order rows by time and the beginning of their event ids.

    Args:
        times: microseconds.
        keys: first eight bytes of each id, big-endian.

    Returns:
        Positions in order, equal ones as they were given; and the places in that order after which a row follows that
        may be equal: only the whole ids decide.
    """
    if not len(times):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    seconds, fractions = np.divmod(times - times.min(), MICROSECONDS)
    if fractions.any() or int(seconds.max()) >= 1 << _SECOND_BITS:
        ranks = np.lexsort((keys, times))
        is_equal = (times[ranks][1:] == times[ranks][:-1]) & (keys[ranks][1:] == keys[ranks][:-1])
    else:
        # One number for both, and archives are runs of it: a merge of those takes an eighth of the time.
        joined = (seconds.astype(np.uint64) << np.uint64(64 - _SECOND_BITS)) | (keys >> np.uint64(_SECOND_BITS))
        ranks = np.argsort(joined, kind="stable")
        is_equal = joined[ranks][1:] == joined[ranks][:-1]
    return ranks, np.flatnonzero(is_equal)


def _boolean_byte(value: object) -> int:
    return 0 if value is None else 1 + bool(value)


def _join_subject(providers: pa.Array, names: pa.Array) -> pa.Array:
    """``provider|name``; null without a name."""
    if names.null_count == len(names):
        return names  # in nearly every batch
    import pyarrow.compute as pc

    filled = np.flatnonzero(names.is_valid().to_numpy(zero_copy_only=False))  # few: the others need no copy
    joined = pc.binary_join_element_wise(pc.fill_null(providers.take(filled), ""), names.take(filled), "|")
    places = np.zeros(len(names), dtype=np.int32)
    places[filled] = np.arange(len(filled))
    return joined.take(pa.array(places, mask=names.is_null().to_numpy(zero_copy_only=False)))
