"""Event files: one a date, sorted, the same bytes for the same rows, readable by anyone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.lake import FileAction, LakeLocation, open_lake_tables
from pipeline.lake.event_files import DICTIONARY_COLUMNS
from pipeline.lake.tables import delta_schema
from pipeline.schema import EVENTS
from tests.lake.rows import event, events, make_part, write_event_files

_LATELY_REQUIRED = {
    "archive_uri",
    "archive_version",
    "archive_sha256",
    "record_index",
    "record_sha256",
    "parse_flags",
    "is_request_omitted",
}


def test_one_file_a_date_with_its_statistics(tmp_path: Path) -> None:
    """Rows of two dates make two files, each sorted, each with the facts that a Delta add action carries."""
    rows = [event(3), event(1), event(2, day=1), event(4, second=1)]
    files = write_event_files(events(rows), LakeLocation(str(tmp_path)), file_stem="stem")
    assert [(item.path, item.partition, item.rows) for item in files] == [
        ("event_date=2024-05-01/stem.parquet", {"event_date": "2024-05-01"}, 3),
        ("event_date=2024-05-02/stem.parquet", {"event_date": "2024-05-02"}, 1),
    ]
    stored = pq.read_table(tmp_path / "events" / files[0].path, partitioning=None)
    assert stored.column("event_id").to_pylist() == ["event-0001", "event-0004", "event-0003"]
    assert "event_date" not in stored.column_names
    assert files[0].size == (tmp_path / "events" / files[0].path).stat().st_size
    assert json.loads(files[0].stats) == {
        "numRecords": 3,
        "minValues": {"event_time": "2024-05-01T12:00:01.000000Z"},
        "maxValues": {"event_time": "2024-05-01T12:00:03.000000Z"},
        "nullCount": {"event_time": 0},
    }


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(12)), is_encoded=st.booleans())
def test_the_order_and_encoding_of_rows_do_not_show(tmp_path: Path, order: list[int], is_encoded: bool) -> None:
    """Any order of the same rows gives the same rows in the same order, dictionary-encoded or not."""
    table = events([event(number, day=number % 2, second=number // 3) for number in order])
    if is_encoded:
        for name in DICTIONARY_COLUMNS:
            index = table.schema.get_field_index(name)
            table = table.set_column(index, name, table.column(index).dictionary_encode())
    files = write_event_files(table, LakeLocation(str(tmp_path)), file_stem="any")
    found = [
        number
        for item in files
        for number in pq.read_table(tmp_path / "events" / item.path, partitioning=None)
        .column("record_index")
        .to_pylist()
    ]
    assert found == [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11]


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    """Written twice, the same rows are the same file: a task that is repeated replaces its own files."""
    table = events([event(number) for number in range(50)])
    for folder in ("one", "two"):
        write_event_files(table, LakeLocation(str(tmp_path / folder)), file_stem="s")
    path = "events/event_date=2024-05-01/s.parquet"
    assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()
    assert b"ARROW:schema" not in (tmp_path / "one" / path).read_bytes()


def test_other_readers_see_the_rows(tmp_path: Path) -> None:
    """delta-rs's own reader and DuckDB over the snapshot's files see the same rows, dates included."""
    lake = open_lake_tables(str(tmp_path / "lake"))
    lake.known_versions()
    lake.commit_batch([make_part(lake, "file:///s/a.json.gz", [event(1), event(2, day=1)])])
    expected = [("2024-05-01", "event-0001"), ("2024-05-02", "event-0002")]
    table = DeltaTable(str(tmp_path / "lake" / "events"))
    rows = pa.table(table.scan(columns=["event_date", "event_id"])).to_pylist()
    assert sorted((str(row["event_date"]), row["event_id"]) for row in rows) == expected
    assert table.protocol().min_reader_version == 1
    uris = lake.snapshot().event_uris
    query = "SELECT event_date::VARCHAR, event_id FROM read_parquet($1, hive_partitioning = true) ORDER BY ALL"
    with duckdb.connect() as connection:
        assert connection.execute(query, [uris]).fetchall() == expected


def test_a_lake_that_promised_less_takes_files_that_promise_more(tmp_path: Path) -> None:
    """Lakes of earlier versions call provenance nullable; their files and new ones, which do not, are one table."""
    schema = pa.schema([field.with_nullable(field.nullable or field.name in _LATELY_REQUIRED) for field in EVENTS])
    root = tmp_path / "lake"
    DeltaTable.create(str(root / "events"), delta_schema(schema), partition_by=["event_date"])
    lake = open_lake_tables(str(root))
    lake.known_versions()
    old = events([event(1)]).drop_columns(["event_date"]).cast(pa.schema(list(schema)[1:]))
    path = root / "events" / "event_date=2024-05-01" / "old.parquet"
    path.parent.mkdir()
    pq.write_table(old, path)
    part = make_part(lake, "file:///s/a.json.gz", [event(2)])
    action = FileAction(
        "event_date=2024-05-01/old.parquet", path.stat().st_size, part.events[0].partition, 1, '{"numRecords": 1}'
    )
    lake.commit_batch([replace(part, events=(action, *part.events))])
    for _ in range(2):
        table = DeltaTable(str(root / "events"))
        assert pa.schema(table.schema().to_arrow()).field("archive_uri").nullable
        columns = ["event_id", "archive_uri", "parse_flags"]
        for shown in (table.scan(columns=columns), lake.snapshot().open_dataset("events").to_table(columns=columns)):
            assert sorted(tuple(row.values()) for row in pa.table(shown).to_pylist()) == [
                ("event-0001", "file:///a.json.gz", []),
                ("event-0002", "file:///s/a.json.gz", []),
            ]
        lake.compact()
