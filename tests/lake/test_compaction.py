"""Compaction keeps every row, sorts them, and leaves old versions readable."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable

from pipeline.lake import Lake, open_lake_tables
from pipeline.lake.compaction import compact_table, plan_merges
from pipeline.lake.parquet import FileAction
from pipeline.lake.tables import list_files, load_table
from tests.lake.rows import contents, event, make_part, with_quarantine


def fill(path: Path, batches: int = 4) -> Lake:
    """A lake of several batches over two days, one archive each."""
    lake = open_lake_tables(str(path))
    lake.known_versions()
    for number in range(batches):
        rows = [event(10 * number + 1, second=100 - number), event(10 * number + 2, day=1, second=50 + number)]
        lake.commit_batch([with_quarantine(make_part(lake, f"file:///s/{number}.json.gz", rows))])
    return lake


def test_small_files_become_one_sorted_file_a_day(tmp_path: Path) -> None:
    """Eight event files of two days become two; rows stay the same and are sorted inside; a second run does nothing."""
    lake = fill(tmp_path / "lake")
    before = contents(lake)
    results = {result.table: result for result in lake.compact()}
    assert (results["events"].files_before, results["events"].files_after) == (8, 2)
    assert (results["archives"].files_after, results["quarantine"].files_after) == (1, 1)
    assert contents(lake) == before
    for uri in lake.snapshot().event_uris:
        rows = pa.parquet.read_table(uri, partitioning=None, columns=["event_time", "event_id"])
        assert rows.equals(rows.sort_by([("event_time", "ascending"), ("event_id", "ascending")]))
    assert [result.merged_count for result in lake.compact()] == [0, 0, 0]


def test_versions_before_a_compaction_stay_readable(tmp_path: Path) -> None:
    """Time travel: the version before the compaction still gives its files and rows."""
    lake = fill(tmp_path / "lake")
    version = lake.snapshot().version
    lake.compact()
    old = DeltaTable(lake.location.join("events"), version=version)
    assert len(old.file_uris()) == 8
    assert old.to_pyarrow_dataset().count_rows() == 8


def test_a_stale_compaction_replaces_nothing_twice(tmp_path: Path) -> None:
    """A compaction whose files another one has replaced meanwhile gives up: no row is doubled."""
    lake = fill(tmp_path / "lake")
    before = contents(lake)
    done: list[int] = []

    def interfere(files: int) -> None:
        if not done:
            done.append(files)
            compact_table(lake.location, "events")

    result = compact_table(lake.location, "events", on_merge=interfere)
    assert result.merged_count == 4
    assert contents(lake) == before
    assert len(list_files(load_table(lake.location, "events"))) == 2


def test_ingest_goes_on_after_a_compaction(tmp_path: Path) -> None:
    """A run that began before a compaction commits after it, and the chain of the ledger holds."""
    lake = fill(tmp_path / "lake")
    other = open_lake_tables(str(tmp_path / "lake"))
    other.known_versions()
    lake.compact()
    assert other.commit_batch([make_part(other, "file:///s/late.json.gz", [event(99)])]).batch_number == 5
    assert len(contents(lake)["events"]) == 9


def make_file(path: str, size: int, rows: int, day: str = "2024-05-01", first: int = 0) -> FileAction:
    """A file as a table lists it."""
    stats = f'{{"numRecords": {rows}, "minValues": {{"event_time": "{first:04d}"}}}}'
    return FileAction(path, size, {"event_date": day}, rows, stats)


def test_merges_respect_size_rows_and_partitions() -> None:
    """Large files stay, days are not mixed, and a merge stops at the target in bytes and in rows."""
    files = [
        make_file("large", 900, 10),
        make_file("b", 300, 10, first=2),
        make_file("a", 300, 10, first=1),
        make_file("c", 300, 10, first=3),
        make_file("d", 300, 10, first=4),
        make_file("other", 300, 10, day="2024-05-02"),
    ]
    groups = [[item.path for item in group] for group in plan_merges(files, target_bytes=700, target_rows=1000)]
    assert groups == [["a", "b"], ["c", "d"]]
    assert [len(group) for group in plan_merges(files, target_bytes=700, target_rows=22)] == [2, 2]
    assert list(plan_merges(files, target_bytes=500, target_rows=1000)) == []
