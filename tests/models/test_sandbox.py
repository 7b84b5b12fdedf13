from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from pipeline.errors import ModelError, UsageError
from pipeline.models.engine import EngineLimits, ParquetFiles
from pipeline.models.sandbox import Sandbox, open_sandbox

ROWS = pa.table({"id": [1, 2, 3], "word": ["a", "b", None]})


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a Parquet file that a query would like to reach, and one that the sandbox serves."""
    pq.write_table(ROWS, tmp_path / "served.parquet")
    pq.write_table(ROWS, tmp_path / "secret.parquet")
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    return tmp_path


@pytest.fixture
def sandbox(files: Path) -> Sandbox:
    """A sandbox over one dataset, one table and a view."""
    relations = {"events": pads.dataset(files / "served.parquet"), "archives": ROWS}
    return open_sandbox(relations, [("doubled", "select id * 2 as id from events")])


def test_a_select_gets_its_rows(sandbox: Sandbox) -> None:
    """Datasets, tables and views answer, joined and aggregated, as Arrow."""
    sql = """
        with recursive n as (select 1 as i union all select i + 1 from n where i < 3)
        select e.id, a.word, count(*) over () as rows
        from events as e join archives as a using (id) join doubled as d on d.id = e.id, n
        where i = 1
    """
    assert sandbox.run(sql).to_pylist() == [{"id": 2, "word": "b", "rows": 1}]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from main.events",
        "from events",
        "describe events",
        "summarize events",
        "show tables",
        "values (1)",
        "select unnest([1, 2]) from range(3)",
        "select table_name from information_schema.tables",
        "select * from events limit 1;",
    ],
)
def test_every_form_of_select_is_allowed(sandbox: Sandbox, sql: str) -> None:
    """What DuckDB calls a SELECT and reads only the sandbox runs."""
    assert sandbox.run(sql).num_rows > 0


REFUSED = [
    "",
    "--",
    "select 1; select 2",
    "selec 1",
    "copy events to '{out}'",
    "copy (select 1) to '{out}' (format parquet)",
    "explain analyze copy events to '{out}'",
    "explain select 1",
    "export database '{out}'",
    "import database '{secret}'",
    "attach '{out}' as other",
    "attach '{out}' (type sqlite)",
    "detach memory",
    "use memory",
    "pragma database_list",
    "pragma enable_profiling",
    "call pragma_version()",
    "checkpoint",
    "vacuum",
    "install httpfs",
    "load json",
    "set memory_limit = '1TB'",
    "set enable_external_access = true",
    "reset lock_configuration",
    "create table t as select 1",
    "create or replace view events as select 1",
    "create macro f() as 1",
    "create secret (type s3)",
    "create temp table t as from events",
    "insert into events values (1)",
    "update archives set id = 1",
    "delete from archives",
    "drop view events",
    "alter table archives rename to x",
    "comment on table archives is 'x'",
    "begin",
    "prepare p as select 1",
    "execute p",
    "select * from read_csv('{secret}')",
    "select * from read_parquet('{secret}')",
    "select * from parquet_scan('{secret}')",
    "select * from read_text('{secret}')",
    "select * from read_blob('{secret}')",
    "select * from read_json('{secret}')",
    "select * from READ_CSV_AUTO('{secret}')",
    "select * from sniff_csv('{secret}')",
    "select * from parquet_metadata('{secret}')",
    "select * from glob('{secret}')",
    "select * from '{secret}'",
    'select * from "{secret}"',
    "from '{secret}'",
    "summarize '{secret}'",
    "describe select * from read_csv('{secret}')",
    "select (select content from read_text('{secret}'))",
    "with t as (select * from read_text('{secret}')) select * from t",
    "select * from events union all select * from '{secret}'",
    "select * from events where id in (select column0 from '{secret}')",
    "select * from query('select 1')",
    "select * from query_table('events')",
    "select * from duckdb_settings()",
    "select * from duckdb_secrets()",
    "select * from which_secret('s3://x', 's3')",
    "select * from duckdb_extensions()",
    "select * from pragma_database_size()",
    "select * from sqlite_scan('{secret}', 't')",
    "select * from delta_scan('{secret}')",
    "select * from pg_catalog.pg_settings",
    "select * from python_rows",
    "select getenv('HOME')",
    "select current_setting('secret_directory')",
    "select id from events order by Current_Setting('memory_limit')",
    "select 'memory_limit'.current_setting()",
    "select list_transform([1], lambda x: current_setting('memory_limit'))",
    "select getvariable('x')",
    "select write_log('x')",
    "select json_serialize_plan('select * from read_text(''{secret}'')')",
    "select * from json_execute_serialized_sql(json_serialize_sql('select 1'))",
    'with "{secret}" as (select * from "{secret}") select * from "{secret}"',
    "with python_rows as (select * from python_rows) select * from python_rows",
    "with t as (insert into archives values (1, 'x') returning *) select * from t",
    "select * from parquet_schema('{secret}')",
    "select * from events, read_text('{secret}')",
    "select * from events limit (select 1 from read_text('{secret}'))",
    "select * from 'http://127.0.0.1:9/x.parquet'",
    "select * from system.main.duckdb_settings",
    "select * from duckdb_logs()",
    "select $1",
    "select $name",
    "select * from nowhere",
    "pivot events on word",
    "select 1 / 'x'",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_whatever_else_is_refused_and_leaves_no_trace(sandbox: Sandbox, files: Path, sql: str) -> None:
    """Writing, reaching files, changing settings and several statements all end in a sentence, with nothing written."""
    python_rows = pa.table({"secret": ["in a variable of the caller"]})
    before = sorted(files.iterdir())
    for secret in ("secret.parquet", "secret.csv"):
        query = sql.replace("{out}", str(files / "out")).replace("{secret}", str(files / secret))
        with pytest.raises(UsageError):
            sandbox.run(query)
    assert sorted(files.iterdir()) == before
    assert python_rows.num_rows == 1
    assert sandbox.run("select count(*) as n from events").to_pylist() == [{"n": 3}]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('{secret}')",
        "copy events to '{out}'",
        "attach '{out}' as other",
        "set enable_external_access = true",
        "reset lock_configuration",
        "from '{secret}'",
    ],
)
def test_the_engine_itself_refuses_what_a_parser_could_miss(sandbox: Sandbox, files: Path, sql: str) -> None:
    """Behind the check of the statement stands a locked engine: neither is trusted alone."""
    import duckdb

    query = sql.replace("{out}", str(files / "out")).replace("{secret}", str(files / "secret.csv"))
    with pytest.raises(duckdb.Error):
        sandbox.connection.execute(query)
    assert not (files / "out").exists()


def test_a_mistyped_relation_gets_a_hint(sandbox: Sandbox) -> None:
    """An unknown name is answered with the nearest known one."""
    with pytest.raises(UsageError, match="did you mean events"):
        sandbox.run("select * from event")


def test_a_query_is_stopped_in_time(sandbox: Sandbox) -> None:
    """A query that would run for hours ends with a sentence, and the next one works."""
    with pytest.raises(UsageError, match=r"longer than 0\.2 seconds"):
        sandbox.run("select count(*) from range(1000000000000)", timeout_seconds=0.2)
    assert sandbox.run("select 1 as one", timeout_seconds=5).to_pylist() == [{"one": 1}]


def test_memory_is_bounded(files: Path) -> None:
    """A query that needs more than its limit fails, and spills nothing to disk."""
    small = open_sandbox({"events": ROWS}, limits=EngineLimits(memory="64MiB", threads=1))
    with pytest.raises(UsageError, match=r"(?i)memory"):
        small.run("select string_agg(i::varchar, ',') from range(100000000) as t(i)")


def test_files_by_path_are_refused(files: Path) -> None:
    """The sandbox serves Arrow only: DuckDB is to open no file."""
    relation = ParquetFiles((str(files / "served.parquet"),), ROWS.schema)
    with pytest.raises(ModelError, match="Arrow only"):
        open_sandbox({"events": relation})


def test_a_query_too_long_to_parse_is_refused_before_it_is_parsed(sandbox: Sandbox) -> None:
    """A text of megabytes would fill the parser's memory; it ends in a sentence."""
    with pytest.raises(UsageError, match=r"at most 1,000,000 characters; this one has 5,000,009"):
        sandbox.run(f"select '{'x' * 5_000_000}'")


def test_a_result_larger_than_its_bound_is_refused_while_it_comes(sandbox: Sandbox) -> None:
    """Memory that DuckDB has handed on is bounded too; a result within the bound comes whole."""
    sql = "select range from range(1_000_000)"
    with pytest.raises(UsageError, match="larger than 1,000,000 bytes"):
        sandbox.run(sql, max_result_bytes=1_000_000)
    assert sandbox.run(sql, max_result_bytes=9_000_000).num_rows == 1_000_000


def test_an_empty_result_has_its_columns(sandbox: Sandbox) -> None:
    """No rows is an answer."""
    assert sandbox.run("select id, word from events where id > 9").schema.names == ["id", "word"]
