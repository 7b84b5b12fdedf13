"""SHA-256 of archives' inflated bytes, many at once.

What enters: listed archives. What leaves: their hashes, or why there is none. This module must never hash bytes that a
strict gzip reader refuses: an appended member or trailing bytes make an archive unreadable here.

Inflating and hashing release Python's lock, so threads share the processors while connections fetch what is next.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby

from pipeline.archive import open_archive, split_records
from pipeline.errors import ArchiveError, ObjectChangedError, SourceError
from pipeline.settings import Caps
from pipeline.source import ListedObject, ObjectKind, Source


@dataclass(frozen=True, slots=True)
class HashedArchive:
    """What the bytes of an archive are.

    Attributes:
        sha256: of the inflated bytes; ``None`` where they could not be had.
        problem: why not.
        is_gone: it was listed, and deleted or replaced before it could be read.
        is_log: by its content it is a CloudTrail log; only told where it was asked.
    """

    sha256: str | None
    problem: str = ""
    is_gone: bool = False
    is_log: bool = True


def hash_archives(
    sources: Mapping[str, Source],
    listed: Iterable[ListedObject],
    caps: Caps,
    *,
    workers: int,
    look_inside: bool = False,
) -> Iterator[tuple[ListedObject, HashedArchive]]:
    """Fetch, inflate and hash archives.

    Args:
        sources: SOURCE as normalised -> the source.
        listed: the archives.
        caps: limits on each.
        workers: threads that inflate and hash.
        look_inside: also tell by content whether each is a CloudTrail log at all.

    Returns:
        Each archive once, grouped by source, in the order of keys.
    """
    ordered = sorted(listed, key=lambda item: (item.source_uri, item.key))
    waiting: deque[tuple[ListedObject, Future[HashedArchive]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="hash") as pool:
        for source_uri, group in groupby(ordered, key=lambda item: item.source_uri):
            for item, data in sources[source_uri].fetch_objects(list(group)):
                waiting.append((item, pool.submit(_hash, data, caps, look_inside)))
                if len(waiting) > 4 * workers:
                    first, future = waiting.popleft()
                    yield first, future.result()
        for item, future in waiting:
            yield item, future.result()


def _hash(data: bytes | SourceError, caps: Caps, look_inside: bool) -> HashedArchive:
    if isinstance(data, SourceError):
        return HashedArchive(None, f"it cannot be read: {data.message}", isinstance(data, ObjectChangedError))
    try:
        buffer = open_archive(data, caps)
        is_log = not look_inside or split_records(bytes(buffer), caps).kind == ObjectKind.ARCHIVE
    except ArchiveError as error:
        return HashedArchive(None, f"it cannot be read: {error.message}", is_log=error.reason not in _NO_LOG)
    return HashedArchive(hashlib.sha256(buffer).hexdigest(), is_log=is_log)


_NO_LOG = ("no_records", "not_json")
"""Reasons that tell another kind of file rather than a broken archive; asked only of keys that say nothing."""
