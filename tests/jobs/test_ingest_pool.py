"""A worker that dies costs the archive that it died over, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.errors import SourceError
from pipeline.jobs.ingest_pool import WorkerPool, make_executor
from pipeline.jobs.ingest_tasks import ArchiveTask, WorkerContext
from pipeline.lake import locate_lake
from pipeline.settings import Caps, S3Settings
from pipeline.source import ListedObject, Source, open_source
from tests.jobs.archives import record, write_archive


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
) -> tuple[WorkerPool, list[ArchiveTask]]:
    """A pool over a folder of nine archives, three to a task."""
    for number in range(9):
        write_archive(folder, [record(number)], number)
    source = DeadlySource(open_source(str(folder), S3Settings()), deadly)
    listed = list(source.list_objects())
    tasks = [ArchiveTask(tuple(listed[start : start + 3])) for start in (0, 3, 6)]
    location = locate_lake(folder.parent / "lake")
    context = WorkerContext("run", {source.uri: source}, location, Caps(), 1)  # type: ignore[dict-item]
    return WorkerPool(context, 2, executor), tasks


def outcomes(pool: WorkerPool, tasks: list[ArchiveTask]) -> list[tuple[str, str, str | None]]:
    """Last digit of each archive's key, its outcome and reason, in the order that the pool gives."""
    found = []
    for _, result in pool.run(iter(tasks)):
        names = ("archive_key", "outcome", "reason")
        rows = zip(*(result.part.ledger.column(name).to_pylist() for name in names), strict=True)
        found += [(key[-9], outcome, reason) for key, outcome, reason in rows]
    pool.close()
    return found


EXPECTED = [(str(number), *(("failed", "worker_died") if number == 4 else ("committed", None))) for number in range(9)]


def test_only_the_deadly_archive_fails(tmp_path: Path) -> None:
    """One of nine archives kills its worker each time: it alone is failed, the others are read, order is kept."""
    pool, tasks = make_pool(tmp_path / "source", "0000004.json")
    assert outcomes(pool, tasks) == EXPECTED


def test_a_given_executor_that_breaks_is_replaced(tmp_path: Path) -> None:
    """An executor of the caller's that loses a worker is dropped for the pool's own."""
    with make_executor(1) as given:
        pool, tasks = make_pool(tmp_path / "source", "0000004.json", given)
        assert outcomes(pool, tasks) == EXPECTED


def test_workers_end_with_their_coordinator() -> None:
    """A worker asked for its parent has one to watch: it ends when the coordinator is killed."""
    with make_executor(1) as executor:
        future: Future[bool] = executor.submit(watches_parent)
        assert future.result() is True


def watches_parent() -> bool:
    """Whether this worker runs the thread that waits for the coordinator's end."""
    import threading

    return any(thread.name == "end-with-parent" for thread in threading.enumerate())


def test_a_script_that_workers_would_run_again_gets_a_sentence(tmp_path: Path) -> None:
    """Without the usual guard each worker would begin the whole ingest anew; it ends at once, and says why."""
    write_archive(tmp_path / "source", [record(0)], 0)
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from pipeline.jobs.ingest import ingest_sources\n"
        "from pipeline.settings import load_settings\n"
        "ingest_sources([sys.argv[1]], sys.argv[2], load_settings())\n"
    )
    command = [sys.executable, str(script), str(tmp_path / "source"), str(tmp_path / "lake")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert done.stderr.rstrip().splitlines()[-1].startswith("pipeline.errors.UsageError: worker processes end before")
