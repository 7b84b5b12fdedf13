"""Housekeeping: many small files of a partition become few sorted ones; old versions stay readable.

What enters: a lake. What leaves: the same rows in fewer files, and how many. This module must never lose or double a
row while runs commit: a merge is one commit that removes exactly the files it read, numbered by the application
``compact``, so that two compactions can never both replace the same file (delta-rs lets both pass otherwise: tried).
Ingest only ever adds files, so neither disturbs the other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import CommitConflictError
from pipeline.lake.event_files import DICTIONARY_COLUMNS, encode_event_file, sort_events
from pipeline.lake.layout import ARCHIVES, EVENTS, QUARANTINE, LakeLocation
from pipeline.lake.parquet import FileAction, encode_parquet, render_stats
from pipeline.lake.tables import COMPACT, advance, list_files, load_table, make_remove, read_number

TARGET_BYTES = 64 * 1024 * 1024
TARGET_ROWS = 400_000
"""A file's rows are sorted in memory: this many take about half a gigabyte."""

_ORDER = {
    ARCHIVES: ["batch_number", "batch_position"],
    QUARANTINE: ["batch_number", "archive_key", "archive_uri", "byte_offset"],
}


@dataclass(frozen=True, slots=True)
class CompactionResult:
    """What one compaction of one table did.

    Attributes:
        table: the table.
        files_before: its files when the compaction looked.
        files_after: its files afterwards, those of other runs' commits included.
        merged_count: small files that were merged.
        written_count: files that replace them.
        rows: rows that moved.
    """

    table: str
    files_before: int
    files_after: int
    merged_count: int
    written_count: int
    rows: int


def compact_table(
    location: LakeLocation,
    name: str,
    *,
    target_bytes: int = TARGET_BYTES,
    target_rows: int = TARGET_ROWS,
    on_merge: Callable[[int], None] = lambda files: None,
) -> CompactionResult:
    """Merge the small files of ``events``, ``archives`` or ``quarantine``.

    Args:
        location: the lake.
        name: the table.
        target_bytes: files are merged up to this size; larger ones stay.
        target_rows: the same in rows.
        on_merge: told how many files each commit merged.

    Returns:
        What was done; nothing where every partition has at most one small file.

    Raises:
        LakeError: the lake could not be read or written; it stays readable at its last version.
    """
    files = list_files(load_table(location, name))
    merged = written = rows = 0
    for group in plan_merges(files, target_bytes=target_bytes, target_rows=target_rows):
        new = _merge(location, name, group)
        if _replace(location, name, group, new):
            merged, written, rows = merged + len(group), written + 1, rows + new.rows
            on_merge(len(group))
    after = len(list_files(load_table(location, name))) if merged else len(files)
    return CompactionResult(name, len(files), after, merged, written, rows)


def plan_merges(files: Sequence[FileAction], *, target_bytes: int, target_rows: int) -> Iterator[list[FileAction]]:
    """Group a table's small files, partition by partition: oldest events first, so that merged files overlap little."""
    partitions: dict[str, list[FileAction]] = {}
    for item in files:
        if item.size < target_bytes // 2 and item.rows < target_rows // 2:
            partitions.setdefault(json.dumps(item.partition, sort_keys=True), []).append(item)
    for _, small in sorted(partitions.items()):
        group: list[FileAction] = []
        for item in sorted(small, key=lambda item: (item.first, item.path)):
            size = sum(member.size for member in group) + item.size
            rows = sum(member.rows for member in group) + item.rows
            if group and (size > target_bytes or rows > target_rows):
                if len(group) > 1:
                    yield group
                group = []
            group.append(item)
        if len(group) > 1:
            yield group


def _merge(location: LakeLocation, name: str, group: Sequence[FileAction]) -> FileAction:
    filesystem = location.open_filesystem()
    words = DICTIONARY_COLUMNS if name == EVENTS else None
    tables = [
        pq.read_table(f"{name}/{item.path}", filesystem=filesystem, partitioning=None, read_dictionary=words)
        for item in group
    ]
    rows = pa.concat_tables(tables, promote_options="permissive")
    del tables
    if name == EVENTS:
        rows = sort_events(rows)
        data, measured = encode_event_file(rows), ["event_time"]
    else:
        rows = rows.sort_by([(column, "ascending") for column in _ORDER[name]])
        data, measured = encode_parquet(rows), ["batch_number"]
    partition = group[0].partition
    folder = "".join(f"{column}={value}/" for column, value in partition.items())
    path = f"{folder}compact-{hashlib.sha256(data).hexdigest()[:32]}.parquet"
    location.write_file(f"{name}/{path}", data)
    return FileAction(path, data.size, partition, rows.num_rows, render_stats(rows, measured))


def _replace(location: LakeLocation, name: str, group: Sequence[FileAction], new: FileAction) -> bool:
    """Swap files in one commit; false where another compaction took one of them first."""
    if new.rows != sum(item.rows for item in group):
        raise AssertionError(f"{name}: {len(group)} files merged into {new.rows} rows")
    while True:
        table = load_table(location, name)
        visible = {item.path for item in list_files(table)}
        if not all(item.path in visible for item in group):
            return False
        removed = [make_remove(item.path, item.size, item.partition) for item in group]
        try:
            advance(
                table,
                read_number(table, COMPACT) + 1,
                [new],
                application=COMPACT,
                removed=removed,
                is_data_change=False,
            )
        except CommitConflictError:
            continue
        return True
