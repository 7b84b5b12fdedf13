"""Built models as Delta tables, one folder each under ``models/``.

What enters: a model's rows as Arrow. What leaves: its table, replaced whole or for some event dates, in one commit.
This module must never decide what a model contains, nor touch ``events``, ``archives`` or ``quarantine``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import pyarrow as pa
from deltalake import ColumnProperties, CommitProperties, DeltaTable, WriterProperties, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from pipeline.errors import LakeError
from pipeline.lake.layout import MODELS, LakeLocation
from pipeline.lake.snapshot import SnapshotFile, describe_files
from pipeline.lake.tables import read_commits
from pipeline.schema import TIMESTAMP

_WRITER_PROPERTIES = WriterProperties(default_column_properties=ColumnProperties(statistics_enabled="CHUNK"))
"""Minima and maxima by row group, which the table's log is made of; those by page cost a quarter more of a write."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")


def write_model(
    location: LakeLocation,
    name: str,
    data: pa.Table | pa.RecordBatchReader,
    *,
    replace_dates: Iterable[date] | None = None,
    by_event_date: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a model's rows in one commit.

    Args:
        location: the lake.
        name: the model's name.
        data: rows; read once, batch by batch.
        replace_dates: only these event dates are replaced (``data`` holds no other); ``None`` replaces everything.
        by_event_date: partition by ``event_date``; implied by ``replace_dates``. A table that is partitioned stays so.
        metadata: kept with the commit, for ``read_model_metadata``.

    Raises:
        LakeError: the rows do not fit the table that is there, or the store refused.
    """
    reader = data.to_reader() if isinstance(data, pa.Table) else data
    dates = None if replace_dates is None else sorted(set(replace_dates))
    predicate = None
    if dates is not None and _load(location, name) is not None:
        if not dates:
            raise LakeError(f"model {name}: no event date to replace")
        predicate = "event_date IN ({})".format(", ".join(f"DATE '{day.isoformat()}'" for day in dates))
    try:
        write_deltalake(
            location.join(MODELS, _checked(name)),
            _fit(reader),
            mode="overwrite",
            schema_mode=None if predicate else "overwrite",
            predicate=predicate,
            partition_by=["event_date"] if by_event_date or dates is not None else None,
            storage_options=dict(location.storage) or None,
            writer_properties=_WRITER_PROPERTIES,
            commit_properties=CommitProperties(custom_metadata={"policytrail": dict(metadata or {})}),
        )
    except (DeltaError, OSError, ValueError, pa.ArrowException) as error:
        raise LakeError(f"cannot write model {name}: {error}", hint="its last version stays readable") from error


def open_model(location: LakeLocation, name: str) -> DeltaTable:
    """The newest version of a model's table.

    Raises:
        LakeError: the model has never been built.
    """
    table = _load(location, name)
    if table is None:
        raise LakeError(f"model {name} is not in the lake at {location.root}", hint="run policytrail build")
    return table


def list_model_files(location: LakeLocation, name: str) -> tuple[SnapshotFile, ...]:
    """Files of a model's newest version, ordered by path; none where it has no rows."""
    return describe_files(location, f"{MODELS}/{name}", open_model(location, name))


def is_partitioned(location: LakeLocation, name: str) -> bool:
    """Whether a model's newest version is partitioned by ``event_date``."""
    return "event_date" in open_model(location, name).metadata().partition_columns


def read_model_metadata(location: LakeLocation, name: str) -> dict[str, str]:
    """What was kept with the model's last write; empty where it has never been built."""
    table = _load(location, name)
    if table is None:
        return {}
    for commit in read_commits(location, f"{MODELS}/{name}", table, 16):
        kept: Any = commit.get("policytrail")
        if kept is not None:
            return dict(kept)
    return {}


def discard_old_versions(location: LakeLocation, name: str, *, keep_hours: int) -> int:
    """Delete files that no version of the last ``keep_hours`` names.

    Returns:
        Files deleted.
    """
    table = open_model(location, name)
    try:
        gone = table.vacuum(retention_hours=keep_hours, dry_run=False, enforce_retention_duration=False)
    except (DeltaError, OSError) as error:
        raise LakeError(f"cannot clean model {name}: {error}") from error
    return len(gone)


def _load(location: LakeLocation, name: str) -> DeltaTable | None:
    uri = location.join(MODELS, _checked(name))
    try:
        return DeltaTable(uri, storage_options=dict(location.storage) or None)
    except TableNotFoundError:
        return None
    except (DeltaError, OSError) as error:
        raise LakeError(f"cannot read {uri}: {error}") from error


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise LakeError(f"{name!r} is no model's name")
    return name


def _fit(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Bring columns to types that every Delta reader knows, without losing a value."""
    schema = pa.schema([pa.field(column.name, _fit_type(column.type), column.nullable) for column in reader.schema])
    if schema.equals(reader.schema):
        return reader
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in reader))


def _fit_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _fit_type(kind.value_type)
    if pa.types.is_unsigned_integer(kind):
        return pa.int64()
    if pa.types.is_timestamp(kind):
        return TIMESTAMP
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(_fit_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(item.name, _fit_type(item.type), item.nullable) for item in kind])
    return kind
