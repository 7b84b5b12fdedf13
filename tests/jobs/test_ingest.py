"""What one run of ingest makes of a source: outcomes, counts, rows."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.errors import LakeVersionError, UsageError
from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.ingest_accounting import IngestReport
from pipeline.jobs.quarantine import list_quarantine, retry_quarantine
from pipeline.lake import Lake, open_lake_tables
from pipeline.settings import Caps, IngestSettings, Settings
from pipeline.source import ListedObject, Source
from tests.jobs.archives import ACCOUNT, record, write_archive, write_bytes

Ingest = Callable[..., IngestReport]


@pytest.fixture
def lake_path(tmp_path: Path) -> Path:
    """Where the test's lake is."""
    return tmp_path / "lake"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The test's folder of archives."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


@pytest.fixture
def ingest(in_process: Executor, lake_path: Path) -> Ingest:
    """Run ingest into the test's lake, in this process."""

    def run(*sources: Path, settings: Settings | None = None, **options: Any) -> IngestReport:
        names = [str(item) for item in sources]
        return ingest_sources(names, lake_path, settings or Settings(), executor=in_process, **options)

    return run


def rows_of(lake_path: Path, *columns: str, table: str = "events") -> list[tuple[Any, ...]]:
    """Rows of a table, sorted."""
    found = (
        open_lake_tables(str(lake_path), create=False).snapshot().open_dataset(table).to_table(columns=list(columns))
    )
    return sorted(tuple(row.values()) for row in found.to_pylist())


def archives(**counts: int) -> dict[str, int]:
    """A report's archive counts, zero unless given."""
    names = ("listed", "committed", "empty", "quarantined", "skipped", "failed", "unchanged")
    return dict.fromkeys(names, 0) | counts


def test_every_kind_of_object_is_accounted_for(source: Path, ingest: Ingest, lake_path: Path) -> None:
    """Good, partly good, empty, broken and foreign objects each get their outcome; every record is counted once."""
    write_archive(source, [record(1), record(2)], 1)
    write_archive(source, [record(3), "no object", record(4)], 2)
    write_archive(source, [], 3)
    write_bytes(source, b"", 4)
    write_bytes(source, gzip.compress(json.dumps({"Records": [record(5)]}).encode())[:-4], 5)
    (source / "notes.txt").write_text("not an archive")
    digest = source / f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/us-east-1/2024/05/01"
    digest.mkdir(parents=True)
    name = f"{ACCOUNT}_CloudTrail-Digest_us-east-1_trail_us-east-1_20240501T230000Z.json.gz"
    (digest / name).write_bytes(gzip.compress(b"{}"))
    report = ingest(source)
    assert report.archives == archives(listed=7, committed=2, empty=1, quarantined=2, skipped=2)
    assert report.records == {"read": 5, "kept": 4, "distinct": 4, "duplicates": 0, "quarantined": 1}
    assert report.exit_code == 3
    assert sorted((Path(item["uri"]).name[-9], item["record_index"], item["reason"]) for item in report.quarantine) == [
        ("2", 1, "not_object"),
        ("4", None, "zero_bytes"),
        ("5", None, "truncated_gzip"),
    ]
    assert report.quarantine_total == 3
    ledger = rows_of(lake_path, "archive_key", "outcome", "reason", "record_kept_count", table="archives")
    assert [(key[-9], *rest) for key, *rest in ledger if key.endswith(".json.gz") and "Digest" not in key] == [
        ("1", "committed", None, 2),
        ("2", "committed", None, 2),
        ("3", "empty", "empty", 0),
        ("4", "quarantined", "zero_bytes", 0),
        ("5", "quarantined", "truncated_gzip", 0),
    ]
    assert [(outcome, reason) for key, outcome, reason, _ in ledger if "Digest" in key or key.endswith(".txt")] == [
        ("skipped", "digest"),
        ("skipped", "not_cloudtrail"),
    ]


def test_an_unchanged_source_is_not_read_again(source: Path, ingest: Ingest, lake_path: Path) -> None:
    """The second run over a source opens no archive: even with every file unreadable it counts them unchanged."""
    for number in range(3):
        write_archive(source, [record(number)], number)
    ingest(source)
    before = open_lake_tables(str(lake_path)).snapshot()
    for path in source.rglob("*.gz"):
        facts = path.stat()
        path.write_bytes(b"?" * facts.st_size)
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    report = ingest(source)
    assert report.archives == archives(listed=3, unchanged=3)
    assert report.exit_code == 0
    assert open_lake_tables(str(lake_path)).snapshot().version == before.version


def test_a_touched_file_is_unchanged_content(source: Path, ingest: Ingest, lake_path: Path) -> None:
    """A new version with the same bytes adds no event, counts as unchanged, and is known by its version afterwards."""
    path = write_archive(source, [record(1)], 1)
    ingest(source)
    os.utime(path, ns=(0, 1_700_000_000_000_000_000))
    report = ingest(source)
    assert report.archives == archives(listed=1, unchanged=1)
    assert report.records["read"] == 0
    assert len(rows_of(lake_path, "event_id")) == 1
    assert ingest(source).last_batch == report.last_batch


def test_an_archive_replaced_by_other_content_is_read(source: Path, ingest: Ingest, lake_path: Path) -> None:
    """New bytes under the same name are a new version: its events join those of the old one."""
    write_archive(source, [record(1)], 1)
    ingest(source)
    write_archive(source, [record(1), record(2)], 1)
    report = ingest(source)
    assert report.records == {"read": 2, "kept": 2, "distinct": 1, "duplicates": 1, "quarantined": 0}
    assert len(rows_of(lake_path, "event_id")) == 3


def test_duplicates_are_kept_and_counted_once(source: Path, ingest: Ingest, lake_path: Path) -> None:
    """An event delivered in two files, in one run and again in a later one, is distinct once."""
    write_archive(source, [record(1), record(2)], 1)
    write_archive(source, [record(2), record(3)], 2, region="eu-west-1")
    first = ingest(source)
    assert first.records == {"read": 4, "kept": 4, "distinct": 3, "duplicates": 1, "quarantined": 0}
    write_archive(source, [record(1), record(4)], 3)
    second = ingest(source)
    assert second.records == {"read": 2, "kept": 2, "distinct": 1, "duplicates": 1, "quarantined": 0}
    assert second.changed_dates == (date(2024, 5, 1),)
    assert len(rows_of(lake_path, "event_id")) == 6


def test_sources_that_overlap_double_nothing(source: Path, ingest: Ingest, lake_path: Path) -> None:
    """An object that two SOURCE arguments reach is listed once and read once, now and later."""
    write_archive(source, [record(1)], 1)
    write_archive(source, [record(2)], 2, region="eu-west-1")
    inner = source / f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1"
    report = ingest(source, inner, source)
    assert report.archives == archives(listed=2, committed=2)
    assert ingest(inner, source).archives == archives(listed=2, unchanged=2)
    assert len(rows_of(lake_path, "event_id")) == 2


def test_coverage_names_accounts_and_regions(source: Path, ingest: Ingest) -> None:
    """Coverage is by the archives' keys, and apart from it by what the events themselves say."""
    write_archive(source, [record(1), record(2)], 1)
    write_archive(source, [record(3, awsRegion="eu-west-1")], 2, region="eu-west-1")
    report = ingest(source)
    assert [(row.account_id, row.region, row.archive_count, row.event_count) for row in report.coverage] == [
        (ACCOUNT, "eu-west-1", 1, 1),
        (ACCOUNT, "us-east-1", 1, 2),
    ]
    assert [(span.account_id, span.region, span.event_count) for span in report.event_regions] == [
        (ACCOUNT, "eu-west-1", 1),
        (ACCOUNT, "us-east-1", 2),
    ]


def test_the_number_of_workers_does_not_show(source: Path, tmp_path: Path) -> None:
    """One worker or three, in any order of completion: the same files, names and bytes, and the same ledger."""
    for number in range(12):
        write_archive(source, [record(10 * number + index) for index in range(4)], number, day=1 + number % 3)
    found = []
    for workers in (1, 3):
        settings = Settings(ingest=IngestSettings(workers=workers, task_archives=2, batch_tasks=2))
        lake = tmp_path / f"lake-{workers}"
        report = ingest_sources([str(source)], lake, settings)
        assert report.archives == archives(listed=12, committed=12)
        files = {
            path.relative_to(lake).as_posix(): path.read_bytes()
            for table in ("events", "archives", "quarantine")
            for path in sorted((lake / table).rglob("*.parquet"))
        }
        found.append(files)
    assert found[0].keys() == found[1].keys()
    assert found[0] == found[1]


def test_a_moved_folder_gives_the_same_chain(source: Path, ingest: Ingest, lake_path: Path, tmp_path: Path) -> None:
    """The ledger's chain hashes keys, not places: the same archives elsewhere end in the same hash."""
    write_archive(source, [record(1), "broken"], 1)
    ingest(source)
    first = rows_of(lake_path, "chain_sha256", table="archives")
    shutil.move(source, tmp_path / "elsewhere")
    shutil.rmtree(lake_path)
    ingest(tmp_path / "elsewhere")
    assert rows_of(lake_path, "chain_sha256", table="archives") == first


def test_a_retry_reads_only_what_is_in_quarantine(source: Path, ingest: Ingest, lake_path: Path) -> None:
    """After larger caps a quarantined archive is read; what is an event already is not read twice."""
    write_archive(source, [record(1), "broken", record(2)], 1)
    write_archive(source, [record(number) for number in range(10, 16)], 2)
    small = Settings(caps=Caps(records=5), ingest=IngestSettings(workers=1))
    first = ingest(source, settings=small)
    assert first.archives == archives(listed=2, committed=1, quarantined=1)
    assert sorted(list_quarantine(lake_path, small).column("reason").to_pylist()) == ["not_object", "too_many_records"]
    report = retry_quarantine(lake_path, Settings(ingest=IngestSettings(workers=1)))
    assert report.archives == archives(listed=2, committed=2)
    assert report.records == {"read": 7, "kept": 6, "distinct": 6, "duplicates": 0, "quarantined": 1}
    assert len(rows_of(lake_path, "event_id")) == 8
    assert list_quarantine(lake_path, small).column("reason").to_pylist() == ["not_object"]
    kept = {row["archive_key"][-9]: row["record_kept_count"] for row in open_lake(lake_path).ledger().to_pylist()}
    assert kept == {"1": 2, "2": 6}
    assert ingest(source).archives == archives(listed=2, unchanged=2)


def open_lake(path: Path) -> Lake:
    """The test's lake."""
    return open_lake_tables(str(path), create=False)


class VouchForAll:
    """A verifier that vouches for every archive of which it is shown the hash."""

    def see(self, listed: ListedObject, *, is_new: bool) -> None:
        """Every object of this test is new."""
        assert is_new

    def begin(self, sources: Mapping[str, Source], lake: Lake) -> None:
        """Nothing to read."""

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Vouch for rows that carry a hash."""
        assert all(len(value) == 64 for value in rows.column("inflated_sha256").to_pylist())
        column = rows.schema.get_field_index("verification")
        return rows.set_column(column, rows.schema.field(column), pa.array(["verified"] * rows.num_rows))

    def finish(self, lake: Lake) -> None:
        """No verdict comes late."""


def test_a_verifier_fills_the_ledger(source: Path, ingest: Ingest, lake_path: Path) -> None:
    """A verifier sees each archive's hash before the commit; its verdict lands in the ledger and in the counts."""
    write_archive(source, [record(1)], 1)

    assert ingest(source, verifier=VouchForAll()).verification == {"verified": 1}
    assert rows_of(lake_path, "verification", table="archives") == [("verified",)]


def test_a_run_that_is_asked_to_stop_commits_what_it_read(source: Path, ingest: Ingest, lake_path: Path) -> None:
    """A stop between tasks leaves the rest for the next run; nothing is lost or read twice."""
    for number in range(6):
        write_archive(source, [record(number)], number)
    settings = Settings(ingest=IngestSettings(workers=1, task_archives=1, batch_tasks=1))
    asked: list[int] = []

    def should_stop() -> bool:
        asked.append(1)
        return len(asked) > 2

    stopped = ingest(source, settings=settings, should_stop=should_stop)
    assert stopped.archives == archives(listed=2, committed=2)
    assert stopped.deferred_count == 4
    assert ingest(source, settings=settings).archives == archives(listed=6, committed=4, unchanged=2)
    assert len(rows_of(lake_path, "event_id")) == 6


def test_wrong_use_is_said_before_anything_is_written(source: Path, ingest: Ingest, lake_path: Path) -> None:
    """A missing folder, an empty source and a lake of another version are wrong use."""
    with pytest.raises(UsageError):
        ingest(source / "nowhere")
    with pytest.raises(UsageError):
        ingest(source)
    write_archive(source, [record(1)], 1)
    shutil.rmtree(lake_path, ignore_errors=True)
    ingest(source)
    (lake_path / "_format.json").write_text('{"schema": "policytrail.lake", "format": 99}')
    with pytest.raises(LakeVersionError, match="format 99"):
        ingest(source)
