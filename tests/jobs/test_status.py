"""``status``, ``compact`` and ``quarantine`` say what a lake holds and lacks."""

from __future__ import annotations

from concurrent.futures import Executor
from datetime import date
from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.jobs.compact import compact_lake
from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.quarantine import count_reasons, list_quarantine, retry_quarantine
from pipeline.jobs.status import DayRow, Gap, lake_status
from pipeline.settings import Settings
from tests.jobs.archives import ACCOUNT, record, write_archive, write_bytes

SETTINGS = Settings()


@pytest.fixture
def lake(tmp_path: Path, in_process: Executor) -> Path:
    """A lake of two runs: three delivery days, one of them missing between, something in quarantine."""
    source, path = tmp_path / "source", tmp_path / "lake"
    write_archive(source, [record(1), "broken"], 1)
    ingest_sources([str(source)], path, SETTINGS, executor=in_process)
    write_archive(source, [record(2), record(3)], 2, day=4)
    write_bytes(source, b"", 3, day=4)
    ingest_sources([str(source)], path, SETTINGS, executor=in_process)
    return path


def test_status_counts_places_days_and_gaps(lake: Path) -> None:
    """Per account, region and day; the days between are a gap; quarantine is by reason."""
    status = lake_status(lake, SETTINGS)
    assert status.batch_number == 2
    assert status.last_commit_at is not None
    assert status.archives == {"committed": 2, "quarantined": 1}
    assert (status.deliveries_count, status.event_date_count) == (3, 1)
    assert (status.first_event_date, status.last_event_date) == (date(2024, 5, 1), date(2024, 5, 1))
    assert status.quarantine == {"not_object": 1, "zero_bytes": 1}
    assert (status.failed, status.verification, status.models) == ({}, {}, ())
    assert status.days == (
        DayRow(ACCOUNT, "us-east-1", date(2024, 5, 1), 1, 1, 1),
        DayRow(ACCOUNT, "us-east-1", date(2024, 5, 4), 2, 2, 0),
    )
    assert status.gaps == (Gap(ACCOUNT, "us-east-1", date(2024, 5, 2), date(2024, 5, 3), 2),)
    assert [(row.account_id, row.region, row.archive_count, row.event_count) for row in status.coverage] == [
        (ACCOUNT, "us-east-1", 3, 3)
    ]


def test_compact_merges_files_and_keeps_rows(lake: Path) -> None:
    """Two files of one event date become one; what the lake holds stays the same."""
    before = lake_status(lake, SETTINGS)
    report = compact_lake(lake, SETTINGS)
    assert [(table.table, table.files_before, table.files_after) for table in report.tables] == [
        ("events", 2, 1),
        ("archives", 2, 1),
        ("quarantine", 2, 1),
    ]
    after = lake_status(lake, SETTINGS)
    assert (after.days, after.quarantine, after.deliveries_count) == (
        before.days,
        before.quarantine,
        before.deliveries_count,
    )
    assert after.file_count == 1


def test_quarantine_lists_what_still_holds(lake: Path) -> None:
    """Entries come by batch with their place and reason."""
    rows = list_quarantine(lake, SETTINGS)
    found = [
        (row["batch_number"], row["archive_key"][-9], row["record_index"], row["reason"]) for row in rows.to_pylist()
    ]
    assert found == [(1, "1", 1, "not_object"), (2, "3", None, "zero_bytes")]
    assert count_reasons(rows) == {"not_object": 1, "zero_bytes": 1}
    assert rows.column("raw_excerpt").to_pylist() == ['"broken"', None]


def test_a_lake_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    """No lake: each command says so and makes none. An empty quarantine has nothing to retry."""
    for command in (lake_status, compact_lake, list_quarantine, retry_quarantine):
        with pytest.raises(UsageError, match="there is no lake"):
            command(tmp_path / "none", SETTINGS)
    assert not (tmp_path / "none").exists()
