"""``policytrail.duckdb``: the marts as tables, for any DuckDB client.

What enters: a connection in which the marts are built. What leaves: one database file, written beside its final name
so that ``jobs`` can rename it into place. This module must never leave a view by path in it: a lake may move.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb

from pipeline.errors import LakeError
from pipeline.models.engine import quote_text
from pipeline.models.folder import Model

MART_PREFIXES = ("fct_", "dim_")
READABLE_SINCE = "v1.0.0"
"""Storage version: clients from DuckDB 1.0 on read it."""


def is_mart(model: Model) -> bool:
    """Whether a model is for people: what ``policytrail.duckdb`` holds."""
    return model.name.startswith(MART_PREFIXES)


def write_marts(connection: duckdb.DuckDBPyConnection, marts: Iterable[Model], file: Path) -> None:
    """Copy marts, with their columns' descriptions, into a new database file.

    Args:
        connection: has every mart as a relation.
        marts: what to copy, by name.
        file: must not exist; its folder must.

    Raises:
        LakeError: the disk is full or refuses.
    """
    try:
        # No log beside it: a file that is not finished is never renamed into place.
        connection.execute(
            f"attach {quote_text(str(file))} as marts"
            f" (storage_version {quote_text(READABLE_SINCE)}, recovery_mode 'no_wal_writes')"
        )
        try:
            _copy_marts(connection, marts)
        finally:
            connection.execute("detach marts")
    except duckdb.IOException as error:
        raise LakeError(f"cannot write {file}: {error}", hint="the lake's models are written all the same") from error


def _copy_marts(connection: duckdb.DuckDBPyConnection, marts: Iterable[Model]) -> None:
    """In one transaction: each statement alone would be flushed to disk."""
    connection.execute("begin transaction")
    try:
        for model in sorted(marts, key=lambda item: item.name):
            connection.execute(f"create table marts.{model.name} as from main.{model.name}")
            connection.execute(f"comment on table marts.{model.name} is {quote_text(model.header.purpose)}")
            for column, words in model.header.columns.items():
                connection.execute(f"comment on column marts.{model.name}.{column} is {quote_text(words)}")
    except duckdb.Error:
        connection.execute("rollback")
        raise
    connection.execute("commit")
