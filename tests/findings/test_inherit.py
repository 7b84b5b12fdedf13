"""Which id a finding keeps when evidence grows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.findings import inherit_ids
from pipeline.schema import EXT_FINDING_IDS

START = datetime(2024, 3, 12, 9, tzinfo=UTC)
NEW = pa.schema(
    [
        ("own_finding_id", pa.string()),
        ("grant_keys", pa.list_(pa.string())),
        ("first_event_time", pa.timestamp("us", "UTC")),
    ]
)
STORED = pa.schema([("finding_id", pa.string()), *NEW, ("supersedes", pa.list_(pa.string()))])


def new(own: str, keys: list[str], minute: int = 0) -> dict[str, Any]:
    """One finding of this build."""
    return {"own_finding_id": own, "grant_keys": keys, "first_event_time": START + timedelta(minutes=minute)}


def old(finding_id: str, keys: list[str], minute: int = 0, supersedes: tuple[str, ...] = ()) -> dict[str, Any]:
    """One stored finding."""
    return {"finding_id": finding_id, **new(finding_id, keys, minute), "supersedes": list(supersedes)}


def inherit(fresh: list[dict[str, Any]], stored: list[dict[str, Any]] | None) -> list[tuple[str, str, list[str]]]:
    """Run the function on rows; returns own id, id and superseded ids."""
    kept = None if stored is None else pa.Table.from_pylist(stored, schema=STORED)
    table = inherit_ids(pa.Table.from_pylist(fresh, schema=NEW), kept)
    assert table.schema == EXT_FINDING_IDS
    return [(row["own_finding_id"], row["finding_id"], row["supersedes"]) for row in table.to_pylist()]


def test_first_build_gives_each_finding_its_own_id() -> None:
    """Before anything is stored, nothing is inherited."""
    assert inherit([new("b", ["g2"]), new("a", ["g1"])], None) == [("a", "a", []), ("b", "b", [])]


def test_an_earlier_grant_that_arrives_late_does_not_change_the_id() -> None:
    """A late archive moves the first grant; the shared grant keeps the story's id."""
    assert inherit([new("late", ["g0", "g1"])], [old("stored", ["g1"])]) == [("late", "stored", [])]


def test_findings_that_become_one_supersede_each_other() -> None:
    """Two stored findings that turn out to be one story leave the earlier one's id, with what both had replaced."""
    stored = [old("second", ["g2"], 5, ("older",)), old("first", ["g1"])]
    assert inherit([new("both", ["g1", "g2"])], stored) == [("both", "first", ["older", "second"])]


def test_a_finding_that_splits_keeps_its_id_in_the_half_that_owns_it() -> None:
    """The half whose own id is the stored one keeps it, though the other shares more grants."""
    fresh = [new("stored", ["g1"]), new("other", ["g2", "g3"], 1)]
    assert inherit(fresh, [old("stored", ["g1", "g2", "g3"])]) == [("other", "other", []), ("stored", "stored", [])]


def test_most_shared_grants_win_where_no_half_owns_the_id() -> None:
    """Without an owner, the new finding that shares most of the stored grants is its heir."""
    fresh = [new("small", ["g1"]), new("large", ["g2", "g3"], 1)]
    assert inherit(fresh, [old("stored", ["g1", "g2", "g3"])]) == [("large", "stored", []), ("small", "small", [])]


def test_a_finding_that_shares_nothing_inherits_nothing() -> None:
    """The same event id on another target is another grant."""
    assert inherit([new("a", ["g1|role/x"])], [old("stored", ["g1|role/y"])]) == [("a", "a", [])]


KEYS = st.lists(st.sampled_from([f"g{number}" for number in range(8)]), min_size=1, max_size=4, unique=True)


@given(st.lists(KEYS, max_size=5), st.lists(KEYS, max_size=5))
def test_ids_are_never_shared_and_never_lost_to_order(fresh: list[list[str]], stored: list[list[str]]) -> None:
    """Whatever overlaps, each finding has one id of its own, and the order of rows decides nothing."""
    rows = [new(f"n{number}", keys, number) for number, keys in enumerate(fresh)]
    kept = [old(f"o{number}", keys, number) for number, keys in enumerate(stored)]
    result = inherit(rows, kept)
    assert len({finding_id for _, finding_id, _ in result}) == len(rows)
    assert all(finding_id not in supersedes for _, finding_id, supersedes in result)
    assert result == inherit(rows[::-1], kept[::-1])
