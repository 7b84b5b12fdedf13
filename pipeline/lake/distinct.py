"""How many of a run's events are new: exact, one event date at a time.

What enters: files of this run and files that were there before, of one event date. What leaves: one number. This
module must never hold more than one slice of a date's keys: a date larger than that is counted in several passes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake.layout import EVENTS, LakeLocation

PASS_ROWS = 1_000_000
_KEY = ["recipient_account_id", "event_id"]


def count_new_events(
    location: LakeLocation, added: Sequence[str], earlier: Sequence[str], *, rows: int, pass_rows: int = PASS_ROWS
) -> int:
    """Count the (recipient_account_id, event_id) pairs that appear in new files and in no earlier one.

    Args:
        location: the lake.
        added: paths, relative to ``events``, of the files of one event date that a run wrote.
        earlier: paths of the files that the date had before the run.
        rows: rows of all these files together; decides the number of passes.
        pass_rows: keys to hold at once.

    Returns:
        Distinct new events of that date.
    """
    passes = max(1, -(-rows // pass_rows))
    return sum(_count_slice(location, added, earlier, number, passes) for number in range(passes))


def _count_slice(location: LakeLocation, added: Sequence[str], earlier: Sequence[str], number: int, passes: int) -> int:
    fresh = _read_keys(location, added, number, passes).group_by(_KEY, use_threads=False).aggregate([])
    if earlier and fresh.num_rows:
        keys = _read_keys(location, earlier, number, passes)
        fresh = fresh.join(keys, keys=_KEY, join_type="left anti", use_threads=False)
    return int(fresh.num_rows)


def _read_keys(location: LakeLocation, paths: Sequence[str], number: int, passes: int) -> pa.Table:
    filesystem = location.open_filesystem()
    tables = []
    for path in paths:
        with pq.ParquetFile(f"{EVENTS}/{path}", filesystem=filesystem) as file:
            table = file.read(columns=_KEY, use_threads=False)
        tables.append(table if passes == 1 else table.filter(pa.array(_slice_numbers(table, passes) == number)))
    return pa.concat_tables(tables)


def _slice_numbers(table: pa.Table, passes: int) -> npt.NDArray[np.int64]:
    """A slice for each row, by its event id's bytes: every copy of an event falls into the same one."""
    if table.num_rows == 0:
        return np.empty(0, dtype=np.int64)
    ids = pa.concat_arrays(table.column("event_id").chunks)
    _, offsets, data = ids.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32, count=len(ids) + 1, offset=4 * ids.offset).astype(np.int64)
    sums = np.concatenate([[0], np.cumsum(np.frombuffer(data, dtype=np.uint8), dtype=np.int64)])
    slices: npt.NDArray[np.int64] = (sums[ends[1:]] - sums[ends[:-1]]) % passes
    return slices
