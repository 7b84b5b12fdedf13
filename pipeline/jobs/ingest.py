"""Ingest: list the sources, read what the ledger does not know, commit it batch by batch, account for all of it.

What enters: SOURCEs, a lake, settings. What leaves: a lake with more batches and an ``IngestReport``. This module
must never use a watermark, let the number of workers show in a result, or hold more than a few batches' ledger rows
of events in memory.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from pipeline.errors import UsageError
from pipeline.jobs.ingest_accounting import IngestReport, Tally, list_unique
from pipeline.jobs.ingest_pool import WorkerPool
from pipeline.jobs.ingest_retry import collect_retries
from pipeline.jobs.ingest_tasks import ArchiveTask, Retry, TaskResult, WorkerContext, group_objects, order_objects
from pipeline.jobs.ingest_worker import peak_rss_bytes, run_task
from pipeline.jobs.lake_access import open_job_lake
from pipeline.jobs.processors import count_processors
from pipeline.jobs.progress import Progress, Silent
from pipeline.jobs.scratch import open_scratch
from pipeline.lake.batch import LEDGER_ROWS, QUARANTINE_ROWS, BatchPart
from pipeline.lake.distinct import count_new_events
from pipeline.lake.event_keys import KeyFile
from pipeline.lake.lake import Lake
from pipeline.lake.layout import locate_lake
from pipeline.lake.ledger import KnownVersions
from pipeline.settings import Settings
from pipeline.source import ListedObject, Source, open_source


class Verifier(Protocol):
    """Judges archives by digests while they are read; ``pipeline.jobs.verify_ingest`` has one."""

    def see(self, listed: ListedObject, *, is_new: bool) -> None:
        """Called with every object as it is listed, those that the lake has included."""

    def begin(self, sources: Mapping[str, Source], lake: Lake) -> None:
        """Called when all is listed, before anything is read."""

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Return ledger rows (LEDGER_ROWS), before they are committed, with ``verification``, ``digest_uri`` and
        ``digest_key_fingerprint`` filled in; ``inflated_sha256`` is what a digest vouches for."""

    def finish(self, lake: Lake) -> pa.Table | None:
        """Called when all is committed; may return new ledger rows for archives of earlier runs."""


_LISTING, _READING, _COUNTING = "listing", "reading", "counting"
_LOCAL_COUNT_ROWS = 200_000

Counting = tuple[list[KeyFile], list[Callable[[], int]]]
"""The keys that are counted, and how to get the answer for each of their dates."""


def ingest_sources(
    sources: Sequence[str],
    lake_path: str | os.PathLike[str],
    settings: Settings,
    *,
    since: date | None = None,
    until: date | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    verifier: Verifier | None = None,
    retry_quarantined: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[str], None] | None = None,
    meanwhile: Callable[[], None] = lambda: None,
) -> IngestReport:
    """Take in what is new in some sources.

    Args:
        sources: ``s3://bucket/prefix`` or folders; an object that several of them hold is read once.
        lake_path: a folder or ``s3://bucket/prefix``; made where there is none.
        settings: sizes of tasks and batches, caps, how to reach S3.
        since: earliest delivery date listed (inclusive).
        until: latest delivery date listed (exclusive). An event may be delivered long after it happened: whoever
            bounds events lists ``settings.ingest.late_days`` further.
        executor: where tasks run; by default forkserver processes, one a processor.
        progress: receives stages and counts.
        verifier: judges ledger rows against digests before they are committed.
        retry_quarantined: read again what is in quarantine, and nothing else.
        should_stop: asked between tasks; once true, what was read is committed and the rest left for the next run.
        on_step: called after each step of a commit with its name; for tests.
        meanwhile: called once, if there is anything to read, while workers start and this process waits for them; it
            begins what can pass beside the reading, and returns at once.

    Returns:
        What was listed, read and kept; counts that add up.

    Raises:
        UsageError: a source or the lake cannot be used as given, or the sources hold no object at all.
        SourceError: a source could not be listed whole.
        LakeError: the lake could not be written; it stays readable at its last version.
    """
    pool = WorkerPool(settings.ingest.workers or count_processors(), executor)
    run = _IngestRun(settings, pool, progress or Silent(), verifier, should_stop)
    try:
        with run.timed("open"):
            if _is_absent(lake_path):
                pool.prepare()  # a new lake knows nothing: whatever the listing finds is to be read
            opened = [open_source(source, settings.s3) for source in sources]
            lake = open_job_lake(lake_path, settings, create=True, on_step=on_step)
        run.begin(lake, opened)
        objects = run.list_objects(since, until, retry_quarantined=retry_quarantined)
        run.begin_verification()
        if objects:
            meanwhile()
        with open_scratch(lake, "ingest") if objects else nullcontext(Path()) as scratch:
            run.read_objects(objects, scratch)
            run.finish_verification()
            distinct = run.count_distinct()
    finally:
        pool.close()
    return run.report(distinct)


def _is_absent(lake_path: str | os.PathLike[str]) -> bool:
    """Whether there is no lake yet, where that costs nothing to know."""
    location = locate_lake(lake_path)
    return not location.is_remote and not Path(location.root).exists()


class _IngestRun:
    def __init__(
        self,
        settings: Settings,
        pool: WorkerPool,
        progress: Progress,
        verifier: Verifier | None,
        should_stop: Callable[[], bool],
    ) -> None:
        self.settings = settings
        self.pool = pool
        self.progress = progress
        self.verifier = verifier
        self.should_stop = should_stop
        self.tally = Tally()
        self.seconds: dict[str, float] = {}
        self.retries: dict[tuple[str, str], Retry] = {}
        self.deferred = 0
        self.counting: Counting | None = None

    def begin(self, lake: Lake, sources: Sequence[Source]) -> None:
        """Look at the lake before anything is read: known objects, and the files that each date has."""
        self.lake = lake
        self.sources = {source.uri: source for source in sources}
        self.known, self.before = KnownVersions(), dict[str, list[tuple[str, int]]]()
        self.first_batch = self.last_batch = 0
        if lake.is_new:
            return  # it has nothing to look at
        with self.timed("ledger"):
            self.known = lake.known_versions()
            before = lake.snapshot()
        self.first_batch = self.last_batch = before.batch_number
        for item in before.events:
            self.before.setdefault(str(item.event_date), []).append((item.path, item.rows))

    def list_objects(self, since: date | None, until: date | None, *, retry_quarantined: bool) -> list[ListedObject]:
        """Objects to read, in the run's order; the known ones are only counted."""
        if retry_quarantined:
            self.retries = collect_retries(self.lake)
        fresh: dict[tuple[str, str], ListedObject] = {}
        known: set[tuple[str, str]] = set()
        is_one = len(self.sources) == 1
        with self.timed(_LISTING), self.stage(_LISTING, None, "objects"):
            for listed in self._list_sources(since, until, may_be_empty=retry_quarantined):
                key = (listed.uri, listed.version)
                if self.verifier is not None:
                    self.verifier.see(listed, is_new=key not in self.known)
                if retry_quarantined:
                    if key in self.retries:
                        fresh.setdefault(key, listed)
                elif key in self.known:
                    self.tally.unchanged += is_one or key not in known
                    if not is_one:
                        known.add(key)
                else:
                    if not fresh:
                        self.pool.prepare()
                    fresh.setdefault(key, listed)
        self.tally.listed = self.tally.unchanged + len(fresh)
        return order_objects(list(fresh.values()))

    def _list_sources(self, since: date | None, until: date | None, *, may_be_empty: bool) -> Iterator[ListedObject]:
        is_empty = True
        for source in self.sources.values():
            for number, listed in enumerate(source.list_objects(since=since, until=until)):
                if number % 1000 == 0:
                    self.progress.advance(_LISTING, 1000 if number else 1)
                is_empty = False
                yield listed
        if is_empty and since is None and until is None and not may_be_empty:
            raise UsageError("; ".join(source.describe_empty() for source in self.sources.values()))

    def read_objects(self, objects: list[ListedObject], scratch: Path) -> None:
        """Run tasks over the objects and commit their results in order, a batch at a time.

        Args:
            objects: taken out of the list as they are read.
            scratch: where workers keep the keys of what they write, until it is counted.
        """
        self.context = WorkerContext(
            run_id=uuid.uuid4().hex,
            sources=self.sources,
            location=self.lake.location,
            scratch=scratch,
            caps=self.settings.caps,
            compression_level=self.settings.ingest.compression_level,
        )
        with self.timed("ledger"):
            contents = self.lake.known_contents([item.uri for item in objects]) if len(self.known) else {}
        retries = {uri: retry for (uri, _), retry in self.retries.items()}
        tasks = group_objects(objects, self.settings.ingest, contents=contents, retries=retries)
        with self.timed(_READING), self.stage(_READING, len(objects), "objects"):
            again = self._run_tasks(tasks)
            while again:  # parts that another run was partly ahead of
                again = self._run_tasks(iter(again))

    def _run_tasks(self, tasks: Iterator[ArchiveTask]) -> list[ArchiveTask]:
        batch: list[tuple[ArchiveTask, TaskResult]] = []
        again: list[ArchiveTask] = []
        for task, result in self.pool.run(partial(run_task, self.context), self._until_stopped(tasks)):
            self.progress.advance(_READING, len(task.objects))
            batch.append((task, result))
            if len(batch) >= self.settings.ingest.batch_tasks:
                again += self._commit(batch)
                batch = []
        if batch:
            self.counting = self._begin_counting([result for _, result in batch])
            self.pool.release()  # there is nothing else for them, but where another run was ahead
            again += self._commit(batch)
        return again

    def _until_stopped(self, tasks: Iterator[ArchiveTask]) -> Iterator[ArchiveTask]:
        for task in tasks:
            if self.should_stop():
                self.deferred += len(task.objects)
            else:
                yield task

    def _commit(self, batch: list[tuple[ArchiveTask, TaskResult]]) -> list[ArchiveTask]:
        """Commit results; returns what has to be read again because another run was ahead of a part of it."""
        with self.timed("verify"):
            batch = [(task, self._verify(result)) for task, result in batch]
        with self.timed("commit"):
            outcome = self.lake.commit_batch([result.part for _, result in batch])
        self.tally.add_files(outcome.events)
        for index in outcome.committed:
            self.tally.add(batch[index][1])
        if outcome.batch_number is not None:
            self.last_batch = outcome.batch_number
            self.progress.note(f"batch {outcome.batch_number} committed")
        again = []
        for index in outcome.dropped:
            task = batch[index][0]
            left = task.without(self.lake.taken_by_others(task_keys(task)))
            self.tally.unchanged += len(task.objects) - len(left.objects)
            if left.objects:
                again.append(left)
        return again

    def _verify(self, result: TaskResult) -> TaskResult:
        if self.verifier is None:
            return result
        return replace(result, part=replace(result.part, ledger=self.verifier(result.part.ledger)))

    def begin_verification(self) -> None:
        """Let the verifier read digests beside the archives."""
        if self.verifier is not None:
            with self.timed("verify"):
                self.verifier.begin(self.sources, self.lake)

    def finish_verification(self) -> None:
        """Commit verdicts on archives of earlier runs whose digests came now: new rows for the same versions."""
        if self.verifier is None:
            return
        with self.timed("verify"):
            rows = self.verifier.finish(self.lake)
        if rows is not None:
            with self.timed("commit"):
                part = BatchPart((), rows.select(LEDGER_ROWS.names), QUARANTINE_ROWS.empty_table())
                outcome = self.lake.commit_batch([part])
            if outcome.batch_number is not None:
                self.last_batch = outcome.batch_number

    def _begin_counting(self, results: Sequence[TaskResult] = ()) -> Counting:
        """Let workers count the new events of each date, as if these results were committed already."""
        keys = [*self.tally.keys, *(item for result in results for item in result.keys)]
        calls = []
        for day, added in _by_date(keys):
            earlier = self.before.get(day.isoformat(), [])
            rows = sum(item.rows for item in added) + sum(count for _, count in earlier)
            paths = [item.path for item in added], [path for path, _ in earlier]
            calls.append((rows, partial(count_new_events, self.lake.location, *paths, rows=rows)))
        calls.sort(key=lambda item: -item[0])  # the longest first, so that workers end together
        if sum(rows for rows, _ in calls) < _LOCAL_COUNT_ROWS:
            return keys, [call for _, call in calls]
        return keys, [self.pool.call(call).result for _, call in calls]

    def count_distinct(self) -> int:
        """Events of this run that the lake did not have before it, over the dates that it touched."""
        with self.timed(_COUNTING), self.stage(_COUNTING, len(self.tally.changed_dates), "dates"):
            counted, answers = self._begin_counting() if self.counting is None else self.counting
            if sorted(counted) != sorted(self.tally.keys):  # a part of the last batch was not committed
                _, answers = self._begin_counting()
            total = 0
            for answer in answers:
                total += answer()
                self.progress.advance(_COUNTING)
            return total

    def report(self, distinct: int) -> IngestReport:
        """The run's counts, checked."""
        self.tally.listed -= self.deferred
        return IngestReport(
            sources=list_unique([source.uri for source in self.sources.values()]),
            archives=self.tally.archives(),
            records=self.tally.record_counts(distinct),
            quarantine=tuple(self.tally.quarantine),
            quarantine_total=self.tally.quarantine_total,
            failed=tuple(self.tally.failed),
            coverage=self.tally.coverage(),
            event_regions=self.tally.event_regions(),
            verification=dict(sorted(self.tally.verification.items())),
            changed_dates=tuple(sorted(self.tally.changed_dates)),
            first_batch=self.first_batch,
            last_batch=self.last_batch,
            deferred_count=self.deferred,
            timings_seconds=self.seconds,
            worker_seconds=dict(sorted(self.tally.worker_seconds.items())),
            peak_rss_bytes=peak_rss_bytes() + self.tally.worker_peak(self.pool.workers),
        )

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the wall-clock time of a block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - started

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[None]:
        """Tell the progress about a stage, also where it ends by an error."""
        self.progress.start(name, total, unit)
        try:
            yield
        finally:
            self.progress.finish(name)


def _by_date(keys: Sequence[KeyFile]) -> Iterator[tuple[date, list[KeyFile]]]:
    for day, found in groupby(sorted(keys), key=lambda item: item.event_date):
        yield day, list(found)


def task_keys(task: ArchiveTask) -> list[tuple[str, str]]:
    """The (uri, version) pairs of a task's objects."""
    return [(item.uri, item.version) for item in task.objects]
