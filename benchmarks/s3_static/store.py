"""What is served: the files of a folder or bytes in memory, by key, sorted.

What enters: a folder (its top folders are the buckets) or a mapping. What leaves: objects and pages of a listing. This
module must never write.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

METADATA_SUFFIX = ".metadata.json"
_EPOCH = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stored:
    """One object: bytes in memory, or a file that is read when it is asked for."""

    size: int
    etag: str
    modified_at: datetime
    data: bytes | None = None
    path: Path | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def read(self) -> bytes:
        """The object's bytes."""
        if self.data is not None:
            return self.data
        assert self.path is not None
        return self.path.read_bytes()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing; ``token`` is where the next begins, "" on the last."""

    contents: list[str]
    folders: list[str]
    token: str


class Store:
    """Objects of one bucket; every bucket name shows the same objects."""

    def __init__(self, objects: Mapping[str, Stored]) -> None:
        self.objects = dict(objects)
        self.keys = sorted(self.objects)

    @classmethod
    def from_bytes(cls, objects: Mapping[str, bytes]) -> Store:
        """Serve from memory."""
        return cls(
            {key: Stored(len(data), hashlib.md5(data).hexdigest(), _EPOCH, data=data) for key, data in objects.items()}
        )

    @classmethod
    def from_folder(cls, folder: Path, *, in_memory: bool = False) -> Store:
        """Serve a folder's files; ``<file>.metadata.json`` becomes that object's metadata."""
        return cls(dict(_scan(folder, in_memory)))

    def page(self, prefix: str, delimiter: str, after: str, limit: int) -> Page:
        """At most ``limit`` keys and folders below ``prefix`` that come after ``after``."""
        keys = self.keys
        at = max(bisect_left(keys, prefix), bisect_right(keys, after) if after else 0)
        contents: list[str] = []
        folders: list[str] = []
        last = ""
        while at < len(keys) and keys[at].startswith(prefix):
            if len(contents) + len(folders) >= limit:
                return Page(contents, folders, last)
            key = keys[at]
            cut = key.find(delimiter, len(prefix)) if delimiter else -1
            if cut < 0:
                contents.append(key)
                last = key
                at += 1
                continue
            folder = key[: cut + len(delimiter)]
            at = bisect_left(keys, folder[:-1] + chr(ord(folder[-1]) + 1))  # past all that begins with it
            last = keys[at - 1]
            folders.append(folder)
        return Page(contents, folders, "")


def _scan(folder: Path, in_memory: bool) -> Iterator[tuple[str, Stored]]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        beside = path.with_name(path.name.removesuffix(METADATA_SUFFIX))
        if beside != path and beside.exists():
            continue
        described = path.with_name(path.name + METADATA_SUFFIX)
        metadata = json.loads(described.read_bytes()) if described.exists() else {}
        data, status = path.read_bytes(), path.stat()
        yield (
            path.relative_to(folder).as_posix(),
            Stored(
                len(data),
                hashlib.md5(data).hexdigest(),
                datetime.fromtimestamp(int(status.st_mtime), UTC),
                data=data if in_memory else None,
                path=None if in_memory else path,
                metadata=metadata,
            ),
        )
