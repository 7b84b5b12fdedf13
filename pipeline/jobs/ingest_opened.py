"""Archives that a worker has inflated, and where their records seem to be: many small ones at the price of one.

What enters: inflated archives. What leaves: spans and digests, or nothing for an archive that must be split by what
proves. This module must never read an object, nor believe a span.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.archive import RecordSpans, kind_by_records
from pipeline.flatten import delimit_archives, hash_archives
from pipeline.jobs.ingest_gathering import ArchiveTally
from pipeline.source.keys import ObjectKind
from pipeline.source.objects import ListedObject

CHUNK_BYTES = 128 * 1024 * 1024
"""JSON flattened at once, sorted once, and written as one file an event date: a task of usual archives is one chunk."""
CHUNK_ROWS = 122_880
"""Records flattened at once: a flood of tiny or odd ones costs far more memory than their bytes."""

Digests = npt.NDArray[np.uint8]

# Of archives whose records are all there; views of them are never written to.
_INDEXES, _STRICT = np.arange(CHUNK_ROWS), np.ones(CHUNK_ROWS, dtype=np.bool_)
_INDEXES.flags.writeable = _STRICT.flags.writeable = False
_NOTHING = np.empty(0, dtype=np.int64)


class OpenedArchive(NamedTuple):
    """An inflated archive with its tally, whose facts are the ledger's."""

    listed: ListedObject
    raw: bytes | bytearray
    tally: ArchiveTally


def delimit_opened(
    opened: Sequence[OpenedArchive], most_records: int, to_split: Container[str]
) -> list[RecordSpans | None]:
    """Spans that are proved while they are flattened: of ordinary archives that are flattened in one go.

    Args:
        opened: the archives.
        most_records: the most that an archive may hold.
        to_split: URIs of archives that must be split whatever they look like.

    Returns:
        For each archive its spans, or ``None`` where it must be split.
    """
    most = min(most_records, CHUNK_ROWS)
    found: list[RecordSpans | None] = []
    for archive, delimited in zip(opened, delimit_archives([archive.raw for archive in opened]), strict=True):
        is_ordinary = len(archive.raw) <= CHUNK_BYTES and archive.listed.uri not in to_split
        if delimited is None or not is_ordinary or len(delimited.starts) > most:
            found.append(None)
            continue
        count = len(delimited.starts)
        spans = RecordSpans(delimited.starts, delimited.ends, _INDEXES[:count], _STRICT[:count])
        found.append(spans if kind_by_records(archive.raw, spans) == ObjectKind.ARCHIVE else None)
    return found


def hash_opened(
    opened: Sequence[OpenedArchive], stored: Sequence[bytes], found: Sequence[RecordSpans | None]
) -> list[Digests | None]:
    """Note each archive's digests, as stored and inflated, among its facts.

    Args:
        opened: the archives.
        stored: their bytes as they were read.
        found: what ``delimit_opened`` found.

    Returns:
        For each archive its records' digests, or ``None`` where it must be split.
    """
    spans = [(_NOTHING, _NOTHING) if one is None else (one.starts, one.ends) for one in found]
    hashed = hash_archives(stored, [archive.raw for archive in opened], spans)
    for archive, digests in zip(opened, hashed, strict=True):
        archive.tally.facts |= {"archive_sha256": digests.stored, "inflated_sha256": digests.inflated}
    return [None if one is None else digests.records for one, digests in zip(found, hashed, strict=True)]
