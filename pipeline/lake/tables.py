"""The Delta tables of a lake: creating, loading, and committing to them with compare-and-swap.

What enters: file actions and a transaction number. What leaves: loaded tables and committed versions. This module
must never retry a lost race: the loser is told and starts again from the new version.

One application id, ``ingest``, numbers the batches on every table. delta-rs refuses a commit whose table object was
loaded before another commit of the same application id, and accepts a later one with any number; so ``advance``
checks the number on the very object that it commits with.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field, PostCommitHookProperties, Schema, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from pipeline.errors import CommitConflictError, LakeError
from pipeline.lake.layout import ARCHIVES, EVENTS, PLANS, QUARANTINE, LakeLocation
from pipeline.lake.parquet import FileAction
from pipeline.schema import ARCHIVES as ARCHIVES_SCHEMA
from pipeline.schema import EVENTS as EVENTS_SCHEMA
from pipeline.schema import QUARANTINE as QUARANTINE_SCHEMA

INGEST = "ingest"
COMPACT = "compact"
PLANS_SCHEMA = pa.schema([pa.field("number", pa.int64())])

# Old versions stay readable for ten years: evidence outlives the default month.
RETENTION = {
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.deletedFileRetentionDuration": "interval 3650 days",
}
_TABLES: dict[str, tuple[pa.Schema, list[str], dict[str, str]]] = {
    EVENTS: (EVENTS_SCHEMA, ["event_date"], {"delta.dataSkippingStatsColumns": "event_time"}),
    ARCHIVES: (ARCHIVES_SCHEMA, [], {}),
    QUARANTINE: (QUARANTINE_SCHEMA, [], {}),
    PLANS: (PLANS_SCHEMA, [], {}),
}


def create_tables(location: LakeLocation) -> None:
    """Create the tables of a new lake, all at once; those that are there already stay as they are.

    Raises:
        LakeError: one could not be written.
    """
    with ThreadPoolExecutor(len(_TABLES), thread_name_prefix="create") as pool:
        list(pool.map(partial(_create_table, location), _TABLES))


def _create_table(location: LakeLocation, name: str) -> None:
    schema, partitions, configuration = _TABLES[name]
    try:
        DeltaTable.create(
            location.join(name),
            delta_schema(schema),
            mode="ignore",
            partition_by=partitions,
            configuration={**RETENTION, **configuration},
            storage_options=dict(location.storage) or None,
        )
    except CommitFailedError:
        load_table(location, name)  # another run created it between our look and our commit
    except (DeltaError, OSError) as error:
        raise LakeError(f"cannot create {location.join(name)}: {error}") from error


def delta_schema(schema: pa.Schema) -> Schema:
    """Delta schema of an Arrow schema; each column's sentence becomes its comment."""
    fields = []
    for column, plain in zip(schema, Schema.from_arrow(schema.remove_metadata()).fields, strict=True):
        doc = (column.metadata or {}).get(b"doc")
        metadata = {"comment": doc.decode()} if doc else None
        fields.append(Field(plain.name, plain.type, nullable=plain.nullable, metadata=metadata))
    return Schema(fields)


def load_table(location: LakeLocation, name: str, *, version: int | None = None) -> DeltaTable:
    """Load a table of the lake at its newest version, or at a given one.

    Raises:
        LakeError: it is not there, or cannot be read.
    """
    try:
        return DeltaTable(location.join(name), version=version, storage_options=dict(location.storage) or None)
    except TableNotFoundError as error:
        raise LakeError(f"the lake has no table {name} at {location.root}") from error
    except (DeltaError, OSError) as error:
        raise LakeError(f"cannot read {location.join(name)}: {error}") from error


def read_number(table: DeltaTable, application: str = INGEST) -> int:
    """Newest transaction number of an application on a loaded table; 0 before its first."""
    return table.transaction_version(application) or 0


def advance(
    table: DeltaTable,
    number: int,
    added: Sequence[FileAction] = (),
    *,
    application: str = INGEST,
    removed: Sequence[RemoveAction] = (),
    is_data_change: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Commit files as transaction ``number``, which must be the next one, on a table loaded beforehand.

    Args:
        table: the object whose state the caller decided upon.
        number: one more than the application's number on ``table``.
        added: files that become visible.
        application: whose counter this is.
        removed: files that stop being visible.
        is_data_change: False where rows only move between files.
        metadata: kept in the commit itself.

    Raises:
        CommitConflictError: another run committed first; load again.
        LakeError: the commit could not be written; the table stays at its version.
    """
    if read_number(table, application) != number - 1:
        raise CommitConflictError(f"transaction {number} of {application} does not follow {table.version()}")
    now = int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = [
        AddAction(item.path, item.size, dict(item.partition), now, is_data_change, item.stats) for item in added
    ]
    try:
        table.create_write_transaction(
            [*removed, *actions],
            "append",
            table.schema(),
            partition_by=table.metadata().partition_columns,
            commit_properties=CommitProperties(
                custom_metadata=dict(metadata or {}), app_transactions=[Transaction(application, number)]
            ),
            post_commithook_properties=PostCommitHookProperties(cleanup_expired_logs=False),
        )
    except CommitFailedError as error:
        raise CommitConflictError(f"another run committed to {table.table_uri} first: {error}") from error
    except (DeltaError, OSError) as error:
        raise LakeError(
            f"cannot commit to {table.table_uri}: {error}", hint="the lake stays readable at its last version"
        ) from error


def make_remove(path: str, size: int, partition: Mapping[str, str | None]) -> RemoveAction:
    """A remove action for a file whose rows live on in another one."""
    return RemoveAction(path, False, int(time.time() * 1000), size, dict(partition))


def read_commits(location: LakeLocation, name: str, table: DeltaTable, limit: int) -> Iterator[dict[str, Any]]:
    """The newest commits' own information, newest first; what a commit kept under ``metadata`` is in it.

    The log's files are read one by one as needed: ``DeltaTable.history`` holds the GIL while it waits for S3.
    """
    for version in range(table.version(), max(-1, table.version() - limit), -1):
        content = location.read_file(f"{name}/_delta_log/{version:020d}.json")
        for line in (content or b"").splitlines():
            if line.startswith(b'{"commitInfo"'):
                yield json.loads(line)["commitInfo"]


def _sortable(value: Any) -> str:
    return f"{value:020d}" if isinstance(value, int) else str(value)


def list_files(table: DeltaTable) -> list[FileAction]:
    """Visible files of a loaded table, ordered by path."""
    actions = pa.table(table.get_add_actions(flatten=True))
    partitions = [name for name in actions.column_names if name.startswith("partition.")]
    measured = next((name for name in ("min.event_time", "min.batch_number") if name in actions.column_names), None)
    columns = ["path", "size_bytes", "num_records", *partitions, *([measured] if measured else [])]
    files = []
    for row in actions.select(columns).to_pylist():
        partition = {name.removeprefix("partition."): str(row[name]) for name in partitions}
        low = {} if measured is None else {measured: _sortable(row[measured])}
        stats = json.dumps({"numRecords": row["num_records"], "minValues": low})
        files.append(FileAction(row["path"], row["size_bytes"], partition, row["num_records"] or 0, stats))
    return sorted(files, key=lambda item: item.path)
