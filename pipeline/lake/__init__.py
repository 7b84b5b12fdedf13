"""The Delta door: events, the ledger, quarantine, models; the only room that imports deltalake.

Gives ``open_lake_tables(path, storage) -> Lake`` (commit_batch, known_versions, ledger, snapshot, changed_dates,
write_model, read_model, compact) and, for workers, ``write_event_file`` and ``write_keys``, which on disk import
pyarrow only. Files become visible by a commit that a plan describes, exactly once, whatever dies in between
(commit.py).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.lake.batch import LEDGER_ROWS, QUARANTINE_ROWS, BatchPart, CommitResult
    from pipeline.lake.distinct import count_new_events
    from pipeline.lake.event_files import write_event_file
    from pipeline.lake.event_keys import write_keys
    from pipeline.lake.lake import Lake, open_lake_tables
    from pipeline.lake.layout import LakeLocation, locate_lake
    from pipeline.lake.ledger import CHAIN_START, KnownVersions, find_chain_break, follows_chain
    from pipeline.lake.parquet import FileAction
    from pipeline.lake.snapshot import LakeSnapshot, SnapshotFile

_HOMES = {
    "BatchPart": "batch",
    "CommitResult": "batch",
    "FileAction": "parquet",
    "KnownVersions": "ledger",
    "LEDGER_ROWS": "batch",
    "Lake": "lake",
    "LakeLocation": "layout",
    "LakeSnapshot": "snapshot",
    "QUARANTINE_ROWS": "batch",
    "SnapshotFile": "snapshot",
    "count_new_events": "distinct",
    "CHAIN_START": "ledger",
    "find_chain_break": "ledger",
    "follows_chain": "ledger",
    "locate_lake": "layout",
    "open_lake_tables": "lake",
    "write_event_file": "event_files",
    "write_keys": "event_keys",
}
__all__ = [
    "CHAIN_START",
    "LEDGER_ROWS",
    "QUARANTINE_ROWS",
    "BatchPart",
    "CommitResult",
    "FileAction",
    "KnownVersions",
    "Lake",
    "LakeLocation",
    "LakeSnapshot",
    "SnapshotFile",
    "count_new_events",
    "find_chain_break",
    "follows_chain",
    "locate_lake",
    "open_lake_tables",
    "write_event_file",
    "write_keys",
]


def __getattr__(name: str) -> Any:
    # Lazy: a worker that only writes files must not pay for importing deltalake.
    if name in _HOMES:
        return getattr(import_module(f"pipeline.lake.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'pipeline.lake' has no attribute {name!r}")
