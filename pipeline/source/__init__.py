"""The S3 and folder door: lists objects and fetches the bytes of exactly what was listed.

What enters: SOURCE and ``S3Settings``. What leaves: ``ListedObject`` and bytes; CloudTrail's public keys. This room
must never write to a source, keep a watermark, or pass over an object that it cannot list or read.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.source.keys import ArchiveKey, ObjectKind, parse_key
    from pipeline.source.objects import DescribedObject, ListedObject, Source
    from pipeline.source.opening import open_source
    from pipeline.source.public_keys import PublicKey, list_public_keys

__all__ = [
    "ArchiveKey",
    "DescribedObject",
    "ListedObject",
    "ObjectKind",
    "PublicKey",
    "Source",
    "list_public_keys",
    "open_source",
    "parse_key",
]

# Lazy: boto3 costs a worker that reads a folder a quarter of a second.
_HOMES = {
    "ArchiveKey": "keys",
    "DescribedObject": "objects",
    "ListedObject": "objects",
    "ObjectKind": "keys",
    "PublicKey": "public_keys",
    "Source": "objects",
    "list_public_keys": "public_keys",
    "open_source": "opening",
    "parse_key": "keys",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'pipeline.source' has no attribute {name!r}")
    return getattr(import_module(f"pipeline.source.{home}"), name)
