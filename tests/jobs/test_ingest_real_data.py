"""Every real set reproduces the counts that were taken independently, from a folder and from S3."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipeline.finding import format_time
from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.ingest_accounting import IngestReport
from pipeline.jobs.lake_access import open_job_lake
from pipeline.settings import S3Settings, Settings
from tests.servers import upload_folder

SETS = ("stratus-red-team", "traildiscover", "opensearch-catalog", "invictus-aws_dataset")


def observe(report: IngestReport, events: pa.Table, calls: list[str]) -> dict[str, Any]:
    """What expected.json counts, from the report and from the rows."""
    distinct = events.group_by(["recipient_account_id", "event_id", "event_name"]).aggregate([])
    counted = {item["values"]: item["counts"] for item in pc.value_counts(distinct.column("event_name")).to_pylist()}
    bounds = pc.min_max(events.column("event_time")).as_py()
    return {
        "archives": report.archives["committed"],
        "records": report.records["read"],
        "distinct_events": report.records["distinct"],
        "first_event_time": format_time(bounds["min"]),
        "last_event_time": format_time(bounds["max"]),
        "iam_and_sts": {name: counted[name] for name in sorted(counted) if name in calls},
    }


def check_set(real_data: Path, name: str, source: str, lake_path: str, settings: Settings) -> None:
    """Ingest one set twice: the first run gives the counts, the second changes nothing."""
    everything = json.loads((real_data / "expected.json").read_text())
    expected = everything[name]
    calls = sorted({call for counts in everything.values() for call in counts["iam_and_sts"]})
    wanted = {key: value for key, value in expected.items() if key not in ("licence", "commit")}
    first = ingest_sources([source], lake_path, settings)
    columns = ["recipient_account_id", "event_id", "event_name", "event_time"]
    events = open_job_lake(lake_path, settings).snapshot().open_dataset("events").to_table(columns=columns)
    assert observe(first, events, calls) == wanted
    assert events.num_rows == expected["records"]
    assert first.exit_code == 0
    second = ingest_sources([source], lake_path, settings)
    zero = dict.fromkeys(("committed", "empty", "quarantined", "skipped", "failed"), 0)
    assert second.archives == {"listed": expected["archives"], "unchanged": expected["archives"], **zero}
    assert second.last_batch == first.last_batch


@pytest.mark.parametrize("name", SETS)
def test_a_folder_reproduces_the_counts(real_data: Path, tmp_path: Path, name: str, one_worker: Settings) -> None:
    """A set read from a folder gives exactly the archives, records, events, times and calls of expected.json."""
    check_set(real_data, name, str(real_data / "bucket" / name), str(tmp_path / "lake"), one_worker)


@pytest.mark.parametrize("name", SETS)
def test_a_bucket_reproduces_the_counts(
    real_data: Path, s3_endpoint: str, s3_bucket: Callable[[], str], name: str, one_worker: Settings
) -> None:
    """The same set read from S3 into a lake on S3 gives the same counts."""
    bucket, lake_bucket = s3_bucket(), s3_bucket()
    upload_folder(s3_endpoint, bucket, real_data / "bucket" / name)
    settings = replace(one_worker, s3=S3Settings(endpoint_url=s3_endpoint, region="us-east-1"))
    check_set(real_data, name, f"s3://{bucket}", f"s3://{lake_bucket}/case/lake", settings)
