"""How many of a run's events are new: exact, one event date at a time.

What enters: files of this run and files that were there before, of one event date. What leaves: one number. This
module must never hold more than one slice of a date's keys: a date larger than that is counted in several passes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.lake.layout import EVENTS, LakeLocation
from pipeline.lake.parquet import FileAction

PASS_ROWS = 4_000_000
_KEY = ["recipient_account_id", "event_id"]


def count_new_events(location: LakeLocation, added: Sequence[FileAction], earlier: Sequence[str]) -> int:
    """Count the (recipient_account_id, event_id) pairs that appear in new files and in no earlier one.

    Args:
        location: the lake.
        added: files of one event date that a run wrote.
        earlier: paths, relative to ``events``, of the files that the date had before the run.

    Returns:
        Distinct new events of that date.
    """
    total = sum(item.rows for item in added)
    passes = max(1, -(-total // PASS_ROWS))
    return sum(_count_slice(location, added, earlier, number, passes) for number in range(passes))


def _count_slice(
    location: LakeLocation, added: Sequence[FileAction], earlier: Sequence[str], number: int, passes: int
) -> int:
    fresh = _distinct(_read_keys(location, [item.path for item in added], number, passes))
    if not earlier or fresh.num_rows == 0:
        return int(fresh.num_rows)
    for keys in _read_keys(location, earlier, number, passes):
        fresh = fresh.join(keys, keys=_KEY, join_type="left anti", use_threads=False)
    return int(fresh.num_rows)


def _distinct(tables: Iterator[pa.Table]) -> pa.Table:
    found = pa.concat_tables(list(tables))
    return found.group_by(_KEY, use_threads=False).aggregate([])


def _read_keys(location: LakeLocation, paths: Sequence[str], number: int, passes: int) -> Iterator[pa.Table]:
    filesystem = location.open_filesystem()
    for path in paths:
        table = pq.read_table(f"{EVENTS}/{path}", columns=_KEY, filesystem=filesystem, partitioning=None)
        yield table if passes == 1 else table.filter(pa.array(_slice_numbers(table, passes) == number))


def _slice_numbers(table: pa.Table, passes: int) -> npt.NDArray[np.int64]:
    """A stable slice for each event id: every copy of an event falls into the same one."""
    encoded = pc.dictionary_encode(table.column("event_id")).combine_chunks()
    numbers = [
        int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest()) % passes
        for value in encoded.dictionary.to_pylist()
    ]
    chosen: npt.NDArray[np.int64] = np.asarray(numbers, dtype=np.int64)[encoded.indices.to_numpy()]
    return chosen
