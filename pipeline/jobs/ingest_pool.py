"""Running tasks in worker processes, in order, whatever happens to a worker.

What enters: tasks. What leaves: their results in the same order. A worker that dies (out of memory, killed) costs the
archive that it died over and nothing else: what was in hand is run again alone, task by task, then object by object.
This module must never let the order of completion show.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from multiprocessing import forkserver
from multiprocessing.context import BaseContext, ForkServerContext, ForkServerProcess
from types import ModuleType
from typing import TypeVar

import pyarrow as pa

from pipeline.errors import UsageError
from pipeline.jobs.ingest_fork import is_forkable
from pipeline.jobs.ingest_rows import ArchiveOutcome, TaskRows
from pipeline.jobs.ingest_tasks import ArchiveTask, TaskResult
from pipeline.lake.batch import BatchPart

_T = TypeVar("_T")
_Work = Callable[[ArchiveTask], TaskResult]
_WARM = "pipeline.jobs.ingest_warm"
_LOADED = ["pipeline.jobs.ingest_lean", "pipeline.jobs.ingest_worker", _WARM]
"""What the fork server loads, in this order."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES, _MAPPED_BYTES = 256 * 1024 * 1024, 32 * 1024 * 1024  # the second is the most that glibc allows


class WorkerPool:
    """A pool for one run: the executor given, or processes of its own."""

    def __init__(self, workers: int, executor: Executor | None = None) -> None:
        self.workers = workers if executor is None else max(workers, getattr(executor, "_max_workers", workers))
        self._given = executor
        self._own: ProcessPoolExecutor | None = None
        self._is_working = False
        self._ending: list[threading.Thread] = []

    def prepare(self) -> None:
        """Begin to start this pool's own workers, at once where this process may be forked; there will be tasks.

        All that a worker loads is loaded here already: it is there a third of a second sooner than from a fork server,
        which has to load everything again.
        """
        if self._given is not None or self._own is not None:
            return
        if is_forkable():
            importlib.import_module(_WARM)  # once, instead of in each fork
        if is_forkable():
            self._own = _fork_executor(self.workers)
        else:
            start_fork_server()

    def run(self, work: _Work, tasks: Iterator[ArchiveTask]) -> Iterator[tuple[ArchiveTask, TaskResult]]:
        """Run tasks with a few in flight, and yield them with their results in the order given.

        Args:
            work: what workers do with a task; picklable.
            tasks: taken as they are needed.

        Raises:
            LakeError: a worker could not write to the lake.
            UsageError: no worker can start at all.
        """
        window: deque[tuple[ArchiveTask, Future[TaskResult] | None]] = deque()
        for task in tasks:
            window.append((task, self._submit(work, task)))
            if len(window) >= 2 * self.workers + 1:
                yield from self._take_first(work, window)
        while window:
            yield from self._take_first(work, window)

    def call(self, function: Callable[..., _T], *arguments: object, **options: object) -> Future[_T]:
        """Run any function of this process's code in a worker."""
        return self._executor().submit(function, *arguments, **options)

    def release(self) -> None:
        """Let the pool's own processes end when they have done what they were given; returns at once.

        Giving back their memory takes them a twentieth of a second. More work starts others.
        """
        if self._own is not None:
            self._ending.append(threading.Thread(target=self._own.shutdown, name="release"))
            self._ending[-1].start()
            self._own = None

    def close(self) -> None:
        """Let the pool's own processes end; a given executor belongs to the caller."""
        if self._own is not None:
            self._own.shutdown(wait=True, cancel_futures=True)
            self._own = None
        while self._ending:
            self._ending.pop().join()

    def _executor(self) -> Executor:
        if self._given is not None:
            return self._given
        if self._own is None:
            self._own = make_executor(self.workers)
        return self._own

    def _submit(self, work: _Work, task: ArchiveTask) -> Future[TaskResult] | None:
        try:
            return self._executor().submit(work, task)
        except BrokenExecutor:
            return None  # found out again, and dealt with, when its turn comes

    def _take_first(
        self, work: _Work, window: deque[tuple[ArchiveTask, Future[TaskResult] | None]]
    ) -> Iterator[tuple[ArchiveTask, TaskResult]]:
        task, future = window.popleft()
        try:
            if future is None:
                raise BrokenExecutor
            result = future.result()
            self._is_working = True
            yield task, result
        except BrokenExecutor:
            self._check_that_workers_start()
            self._replace_executor()
            yield from self._run_alone(work, task)

    def _check_that_workers_start(self) -> None:
        """Tell a worker that died over an archive from processes that cannot start: those die over every archive."""
        if self._is_working or self._given is not None:
            return
        try:
            with make_executor(1) as probe:
                probe.submit(os.getpid).result()
        except BrokenExecutor as error:
            raise UsageError(
                "worker processes end before their first task",
                hint="the system may be out of memory, or may not allow more processes",
            ) from error
        self._is_working = True

    def _replace_executor(self) -> None:
        """Drop a broken executor; tasks that it still held are found broken in their turn and run alone too."""
        self._given = None
        if self._own is not None and _is_broken(self._own):
            self.close()

    def _run_alone(self, work: _Work, task: ArchiveTask) -> Iterator[tuple[ArchiveTask, TaskResult]]:
        with make_executor(1) as alone:
            try:
                yield task, alone.submit(work, task).result()
                return
            except BrokenExecutor:
                pass
        if len(task.objects) == 1:
            yield task, _fail(task)
            return
        for single in task.split():
            yield from self._run_alone(work, single)


def start_fork_server() -> None:
    """Start the fork server, which loads the workers' rooms while this process goes on; returns at once."""
    make_context()
    forkserver.ensure_running()


def make_executor(workers: int) -> ProcessPoolExecutor:
    """Worker processes from a fork server: they import their rooms once, and hold no thread of this process."""
    return ProcessPoolExecutor(workers, mp_context=make_context(), initializer=_start_worker)


def _fork_executor(workers: int) -> ProcessPoolExecutor:
    """Worker processes that are there when this returns, forked while no other thread is."""
    executor = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork"), initializer=_start_worker)
    with warnings.catch_warnings():
        # From 3.12 on Python warns of every thread that it sees, also of those that are ready for it.
        warnings.simplefilter("ignore", DeprecationWarning)
        executor.submit(os.getpid)
    return executor


class _Worker(ForkServerProcess):
    """A worker that does not load the program's main module, of which it needs nothing.

    Every worker would: for the command that is a twentieth of a second before its first task, and a script without
    ``if __name__ == "__main__":`` would begin all that it does once more.
    """

    def start(self) -> None:
        """Start it while an empty module stands for the main one, as an interactive session's would."""
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            super().start()
        finally:
            sys.modules["__main__"] = main


class _Context(ForkServerContext):
    Process = _Worker


def make_context() -> BaseContext:
    """The fork server's context, told what to load."""
    context = _Context()
    context.set_forkserver_preload(_LOADED)
    return context


def _start_worker() -> None:
    # Ctrl-C reaches the whole process group: the coordinator decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # what the coordinator does at one is not for a fork of it to do
    threading.Thread(target=_end_with_parent, name="end-with-parent", daemon=True).start()
    gc.freeze()  # modules are no garbage: looking at all of them again and again took a twentieth of a worker's time
    gc.set_threshold(100_000, 50, 100)
    gc.enable()
    _keep_memory()


def _keep_memory() -> None:
    """Use freed memory again instead of giving it back: fresh pages cost a fifth of a worker's time.

    Every task asks for the same large buffers. With one allocator for Arrow and all else they are the same pages.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        if mallopt is not None:
            mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
            mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)


def _end_with_parent() -> None:
    """A worker waits for its next task for ever; when the coordinator is killed it must not stay behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _is_broken(executor: ProcessPoolExecutor) -> bool:
    try:
        executor.submit(os.getpid).cancel()
    except BrokenExecutor:
        return True
    return False


def _fail(task: ArchiveTask) -> TaskResult:
    rows = TaskRows()
    for listed in task.objects:
        rows.add_archive(
            listed,
            ArchiveOutcome(
                "failed", "worker_died", "the worker process died over it twice: too little memory, or killed"
            ),
        )
    part = BatchPart((), rows.ledger_table(), rows.quarantine_table())
    return TaskResult(part, {"read": 0, "kept": 0, "quarantined": 0}, (), (), os.getpid(), 0, {})
