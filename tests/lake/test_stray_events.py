"""Events of few-rowed dates: written once for all parts of a batch, and never without their part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.errors import LakeError
from pipeline.lake import BatchPart, Lake, LakeLocation, open_lake_tables
from pipeline.lake.stray_events import StrayEvents, write_stray_events
from tests.lake.rows import contents, event, events, make_part


def leave(part: BatchPart, numbers: list[int], day: int) -> BatchPart:
    """The part with events of another day that have no file yet."""
    uri, _ = part.archive_versions()[0]
    strays = StrayEvents()
    assert strays.take(events([{**event(number, day=day), "archive_uri": uri} for number in numbers]), 1000)
    return replace(part, strays=strays.finish())


def make_parts(lake: Lake) -> list[BatchPart]:
    """Two parts of one day, both with events of the next."""
    return [
        leave(make_part(lake, "file:///s/a.json.gz", [event(1)]), [5, 3], 1),
        leave(make_part(lake, "file:///s/b.json.gz", [event(2)]), [4], 1),
    ]


def test_a_batch_has_one_file_for_a_date_of_stray_events(tmp_path: Path) -> None:
    """Of the parts' own files and one more; its rows are in order, and every event is visible."""
    lake = open_lake_tables(str(tmp_path / "lake"))
    lake.known_versions()
    result = lake.commit_batch(make_parts(lake))
    days = [item.partition["event_date"] for item in result.events]
    assert (days, [item.rows for item in result.events]) == (["2024-05-01", "2024-05-01", "2024-05-02"], [1, 1, 3])
    stray = pq.ParquetFile(tmp_path / "lake" / "events" / result.events[-1].path).read(columns=["event_id"])
    assert stray.column("event_id").to_pylist() == ["event-0003", "event-0004", "event-0005"]
    found = [(row["archive_uri"][-9:-8], row["record_index"]) for row in contents(lake)["events"]]
    assert found == [("a", 1), ("a", 3), ("a", 5), ("b", 2), ("b", 4)]


def test_stray_events_of_a_dropped_part_stay_away(tmp_path: Path) -> None:
    """Of two runs the second drops the part that the first has committed, and its stray events with it."""
    first, second = open_lake_tables(str(tmp_path / "lake")), open_lake_tables(str(tmp_path / "lake"))
    first.known_versions()
    second.known_versions()
    shared, own = make_parts(first)
    assert first.commit_batch([shared]).batch_number == 1
    result = second.commit_batch([shared, own])
    assert (result.committed, [item.rows for item in result.events]) == ((1,), [1, 1])
    found = [(row["archive_uri"][-9:-8], row["record_index"]) for row in contents(second)["events"]]
    assert found == [("a", 1), ("a", 3), ("a", 5), ("b", 2), ("b", 4)]


def test_a_name_tells_what_a_file_holds(tmp_path: Path) -> None:
    """The same rows give the same file, others another: a run that loses a race must not change a winner's."""
    location = LakeLocation(str(tmp_path))

    def paths(numbers: list[int], batch_number: int) -> list[str]:
        strays = StrayEvents()
        strays.take(events([event(number) for number in numbers]), 1000)
        found = strays.finish()
        assert found is not None
        return [item.path for item in write_stray_events([found], location, batch_number=batch_number)]

    assert paths([1, 2], 7) == paths([2, 1], 7)
    assert len({*paths([1, 2], 7), *paths([1, 3], 7), *paths([1, 2], 8)}) == 3


@pytest.mark.parametrize(("count", "chunk", "is_taken"), [(1000, 2000, True), (1001, 9000, False), (6, 11, False)])
def test_only_few_rows_are_taken(count: int, chunk: int, is_taken: bool) -> None:
    """Neither a thousand and one, nor most of a chunk."""
    strays = StrayEvents()
    assert strays.take(events([event(number) for number in range(count)]), chunk) is is_taken
    assert (strays.finish() is not None) is is_taken


def test_a_task_leaves_no_more_than_memory_allows() -> None:
    """A chunk of very many dates fills files of its own beyond 4,000 rows."""
    strays = StrayEvents()
    rows = events([event(number) for number in range(900)])
    assert [strays.take(rows, 100_000) for _ in range(6)] == [True, True, True, True, False, False]


def test_a_full_store_is_told(tmp_path: Path) -> None:
    """Where no file can be written the batch is not committed."""
    (tmp_path / "events").write_text("in the way")
    strays = StrayEvents()
    strays.take(events([event(1)]), 1000)
    found = strays.finish()
    assert found is not None
    with pytest.raises(LakeError, match="cannot write"):
        write_stray_events([found], LakeLocation(str(tmp_path)), batch_number=1)
