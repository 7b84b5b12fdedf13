from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from pipeline.errors import ModelError, PolicyError, UsageError
from pipeline.jobs.build import build_lake
from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.lake_access import open_job_lake
from pipeline.jobs.query import run_query
from pipeline.jobs.simulate import simulate_archives
from pipeline.lake import Lake
from pipeline.models import BuiltModels
from pipeline.models.build import FEW_ROWS
from pipeline.settings import IngestSettings, S3Settings, Settings

UNSTABLE = {"build_state"}
"""What a build remembers differs by how often it ran; every model must not."""


def model_rows(lake_path: Path) -> dict[str, pa.Table]:
    """Return every stored model, sorted by all its columns' text."""
    lake = open_job_lake(lake_path, Settings())
    tables = {}
    for name in lake.list_models():
        if name not in UNSTABLE:
            rows = lake.read_model(name).to_table().to_pylist()
            tables[name] = sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))
    return tables


def keep_archives(source: Path, target: Path, keep: Any) -> None:
    """Copy some of a source's archives."""
    for file in sorted(source.rglob("*.json.gz")):
        if keep(file):
            copy = target / file.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small organisation's week with planted scenarios, duplicates and late deliveries."""
    folder = tmp_path_factory.mktemp("archives")
    simulate_archives(folder, events=3000, days=7, seed=11)
    return folder


@pytest.fixture(scope="module")
def built(archives: Path, tmp_path_factory: pytest.TempPathFactory, one_worker: Settings) -> Path:
    """A lake built at once from all archives."""
    lake = tmp_path_factory.mktemp("whole") / "lake"
    ingest_sources([str(archives)], lake, one_worker)
    build_lake(str(lake), one_worker)
    return lake


@pytest.mark.parametrize(
    ("few_then", "few_now", "is_by_date"),
    [(FEW_ROWS, FEW_ROWS, False), (0, 0, True), (FEW_ROWS, 0, True), (0, FEW_ROWS, True)],
    ids=["one-file", "by-date", "grown", "shrunk"],
)
def test_building_in_steps_equals_building_at_once(
    archives: Path,
    built: Path,
    tmp_path: Path,
    one_worker: Settings,
    monkeypatch: pytest.MonkeyPatch,
    few_then: int,
    few_now: int,
    is_by_date: bool,
) -> None:
    """Archives that arrive in two parts, late ones in the second, give the same models row for row.

    However a by-date model is kept: as one file while its rows are few, by date once they were many.
    """
    monkeypatch.setattr("pipeline.models.build.FEW_ROWS", few_then)
    source, lake = tmp_path / "source", tmp_path / "lake"
    days = sorted({file.parent.name for file in archives.rglob("*.json.gz")})
    first = set(days[: len(days) // 2])
    keep_archives(archives, source, lambda file: file.parent.name in first)
    ingest_sources([str(source)], lake, one_worker)
    build_lake(str(lake), one_worker)
    monkeypatch.setattr("pipeline.models.build.FEW_ROWS", few_now)
    keep_archives(archives, source, lambda file: file.parent.name not in first)
    ingest_sources([str(source)], lake, one_worker)
    report = build_lake(str(lake), one_worker)
    assert report.changed_dates
    assert open_job_lake(lake, one_worker).is_model_by_date("int_session_days") == is_by_date
    expected, actual = model_rows(built), model_rows(lake)
    assert sorted(actual) == sorted(expected)
    unlike = [name for name in expected if without_uris(actual[name]) != without_uris(expected[name])]
    assert unlike == []


def without_uris(rows: Any) -> str:
    """Return rows as text; the two sources lie in different folders."""
    text = [json.dumps(row, default=str, sort_keys=True) for row in rows]
    return "\n".join(sorted(_plain(line) for line in text))


def _plain(line: str) -> str:
    row = json.loads(line)
    hidden = ("archive_uri", "archive_version", "winner_archive_uri", "winner_archive_version")
    return json.dumps({key: value for key, value in row.items() if key not in hidden}, sort_keys=True)


def test_a_second_build_has_nothing_to_do(built: Path, one_worker: Settings) -> None:
    """An unchanged lake leaves every model as it was written."""
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*.parquet")}
    report = build_lake(str(built), one_worker)
    assert report.rows_written == {}
    assert report.changed_dates == ()
    after = {path: path.stat().st_mtime_ns for path in built.rglob("*.parquet")}
    assert {path for path in after if "build_state" not in str(path)} == {
        path for path in before if "build_state" not in str(path)
    }


def assert_same_rows(models: BuiltModels, lake: Lake) -> None:
    """What the build has at hand is what it stored."""
    for name in set(lake.list_models()) - UNSTABLE:
        at_hand, stored = (reader.read_model(name).to_table().to_pylist() for reader in (models, lake))
        assert sorted(at_hand, key=_all_values) == sorted(stored, key=_all_values), name
    names = ("principal_arn", "event_count")
    some, same = (reader.read_model("dim_principals", names).to_table() for reader in (models, lake))
    assert tuple(some.column_names) == tuple(same.column_names) == names
    assert sorted(some.to_pylist(), key=repr) == sorted(same.to_pylist(), key=repr)


def _all_values(row: dict[str, Any]) -> list[str]:
    return [repr(row[name]) for name in sorted(row)]


def test_the_report_is_told_when_every_model_is_made(archives: Path, tmp_path: Path, one_worker: Settings) -> None:
    """All are stored once settled; a report that fails fails the job, and the next build finds nothing to do."""
    lake = tmp_path / "lake"
    ingest_sources([str(archives)], lake, one_worker)
    stored: list[list[str]] = []

    def report(models: BuiltModels, settled: Callable[[], None]) -> None:
        settled()
        stored.append(open_job_lake(lake, one_worker).list_models())
        assert_same_rows(models, open_job_lake(lake, one_worker))
        raise UsageError("cannot write the report")

    with pytest.raises(UsageError, match="cannot write the report"):
        build_lake(str(lake), one_worker, meanwhile=report)
    assert (lake / "policytrail.duckdb").is_file()
    assert stored == [sorted(set(open_job_lake(lake, one_worker).list_models()) - UNSTABLE)]
    assert build_lake(str(lake), one_worker).rows_written == {}


def test_nothing_is_shown_of_models_that_an_audit_refuses(
    archives: Path, tmp_path: Path, one_worker: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report hears of it before it writes, the marts stay as they were, and the next build makes all again."""
    lake = tmp_path / "lake"
    ingest_sources([str(archives)], lake, one_worker)
    audit = tmp_path / "nobody_is_known.sql"
    refused = {"nobody_is_known": ("select principal_arn from dim_principals", audit)}
    monkeypatch.setattr("pipeline.jobs.build.load_audits", lambda folder: refused)
    heard: list[str] = []

    def report(models: BuiltModels, settled: Callable[[], None]) -> None:
        assert models.read_model("dim_principals").count_rows()
        with pytest.raises(ModelError) as failure:
            settled()
        heard.append(str(failure.value))

    with pytest.raises(ModelError, match="audit nobody_is_known found"):
        build_lake(str(lake), one_worker, meanwhile=report)
    assert len(heard) == 1
    assert not (lake / "policytrail.duckdb").exists()
    monkeypatch.undo()
    assert "dim_principals" in build_lake(str(lake), one_worker).rows_written


def test_the_marts_are_a_database_of_their_own(built: Path, tmp_path: Path) -> None:
    """``policytrail.duckdb`` holds tables that another client reads, wherever it lies."""
    moved = tmp_path / "elsewhere.duckdb"
    shutil.copyfile(built / "policytrail.duckdb", moved)
    with duckdb.connect(str(moved), read_only=True) as client:
        names = {name for (name,) in client.execute("select table_name from duckdb_tables()").fetchall()}
        assert {"fct_lineage", "dim_principals"} <= names
        assert client.execute("select count(*) from fct_lineage").fetchall()[0][0] > 0
        assert client.execute("select count(*) from duckdb_views() where not internal").fetchall() == [(0,)]


def test_nothing_is_left_in_the_scratch_folder(built: Path) -> None:
    """Spilled data goes when the build ends."""
    assert [path.name for path in (built / "_scratch").iterdir()] == ["build.lock"]


def test_an_account_snapshot_is_kept_for_later_builds(built: Path, tmp_path: Path, one_worker: Settings) -> None:
    """What a snapshot fills in stays known; a file that is none is refused and not kept."""
    lake = tmp_path / "lake"
    shutil.copytree(built, lake)
    bad = tmp_path / "bad.json"
    bad.write_text('{"not": "an answer"}')
    with pytest.raises(PolicyError):
        build_lake(str(lake), one_worker, snapshot=bad)
    assert not (lake / "_account_snapshot.json").exists()
    good = tmp_path / "good.json"
    good.write_text('{"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": []}')
    first = build_lake(str(lake), one_worker, snapshot=good)
    assert "ext_policy_deltas" in first.timings_seconds
    second = build_lake(str(lake), one_worker)
    assert second.rows_written == {}
    with pytest.raises(UsageError, match="cannot read the account snapshot"):
        build_lake(str(lake), one_worker, snapshot=tmp_path / "absent.json")


def test_a_folder_without_a_lake_is_wrong_use(tmp_path: Path) -> None:
    """Building needs a lake."""
    with pytest.raises(UsageError, match="no lake"):
        build_lake(str(tmp_path), Settings())


def test_events_are_distinct_and_deliveries_are_all(built: Path, one_worker: Settings) -> None:
    """The two views of what was delivered differ by the duplicates that are listed."""

    def count(sql: str) -> int:
        return int(run_query(str(built), sql, one_worker).to_pylist()[0]["n"])

    events = count("select count(*) as n from events")
    assert events == count("select count(distinct (recipient_account_id, event_id)) as n from events")
    duplicates = count("select count(*) as n from stg_duplicate_deliveries")
    assert duplicates > 0
    assert count("select count(*) as n from deliveries") == events + duplicates
    assert count("select count(*) as n from archives") > 0
    skipped = "select archive_key from archives where outcome = 'skipped'"
    assert run_query(str(built), skipped, one_worker).to_pylist() == [{"archive_key": "labels.json"}]
    assert count("select count(*) as n from quarantine") == 0


def test_a_query_before_the_build_sees_distinct_events(
    archives: Path, built: Path, tmp_path: Path, one_worker: Settings
) -> None:
    """A lake that is behind or without models still shows each event once; other models are named as not built."""
    lake = tmp_path / "lake"
    ingest_sources([str(archives)], lake, one_worker)
    sql = "select count(*) as n from events"
    assert run_query(str(lake), sql, one_worker).to_pylist() == run_query(str(built), sql, one_worker).to_pylist()
    with pytest.raises(UsageError, match="no relation 'fct_lineage'"):
        run_query(str(lake), "select * from fct_lineage", one_worker)


def test_a_lake_on_s3_is_built_and_queried(
    archives: Path, built: Path, s3_endpoint: str, s3_bucket: Callable[[], str]
) -> None:
    """The same models from the same archives, with nothing of the lake on disk."""
    settings = Settings(s3=S3Settings(endpoint_url=s3_endpoint, region="us-east-1"), ingest=IngestSettings(workers=1))
    lake = f"s3://{s3_bucket()}/lake"
    ingest_sources([str(archives)], lake, settings)
    report = build_lake(lake, settings)
    sql = "select root_principal_arn, count(*) as n from fct_lineage group by all order by all"
    assert run_query(lake, sql, settings).to_pylist() == run_query(str(built), sql, settings).to_pylist()
    assert report.rows_written["fct_lineage"] > 0


def test_two_builds_at_once_give_one_result(archives: Path, built: Path, tmp_path: Path, one_worker: Settings) -> None:
    """The second build waits for the first and then finds nothing to do."""
    lake = tmp_path / "lake"
    ingest_sources([str(archives)], lake, one_worker)
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: build_lake(str(lake), one_worker), range(2)))
    assert {} in [report.rows_written for report in reports]
    assert max(len(report.rows_written) for report in reports) > 0
    expected, actual = model_rows(built), model_rows(lake)
    assert [name for name in expected if actual[name] != expected[name]] == []
