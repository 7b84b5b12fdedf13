from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pipeline.errors import LakeError
from pipeline.models.store import MemoryStore
from pipeline.models.writing import ModelWriter


def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:")
    connection.execute("create table one as select 1 as id")
    connection.execute("create table two as select 2 as id")
    return connection


class RefusingStore(MemoryStore):
    """Refuses one model, as a full disk would."""

    def write(
        self, name: str, rows: pa.RecordBatchReader, *, replace_dates: Collection[date] | None, by_event_date: bool
    ) -> None:
        """Keep the rows unless the model is the refused one."""
        if name == "int_refused":
            raise LakeError("cannot write model int_refused: no space left on device")
        super().write(name, rows, replace_dates=replace_dates, by_event_date=by_event_date)


def _add(writer: ModelWriter, name: str, table: str) -> None:
    writer.add(name, table, replace_dates=None, by_event_date=False)


def test_tables_are_written_in_order_and_whole() -> None:
    """A later write of the same model wins, as it would without a thread."""
    store = MemoryStore()
    with _connection() as connection, ModelWriter(connection, store) as writer:
        _add(writer, "int_a", "one")
        _add(writer, "int_b", "one")
        _add(writer, "int_a", "two")
        writer.finish()
    assert {name: table.to_pylist() for name, table in store.tables.items()} == {
        "int_a": [{"id": 2}],
        "int_b": [{"id": 1}],
    }


def test_writing_goes_on_while_the_connection_works() -> None:
    """The build's own connection is free while a table is being written."""
    started, go_on = threading.Event(), threading.Event()

    class WaitingStore(MemoryStore):
        def write(self, name: str, rows: pa.RecordBatchReader, **how: Any) -> None:
            started.set()
            assert go_on.wait(20)
            super().write(name, rows, **how)

    store = WaitingStore()
    with _connection() as connection, ModelWriter(connection, store) as writer:
        _add(writer, "int_a", "one")
        assert started.wait(20)
        connection.execute("create table three as select 3 as id")
        go_on.set()
        _add(writer, "int_b", "three")
        writer.finish()
    assert store.tables["int_b"].to_pylist() == [{"id": 3}]


def test_a_failed_write_fails_the_build() -> None:
    """It is raised no later than at the end, and what comes after it is not reported as written."""
    store = RefusingStore()
    with (
        pytest.raises(LakeError, match="no space left"),
        _connection() as connection,
        ModelWriter(connection, store) as writer,
    ):
        _add(writer, "int_a", "one")
        _add(writer, "int_refused", "two")
        writer.finish()
    assert list(store.tables) == ["int_a"]


def test_after_an_error_elsewhere_nothing_is_left_running() -> None:
    """Leaving by an exception waits for the write that was begun."""
    store = MemoryStore()
    with (
        pytest.raises(ValueError, match="a model failed"),
        _connection() as connection,
        ModelWriter(connection, store) as writer,
    ):
        _add(writer, "int_a", "one")
        writer.finish()
        raise ValueError("a model failed")
    assert list(store.tables) == ["int_a"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("models")]
