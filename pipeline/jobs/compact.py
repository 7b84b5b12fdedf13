"""``compact``: few large sorted files instead of many small ones, and no leftovers of rebuilt models.

What enters: a lake. What leaves: the same rows, and a report. This module must never delete a file of ``events``,
``archives`` or ``quarantine``: their old versions are evidence.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from pipeline.jobs.lake_access import open_job_lake
from pipeline.jobs.progress import Progress, Silent
from pipeline.lake.compaction import CompactionResult
from pipeline.settings import Settings

_STAGE = "compacting"


@dataclass(frozen=True, slots=True)
class CompactionReport:
    """What ``compact`` did.

    Attributes:
        tables: one entry for ``events``, ``archives``, ``quarantine``.
        model_files_deleted: files of models' replaced versions.
    """

    tables: tuple[CompactionResult, ...]
    model_files_deleted: int


def compact_lake(
    lake_path: str | os.PathLike[str], settings: Settings, *, progress: Progress | None = None
) -> CompactionReport:
    """Merge a lake's small files; safe while runs ingest.

    Args:
        lake_path: a folder or ``s3://bucket/prefix``.
        settings: how to reach S3.
        progress: receives the number of files merged.

    Returns:
        What was merged and deleted.

    Raises:
        UsageError: there is no lake.
        LakeError: the lake could not be written; it stays readable at its last version.
    """
    watcher = progress or Silent()
    lake = open_job_lake(lake_path, settings)
    lake.complete_batches()
    watcher.start(_STAGE, None, "files")
    try:
        tables = lake.compact(on_merge=lambda files: watcher.advance(_STAGE, files))
        return CompactionReport(tuple(tables), lake.discard_old_models())
    finally:
        watcher.finish(_STAGE)
