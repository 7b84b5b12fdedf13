"""What a worker is asked to do, and what it answers: plain values that travel between processes.

What enters: listed objects in a run's order. What leaves: ``ArchiveTask`` and ``TaskResult``. This module must never
read an object; the same listing gives the same tasks, whatever the number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from pipeline.lake.batch import BatchPart
from pipeline.lake.event_keys import KeyFile
from pipeline.lake.layout import LakeLocation
from pipeline.settings import Caps, IngestSettings
from pipeline.source.objects import ListedObject, Source

_TASKS_LEFT, _TASKS_OF_ALL = 4, 16
_LEAST_BYTES, _SMALLEST_TASK_BYTES = 1024 * 1024, 4 * 1024 * 1024
"""A task costs as much as half a mebibyte beside what it reads; small ones only where there is little in all."""


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What all tasks of a run share; a worker keeps one, with its open connections.

    Attributes:
        run_id: tells a worker whether the context that it holds is this run's.
        sources: SOURCE as normalised -> the source.
        location: the lake.
        scratch: a folder of this machine that is there as long as the run is.
        caps: limits on what archives hold.
        compression_level: zstd level of event files.
    """

    run_id: str
    sources: Mapping[str, Source]
    location: LakeLocation
    scratch: Path
    caps: Caps
    compression_level: int


@dataclass(frozen=True, slots=True)
class Retry:
    """An object in quarantine that is read again.

    Attributes:
        records: positions of the records to read again; ``None`` for the whole object.
        kept: records of it that are events already.
        event_dates: their dates.
        first_event_time: the earliest of them.
        last_event_time: the latest.
    """

    records: frozenset[int] | None = None
    kept: int = 0
    event_dates: tuple[date, ...] = ()
    first_event_time: datetime | None = None
    last_event_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class ArchiveTask:
    """Objects that one worker reads and writes together.

    Attributes:
        objects: in the run's order.
        contents: uri -> SHA-256 -> outcome of what the ledger holds of it under other versions.
        retries: uri -> what is read again of it, where the lake has it in quarantine.
    """

    objects: tuple[ListedObject, ...]
    contents: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    retries: Mapping[str, Retry] = field(default_factory=dict)

    def split(self) -> list[ArchiveTask]:
        """One task for each object: used when a worker died over the whole."""
        return [ArchiveTask((item,), self.contents, self.retries) for item in self.objects]

    def without(self, gone: frozenset[tuple[str, str]]) -> ArchiveTask:
        """The task without the objects that another run has committed meanwhile."""
        left = tuple(item for item in self.objects if (item.uri, item.version) not in gone)
        return ArchiveTask(left, self.contents, self.retries)


@dataclass(frozen=True, slots=True)
class RegionSpan:
    """Events of one account and region, as the events themselves name them."""

    account_id: str
    region: str | None
    event_count: int
    first_event_time: datetime
    last_event_time: datetime


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What a worker made of a task.

    Attributes:
        part: files written and rows to commit.
        records: records read, kept and quarantined by this task.
        spans: its events per account and region.
        keys: where the keys of its events are, until they are counted.
        pid: the worker's process.
        peak_rss_bytes: that process's peak of resident memory so far.
        seconds: step -> time spent.
    """

    part: BatchPart
    records: Mapping[str, int]
    spans: tuple[RegionSpan, ...]
    keys: tuple[KeyFile, ...]
    pid: int
    peak_rss_bytes: int
    seconds: Mapping[str, float]


def order_objects(objects: Sequence[ListedObject]) -> list[ListedObject]:
    """Objects by delivery date and key: events of one day end up in few files."""
    return sorted(objects, key=lambda item: (item.archive_key.delivery_date or date.min, item.key, item.uri))


def group_objects(
    objects: list[ListedObject],
    settings: IngestSettings,
    *,
    contents: Mapping[str, Mapping[str, str]],
    retries: Mapping[str, Retry],
) -> Iterator[ArchiveTask]:
    """Cut ordered objects into tasks by stored size and number.

    Args:
        objects: in the run's order. They are taken out of the list: what a long run has read need not stay in memory.
        settings: the largest task; a small run is cut finer, so that every worker has something to do.
        contents: uri -> SHA-256 -> outcome known from other versions.
        retries: uri -> what is read again of it.

    Returns:
        The tasks, in order; they depend on the objects alone, not on the number of workers.
    """
    left = sum(item.size for item in objects)
    smallest = min(_SMALLEST_TASK_BYTES, max(_LEAST_BYTES, left // _TASKS_OF_ALL))
    limit = _limit_task(settings, left, smallest)
    group: list[ListedObject] = []
    size = 0
    objects.reverse()
    while objects:
        item = objects.pop()
        if group and (size + item.size > limit or len(group) >= settings.task_archives):
            yield _make_task(group, contents, retries)
            left -= size
            limit = _limit_task(settings, left, smallest)
            group, size = [], 0
        group.append(item)
        size += item.size
    if group:
        yield _make_task(group, contents, retries)


def _limit_task(settings: IngestSettings, left: int, smallest: int) -> int:
    """Stored bytes of the next task; towards the end tasks shrink, so that workers end together."""
    return min(settings.task_stored_bytes, max(smallest, left // _TASKS_LEFT))


def _make_task(
    group: list[ListedObject],
    contents: Mapping[str, Mapping[str, str]],
    retries: Mapping[str, Retry],
) -> ArchiveTask:
    return ArchiveTask(
        tuple(group),
        {item.uri: contents[item.uri] for item in group if item.uri in contents},
        {item.uri: retries[item.uri] for item in group if item.uri in retries},
    )
