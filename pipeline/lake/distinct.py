"""How many of a run's events are new: exact, one event date at a time.

What enters: the keys that a run kept, and event files that were there before, of one event date. What leaves: one
number. This module must never hold more than one slice of a date's keys: a date larger than that is counted in several
passes.

Keys are told apart by a hash of some of their bytes; only those whose hash is not alone are compared as they are. A
hash that somebody provokes to collide costs time, never the count.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake.event_keys import KEY, encode_accounts, read_keys
from pipeline.lake.layout import EVENTS, LakeLocation

PASS_ROWS = 1_000_000
_WORD = 8
_MIX, _FOLD = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)
_TABLE_SIZE = 1 << 20
_TABLE_MASK = np.uint64(_TABLE_SIZE - 1)

Hashes = npt.NDArray[np.uint64]


class _Keys(NamedTuple):
    """Rows of ``KEY`` and a hash of each."""

    table: pa.Table
    hashes: Hashes

    def filter(self, mask: npt.NDArray[np.bool_]) -> pa.Table:
        """The rows of a mask, with accounts as text: files differ in their dictionaries."""
        rows = self.table.filter(pa.array(mask)) if mask.any() else self.table.slice(0, 0)
        return rows.cast(pa.schema([(name, pa.string()) for name in KEY]))


def count_new_events(
    location: LakeLocation, added: Sequence[str], earlier: Sequence[str], *, rows: int, pass_rows: int = PASS_ROWS
) -> int:
    """Count the (recipient_account_id, event_id) pairs that appear in new files and in no earlier one.

    Args:
        location: the lake.
        added: paths of the keys of one event date that a run kept (``write_keys``).
        earlier: paths, relative to ``events``, of the files that the date had before the run.
        rows: rows of all these files together; decides the number of passes.
        pass_rows: keys to hold at once.

    Returns:
        Distinct new events of that date.
    """
    passes = max(1, -(-rows // pass_rows))
    return sum(_count_slice(location, added, earlier, number, passes) for number in range(passes))


def _count_slice(location: LakeLocation, added: Sequence[str], earlier: Sequence[str], number: int, passes: int) -> int:
    fresh = _slice_keys(added, read_keys, number, passes)
    known = _slice_keys(earlier, partial(_read_event_file, location), number, passes)
    is_doubtful = _is_repeated(fresh.hashes) | _is_among(fresh.hashes, known.hashes)
    doubtful = fresh.filter(is_doubtful).group_by(KEY, use_threads=False).aggregate([])
    if doubtful.num_rows and known.table.num_rows:
        suspects = known.filter(_is_among(known.hashes, fresh.hashes[is_doubtful]))
        doubtful = doubtful.join(suspects, keys=KEY, join_type="left anti", use_threads=False)
    return int(np.count_nonzero(~is_doubtful)) + int(doubtful.num_rows)


def _slice_keys(paths: Sequence[str], read: Callable[[str], pa.Table], number: int, passes: int) -> _Keys:
    tables, hashes = [], []
    for path in paths:
        table = read(path)
        made = _hash_keys(table)
        if passes > 1:
            is_here = made % np.uint64(passes) == number
            table, made = table.filter(pa.array(is_here)), made[is_here]
        tables.append(table)
        hashes.append(made)
    if not tables:
        none = pa.array([], pa.string())
        return _Keys(pa.table([none, none], names=KEY), np.empty(0, dtype=np.uint64))
    return _Keys(pa.concat_tables(tables), np.concatenate(hashes))


def _read_event_file(location: LakeLocation, path: str) -> pa.Table:
    # Few accounts: read as the dictionary that they are in the file.
    with pq.ParquetFile(f"{EVENTS}/{path}", filesystem=location.open_filesystem(), read_dictionary=KEY[:1]) as file:
        return encode_accounts(file.read(columns=KEY, use_threads=False))


def _hash_keys(table: pa.Table) -> Hashes:
    """A hash of each row's key: the same for the same key, whatever file it is in."""
    if table.num_rows == 0:
        return np.empty(0, dtype=np.uint64)
    accounts = table.column("recipient_account_id").unify_dictionaries().combine_chunks()
    salts = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") for text in _texts(accounts)]
    hashes: Hashes = np.array(salts, dtype=np.uint64)[accounts.indices.to_numpy()]
    for words in _read_words(table.column("event_id").combine_chunks()):
        hashes = (hashes ^ words) * _MIX
        hashes ^= hashes >> _FOLD
    return hashes


def _read_words(texts: pa.Array) -> Iterator[Hashes]:
    """The first and the last eight bytes of each text, and its length: of a UUID they hold 64 random bits."""
    _, offsets, data = texts.buffers()
    edges = np.frombuffer(offsets, dtype=np.int32, count=len(texts) + 1, offset=4 * texts.offset).astype(np.int64)
    starts, lengths = edges[:-1], np.diff(edges)
    shortest, longest = int(lengths.min()), int(lengths.max())
    if shortest == longest >= _WORD:  # as good as always: UUIDs, one behind the other
        for at in (int(starts[0]), int(starts[0]) + longest - _WORD):
            yield np.ndarray(len(texts), dtype="<u8", buffer=data, offset=at, strides=(longest,)).astype(np.uint64)
        yield lengths.astype(np.uint64)
        return
    text = np.frombuffer(bytes(data or b"") + bytes(_WORD), dtype=np.uint8)
    words = np.ndarray((len(text) - _WORD + 1,), dtype="<u8", buffer=text, strides=(1,))
    last = np.maximum(lengths - _WORD, 0)
    # The bytes beyond an id that is shorter than a word belong to its neighbour.
    masks = np.uint64(2**64 - 1) >> (_WORD * np.maximum(_WORD - lengths, 0)).clip(0, 63).astype(np.uint64)
    masks[lengths == 0] = 0
    for places in (starts, starts + last):
        yield words[places] & masks
    yield lengths.astype(np.uint64)


def _texts(encoded: pa.DictionaryArray) -> list[str]:
    found: list[str] = encoded.dictionary.to_pylist()
    return found


def _is_repeated(hashes: Hashes) -> npt.NDArray[np.bool_]:
    """Whether another row has the same hash."""
    ordered = np.sort(hashes)
    return _is_among(hashes, np.unique(ordered[1:][ordered[1:] == ordered[:-1]]))


def _is_among(hashes: Hashes, others: Hashes) -> npt.NDArray[np.bool_]:
    """Which of ``hashes`` are among ``others``: nearly none, which a table of their low bits tells at once."""
    is_among = np.zeros(len(hashes), dtype=np.bool_)
    if len(others):
        is_marked = np.zeros(_TABLE_SIZE, dtype=np.bool_)
        is_marked[others & _TABLE_MASK] = True
        places = np.flatnonzero(is_marked[hashes & _TABLE_MASK])
        is_among[places] = np.isin(hashes[places], others)
    return is_among
