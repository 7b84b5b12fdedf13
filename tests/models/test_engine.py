from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import ModelError
from pipeline.models.engine import (
    EngineLimits,
    ParquetFiles,
    date_list,
    forget_relation,
    load_seed,
    open_engine,
    quote_text,
    read_relation,
    register_relation,
)

COLUMNS = pa.schema([("event_date", pa.date32()), ("id", pa.int64())])


def write_dates(folder: Path) -> ParquetFiles:
    """Two dates in files whose date is in the folder's name; a quote in the path."""
    paths = []
    for day in (1, 2):
        part = folder / "it's" / f"event_date=2024-03-0{day}"
        part.mkdir(parents=True)
        pq.write_table(pa.table({"id": [day, day * 10]}), part / "a.parquet")
        paths.append(str(part / "a.parquet"))
    return ParquetFiles(tuple(paths), COLUMNS, is_by_event_date=True)


def test_files_by_date_are_read_with_their_date(tmp_path: Path) -> None:
    """The partition column comes from the path, typed, in the schema's order."""
    table = read_relation(write_dates(tmp_path), ["event_date", "id"])
    assert table.to_pylist() == [
        {"event_date": date(2024, 3, 1), "id": 1},
        {"event_date": date(2024, 3, 1), "id": 10},
        {"event_date": date(2024, 3, 2), "id": 2},
        {"event_date": date(2024, 3, 2), "id": 20},
    ]


def test_no_files_is_an_empty_relation_with_columns() -> None:
    """A table without rows still has its columns."""
    assert read_relation(ParquetFiles((), COLUMNS), ["id"]).schema.names == ["id"]


def test_a_relation_replaces_its_namesake(tmp_path: Path) -> None:
    """Table, view and registered Arrow give way to each other under one name."""
    with open_engine(":memory:", EngineLimits(), scratch=None) as connection:
        connection.execute("create table things as select 1 as id")
        register_relation(connection, "things", pa.table({"id": [2]}))
        assert connection.execute("select id from things").fetchall() == [(2,)]
        register_relation(connection, "things", write_dates(tmp_path))
        assert connection.execute("select sum(id) from things").fetchall() == [(33,)]
        forget_relation(connection, "things")
        connection.execute("create table things as select 3 as id")
        assert connection.execute("select id from things").fetchall() == [(3,)]


@pytest.mark.parametrize("name", ["x; drop table y", "X", "", "a.b", 'a"b'])
def test_only_plain_names_are_registered(name: str) -> None:
    """A name is put into SQL, so it is an identifier or it is refused."""
    with (
        open_engine(":memory:", EngineLimits(), scratch=None) as connection,
        pytest.raises(ModelError, match="no relation name"),
    ):
        register_relation(connection, name, pa.table({"id": [1]}))


def test_times_are_utc_and_limits_hold(tmp_path: Path) -> None:
    """A connection keeps UTC, its memory limit, and spills only where it was told."""
    with open_engine(":memory:", EngineLimits(memory="100MiB", threads=1), scratch=tmp_path) as connection:
        rows = connection.sql(
            "select timestamptz '2024-03-01 12:00:00+02' as at, current_setting('memory_limit') as memory,"
            " current_setting('threads') as threads, current_setting('temp_directory') as spill"
        )
        assert rows.to_arrow_table().to_pylist() == [
            {"at": datetime(2024, 3, 1, 10, tzinfo=UTC), "memory": "100.0 MiB", "threads": 1, "spill": str(tmp_path)}
        ]


def test_a_broken_seed_is_named(tmp_path: Path) -> None:
    """A seed whose rows do not fit its header is refused with its name."""
    seed = tmp_path / "bad.csv"
    seed.write_text("a,b\n1,2,3\n")
    with (
        open_engine(":memory:", EngineLimits(), scratch=None) as connection,
        pytest.raises(ModelError, match=r"seed bad\.csv cannot be read"),
    ):
        load_seed(connection, "seed_bad", seed)


def test_text_and_dates_are_quoted() -> None:
    """What goes into SQL as a literal cannot break out of it."""
    assert quote_text("it's '; drop") == "'it''s ''; drop'"
    assert date_list({date(2024, 3, 2), date(2024, 3, 1)}) == "date '2024-03-01', date '2024-03-02'"
