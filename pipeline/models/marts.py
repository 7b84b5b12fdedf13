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

SMALL_ROWS = 1000
"""Up to so many rows a table's texts are not worth a symbol table (FSST) each: it costs a fifth of the time that all
marts take, and a column of a small table fills no block in either form."""


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
            small, large = _split_by_size(connection, marts)
            try:
                connection.execute("set global disabled_compression_methods = 'fsst'")
                _copy_marts(connection, small)
                connection.execute("checkpoint marts")
            finally:
                connection.execute("reset global disabled_compression_methods")
            _copy_marts(connection, large)
        finally:
            connection.execute("detach marts")
    except duckdb.IOException as error:
        raise LakeError(f"cannot write {file}: {error}", hint="the lake's models are written all the same") from error


def _split_by_size(connection: duckdb.DuckDBPyConnection, marts: Iterable[Model]) -> tuple[list[Model], list[Model]]:
    """Marts of few rows, and the others; both by name."""
    ordered = sorted(marts, key=lambda item: item.name)
    asked = " union all ".join(f"select '{model.name}', count(*) from main.{model.name}" for model in ordered)  # noqa: S608
    rows = dict(connection.execute(asked).fetchall()) if ordered else {}
    small = [model for model in ordered if rows[model.name] <= SMALL_ROWS]
    return small, [model for model in ordered if rows[model.name] > SMALL_ROWS]


def _copy_marts(connection: duckdb.DuckDBPyConnection, marts: Iterable[Model]) -> None:
    """In one transaction: each statement alone would be flushed to disk."""
    connection.execute("begin transaction")
    try:
        for model in marts:
            connection.execute(f"create table marts.{model.name} as from main.{model.name}")
            connection.execute(f"comment on table marts.{model.name} is {quote_text(model.header.purpose)}")
            for column, words in model.header.columns.items():
                connection.execute(f"comment on column marts.{model.name}.{column} is {quote_text(words)}")
    except duckdb.Error:
        connection.execute("rollback")
        raise
    connection.execute("commit")
