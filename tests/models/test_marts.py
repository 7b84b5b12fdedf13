from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from model_files import write_model

from pipeline.errors import LakeError
from pipeline.models.engine import EngineLimits, open_engine
from pipeline.models.folder import load_models
from pipeline.models.marts import SMALL_ROWS, is_mart, write_marts


def test_marts_are_tables_with_their_descriptions(tmp_path: Path) -> None:
    """The file holds rows, not views, and says what columns mean; an intermediate model is not in it."""
    write_model(tmp_path, "int_a", "select 1 as id", columns="id  x")
    write_model(
        tmp_path, "fct_a", "select id from int_a", inputs="int_a", purpose="It's a mart.", columns="id  somebody's id"
    )
    models = load_models(tmp_path)
    file = tmp_path / "marts.duckdb"
    with open_engine(":memory:", EngineLimits(), scratch=None) as connection:
        for model in models:
            connection.execute(f"create table {model.name} as {model.sql}")
        write_marts(connection, [model for model in models if is_mart(model)], file)
    with duckdb.connect(str(file), read_only=True) as client:
        tables = client.execute("select table_name, table_type from information_schema.tables").fetchall()
        assert tables == [("fct_a", "BASE TABLE")]
        assert client.execute("select id from fct_a").fetchall() == [(1,)]
        comments = client.execute(
            "select comment from duckdb_tables() union all select comment from duckdb_columns()"
            " where schema_name = 'main' and table_name = 'fct_a'"
        ).fetchall()
        assert comments == [("It's a mart.",), ("somebody's id",)]
        tags = client.execute("select tags from duckdb_databases() where database_name = 'marts'").fetchall()
    assert "v1.0.0" in str(tags)


def test_small_and_large_marts_are_copied_alike(tmp_path: Path) -> None:
    """How a table is packed depends on its size, what a client reads does not; the setting for it does not stay."""
    for name, rows in (("dim_none", 0), ("fct_few", SMALL_ROWS), ("fct_many", SMALL_ROWS + 1)):
        write_model(tmp_path, name, f"select 'row number ' || i as id from range({rows}) as r(i)", columns="id  x")
    models = load_models(tmp_path)
    file = tmp_path / "marts.duckdb"
    with open_engine(":memory:", EngineLimits(), scratch=None) as connection:
        for model in models:
            connection.execute(f"create table {model.name} as {model.sql}")
        write_marts(connection, models, file)
        left = connection.execute("select current_setting('disabled_compression_methods')").fetchall()
    assert left == [("",)]
    with duckdb.connect(str(file), read_only=True) as client:
        for name, rows in (("dim_none", 0), ("fct_few", SMALL_ROWS), ("fct_many", SMALL_ROWS + 1)):
            found = client.execute(f"select id from {name}").fetchall()
            assert found == [(f"row number {number}",) for number in range(rows)]


def test_a_folder_that_refuses_is_told(tmp_path: Path) -> None:
    """A file that cannot be written ends in a sentence about the lake."""
    with (
        open_engine(":memory:", EngineLimits(), scratch=None) as connection,
        pytest.raises(LakeError, match="cannot write"),
    ):
        write_marts(connection, [], tmp_path / "absent" / "marts.duckdb")
