"""Arrow tables as Parquet bytes, always written the same way.

What enters: tables of the lake's schemas. What leaves: the bytes of one Parquet file and the statistics that a
Delta add action carries. This module must never write a time, a host or a random name into a file: equal rows give
equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 122_880
"""A multiple of DuckDB's vector, and what its threads share out."""
_WRITE_BATCH_ROWS = 65_536
_COMPRESSED_BYTES, _ZSTD_BYTES = 4 * 1024, 128 * 1024
_DICTIONARY_BYTES = 32 * 1024 * 1024
"""Identities are long: beyond the usual 1 MiB the writer falls back to writing each of them out, row by row."""


@dataclass(frozen=True, slots=True)
class FileAction:
    """One written Parquet file, as a Delta add action needs it; picklable and JSON-able.

    Attributes:
        path: relative to its table's root.
        size: bytes.
        partition: partition column -> value as text.
        rows: number of rows.
        stats: Delta statistics, JSON text.
    """

    path: str
    size: int
    partition: dict[str, str]
    rows: int
    stats: str

    @property
    def first(self) -> str:
        """Smallest value of the measured column, as text: what orders files of a partition."""
        return str(next(iter(json.loads(self.stats).get("minValues", {}).values()), ""))

    def to_json(self) -> dict[str, Any]:
        """The form kept in a plan."""
        return {
            "path": self.path,
            "size": self.size,
            "partition": self.partition,
            "rows": self.rows,
            "stats": self.stats,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> FileAction:
        """Read back what ``to_json`` wrote."""
        return cls(**document)


def encode_parquet(
    table: pa.Table,
    *,
    compression_level: int = 1,
    dictionary_columns: Sequence[str] | bool = True,
    statistics_columns: Sequence[str] | bool = True,
    unrepeated_columns: Sequence[str] = (),
) -> pa.Buffer:
    """Encode a table as one Parquet file: heavy columns by zstd, lighter ones by Snappy, the lightest as they are.

    Args:
        table: the rows, in their final order; dictionary-encoded strings are fine.
        compression_level: zstd level.
        dictionary_columns: columns worth a dictionary, or all.
        statistics_columns: columns worth minima and maxima, or all.
        unrepeated_columns: text columns whose values hardly repeat: lengths apart from bytes encode an eighth faster
            and smaller than each length before its text (Parquet "Encodings", DELTA_LENGTH_BYTE_ARRAY).

    Returns:
        The file's bytes. No Arrow schema is stored inside, so every reader sees plain strings.
    """
    sink = pa.BufferOutputStream()
    codecs = _choose_codecs(table)
    pq.write_table(
        table,
        sink,
        row_group_size=ROW_GROUP_ROWS,
        compression=codecs,
        compression_level={name: compression_level for name, codec in codecs.items() if codec == "zstd"},
        column_encoding=dict.fromkeys(unrepeated_columns, "DELTA_LENGTH_BYTE_ARRAY") or None,
        write_batch_size=_WRITE_BATCH_ROWS,
        dictionary_pagesize_limit=_DICTIONARY_BYTES,
        use_dictionary=dictionary_columns,
        write_statistics=statistics_columns,
        store_schema=False,
    )
    return sink.getvalue()


def _choose_codecs(table: pa.Table) -> dict[str, str]:
    """What compresses each column that is worth it: zstd costs more to set up than it saves where bytes are few.

    Most columns are places in a small dictionary. By Snappy they take an eighth less of an encoder's time, and a
    twentieth more of a file.
    """
    codecs = {}
    for field, column in zip(table.schema, table.columns, strict=True):
        if column.null_count == len(column):
            continue  # as half of them are
        weight = _weigh(column)
        if weight >= _COMPRESSED_BYTES:
            codecs[_leaf(field)] = "snappy" if weight < _ZSTD_BYTES else "zstd"
    return codecs


def _leaf(field: pa.Field) -> str:
    """The path that Parquet gives the values of a column: a list's stand below it."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


def _weigh(column: pa.ChunkedArray) -> int:
    """Bytes of a column's values as they are encoded, about: indices of a dictionary take as few bits as they need."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    dictionaries = [chunk.dictionary for chunk in column.chunks]
    bits = max(len(values).bit_length() for values in dictionaries)
    return int(sum(values.nbytes for values in dictionaries)) + len(column) * bits // 8


def render_stats(table: pa.Table, columns: Sequence[str]) -> str:
    """Delta statistics: the row count, and minimum, maximum and null count of a few columns."""
    low: dict[str, Any] = {}
    high: dict[str, Any] = {}
    nulls: dict[str, int] = {}
    for name in columns:
        column = table.column(name)
        nulls[name] = column.null_count
        if column.null_count < len(column):
            bounds = pc.min_max(column).as_py()
            low[name], high[name] = _plain(bounds["min"]), _plain(bounds["max"])
    document = {"numRecords": table.num_rows, "minValues": low, "maxValues": high, "nullCount": nulls}
    return json.dumps(document, sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value
