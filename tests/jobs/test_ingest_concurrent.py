"""Several runs on one lake at once, with a compaction among them, lose and double nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from pipeline.jobs.compact import compact_lake
from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.ingest_pool import make_executor
from pipeline.lake import find_chain_break, open_lake_tables
from pipeline.settings import IngestSettings, Settings
from tests.jobs.archives import ACCOUNT, record, write_archive

ARCHIVES = 30


def run_ingest(source: str, lake: str, task_archives: int) -> dict[str, int]:
    """One run, in the process that calls."""
    settings = Settings(ingest=IngestSettings(workers=1, task_archives=task_archives, batch_tasks=1))
    with ThreadPoolExecutor(1) as executor:
        return dict(ingest_sources([source], lake, settings, executor=executor).archives)


def run_compactions(lake: str, seconds: float) -> int:
    """Compact again and again; returns the number of files merged."""
    end = time.monotonic() + seconds
    merged = 0
    while time.monotonic() < end:
        merged += sum(table.merged_count for table in compact_lake(lake, Settings()).tables)
    return merged


def read_rows(lake: Path, table: str, columns: list[str]) -> pa.Table:
    """Rows of a table in an order of their own."""
    dataset = open_lake_tables(str(lake), create=False).snapshot().open_dataset(table)
    order = [(column, "ascending") for column in columns]
    return dataset.to_table(columns=columns).sort_by(order).combine_chunks()


def test_four_runs_at_once(tmp_path: Path) -> None:
    """Three processes ingest overlapping sources in tasks of different sizes, a fourth compacts: all rows, once."""
    source = tmp_path / "source"
    for number in range(ARCHIVES):
        region = "us-east-1" if number % 2 else "eu-west-1"
        write_archive(source, [record(2 * number), record(2 * number + 1), 7], number, region=region)
    clean, shared = tmp_path / "clean", tmp_path / "shared"
    run_ingest(str(source), str(clean), 3)
    open_lake_tables(str(shared))
    inner = source / f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1"
    with make_executor(4) as executor:
        runs = [
            executor.submit(run_ingest, str(place), str(shared), size)
            for place, size in ((source, 2), (source, 3), (inner, 4))
        ]
        compaction = executor.submit(run_compactions, str(shared), 3.0)
        counts = [run.result() for run in runs]
        assert compaction.result() > 0
    assert [found["listed"] for found in counts] == [ARCHIVES, ARCHIVES, ARCHIVES // 2]
    assert sum(found["committed"] for found in counts) == ARCHIVES
    for table, columns in (
        ("events", ["archive_uri", "record_index", "event_id", "event_date"]),
        ("quarantine", ["archive_uri", "record_index", "reason"]),
        ("archives", ["archive_uri", "outcome", "record_kept_count"]),
    ):
        assert read_rows(shared, table, columns).equals(read_rows(clean, table, columns)), table
    assert find_chain_break(open_lake_tables(str(shared)).ledger_history()) is None
