"""A worker that dies costs the archive that it died over, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from pipeline.errors import SourceError, UsageError
from pipeline.jobs.ingest_pool import WorkerPool, make_executor
from pipeline.jobs.ingest_tasks import ArchiveTask, TaskResult, WorkerContext
from pipeline.jobs.ingest_worker import run_task
from pipeline.lake import locate_lake
from pipeline.settings import Caps, S3Settings
from pipeline.source import ListedObject, Source, open_source
from tests.jobs.archives import record, write_archive

Work = Callable[[ArchiveTask], TaskResult]


@dataclass(frozen=True)
class DeadlySource:
    """A folder of which one object kills the process that reads it, as running out of memory does."""

    inner: Source
    deadly: str

    @property
    def uri(self) -> str:
        """The folder's own."""
        return self.inner.uri

    def list_objects(self, *, since: date | None = None, until: date | None = None) -> Iterator[ListedObject]:
        """The folder's objects."""
        return self.inner.list_objects(since=since, until=until)

    def fetch_objects(self, listed: Sequence[ListedObject]) -> Iterator[tuple[ListedObject, bytes | SourceError]]:
        """The folder's bytes, until the deadly object is asked for."""
        if any(self.deadly in item.key for item in listed):
            os.kill(os.getpid(), signal.SIGKILL)
        return self.inner.fetch_objects(listed)


def make_pool(
    folder: Path, deadly: str, executor: ProcessPoolExecutor | None = None
) -> tuple[WorkerPool, Work, list[ArchiveTask]]:
    """A pool over a folder of nine archives, three to a task."""
    for number in range(9):
        write_archive(folder, [record(number)], number)
    source = DeadlySource(open_source(str(folder), S3Settings()), deadly)
    listed = list(source.list_objects())
    tasks = [ArchiveTask(tuple(listed[start : start + 3])) for start in (0, 3, 6)]
    location = locate_lake(folder.parent / "lake")
    scratch = folder.parent / "scratch"
    scratch.mkdir()
    context = WorkerContext("run", {source.uri: source}, location, scratch, Caps(), 1)  # type: ignore[dict-item]
    return WorkerPool(2, executor), partial(run_task, context), tasks


def outcomes(pool: WorkerPool, work: Work, tasks: list[ArchiveTask]) -> list[tuple[str, str, str | None]]:
    """Last digit of each archive's key, its outcome and reason, in the order that the pool gives."""
    found = []
    for _, result in pool.run(work, iter(tasks)):
        names = ("archive_key", "outcome", "reason")
        rows = zip(*(result.part.ledger.column(name).to_pylist() for name in names), strict=True)
        found += [(key[-9], outcome, reason) for key, outcome, reason in rows]
    pool.close()
    return found


EXPECTED = [(str(number), *(("failed", "worker_died") if number == 4 else ("committed", None))) for number in range(9)]


def test_only_the_deadly_archive_fails(tmp_path: Path) -> None:
    """One of nine archives kills its worker each time: it alone is failed, the others are read, order is kept."""
    pool, work, tasks = make_pool(tmp_path / "source", "0000004.json")
    assert outcomes(pool, work, tasks) == EXPECTED


def test_a_given_executor_that_breaks_is_replaced(tmp_path: Path) -> None:
    """An executor of the caller's that loses a worker is dropped for the pool's own."""
    with make_executor(1) as given:
        pool, work, tasks = make_pool(tmp_path / "source", "0000004.json", given)
        assert outcomes(pool, work, tasks) == EXPECTED


def test_workers_end_with_their_coordinator() -> None:
    """A worker asked for its parent has one to watch: it ends when the coordinator is killed."""
    with make_executor(1) as executor:
        future: Future[bool] = executor.submit(watches_parent)
        assert future.result() is True


def watches_parent() -> bool:
    """Whether this worker runs the thread that waits for the coordinator's end."""
    import threading

    return any(thread.name == "end-with-parent" for thread in threading.enumerate())


def test_a_script_without_the_usual_guard_runs_once(tmp_path: Path) -> None:
    """Workers do not load the script that started them: what it does at its top level is done once."""
    write_archive(tmp_path / "source", [record(0)], 0)
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from pipeline.jobs.ingest import ingest_sources\n"
        "from pipeline.settings import load_settings\n"
        "report = ingest_sources([sys.argv[1]], sys.argv[2], load_settings())\n"
        "print(report.records['kept'])\n"
    )
    command = [sys.executable, str(script), str(tmp_path / "source"), str(tmp_path / "lake")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_workers_that_cannot_start_get_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every worker ends before its first task, no archive is blamed for it."""
    monkeypatch.setattr("pipeline.jobs.ingest_pool._start_worker", end_at_once)
    pool, work, tasks = make_pool(tmp_path / "source", "nothing is deadly")
    with pytest.raises(UsageError, match="worker processes end before their first task"):
        outcomes(pool, work, tasks)


def end_at_once() -> None:
    """What a system out of memory does to a process that starts."""
    os.kill(os.getpid(), signal.SIGKILL)
