"""One SELECT over a lake, with no way out of it.

What enters: relations as Arrow datasets or tables, the SQL of views, and a query from anyone. What leaves: its rows.
This module must never run a statement that is not a single SELECT, and DuckDB itself may open no file here:
``allowed_directories`` was tried, and a COPY overwrote a live data file.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from pipeline.errors import ModelError, UsageError
from pipeline.models.engine import EngineLimits, ParquetFiles, Relation, open_engine, register_relation
from pipeline.models.references import READERS, parse_references, statement_types

CATALOGUE = frozenset({"information_schema.tables", "information_schema.columns"})
"""What a query may read beside the lake: the names of what it can read."""

QUERY_LIMITS = EngineLimits(memory="2GiB")
MAX_QUERY_CHARACTERS = 1_000_000
MAX_RESULT_BYTES = 2 * 1024**3
"""Arrow bytes of a result: DuckDB's own bound does not count what has left it."""

_BATCH_ROWS = 100_000
_OUTSIDE = frozenset(
    {
        "current_setting", "getenv", "getvariable", "json_execute_serialized_sql", "json_serialize_plan", "nextval",
        "query", "query_table", "write_log",
    }
)  # fmt: skip
"""Functions that tell of the engine and its machine, bind other SQL, or leave a trace; none is about the lake."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A locked connection; ``run`` is all it does."""

    connection: duckdb.DuckDBPyConnection
    names: frozenset[str]

    def run(self, sql: str, *, timeout_seconds: float | None = None, max_result_bytes: int | None = None) -> pa.Table:
        """Run one SELECT.

        Args:
            sql: exactly one SELECT over the sandbox's relations.
            timeout_seconds: the query is stopped after so long; ``None`` for no bound.
            max_result_bytes: a larger result is refused; by default ``MAX_RESULT_BYTES``.

        Returns:
            Its rows.

        Raises:
            UsageError: it is not one SELECT, names what is not there, fails, takes too long, or answers too much.
        """
        check_query(sql, self.names)
        limit = MAX_RESULT_BYTES if max_result_bytes is None else max_result_bytes
        timer = threading.Timer(timeout_seconds or 0, self.connection.interrupt)
        if timeout_seconds is not None:
            timer.start()
        try:
            return _gather(self.connection.sql(sql).to_arrow_reader(_BATCH_ROWS), limit)
        except duckdb.InterruptException as error:
            raise UsageError(f"the query ran longer than {timeout_seconds:g} seconds and was stopped") from error
        except (duckdb.Error, pa.ArrowException) as error:
            raise UsageError(f"the query failed: {error}") from error
        finally:
            timer.cancel()

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def open_sandbox(
    relations: Mapping[str, Relation], views: Iterable[tuple[str, str]] = (), *, limits: EngineLimits = QUERY_LIMITS
) -> Sandbox:
    """Open a sandbox over some relations.

    Args:
        relations: name to Arrow table or dataset; files by path are refused, since DuckDB may open none.
        views: names and SELECTs over what came before, in order.
        limits: memory and threads; a query that needs more fails, nothing is spilled to disk.

    Returns:
        A sandbox in which nothing else can be read and nothing written.
    """
    connection = open_engine(":memory:", limits, scratch=None)
    names = set(relations)
    for name, relation in relations.items():
        if isinstance(relation, ParquetFiles):
            raise ModelError(f"{name} is given as files: a sandbox reads Arrow only")
        register_relation(connection, name, relation)
    for name, sql in views:
        connection.execute(f"create view {name} as {sql}")
        names.add(name)
    connection.execute("set python_enable_replacements = false")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return Sandbox(connection, frozenset(names))


def _gather(reader: pa.RecordBatchReader, limit: int) -> pa.Table:
    batches, size = [], 0
    for batch in reader:
        size += batch.nbytes
        if size > limit:
            raise UsageError(
                f"the result is larger than {limit:,} bytes", hint="select fewer rows or columns, or aggregate"
            )
        batches.append(batch)
    return pa.Table.from_batches(batches, reader.schema)


def check_query(sql: str, names: frozenset[str]) -> None:
    """Refuse whatever is not one SELECT over known relations.

    Raises:
        UsageError: says what was refused and what would do.
    """
    if len(sql) > MAX_QUERY_CHARACTERS:
        raise UsageError(f"a query has at most {MAX_QUERY_CHARACTERS:,} characters; this one has {len(sql):,}")
    try:
        kinds = statement_types(sql)
    except duckdb.Error as error:
        raise UsageError(f"the query is not SQL: {error}") from error
    if kinds != ["SELECT"]:
        found = ", ".join(kinds) or "nothing"
        raise UsageError(f"a query is exactly one SELECT; this is {found}", hint="one SELECT, no ';' in between")
    try:
        references = parse_references(sql)
    except ModelError as error:
        raise UsageError(f"a query is exactly one SELECT: {error.message}") from error
    if forbidden := (references.functions - READERS) | (references.calls & _OUTSIDE):
        refused = ", ".join(sorted(forbidden))
        raise UsageError(f"a query may not call {refused}", hint="events, deliveries, archives, quarantine and models")
    if references.params:
        raise UsageError(f"a query has no parameters: {', '.join(sorted(references.params))}")
    for name in sorted({item.removeprefix("main.") for item in references.relations} - names - CATALOGUE):
        near = difflib.get_close_matches(name, sorted(names), n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(names))}"
        raise UsageError(f"there is no relation {name!r} here", hint=hint)
