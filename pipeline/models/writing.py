"""Models are written to the store by one thread, in order, while the next ones are made.

What enters: names of tables of the build's connection. What leaves: the store holds them. This module must never
change what it writes, and never let a failed write pass for a done one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import date
from types import TracebackType

import duckdb

from pipeline.models.engine import open_cursor
from pipeline.models.store import ModelStore


class ModelWriter(AbstractContextManager["ModelWriter"]):
    """Writes tables in the order given; leaving it waits for the last one."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, store: ModelStore) -> None:
        """Take the connection whose tables are written, read by a cursor of the writer's own."""
        self._cursor = open_cursor(connection)
        self._store = store
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="models")
        self._pending: list[Future[None]] = []
        self._lock = threading.Lock()

    def add(
        self,
        name: str,
        table: str,
        *,
        replace_dates: Collection[date] | None,
        by_event_date: bool,
        then: Callable[[duckdb.DuckDBPyConnection], None] = lambda cursor: None,
    ) -> None:
        """Write ``table`` as model ``name`` soon, and afterwards do ``then`` with the writer's own cursor.

        Raises:
            PipelineError: an earlier write failed; nothing more is begun.
        """
        with self._lock:
            for done in [item for item in self._pending if item.done()]:
                self._pending.remove(done)
                done.result()
            self._pending.append(self._pool.submit(self._write, name, table, replace_dates, by_event_date, then))

    def finish(self) -> None:
        """Wait until everything is written.

        Raises:
            PipelineError: a write failed.
        """
        while self._pending:
            self._pending.pop(0).result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave nothing running: after an error, what was begun is still written, what waits is not."""
        self._pool.shutdown(wait=True, cancel_futures=error is not None)
        self._cursor.close()

    def _write(
        self,
        name: str,
        table: str,
        replace_dates: Collection[date] | None,
        by_event_date: bool,
        then: Callable[[duckdb.DuckDBPyConnection], None],
    ) -> None:
        rows = self._cursor.sql(f"from {table}").to_arrow_reader()
        self._store.write(name, rows, replace_dates=replace_dates, by_event_date=by_event_date)
        then(self._cursor)


def fingerprint_rows(connection: duckdb.DuckDBPyConnection, name: str, *, is_dated: bool) -> dict[str, str]:
    """Hash a relation's rows per event date (``-`` for none), or as a whole, under ``""``, where it has no dates."""
    day = "coalesce(event_date::varchar, '-')" if is_dated else "''"
    # A row by itself, as one value: naming its columns one by one takes longer to plan than to do.
    rows = connection.execute(
        f"select day, count(*), bit_xor(row_hash), sum(row_hash >> 8)"  # noqa: S608 - own names
        f" from (select {day} as day, hash(whole_row) as row_hash from {name} as whole_row) group by day order by day"
    ).fetchall()
    return {str(day): f"{count}:{mixed}:{total}" for day, count, mixed, total in rows}
