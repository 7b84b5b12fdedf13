"""One consistent reading of the lake: the files of one version of each table.

What enters: a lake's location. What leaves: file URIs for DuckDB's ``read_parquet`` on disk, and pyarrow datasets for
S3 and for sandboxed queries. This module must never list a folder: files that no version names stay invisible.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.fs
from deltalake import DeltaTable

from pipeline.lake.layout import ARCHIVES, EVENTS, QUARANTINE, LakeLocation
from pipeline.lake.tables import list_files, load_table, read_number
from pipeline.schema import ARCHIVES as ARCHIVES_SCHEMA
from pipeline.schema import EVENTS as EVENTS_SCHEMA
from pipeline.schema import QUARANTINE as QUARANTINE_SCHEMA

_SCHEMAS = {EVENTS: EVENTS_SCHEMA, ARCHIVES: ARCHIVES_SCHEMA, QUARANTINE: QUARANTINE_SCHEMA}


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One Parquet file of a snapshot.

    Attributes:
        uri: absolute path on disk, or ``s3://`` URI.
        path: relative to the table's root.
        event_date: its partition; ``None`` outside ``events``.
        rows: number of rows.
        size: bytes.
    """

    uri: str
    path: str
    event_date: date | None
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class LakeSnapshot:
    """The lake at one moment; it stays readable while runs commit and files are compacted.

    Attributes:
        version: Delta version of ``events``.
        batch_number: the newest batch that the events include.
        events, archives, quarantine: files of each table, ordered by path.
    """

    location: LakeLocation
    version: int
    batch_number: int
    events: tuple[SnapshotFile, ...]
    archives: tuple[SnapshotFile, ...]
    quarantine: tuple[SnapshotFile, ...]
    _tables: dict[str, DeltaTable] = field(repr=False)

    @property
    def event_uris(self) -> list[str]:
        """Files of ``events``; the date of each is in its path (``hive_partitioning``)."""
        return [item.uri for item in self.events]

    @property
    def dates(self) -> list[date]:
        """Event dates that have rows, sorted."""
        return sorted({item.event_date for item in self.events if item.event_date is not None})

    def select_dates(self, dates: set[date]) -> list[str]:
        """Files of ``events`` for some dates."""
        return [item.uri for item in self.events if item.event_date in dates]

    def open_dataset(self, table: str) -> pads.Dataset:
        """A pyarrow dataset over ``events``, ``archives`` or ``quarantine``, partition column included."""
        return open_table_dataset(self.location, table, self._tables[table], _SCHEMAS[table])


def take_snapshot(location: LakeLocation) -> LakeSnapshot:
    """Load the three tables, ``events`` first: its ledger rows are there, or a run is about to add them."""
    tables = {name: load_table(location, name) for name in _SCHEMAS}
    files = {name: describe_files(location, name, table) for name, table in tables.items()}
    events = tables[EVENTS]
    return LakeSnapshot(
        location=location,
        version=events.version(),
        batch_number=read_number(events),
        events=files[EVENTS],
        archives=files[ARCHIVES],
        quarantine=files[QUARANTINE],
        _tables=tables,
    )


def open_table_dataset(location: LakeLocation, name: str, table: DeltaTable, schema: pa.Schema | None) -> pads.Dataset:
    """A pyarrow dataset over a loaded table's files, pruned by event date and by each file's own statistics.

    Not deltalake's ``to_pyarrow_dataset``: for a column without statistics in the log it promises values ``>= null``,
    and a filter on that column then finds nothing (deltalake 1.6.6). On disk the file system is Arrow's own, too: a
    scan that a LIMIT abandons must not wait for Python while the interpreter ends.

    Args:
        location: the lake.
        name: the table's folder in it.
        table: the loaded version.
        schema: the table's Arrow schema; ``None`` takes it from the Delta log.
    """
    root = location.open_filesystem()
    files = list_files(table)
    known = pa.schema(table.schema().to_arrow()) if schema is None else schema
    whole = pads.scalar(True)
    days = [item.partition.get("event_date") for item in files]
    return pads.FileSystemDataset.from_paths(
        [f"{name}/{item.path}" for item in files],
        schema=pa.schema([column.remove_metadata() for column in known]),
        format=pads.ParquetFileFormat(),
        filesystem=root,
        partitions=[whole if day is None else pads.field("event_date") == date.fromisoformat(day) for day in days],
    )


def describe_files(location: LakeLocation, name: str, table: DeltaTable) -> tuple[SnapshotFile, ...]:
    """Files of a loaded table, ordered by path."""
    described = []
    for item in list_files(table):
        day = item.partition.get("event_date")
        event_date = date.fromisoformat(day) if day else None
        described.append(SnapshotFile(location.join(name, item.path), item.path, event_date, item.rows, item.size))
    return tuple(described)
