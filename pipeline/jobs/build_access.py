"""How the models' room reads and writes a lake: its snapshot as relations, its models as a store.

What enters: an open lake. What leaves: ``LakeInputs``, ``LakeModelStore``. This module must never decide what to build.
"""

from __future__ import annotations

import fcntl
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa

from pipeline import schema
from pipeline.jobs.progress import Progress
from pipeline.jobs.scratch import SCRATCH
from pipeline.lake import Lake, LakeSnapshot, SnapshotFile
from pipeline.models import LakeInputs, ParquetFiles, Relation


def read_inputs(lake: Lake, snapshot: LakeSnapshot) -> LakeInputs:
    """Describe one snapshot for the models: files on disk, datasets on S3."""
    dates: dict[date, int] = {}
    for item in snapshot.events:
        if item.event_date is not None:
            dates[item.event_date] = dates.get(item.event_date, 0) + item.rows

    def relation(name: str, files: tuple[SnapshotFile, ...], columns: pa.Schema) -> Relation:
        if lake.location.is_remote:
            return snapshot.open_dataset(name)
        return ParquetFiles(tuple(item.uri for item in files), columns, is_by_event_date=name == "events")

    return LakeInputs(
        events=relation("events", snapshot.events, schema.EVENTS),
        archives=relation("archives", snapshot.archives, schema.ARCHIVES),
        quarantine=relation("quarantine", snapshot.quarantine, schema.QUARANTINE),
        batch_number=snapshot.batch_number,
        event_dates=dict(sorted(dates.items())),
        changed_dates=lake.changed_dates,
    )


@dataclass(frozen=True, slots=True)
class LakeModelStore:
    """A ``ModelStore`` in the lake's ``models/``."""

    lake: Lake
    built: set[str]

    @classmethod
    def of(cls, lake: Lake) -> LakeModelStore:
        """Return the store of a lake, its models listed once."""
        return cls(lake, set(lake.list_models()))

    def read(self, name: str) -> Relation | None:
        """Return a model's newest version, or ``None`` if it was never built."""
        if name not in self.built:
            return None
        dataset = self.lake.read_model(name)
        if self.lake.location.is_remote:
            return dataset
        files = self.lake.model_files(name)
        by_date = any(item.event_date is not None for item in files)
        return ParquetFiles(tuple(item.uri for item in files), dataset.schema, is_by_event_date=by_date)

    def has(self, name: str) -> bool:
        """Whether the model was ever written."""
        return name in self.built

    def is_by_event_date(self, name: str) -> bool:
        """Whether the model's table is partitioned by event date."""
        return self.lake.is_model_by_date(name)

    def write(
        self, name: str, rows: pa.RecordBatchReader, *, replace_dates: Collection[date] | None, by_event_date: bool
    ) -> None:
        """Replace the model, or its rows of some dates, in one commit."""
        self.lake.write_model(name, rows, replace_dates=replace_dates, by_event_date=by_event_date)
        self.built.add(name)


@contextmanager
def hold_build_lock(lake: Lake, progress: Progress) -> Iterator[None]:
    """Let one build at a time work on a lake on disk; the next one then finds little left to do.

    On an object store nothing is locked: of two builds that write one model, the second fails by its commit.
    """
    if lake.location.is_remote:
        yield
        return
    parent = Path(lake.location.root) / SCRATCH
    parent.mkdir(exist_ok=True)
    with (parent / "build.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.note("another build is at work on this lake: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
