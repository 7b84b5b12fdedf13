"""Where an object that a digest names should lie in what was listed.

What enters: sources, and in a folder the digests whose signature holds. What leaves: places. A bucket's objects lie
where digests say; a folder may be a copy of a bucket, of a part of it, of several, or hold all files side by side, so
the digests themselves tell: each lies in the folder under the end of its own key. This module must never let the
digests of one bucket disagree about it: the few that do were moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from urllib.parse import quote

from pipeline.archive import Digest, Place
from pipeline.source import ListedObject, Source, parse_key
from pipeline.source.keys import is_delivered_within

_OUTSIDE = ""
"""Bucket of a place that lies in no source; its key is then the whole URI."""


@dataclass(frozen=True, slots=True)
class _Copy:
    """How a folder holds a bucket: keys below ``object_prefix`` lie below ``folder_prefix``."""

    folder_prefix: str
    object_prefix: str
    is_flat: bool


class Locator:
    """Places of objects by what digests call them.

    Args:
        sources: the sources of the run.
        listed: everything listed; the names of a folder whose files lie side by side are looked up among them.
        since: earliest delivery date of the period.
        until: delivery date after its last.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        listed: Collection[ListedObject] = (),
        *,
        since: date | None = None,
        until: date | None = None,
    ) -> None:
        self._uris = tuple(source.uri for source in sources)
        self._since, self._until = since, until
        self._copies: dict[tuple[str, str], _Copy] = {}
        self._listed = listed

    @cached_property
    def _keys_by_name(self) -> dict[tuple[str, str], str]:
        """Where a folder's files lie by their names; asked only where a folder holds them side by side."""
        return {(item.source_uri, item.key.rpartition("/")[2]): item.key for item in self._listed if not item.bucket}

    def learn(self, found: Iterable[tuple[ListedObject, Digest]]) -> None:
        """Take in where digests with a good signature lie in folders."""
        votes: dict[tuple[str, str], Counter[_Copy]] = {}
        for listed, digest in found:
            copy = None if listed.bucket else _align(listed.key, digest.key)
            if copy is not None:
                votes.setdefault((listed.source_uri, digest.bucket), Counter())[copy] += 1
        for place, counter in votes.items():
            self._copies[place] = max(
                counter, key=lambda copy: (counter[copy], -len(copy.object_prefix), copy.folder_prefix)
            )

    def place_of(self, listed: ListedObject) -> Place:
        """Where a listed object lies."""
        return Place(listed.bucket, listed.object_key) if listed.bucket else Place(listed.source_uri, listed.key)

    def locate(self, source_uri: str, bucket: str, key: str) -> Place:
        """Where an object should lie that a digest of some source names."""
        if source_uri.startswith("s3://"):
            return Place(bucket, key)
        copy = self._copies.get((source_uri, bucket)) or self._other_copy(source_uri)
        if copy is None:
            return Place(_OUTSIDE, f"s3://{bucket}/{key}")
        if copy.is_flat:
            name = key.rpartition("/")[2]
            return Place(source_uri, self._keys_by_name.get((source_uri, name), copy.folder_prefix + name))
        if not key.startswith(copy.object_prefix):
            return Place(_OUTSIDE, f"s3://{bucket}/{key}")
        return Place(source_uri, copy.folder_prefix + key[len(copy.object_prefix) :])

    def _other_copy(self, source_uri: str) -> _Copy | None:
        """How the folder holds another bucket: a trail's archives may have gone to a second one."""
        return next((copy for (uri, _), copy in sorted(self._copies.items()) if uri == source_uri), None)

    def relocate(self, source_uri: str, digest: Digest) -> Digest:
        """The digest with the places that it names as places of the source; after its signature was checked."""
        previous_bucket, previous_key = digest.previous_bucket, digest.previous_key
        if previous_bucket is not None and previous_key is not None:
            place = self.locate(source_uri, previous_bucket, previous_key)
            previous_bucket, previous_key = place.bucket, place.key
        places = [self.locate(source_uri, item.bucket, item.key) for item in digest.log_files]
        log_files = tuple(
            replace(item, bucket=place.bucket, key=place.key)
            for item, place in zip(digest.log_files, places, strict=True)
        )
        return replace(digest, previous_bucket=previous_bucket, previous_key=previous_key, log_files=log_files)

    def is_listed(self, place: Place) -> bool:
        """Whether an object at a place would have been listed: it lies in a source."""
        uri = self.uri_of(place)
        return place.bucket != _OUTSIDE and any(uri.startswith(source) for source in self._uris)

    def is_within(self, place: Place) -> bool:
        """Whether it lies in a source and was delivered in the period."""
        return self.is_listed(place) and is_delivered_within(place.key, parse_key(place.key), self._since, self._until)

    def uri_of(self, place: Place) -> str:
        """The URI of a place, as listings write it."""
        if place.bucket.startswith("file://"):
            return place.bucket + quote(place.key)
        return place.key if place.bucket == _OUTSIDE else str(place)


def list_moved(locator: Locator, found: Mapping[str, tuple[ListedObject, Digest]]) -> dict[str, str]:
    """Digests that do not lie where they were signed for: URI -> sentence."""
    moved = {}
    for uri, (listed, digest) in found.items():
        if locator.place_of(listed) != locator.locate(listed.source_uri, digest.bucket, digest.key):
            moved[uri] = f"it was moved: it is signed for s3://{digest.bucket}/{digest.key}"
    return moved


def _align(folder_key: str, object_key: str) -> _Copy | None:
    """The longest end, in whole steps, that a path in a folder and a key have in common."""
    ours, theirs = folder_key.split("/"), object_key.split("/")
    same = 0
    while same < min(len(ours), len(theirs)) and ours[-same - 1] == theirs[-same - 1]:
        same += 1
    if same == 0:
        return None
    folder_prefix, object_prefix = (
        "".join(f"{part}/" for part in parts[: len(parts) - same]) for parts in (ours, theirs)
    )
    return _Copy(folder_prefix, "" if same == 1 and len(theirs) > 1 else object_prefix, same == 1 and len(theirs) > 1)
