"""What a worker keeps while it gathers the records of many archives: counts, rows, times.

What enters: spans of an archive, rows that flatten made. What leaves: slices to flatten at once,
the ledger's verdict on each archive. This module must never read an object or write a file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.archive import RecordSpans
from pipeline.flatten import ArchiveRows
from pipeline.jobs.ingest_rows import ArchiveOutcome
from pipeline.jobs.ingest_tasks import Retry


class ArchiveTally:
    """Counts of one archive; a retry begins with what the lake has of it.

    Attributes:
        retry: what is read of it.
        facts: what the ledger says of its bytes.
    """

    def __init__(self, retry: Retry, facts: dict[str, Any]) -> None:
        self.retry = retry
        self.facts = facts
        self._settled: ArchiveOutcome | None = None
        self._kept = 0
        self._quarantined = 0
        self._first_reason: str | None = None
        self._times = [found for found in (retry.first_event_time, retry.last_event_time) if found is not None]
        self._dates = set(retry.event_dates)

    def add_to(self, records: dict[str, int]) -> None:
        """Add what this run read of it."""
        records["read"] += self._kept + self._quarantined
        records["kept"] += self._kept
        records["quarantined"] += self._quarantined

    def settle(self, outcome: ArchiveOutcome) -> None:
        """Give a verdict on the whole, whose records are not looked at."""
        self._settled = outcome

    def add_bad(self, reason: str, *, is_record: bool) -> None:
        """Count something that went to quarantine; bytes that belong to no record are no record."""
        self._quarantined += is_record
        self._first_reason = self._first_reason or reason

    def add_rows(self, rows: ArchiveRows) -> None:
        """Count the rows that flatten made."""
        self._kept += rows.kept_count
        self._dates.update(rows.event_dates)
        for found in (rows.first_event_time, rows.last_event_time):
            if found is not None:
                self._times.append(found)

    def outcome(self) -> ArchiveOutcome:
        """The ledger's verdict: some records good is committed, none good is quarantined, none at all is empty."""
        if self._settled is not None:
            return self._settled
        kept = self.retry.kept + self._kept
        reason, detail = None, None
        if kept:
            outcome = "committed"
        elif self._first_reason is None:
            outcome, reason, detail = "empty", "empty", "it holds no records"
        else:
            outcome, reason, detail = "quarantined", self._first_reason, "none of its records could be read"
        return ArchiveOutcome(
            outcome,
            reason,
            detail,
            record_read_count=kept + self._quarantined,
            record_kept_count=kept,
            record_quarantined_count=self._quarantined,
            event_dates=tuple(sorted(self._dates)),
            first_event_time=min(self._times, default=None),
            last_event_time=max(self._times, default=None),
            **self.facts,
        )


class StepClock:
    """Time spent in each step of a task."""

    def __init__(self) -> None:
        self._steps: dict[str, _Step] = {}

    @property
    def seconds(self) -> dict[str, float]:
        """Step -> time spent in it so far."""
        return {name: step.seconds for name, step in self._steps.items()}

    def timed(self, step: str) -> _Step:
        """Add the time of a block to a step; a step does not begin within itself."""
        found = self._steps.get(step)
        if found is None:
            found = self._steps[step] = _Step()
        return found


class _Step:
    """A stopwatch; a class instead of a generator, for it starts several times an archive."""

    __slots__ = ("_started", "seconds")

    def __init__(self) -> None:
        self.seconds = self._started = 0.0

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._started


def cut_rows(
    spans: RecordSpans, only: frozenset[int] | None, chunk_bytes: int, chunk_rows: int
) -> Iterator[slice | npt.NDArray[np.int64]]:
    """Cut an archive's records into runs of at most about ``chunk_bytes`` of JSON and ``chunk_rows`` records.

    Args:
        spans: the archive's records.
        only: positions in ``Records`` that are wanted; ``None`` for all.
        chunk_bytes: a run ends with the record that reaches it.
        chunk_rows: the most records of a run.

    Returns:
        Row numbers of ``spans``, none of them empty; every wanted row once, in order.
    """
    count = len(spans)
    if only is None and 0 < count <= chunk_rows and int(spans.ends[-1] - spans.starts[0]) <= chunk_bytes:
        yield slice(0, count)  # nearly every archive
        return
    rows = np.arange(count, dtype=np.int64)
    if only is not None:
        rows = rows[np.isin(spans.indexes, sorted(only))]
    if len(rows) == 0:
        return
    lengths = spans.ends[rows] - spans.starts[rows]
    runs = (np.cumsum(lengths) - lengths) // chunk_bytes
    for run in np.split(rows, np.flatnonzero(runs[1:] != runs[:-1]) + 1):
        for first in range(0, len(run), chunk_rows):
            yield run[first : first + chunk_rows]
