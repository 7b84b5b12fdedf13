"""The archive room: an object's bytes in, JSON bytes and record spans out; digests in, verdicts out.

Contract: ``inflate_archive`` (or ``open_archive``, which copies nothing) opens gzip (or passes plain JSON on) under
caps, ``split_records`` says where each element of ``Records`` begins and ends. An archive that cannot be trusted as a
whole raises ``ArchiveError`` with a reason; one poison record never hides its neighbours. ``parse_digest``,
``Keyring``, ``judge_digests`` and ``DigestIndex`` say what CloudTrail's signed digests prove. Nothing here takes a
path, clock or network.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pipeline.archive.inflate import inflate_archive, open_archive
from pipeline.archive.kinds import kind_by_records
from pipeline.archive.records import is_strict_record
from pipeline.archive.spans import BadSpan, RecordSpans
from pipeline.archive.split import split_records

if TYPE_CHECKING:
    from pipeline.archive.digest import Digest, LogFile, parse_digest
    from pipeline.archive.digest_keys import BACKFILL_TIME, Keyring, SigningKey, load_key, parse_saved_keys
    from pipeline.archive.verify_archives import ArchivePlace, DigestIndex
    from pipeline.archive.verify_chain import MissingDigest, judge_digests
    from pipeline.archive.verify_types import SOUND, Chain, DigestObject, Judgement, Place, Verdict

__all__ = [
    "BACKFILL_TIME",
    "SOUND",
    "ArchivePlace",
    "BadSpan",
    "Chain",
    "Digest",
    "DigestIndex",
    "DigestObject",
    "Judgement",
    "Keyring",
    "LogFile",
    "MissingDigest",
    "Place",
    "RecordSpans",
    "SigningKey",
    "Verdict",
    "inflate_archive",
    "is_strict_record",
    "judge_digests",
    "kind_by_records",
    "load_key",
    "open_archive",
    "parse_digest",
    "parse_saved_keys",
    "split_records",
]

# Lazy: a worker that reads archives needs no cryptography.
_HOMES = {
    "digest": ("Digest", "LogFile", "parse_digest"),
    "digest_keys": ("BACKFILL_TIME", "Keyring", "SigningKey", "load_key", "parse_saved_keys"),
    "verify_archives": ("ArchivePlace", "DigestIndex"),
    "verify_chain": ("MissingDigest", "judge_digests"),
    "verify_types": ("SOUND", "Chain", "DigestObject", "Judgement", "Place", "Verdict"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"pipeline.archive.{home}"), name)
    raise AttributeError(f"module 'pipeline.archive' has no attribute {name!r}")
