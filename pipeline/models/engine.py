"""The DuckDB connection: its limits, and how relations from outside become names in it.

What enters: Parquet files of one snapshot, Arrow tables or datasets, seed files. What leaves: a connection in which
they can be read. This module must never let DuckDB open an archive, load an extension or use a local time zone.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa

from pipeline.errors import Location, ModelError

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*$")


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """What one connection may use.

    Attributes:
        memory: DuckDB's own notation, e.g. ``2GiB``; beyond it DuckDB spills to the scratch folder.
        threads: worker threads; 0 lets DuckDB take every core.
    """

    memory: str = "2GiB"
    threads: int = 0


@dataclass(frozen=True, slots=True)
class ParquetFiles:
    """The live Parquet files of one snapshot of a table, and their columns.

    Attributes:
        paths: local paths; empty for an empty table.
        schema: column order and types, the partition column included.
        is_by_event_date: ``event_date`` stands in the folder's name, not in the file.
    """

    paths: tuple[str, ...]
    schema: pa.Schema
    is_by_event_date: bool = False


Relation: TypeAlias = ParquetFiles | pa.Table | Any
"""``Any`` stands for a pyarrow dataset, which ships without types."""


def open_engine(database: str, limits: EngineLimits, *, scratch: Path | None) -> duckdb.DuckDBPyConnection:
    """Open a connection with the build's settings.

    Args:
        database: file of the database, or ``:memory:``.
        limits: memory and threads.
        scratch: where DuckDB spills; ``None`` forbids spilling.

    Returns:
        A connection in UTC that loads no extension by itself.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "memory_limit": limits.memory,
        "preserve_insertion_order": True,
        "temp_directory": "" if scratch is None else str(scratch),
    }
    if limits.threads:
        config["threads"] = limits.threads
    connection = _quiet(duckdb.connect(database, config=config))
    # A build reads the footers of the same files, of some hundred columns each, for every model over the events.
    connection.execute("set global parquet_metadata_cache = true")
    # Files on disk are as quickly read by the query's own thread as by others that it waits for; those took a
    # twentieth of a build's CPU time.
    connection.execute("set global async_threads = 0")
    return connection


def count_threads(connection: duckdb.DuckDBPyConnection) -> int:
    """How many threads a query may use."""
    ((threads,),) = connection.execute("select current_setting('threads')").fetchall()
    return int(threads)


@contextmanager
def more_threads(connection: duckdb.DuckDBPyConnection, more: int) -> Iterator[None]:
    """Let every query of the database use so many more threads meanwhile."""
    usual = count_threads(connection)
    connection.execute(f"set global threads = {usual + more}")
    try:
        yield
    finally:
        connection.execute(f"set global threads = {usual}")


def open_cursor(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Open another connection to the same database, for another thread, with the same settings."""
    return _quiet(connection.cursor())


def _quiet(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Apply what DuckDB keeps for each connection by itself."""
    connection.execute("set timezone = 'UTC'")
    # In a notebook without ipywidgets DuckDB refuses to touch its progress bar, and has none to draw either.
    with suppress(duckdb.InvalidInputException):
        connection.execute("set enable_progress_bar = false")
    return connection


def register_relation(connection: duckdb.DuckDBPyConnection, name: str, relation: Relation) -> None:
    """Make ``relation`` readable under ``name``, replacing what had the name.

    Raises:
        ModelError: the name is no plain identifier.
    """
    if not _PLAIN.match(name):
        raise ModelError(f"{name!r} is no relation name")
    forget_relation(connection, name)
    if not isinstance(relation, ParquetFiles):
        connection.register(name, relation)
    elif relation.paths:
        connection.execute(f"create view {name} as {_scan_files(relation)}")
    else:
        connection.register(name, relation.schema.empty_table())


def keep_table(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    """Make a table of Arrow rows: unlike a registered relation it belongs to the database, so every cursor reads it."""
    register_relation(connection, f"arrow_{name}", rows)
    connection.execute(f"create table {name} as from arrow_{name}")
    connection.unregister(f"arrow_{name}")


def forget_relation(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Drop the table, view or registered relation of that name, if there is one."""
    connection.unregister(name)
    for kind in ("view", "table"):
        # A name of the other kind is refused, and dropped in its own turn; to ask for the kind takes ten times as long.
        with suppress(duckdb.CatalogException):
            connection.execute(f"drop {kind} if exists main.{name}")


def _scan_files(files: ParquetFiles) -> str:
    paths = ", ".join(quote_text(path) for path in files.paths)
    columns = ", ".join(f'"{name}"' for name in files.schema.names)
    hive = ", hive_partitioning = true, hive_types = {'event_date': date}" if files.is_by_event_date else ""
    return f"select {columns} from read_parquet([{paths}]{hive or ', hive_partitioning = false'})"  # noqa: S608 - quoted


def read_relation(relation: Relation, columns: Iterable[str]) -> pa.Table:
    """Read some columns of a relation."""
    names = ", ".join(f'"{name}"' for name in columns)
    with duckdb.connect(":memory:") as connection:
        connection.execute("set timezone = 'UTC'")
        register_relation(connection, "relation", relation)
        return connection.sql(f"select {names} from relation").to_arrow_table()  # noqa: S608 - quoted


def quote_text(text: str) -> str:
    """Return ``text`` as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def date_list(dates: Mapping[date, Any] | list[date] | tuple[date, ...] | frozenset[date] | set[date]) -> str:
    """Return dates as a sorted SQL list, for ``in (...)``."""
    return ", ".join(f"date '{day.isoformat()}'" for day in sorted(dates))


def in_dates(dates: Iterable[date], known: Iterable[date] = ()) -> str:
    """A condition for some of the lake's dates; where they leave out no ``known`` one, their bounds are enough."""
    days = sorted(dates)
    if not days:
        return "false"
    bounds = f"event_date between date '{days[0]}' and date '{days[-1]}'"
    between = {day for day in known if days[0] <= day <= days[-1]}
    return bounds if between and between <= set(days) else f"{bounds} and event_date in ({date_list(days)})"


def load_seed(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    """Load one seed CSV as a table of text columns; an empty cell is NULL.

    Text only: account ids keep their leading zeros, and a model casts what it counts.

    Raises:
        ModelError: the file is no well-formed CSV with a header.
    """
    forget_relation(connection, name)
    with path.open(encoding="utf-8", newline="") as lines:
        header = next(csv.reader(lines), [])
    if not header or not all(_PLAIN.match(column) for column in header):
        raise ModelError(f"seed {path.name} has no header of plain column names", location=Location(path.as_uri()))
    columns = ", ".join(f"{quote_text(column)}: 'VARCHAR'" for column in header)
    try:
        connection.execute(
            f"create table {name} as select * from read_csv({quote_text(str(path))},"  # noqa: S608 - quoted
            f" header = true, auto_detect = false, columns = {{{columns}}}, delim = ',', quote = '\"',"
            " escape = '\"', strict_mode = true)"
        )
    except duckdb.Error as error:
        raise ModelError(f"seed {path.name} cannot be read: {error}", location=Location(path.as_uri())) from error


def count_by_date(connection: duckdb.DuckDBPyConnection, names: Iterable[str], where: str) -> dict[date, int]:
    """Rows of relations, added up, for each event date that a condition leaves."""
    counts: dict[date, int] = {}
    for name in names:
        found = connection.execute(
            f"select event_date, count(*) from {name} where {where} group by event_date"  # noqa: S608 - own names
        ).fetchall()
        for day, rows in found:
            counts[day] = counts.get(day, 0) + rows
    return counts
