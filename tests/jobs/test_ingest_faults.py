"""A failing S3: the run completes, or names each object that it could not read; the next run takes those."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.lake_access import open_job_lake
from pipeline.lake import open_lake_tables
from pipeline.settings import IngestSettings, S3Settings, Settings
from tests.jobs.archives import archive_key, record, write_archive
from tests.servers import Fault, FaultProxy, make_test_client, plan_faults, upload_folder

ARCHIVES = 12


@pytest.fixture
def bucket(tmp_path: Path, s3_endpoint: str, s3_bucket: Callable[[], str]) -> str:
    """A bucket of twelve archives."""
    for number in range(ARCHIVES):
        write_archive(tmp_path / "source", [record(2 * number), record(2 * number + 1)], number)
    name = s3_bucket()
    upload_folder(s3_endpoint, name, tmp_path / "source")
    return name


def settings_for(endpoint: str, attempts: int = 10) -> Settings:
    """Settings that reach S3 through an endpoint, in small tasks."""
    s3 = S3Settings(endpoint_url=endpoint, region="us-east-1", max_attempts=attempts, read_timeout_seconds=1.0)
    return Settings(s3=s3, ingest=IngestSettings(workers=1, task_archives=4, batch_tasks=1))


def event_ids(lake: Path | str, settings: Settings) -> list[str]:
    """Ids of all rows, sorted."""
    dataset = open_job_lake(lake, settings).snapshot().open_dataset("events")
    return sorted(dataset.to_table(columns=["event_id"]).column("event_id").to_pylist())


EVERYTHING = sorted(record(number)["eventID"] for number in range(2 * ARCHIVES))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_fifth_of_the_requests_failing(
    bucket: str, s3_endpoint: str, in_process: Executor, tmp_path: Path, seed: int
) -> None:
    """One request in five fails in one way or another: what is read or named as failed is everything."""
    lake = tmp_path / "lake"
    faults = (Fault.ERROR_500, Fault.SLOW_DOWN, Fault.TRUNCATE, Fault.RESET)
    with FaultProxy(s3_endpoint, plan_faults(seed, 0.2, faults)) as proxy:
        settings = settings_for(proxy.url, attempts=4)
        report = ingest_sources([f"s3://{bucket}"], lake, settings, executor=in_process)
        assert sum(proxy.injected.values()) > 0
    assert report.archives["committed"] + report.archives["failed"] == ARCHIVES
    assert len(report.failed) == report.archives["failed"]
    assert report.exit_code == (3 if report.failed else 0)
    again = ingest_sources([f"s3://{bucket}"], lake, settings_for(s3_endpoint), executor=in_process)
    assert again.archives["unchanged"] == report.archives["committed"]
    assert event_ids(lake, settings_for(s3_endpoint)) == EVERYTHING


def test_an_object_that_never_answers_is_named(
    bucket: str, s3_endpoint: str, in_process: Executor, tmp_path: Path
) -> None:
    """One object fails every time: the run ends with code 3 and names it; the next run reads it."""
    lake, bad = tmp_path / "lake", archive_key(5)

    def plan(method: str, path: str) -> Fault | None:
        return Fault.ERROR_500 if method == "GET" and bad in path else None

    with FaultProxy(s3_endpoint, plan) as proxy:
        report = ingest_sources([f"s3://{bucket}"], lake, settings_for(proxy.url, attempts=2), executor=in_process)
    assert [(item["uri"], item["reason"]) for item in report.failed] == [(f"s3://{bucket}/{bad}", "unreadable")]
    assert (report.archives["committed"], report.archives["failed"], report.exit_code) == (ARCHIVES - 1, 1, 3)
    again = ingest_sources([f"s3://{bucket}"], lake, settings_for(s3_endpoint), executor=in_process)
    assert (again.archives["committed"], again.archives["unchanged"]) == (1, ARCHIVES - 1)
    assert event_ids(lake, settings_for(s3_endpoint)) == EVERYTHING


def test_an_object_that_changes_after_listing_waits_for_the_next_run(
    bucket: str, s3_endpoint: str, in_process: Executor, tmp_path: Path
) -> None:
    """An object replaced between list and read is not read under its old version; the next run takes the new one."""
    lake, moving = tmp_path / "lake", archive_key(5)
    other = write_archive(tmp_path / "other", [record(500)], 5).read_bytes()

    def change(path: str) -> None:
        client = make_test_client(s3_endpoint)
        client.put_object(Bucket=bucket, Key=moving, Body=other)
        client.close()

    def plan(method: str, path: str) -> Fault | None:
        return Fault.CHANGE if method == "GET" and moving in path else None

    with FaultProxy(s3_endpoint, plan, change=change) as proxy:
        report = ingest_sources([f"s3://{bucket}"], lake, settings_for(proxy.url), executor=in_process)
    assert [(item["uri"], item["reason"]) for item in report.failed] == [(f"s3://{bucket}/{moving}", "object_changed")]
    again = ingest_sources([f"s3://{bucket}"], lake, settings_for(s3_endpoint), executor=in_process)
    assert (again.archives["committed"], again.archives["unchanged"]) == (1, ARCHIVES - 1)
    gone = {record(10)["eventID"], record(11)["eventID"]}
    expected = sorted({*EVERYTHING, record(500)["eventID"]} - gone)
    assert event_ids(lake, settings_for(s3_endpoint)) == expected


def test_a_plan_whose_answer_was_lost_is_known_again(tmp_path: Path) -> None:
    """A run that finds its own plan where it wanted to create it goes on with it, and counts it as its own."""
    from pipeline.lake.plans import create_plan, load_plans
    from tests.lake.rows import event, make_part

    lake = open_lake_tables(str(tmp_path / "lake"))
    lake.known_versions()
    part = make_part(lake, "file:///s/a.json.gz", [event(1)])
    committer = lake._committer
    plans = load_plans(lake.location)
    plan = committer._prepare([part], 1, "0" * 64)
    create_plan(lake.location, plans, plan)
    create_plan(lake.location, plans, plan)
    assert lake.complete_batches() == 1
    assert replace(plan, writer="another") != plan
