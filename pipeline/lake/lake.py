"""The face of the lake room: one object for everything that a job does with a lake.

What enters: parts of a batch, models' rows. What leaves: commits, snapshots, the ledger. This module must never hold
rows of ``events`` in memory; that is done file by file in the modules that it calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime

import pyarrow as pa
import pyarrow.dataset as pads

from pipeline.errors import UsageError
from pipeline.lake.batch import BatchPart, CommitResult
from pipeline.lake.commit import Committer
from pipeline.lake.compaction import CompactionResult, compact_table
from pipeline.lake.layout import (
    ARCHIVES,
    EVENTS,
    MODELS,
    QUARANTINE,
    LakeLocation,
    check_format,
    locate_lake,
    write_format,
)
from pipeline.lake.ledger import (
    KNOWN_COLUMNS,
    LEDGER_KEYS,
    KnownVersions,
    collect_contents,
    collect_dates,
    select_latest,
)
from pipeline.lake.model_tables import (
    discard_old_versions,
    is_partitioned,
    list_model_files,
    open_model,
    read_model_metadata,
    write_model,
)
from pipeline.lake.plans import read_commit_time
from pipeline.lake.snapshot import LakeSnapshot, SnapshotFile, open_table_dataset, take_snapshot
from pipeline.lake.tables import create_tables, load_table
from pipeline.schema import ARCHIVES as ARCHIVES_SCHEMA


def _no_step(step: str) -> None:
    """Do nothing after a step: what a run outside the crash tests wants."""


class Lake:
    """A lake that is open for reading and writing; one object for each run.

    Attributes:
        location: where it is.
        is_new: it was not there before it was opened. What another run may have committed to it since comes to light at
            the first commit, as with any lake.
    """

    def __init__(
        self, location: LakeLocation, *, is_new: bool = False, on_step: Callable[[str], None] = _no_step
    ) -> None:
        self.location = location
        self.is_new = is_new
        self._committer = Committer(location, on_step)

    def complete_batches(self) -> int:
        """Finish the batch that an interrupted run left behind.

        Returns:
            The number of the newest batch.
        """
        return self._committer.complete()

    def known_versions(self) -> KnownVersions:
        """The objects that need no reading again; the run's commits are judged against this moment.

        Only a few columns of the ledger are read: an unchanged lake costs no GET of an archive.
        """
        newest = self._committer.complete()
        known = KnownVersions()
        known.update(self._ledger_dataset().to_table(columns=KNOWN_COLUMNS))
        self._committer.seen = newest
        return known

    def known_contents(self, uris: Sequence[str]) -> dict[str, dict[str, str]]:
        """What some objects held in the versions already taken in: uri -> SHA-256 -> outcome."""
        return collect_contents(self._ledger_dataset(), uris) if uris else {}

    def commit_batch(self, parts: Sequence[BatchPart]) -> CommitResult:
        """Commit parts as one batch, exactly once (commit.py says how).

        Args:
            parts: in the order that the ledger shall have; their event files are written already.

        Returns:
            The batch's number, and the parts dropped because another run was first.

        Raises:
            LakeError: the lake cannot be written; it stays readable at its last version.
        """
        return self._committer.commit(parts)

    def taken_by_others(self, keys: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Those of some (uri, version) pairs that other runs have committed since ``known_versions``."""
        return self._committer.taken_by_others(keys)

    def ledger(self, columns: Iterable[str] = ARCHIVES_SCHEMA.names) -> pa.Table:
        """The latest ledger row per (archive_uri, archive_version), in ledger order; its keys come with any columns."""
        return select_latest(self.ledger_history(columns))

    def ledger_history(self, columns: Iterable[str] = ARCHIVES_SCHEMA.names) -> pa.Table:
        """Every ledger row, verdicts and retries included, in ledger order; its keys come with any columns."""
        rows = self._ledger_dataset().to_table(columns=list(dict.fromkeys((*LEDGER_KEYS, *columns))))
        return rows.sort_by([("batch_number", "ascending"), ("batch_position", "ascending")])

    def has_ledger_rows(self, condition: pads.Expression) -> bool:
        """Whether a ledger row, superseded ones included, satisfies a condition; reads only the columns that it names.

        What no row satisfies, no latest row does: a cheap question before ``ledger``.
        """
        return bool(self._ledger_dataset().count_rows(filter=condition))

    def changed_dates(self, since_batch: int) -> set[date]:
        """Event dates that batches after ``since_batch`` touched: what models have to rebuild."""
        return collect_dates(self._ledger_dataset(), since_batch)

    def snapshot(self) -> LakeSnapshot:
        """One consistent reading of events, ledger and quarantine."""
        return take_snapshot(self.location)

    def compact(self, *, on_merge: Callable[[int], None] = lambda files: None) -> list[CompactionResult]:
        """Merge small files of events, ledger and quarantine; old versions stay readable (compaction.py)."""
        return [compact_table(self.location, name, on_merge=on_merge) for name in (EVENTS, ARCHIVES, QUARANTINE)]

    def discard_old_models(self, *, keep_hours: int = 168) -> int:
        """Delete files of replaced versions of models; they can be built again, evidence can not.

        Returns:
            Files deleted.
        """
        return sum(discard_old_versions(self.location, name, keep_hours=keep_hours) for name in self.list_models())

    def last_commit_at(self) -> datetime | None:
        """When the newest batch was planned; ``None`` before the first."""
        return read_commit_time(self.location)

    def write_model(
        self,
        name: str,
        data: pa.Table | pa.RecordBatchReader,
        *,
        replace_dates: Iterable[date] | None = None,
        by_event_date: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        """Write a model's table, whole or for some event dates, in one commit (model_tables.py)."""
        write_model(
            self.location,
            name,
            data,
            replace_dates=replace_dates,
            by_event_date=by_event_date,
            metadata=metadata,
        )

    def model_files(self, name: str) -> tuple[SnapshotFile, ...]:
        """Files of a model's newest version."""
        return list_model_files(self.location, name)

    def is_model_by_date(self, name: str) -> bool:
        """Whether a model's table is partitioned by event date."""
        return is_partitioned(self.location, name)

    def model_metadata(self, name: str) -> dict[str, str]:
        """What was kept with a model's last write; empty where it was never built."""
        return read_model_metadata(self.location, name)

    def read_model(self, name: str, columns: Sequence[str] = ()) -> pads.Dataset:
        """A model's newest version as a pyarrow dataset, ``event_date`` included where it is the partition.

        Args:
            name: the model's name.
            columns: of these columns only, in this order; none for all.
        """
        whole = open_table_dataset(self.location, f"{MODELS}/{name}", open_model(self.location, name), None)
        return whole.replace_schema(pa.schema([whole.schema.field(one) for one in columns])) if columns else whole

    def list_models(self) -> list[str]:
        """Names of the models that are built, sorted."""
        selector = pa.fs.FileSelector(MODELS, allow_not_found=True)
        found = self.location.open_filesystem().get_file_info(selector)
        return sorted(item.base_name for item in found if item.type == pa.fs.FileType.Directory)

    def _ledger_dataset(self) -> pads.Dataset:
        return open_table_dataset(self.location, ARCHIVES, load_table(self.location, ARCHIVES), ARCHIVES_SCHEMA)


def open_lake_tables(
    path: str,
    storage: Mapping[str, str] | None = None,
    *,
    create: bool = True,
    on_step: Callable[[str], None] = _no_step,
) -> Lake:
    """Open a lake, and create it where there is none.

    Args:
        path: a folder or ``s3://bucket/prefix``.
        storage: deltalake's storage options for S3; ignored on disk.
        create: make a new lake; otherwise a missing one is wrong use.
        on_step: called after each step of a commit with its name; for tests that stop a run there.

    Returns:
        The open lake. Opening never commits; a batch left unfinished is completed by the next commit.

    Raises:
        LakeVersionError: it was written in another layout.
        UsageError: no lake there and ``create`` is false, or the folder holds something else.
    """
    location = locate_lake(path, storage)
    is_new = not check_format(location)
    if is_new:
        if not create:
            raise UsageError(f"there is no lake at {path}", hint="run policytrail ingest first")
        create_tables(location)
        write_format(location)
    return Lake(location, is_new=is_new, on_step=on_step)
