"""A batch is committed exactly once, whatever dies and whoever else commits."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import LakeError
from pipeline.lake import Lake, find_chain_break, open_lake_tables
from pipeline.lake.commit import STEPS
from pipeline.lake.tables import load_table, read_number
from tests.lake.rows import contents, event, make_part, with_quarantine


class Stopped(Exception):
    """Stands for the end of a process at a step."""


def stop_at(step: str):  # type: ignore[no-untyped-def]
    """A hook that stops the run after a step."""

    def hook(name: str) -> None:
        if name == step:
            raise Stopped(step)

    return hook


def numbers(lake: Lake) -> list[int]:
    """Batch number that each table stands at."""
    return [read_number(load_table(lake.location, name)) for name in ("_plans", "events", "archives", "quarantine")]


def test_a_batch_shows_its_events_ledger_and_quarantine(tmp_path: Path) -> None:
    """One commit makes events, ledger rows and quarantine rows visible under one batch number."""
    lake = open_lake_tables(str(tmp_path / "lake"))
    lake.known_versions()
    part = with_quarantine(make_part(lake, "file:///s/a.json.gz", [event(2), event(1)]))
    result = lake.commit_batch([part])
    assert (result.batch_number, result.committed, result.dropped) == (1, (0,), ())
    assert contents(lake) == {
        "events": [
            {name: row[name] for name in ("event_date", "event_time", "event_id", "archive_uri", "record_index")}
            for row in (
                {**event(1), "archive_uri": "file:///s/a.json.gz"},
                {**event(2), "archive_uri": "file:///s/a.json.gz"},
            )
        ],
        "quarantine": [{"archive_uri": "file:///s/a.json.gz", "record_index": 0, "reason": "not_object"}],
        "ledger": [
            {
                "archive_uri": "file:///s/a.json.gz",
                "archive_version": "v1",
                "outcome": "committed",
                "record_kept_count": 2,
            }
        ],
    }
    assert numbers(lake) == [1, 1, 1, 1]


def test_a_part_that_another_run_committed_is_dropped_whole(tmp_path: Path) -> None:
    """Of two runs with the same archive the second drops its part, keeps its other part, and doubles nothing."""
    first, second = open_lake_tables(str(tmp_path / "lake")), open_lake_tables(str(tmp_path / "lake"))
    first.known_versions()
    second.known_versions()
    shared = make_part(first, "file:///s/a.json.gz", [event(1)])
    own = make_part(second, "file:///s/b.json.gz", [event(2)])
    assert first.commit_batch([shared]).batch_number == 1
    result = second.commit_batch([shared, own])
    assert (result.batch_number, result.committed, result.dropped) == (2, (1,), (0,))
    assert second.taken_by_others(shared.archive_versions()) == {("file:///s/a.json.gz", "v1")}
    assert second.commit_batch([shared]).batch_number is None
    assert [row["event_id"] for row in contents(second)["events"]] == ["event-0001", "event-0002"]


def test_what_filled_a_new_lake_meanwhile_comes_to_light_at_the_commit(tmp_path: Path) -> None:
    """Of a lake that it made, a run asks nothing; what another has committed to it since is dropped all the same."""
    made = open_lake_tables(str(tmp_path / "lake"))
    other = open_lake_tables(str(tmp_path / "lake"))
    assert (made.is_new, other.is_new) == (True, False)
    other.known_versions()
    other.commit_batch([make_part(other, "file:///s/a.json.gz", [event(1)])])
    parts = [make_part(made, f"file:///s/{name}.json.gz", [event(number)]) for number, name in ((1, "a"), (2, "b"))]
    outcome = made.commit_batch(parts)
    assert (outcome.batch_number, outcome.committed, outcome.dropped) == (2, (1,), (0,))
    assert made.taken_by_others([("file:///s/a.json.gz", "v1"), ("file:///s/b.json.gz", "v1")]) == {
        ("file:///s/a.json.gz", "v1")
    }


def test_an_archive_that_failed_elsewhere_is_not_dropped(tmp_path: Path) -> None:
    """Another run's failed attempt at an archive does not keep this run's good one out."""
    first, second = open_lake_tables(str(tmp_path / "lake")), open_lake_tables(str(tmp_path / "lake"))
    first.known_versions()
    second.known_versions()
    first.commit_batch([make_part(first, "file:///s/a.json.gz", [], outcome="failed")])
    assert second.commit_batch([make_part(second, "file:///s/a.json.gz", [event(1)])]).committed == (0,)
    assert ("file:///s/a.json.gz", "v1") in open_lake_tables(str(tmp_path / "lake")).known_versions()


@pytest.mark.parametrize("step", STEPS)
def test_a_rerun_after_a_stop_at_any_step_equals_a_clean_run(tmp_path: Path, step: str) -> None:
    """Stopped after any step, the next run completes or repeats the batch; rows, ledger and chain equal a clean run."""

    def run(lake: Lake, uri: str, number: int) -> None:
        known = lake.known_versions()
        if (uri, "v1") not in known:
            lake.commit_batch([with_quarantine(make_part(lake, uri, [event(number)]))])

    clean = open_lake_tables(str(tmp_path / "clean"))
    broken = open_lake_tables(str(tmp_path / "broken"))
    for lake in (clean, broken):
        run(lake, "file:///s/a.json.gz", 1)
    with pytest.raises(Stopped):
        run(open_lake_tables(str(tmp_path / "broken"), on_step=stop_at(step)), "file:///s/b.json.gz", 2)
    run(broken, "file:///s/b.json.gz", 2)
    run(clean, "file:///s/b.json.gz", 2)
    assert contents(broken) == contents(clean)
    assert broken.ledger_history().equals(clean.ledger_history())
    assert numbers(broken) == [2, 2, 2, 2]


def test_a_reader_in_the_middle_of_a_commit_sees_whole_versions(tmp_path: Path) -> None:
    """Between the plan and the commit nothing of the batch is visible; its events come all at once."""
    lake = open_lake_tables(str(tmp_path / "lake"), on_step=stop_at("plan_created"))
    lake.known_versions()
    with pytest.raises(Stopped):
        lake.commit_batch([make_part(lake, "file:///s/a.json.gz", [event(1), event(2, day=1)])])
    reader = open_lake_tables(str(tmp_path / "lake"))
    assert contents(reader) == {"events": [], "quarantine": [], "ledger": []}
    assert reader.complete_batches() == 1
    assert len(contents(reader)["events"]) == 2


def test_runs_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    """Four runs over the same twelve archives, all at once: each archive is committed exactly once."""
    open_lake_tables(str(tmp_path / "lake"))
    barrier = threading.Barrier(4)

    def run(offset: int) -> None:
        lake = open_lake_tables(str(tmp_path / "lake"))
        lake.known_versions()
        barrier.wait(timeout=30)
        for step in range(12):
            number = (step + 3 * offset) % 12
            lake.commit_batch([make_part(lake, f"file:///s/{number:02d}.json.gz", [event(number)])])

    with ThreadPoolExecutor(4) as executor:
        for future in [executor.submit(run, offset) for offset in range(4)]:
            future.result()
    lake = open_lake_tables(str(tmp_path / "lake"))
    assert [row["event_id"] for row in contents(lake)["events"]] == [f"event-{number:04d}" for number in range(12)]
    assert lake.ledger_history().num_rows == 12
    assert numbers(lake) == [12, 12, 12, 12]
    assert find_chain_break(lake.ledger_history()) is None


def test_a_lake_restored_in_part_is_refused(tmp_path: Path) -> None:
    """A table that is further behind than a crash can leave it is an error that says so, not a guess."""
    lake = open_lake_tables(str(tmp_path / "lake"))
    lake.known_versions()
    for number in (1, 2):
        lake.commit_batch([make_part(lake, f"file:///s/{number}.json.gz", [event(number)])])
    for version in (1, 2):
        (tmp_path / "lake" / "archives" / "_delta_log" / f"{version:020d}.json").unlink()
    with pytest.raises(LakeError, match="stands at batch 0, its plan at 2"):
        open_lake_tables(str(tmp_path / "lake")).complete_batches()
