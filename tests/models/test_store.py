from __future__ import annotations

from datetime import date

import pyarrow as pa

from pipeline.models.store import MemoryStore, ModelState, read_states, states_table


def rows(*days: int) -> pa.RecordBatchReader:
    """One row per day of March 2024."""
    return pa.table({"event_date": pa.array([date(2024, 3, day) for day in days]), "n": [1] * len(days)}).to_reader()


def test_states_survive_being_stored() -> None:
    """What a build knew is what the next one reads, ordered by name."""
    states = {"b": ModelState("h2", 3, {"2024-03-01": "x"}), "a": ModelState("h1", 2)}
    table = states_table(states)
    assert table["name"].to_pylist() == ["a", "b"]
    assert read_states(table) == states


def test_memory_keeps_the_dates_that_are_not_replaced() -> None:
    """Replacing one date leaves the others; replacing none replaces all."""
    store = MemoryStore()
    assert store.read("x") is None
    store.write("x", rows(1, 2), replace_dates=None, by_event_date=True)
    store.write("x", rows(2, 2), replace_dates=[date(2024, 3, 2)], by_event_date=True)
    assert [day.day for day in store.tables["x"]["event_date"].to_pylist()] == [1, 2, 2]
    store.write("x", rows(3), replace_dates=None, by_event_date=True)
    assert [day.day for day in store.tables["x"]["event_date"].to_pylist()] == [3]
