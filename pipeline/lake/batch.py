"""What a run hands to a commit, and what it hears back; no deltalake here, so that workers start fast.

What enters: nothing. What leaves: ``BatchPart``, ``CommitResult`` and the schemas of the rows in a part. This module
must never read or write a lake.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from pipeline.lake.parquet import FileAction
from pipeline.schema import ARCHIVES, QUARANTINE

LEDGER_ROWS = pa.schema(
    [field for field in ARCHIVES if field.name not in {"batch_number", "batch_position", "chain_sha256"}]
)
"""What a run hands in: a ledger row without what the commit adds."""

QUARANTINE_ROWS = pa.schema([item for item in QUARANTINE if item.name != "batch_number"])
"""What a run hands in: a quarantine row without the batch's number."""


@dataclass(frozen=True, slots=True)
class BatchPart:
    """What one task read: committed or dropped as a whole.

    Attributes:
        events: files that ``write_event_file`` wrote.
        ledger: its archives, schema LEDGER_ROWS.
        quarantine: schema QUARANTINE_ROWS.
        strays: events that no file has yet (stray_events.py); the commit writes those of all its parts.
    """

    events: tuple[FileAction, ...]
    ledger: pa.Table
    quarantine: pa.Table
    strays: pa.Buffer | None = None

    def archive_versions(self) -> list[tuple[str, str]]:
        """The (uri, version) pairs of its archives."""
        names = ("archive_uri", "archive_version")
        return list(zip(*(self.ledger.column(name).to_pylist() for name in names), strict=True))


@dataclass(frozen=True, slots=True)
class CommitResult:
    """Outcome of one commit.

    Attributes:
        batch_number: the new batch, or ``None`` where every part was dropped.
        committed: positions of the parts that the batch holds.
        dropped: positions of the parts of which another run has committed an archive meanwhile.
        events: every event file of the batch.
    """

    batch_number: int | None
    committed: tuple[int, ...]
    dropped: tuple[int, ...]
    events: tuple[FileAction, ...] = ()
