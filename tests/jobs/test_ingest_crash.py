"""Ingest killed at any point, or on a full disk, loses and doubles nothing."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.lake import find_chain_break, open_lake_tables
from pipeline.lake.commit import STEPS
from tests.jobs.archives import record, write_archive

ROOT = Path(__file__).resolve().parents[2]
ARCHIVES = 24
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def run_ingest() -> Iterator[Run]:
    """Run ingest in a child process, to its end or to its death."""
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "tests.jobs.crash_driver"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def run(source: Path, lake: Path, **how: Any) -> dict[str, Any]:
            asked = {"kill_at": None, "kill_after": None, "file_limit": None, "limit_at": None} | how
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps({"source": str(source), "lake": str(lake), **asked}) + "\n")
            process.stdin.flush()
            answer: dict[str, Any] = json.loads(process.stdout.readline())
            return answer

        yield run
        process.stdin.close()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives over two days: duplicates across files, a bad record in some, one broken archive."""
    folder = tmp_path_factory.mktemp("source")
    for number in range(ARCHIVES):
        records: list[Any] = [record(3 * number + index, minutes=100 * number + index) for index in range(3)]
        if number % 3 == 0:
            records += [record(3 * number + 4, minutes=100 * number + 101), "no object"]
        write_archive(folder, records, number, day=1 + number % 2)
    write_archive(folder, [record(900)], 900).write_bytes(b"\x1f\x8b broken")
    return folder


@pytest.fixture(scope="module")
def clean(source: Path, run_ingest: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """What a run that nothing disturbed leaves in the lake."""
    lake = tmp_path_factory.mktemp("clean") / "lake"
    assert run_ingest(source, lake) == {"signal": 0, "code": 0, "error": ""}
    found = read_lake(lake)
    assert found["events"].num_rows == 3 * ARCHIVES + ARCHIVES // 3
    assert found["quarantine"].num_rows == ARCHIVES // 3 + 1
    return found


def read_lake(path: Path) -> dict[str, pa.Table]:
    """Every row of every table, in an order that does not depend on batches."""
    lake = open_lake_tables(str(path), create=False)
    assert find_chain_break(lake.ledger_history()) is None
    snapshot = lake.snapshot()
    orders = {
        "events": ["archive_uri", "record_index"],
        "archives": ["archive_uri"],
        "quarantine": ["archive_uri", "record_index"],
    }
    found = {}
    for name, order in orders.items():
        rows = snapshot.open_dataset(name).to_table().sort_by([(column, "ascending") for column in order])
        dropped = [
            column for column in rows.column_names if column in ("batch_number", "batch_position", "chain_sha256")
        ]
        found[name] = rows.drop_columns(dropped).combine_chunks()
    return found


def check_equal(path: Path, clean: dict[str, pa.Table]) -> None:
    """The lake equals a clean run's, row for row, column for column."""
    found = read_lake(path)
    for name, rows in clean.items():
        assert found[name].num_rows == rows.num_rows, name
        assert found[name].equals(rows), name


@pytest.mark.parametrize("step", STEPS)
def test_sigkill_at_each_named_point(
    source: Path, run_ingest: Run, clean: dict[str, pa.Table], tmp_path: Path, step: str
) -> None:
    """Killed at the first occurrence of a point, three times over, then run to the end: equal to a clean run."""
    lake = tmp_path / "lake"
    for _ in range(3):
        assert run_ingest(source, lake, kill_at=step)["signal"] == signal.SIGKILL
    assert run_ingest(source, lake) == {"signal": 0, "code": 0, "error": ""}
    check_equal(lake, clean)


def kill_often(source: Path, run_ingest: Run, clean: dict[str, pa.Table], folder: Path, kills: int, seed: int) -> None:
    """Kill at random moments; when a lake is complete, begin another."""
    chance = random.Random(seed)
    done = lakes = 0
    while done < kills:
        lake = folder / f"lake-{lakes}"
        lakes += 1
        for _ in range(kills):
            answer = run_ingest(source, lake, kill_after=chance.uniform(0.0, 0.6))
            if answer["signal"] == 0:
                break
            assert answer["signal"] == signal.SIGKILL
            done += 1
            if done >= kills:
                break
        assert run_ingest(source, lake) == {"signal": 0, "code": 0, "error": ""}
        check_equal(lake, clean)


def test_twenty_random_kills(source: Path, run_ingest: Run, clean: dict[str, pa.Table], tmp_path: Path) -> None:
    """Killed twenty times at random moments, run to the end: equal to a clean run."""
    kill_often(source, run_ingest, clean, tmp_path, kills=20, seed=20240501)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_a_thousand_random_kills(source: Path, run_ingest: Run, clean: dict[str, pa.Table], tmp_path: Path) -> None:
    """The same a thousand times."""
    kill_often(source, run_ingest, clean, tmp_path, kills=1000, seed=7)


@pytest.mark.parametrize("step", [None, *STEPS])
@pytest.mark.parametrize("limit", [1, 700])
def test_a_full_disk_leaves_the_lake_at_its_last_version(
    source: Path, run_ingest: Run, clean: dict[str, pa.Table], tmp_path: Path, step: str | None, limit: int
) -> None:
    """A disk that is full from some step on: one clear error, the lake stays readable, a rerun is whole."""
    lake = tmp_path / "lake"
    run_ingest(source, lake, kill_at="quarantine_committed")
    before = read_lake(lake)
    answer = run_ingest(source, lake, file_limit=limit, limit_at=step)
    assert (answer["signal"], answer["code"]) == (0, 1)
    assert answer["error"].startswith("LakeError: cannot "), answer["error"]
    after = read_lake(lake)
    assert after["events"].num_rows >= before["events"].num_rows
    assert after["archives"].num_rows >= before["archives"].num_rows
    assert run_ingest(source, lake) == {"signal": 0, "code": 0, "error": ""}
    check_equal(lake, clean)
