"""The face of every source: what a listing yields, and what can be asked of it.

What enters: nothing. What leaves: ``ListedObject`` and the protocol ``Source``. This module must never read a disk or
a network, nor import boto3: workers unpickle these types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from pipeline.errors import SourceError
from pipeline.source.keys import ArchiveKey


@dataclass(frozen=True, slots=True)
class ListedObject:
    """One object as the listing saw it.

    Attributes:
        uri: ``s3://bucket/key``, or an absolute percent-encoded ``file://`` URI; with ``version`` its identity.
        key: relative to SOURCE, ``/``-separated; what orders and ties are decided by.
        version: the ETag without its quotes, or ``size-mtime_ns`` of a file.
        size: bytes as stored.
        modified_at: UTC; told to people, never a watermark.
        source_uri: the SOURCE it was listed from.
        archive_key: what the key says.
        bucket: of S3; "" in a folder.
        object_key: the whole key in the bucket; in a folder the same as ``key``.
    """

    uri: str
    key: str
    version: str
    size: int
    modified_at: datetime
    source_uri: str
    archive_key: ArchiveKey
    bucket: str
    object_key: str


@dataclass(frozen=True, slots=True)
class DescribedObject:
    """An object's bytes with its user metadata, from one answer.

    Attributes:
        data: the bytes as stored.
        metadata: names in lower case without ``x-amz-meta-``.
    """

    data: bytes
    metadata: Mapping[str, str]


class Source(Protocol):
    """A bucket's prefix or a folder. Picklable: a worker process opens its own connections."""

    @property
    def uri(self) -> str:
        """The SOURCE, normalised: it ends in ``/``."""

    def list_objects(self, *, since: date | None = None, until: date | None = None) -> Iterator[ListedObject]:
        """All objects, sorted by key; ``since`` (inclusive) and ``until`` (exclusive) bound delivery dates.

        An object whose key tells no date is always listed. Directory markers and digests' metadata files are not
        objects.

        Raises:
            SourceError: a part of the source could not be listed; a listing is whole or it fails.
        """

    def fetch_object(self, listed: ListedObject) -> bytes:
        """The bytes of exactly the version that was listed.

        Raises:
            ObjectChangedError: it was replaced or deleted since.
            SourceError: it cannot be read; names it.
        """

    def fetch_objects(self, listed: Sequence[ListedObject]) -> Iterator[tuple[ListedObject, bytes | SourceError]]:
        """The same for many, concurrently, yielded in the given order with a bounded number of bytes in flight."""

    def fetch_described(
        self, listed: Sequence[ListedObject]
    ) -> Iterator[tuple[ListedObject, DescribedObject | SourceError]]:
        """As ``fetch_objects``, with each object's user metadata; in S3 both come from the one GET."""

    def fetch_metadata(self, listed: ListedObject) -> dict[str, str]:
        """The object's user metadata, names in lower case without ``x-amz-meta-`` (a digest's signature)."""

    def describe_empty(self) -> str:
        """The sentence for a user whose SOURCE holds no object."""
