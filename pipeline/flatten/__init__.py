"""The flatten room: records in, EVENTS rows out.

Contract: ``flatten_archives`` (or ``flatten_archive`` for one) turns delimited records into one Arrow batch of the
schema EVENTS, sorted by event_date, event_time, event_id; every record becomes a row or a ``BadRecord``.
``hash_archives`` gives the digests of archives, as stored and inflated, and of their records in one go.
``redact_tokens`` is the one place that knows what a secret looks like. Nothing here takes a path, clock or network.
"""

from __future__ import annotations

from pipeline.flatten.delimit import delimit_archives
from pipeline.flatten.flatten import flatten_archive, flatten_archives
from pipeline.flatten.hashing import hash_archives
from pipeline.flatten.outcome import ArchiveRecords, ArchiveRef, ArchiveRows, BadRecord, Flattened, UnprovedError
from pipeline.flatten.redaction import MARKER, redact_tokens

__all__ = [
    "MARKER",
    "ArchiveRecords",
    "ArchiveRef",
    "ArchiveRows",
    "BadRecord",
    "Flattened",
    "UnprovedError",
    "delimit_archives",
    "flatten_archive",
    "flatten_archives",
    "hash_archives",
    "redact_tokens",
]
