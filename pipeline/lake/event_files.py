"""Events as Parquet files, one per event date, written by workers before anything is committed.

What enters: rows of schema EVENTS and a name that depends only on what was read. What leaves: files under
``events/event_date=.../`` and one ``FileAction`` each. A file is invisible until a commit names it; this module must
never commit, and the same rows must give the same names and bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.lake.layout import EVENTS as EVENTS_FOLDER
from pipeline.lake.layout import LakeLocation
from pipeline.lake.parquet import FileAction, encode_parquet, render_stats
from pipeline.schema import EVENTS

_UNREPEATED = {
    "event_id",
    "request_id",
    "shared_event_id",
    "record_sha256",
    "request_parameters",
    "response_elements",
    "raw_record",
    "unknown_members",
}
DICTIONARY_COLUMNS = [
    field.name for field in EVENTS if pa.types.is_string(field.type) and field.name not in _UNREPEATED
]
"""Columns whose values repeat: identities, names, places."""
_LENGTHS_APART = ["event_id", "request_id", "record_sha256", "request_parameters"]
_STATISTICS_COLUMNS = ["event_time", "event_id", "recipient_account_id", "event_name", "event_source", "archive_uri"]
_FILE_FIELDS = [field for field in EVENTS if field.name != "event_date"]
_FILE_COLUMNS = [field.name for field in _FILE_FIELDS]
_REQUIRED_COLUMNS = [field.name for field in _FILE_FIELDS if not field.nullable]
_EPOCH = date(1970, 1, 1)
_FEW_ROWS = 1_000


def write_event_file(
    rows: pa.Table, event_date: date, location: LakeLocation, *, file_stem: str, compression_level: int = 1
) -> FileAction:
    """Write one event date's rows.

    Args:
        rows: schema EVENTS, ordered as ``sort_events`` does, of one date; strings may be dictionary-encoded.
        event_date: their date.
        location: the lake.
        file_stem: name of the file, derived from what was read: never a random one.
        compression_level: zstd level.

    Raises:
        LakeError: the disk is full, or the store refused.
    """
    data = encode_event_file(rows, compression_level=compression_level)
    return store_event_file(data, rows, event_date, location, file_stem=file_stem)


def store_event_file(
    data: pa.Buffer, rows: pa.Table, event_date: date, location: LakeLocation, *, file_stem: str
) -> FileAction:
    """Put encoded rows of one event date in their place.

    Raises:
        LakeError: the disk is full, or the store refused.
    """
    day = event_date.isoformat()
    path = f"event_date={day}/{file_stem}.parquet"
    location.write_file(f"{EVENTS_FOLDER}/{path}", data)
    return FileAction(path, data.size, {"event_date": day}, rows.num_rows, render_stats(rows, ["event_time"]))


def sort_events(table: pa.Table) -> pa.Table:
    """Rows ordered by (event_time, event_id); rows that tie keep the order they came in."""
    if is_sorted(table):
        return table
    order = pc.sort_indices(
        table.select(["event_time", "event_id"]), sort_keys=[("event_time", "ascending"), ("event_id", "ascending")]
    )
    return table.unify_dictionaries().combine_chunks().take(order)


def is_sorted(table: pa.Table) -> bool:
    """Whether rows are ordered by (event_time, event_id): looking costs a tenth of sorting."""
    if table.num_rows < 2:
        return True
    times = pc.cast(table.column("event_time"), pa.int64()).to_numpy()
    if bool((times[1:] < times[:-1]).any()):
        return False
    ids = table.column("event_id")
    is_later = pc.less_equal(ids.slice(0, len(ids) - 1), ids.slice(1)).to_numpy()
    return bool((is_later | (times[1:] > times[:-1])).all())


def split_by_date(table: pa.Table) -> Iterator[tuple[date, pa.Table]]:
    """Cut rows that are ordered by time into one slice per event date."""
    if table.num_rows == 0:
        return
    days = pc.cast(table.column("event_date"), pa.int32()).to_numpy()
    edges = [0, *(np.flatnonzero(days[1:] != days[:-1]) + 1).tolist(), len(days)]
    for start, end in pairwise(edges):
        rows = table.slice(start, end - start)
        # A dictionary is written whole: a few rows of another day must not carry the values of all.
        if are_few(rows, table.num_rows):
            rows = _decode(rows)
        elif 2 * rows.num_rows <= table.num_rows:
            rows = _compact(rows)
        yield _EPOCH + timedelta(days=int(days[start])), rows


def are_few(rows: pa.Table, chunk_rows: int) -> bool:
    """Whether a date's rows are few, and not most of those they were cut from: each value then stands beside them."""
    return bool(rows.num_rows <= _FEW_ROWS and 2 * rows.num_rows <= chunk_rows)


def encode_event_file(rows: pa.Table, *, compression_level: int = 1) -> pa.Buffer:
    """Encode one event date's rows; the date itself stands in the path, as Delta partitions do."""
    return encode_parquet(
        _fit_columns(rows),
        compression_level=compression_level,
        dictionary_columns=[*DICTIONARY_COLUMNS, "parse_flags.list.element"],
        statistics_columns=_STATISTICS_COLUMNS,
        unrepeated_columns=_LENGTHS_APART,
    )


def _fit_columns(rows: pa.Table) -> pa.Table:
    """The columns of EVENTS but the partition, required where the schema says so: every file has one schema."""
    rows = rows.select(_FILE_COLUMNS)
    for name in _REQUIRED_COLUMNS:
        if rows.column(name).null_count:
            raise AssertionError(f"{rows.column(name).null_count} rows without {name}")
    fields = [
        field if wanted.nullable else field.with_nullable(False)
        for field, wanted in zip(rows.schema, _FILE_FIELDS, strict=True)
    ]
    return pa.Table.from_arrays(rows.columns, schema=pa.schema(fields))


def _decode(rows: pa.Table) -> pa.Table:
    """A few rows with each value beside them: the encoder makes a dictionary sooner than one is cut to size."""
    columns = [
        column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column for column in rows.itercolumns()
    ]
    return pa.table(columns, names=rows.column_names)


def _compact(table: pa.Table) -> pa.Table:
    """Dictionaries of only the values that the rows hold, where those would weigh anything.

    A dictionary of up to a byte a row stays whole: finding out what the rows use of it would cost more than writing it.
    """
    for index, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            chunks = table.column(index).chunks
            if any(chunk.dictionary.nbytes > len(chunk) for chunk in chunks):
                made = [_compact_dictionary(chunk) for chunk in chunks]
                table = table.set_column(index, field, pa.chunked_array(made, field.type))
    return table


def _compact_dictionary(column: pa.DictionaryArray) -> pa.DictionaryArray:
    indices = column.indices
    positions = indices.fill_null(0).to_numpy()
    is_used = np.zeros(max(1, len(column.dictionary)), dtype=np.bool_)
    is_used[positions] = True
    used = np.flatnonzero(is_used[: len(column.dictionary)])
    moved = np.cumsum(is_used, dtype=np.int32) - 1
    mask = indices.is_null().to_numpy(zero_copy_only=False) if indices.null_count else None
    return pa.DictionaryArray.from_arrays(pa.array(moved[positions], mask=mask), column.dictionary.take(pa.array(used)))
