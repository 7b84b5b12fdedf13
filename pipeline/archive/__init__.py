"""The archive room: an object's bytes in, JSON bytes and record spans out.

Contract: ``inflate_archive`` opens gzip (or passes plain JSON on) under caps, ``split_records`` says where each
element of ``Records`` begins and ends. An archive that cannot be trusted as a whole raises ``ArchiveError`` with a
reason; one poison record never hides its neighbours. Nothing here takes a path, clock or network.
"""

from __future__ import annotations

from pipeline.archive.inflate import inflate_archive
from pipeline.archive.spans import BadSpan, RecordSpans
from pipeline.archive.split import split_records

__all__ = ["BadSpan", "RecordSpans", "inflate_archive", "split_records"]
