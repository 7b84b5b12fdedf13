"""Archives in a folder, with the same contract as a bucket.

What enters: a folder's path. What leaves: listed files and their bytes. This module must never write, follow a loop of
links, open what is not a regular file (a pipe would block for ever), or pass over a file that it cannot read.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from pipeline.errors import Location, ObjectChangedError, SourceError, UsageError
from pipeline.source.keys import (
    METADATA_SUFFIX,
    context_of,
    does_overlap,
    is_delivered_within,
    is_metadata_key,
    parse_key,
    parse_period,
)
from pipeline.source.objects import DescribedObject, ListedObject

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_METADATA_BYTES = 65536
_Ids = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A folder of archives; see ``Source`` for what each method promises."""

    uri: str

    def list_objects(self, *, since: date | None = None, until: date | None = None) -> Iterator[ListedObject]:
        """List the regular files below the folder; see ``Source.list_objects``."""
        root = _path_of(self.uri)
        context = context_of(_text(root))
        for key, path, status in _walk(root, context, since, until):
            if is_metadata_key(key):
                continue
            whole = context + key
            parsed = parse_key(whole)
            if is_delivered_within(whole, parsed, since, until):
                yield ListedObject(
                    uri=_uri_of(path),
                    key=key,
                    version=_version(status),
                    size=status.st_size,
                    modified_at=_EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000),
                    source_uri=self.uri,
                    archive_key=parsed,
                    bucket="",
                    object_key=key,
                )

    def fetch_object(self, listed: ListedObject) -> bytes:
        """Read a file if it still is the version that was listed; see ``Source.fetch_object``."""
        try:
            # Without O_NONBLOCK the open itself would wait for a pipe's other end.
            descriptor = os.open(_path_of(listed.uri), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            try:
                before = os.fstat(descriptor)
                if not stat.S_ISREG(before.st_mode):
                    raise SourceError("not a regular file, so it was not read", location=Location(listed.uri))
                data = _read(descriptor, listed.size) if _version(before) == listed.version else None
                is_same = data is not None and _version(os.fstat(descriptor)) == listed.version
            finally:
                os.close(descriptor)
        except FileNotFoundError as error:
            raise ObjectChangedError("the file is gone since it was listed", location=Location(listed.uri)) from error
        except OSError as error:
            raise SourceError(f"cannot read the file: {error.strerror}", location=Location(listed.uri)) from error
        if data is None or not is_same or len(data) != listed.size:
            raise ObjectChangedError("the file changed since it was listed; run again", location=Location(listed.uri))
        return data

    def fetch_objects(self, listed: Sequence[ListedObject]) -> Iterator[tuple[ListedObject, bytes | SourceError]]:
        """Read files one by one: a disk needs no more, and one file is all that is held."""
        for one in listed:
            outcome: bytes | SourceError
            try:
                outcome = self.fetch_object(one)
            except SourceError as error:
                outcome = error
            yield one, outcome

    def fetch_described(
        self, listed: Sequence[ListedObject]
    ) -> Iterator[tuple[ListedObject, DescribedObject | SourceError]]:
        """Read files and what stands beside them; see ``Source.fetch_described``."""
        for one in listed:
            outcome: DescribedObject | SourceError
            try:
                outcome = DescribedObject(self.fetch_object(one), self.fetch_metadata(one))
            except SourceError as error:
                outcome = error
            yield one, outcome

    def fetch_metadata(self, listed: ListedObject) -> dict[str, str]:
        """Read ``<file>.metadata.json``; no such file means no metadata.

        Raises:
            SourceError: the file is there but unreadable, too large, or no JSON object of texts.
        """
        location = Location(listed.uri + METADATA_SUFFIX)
        try:
            with Path(_path_of(listed.uri) + METADATA_SUFFIX).open("rb") as file:
                data = file.read(_METADATA_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise SourceError(f"cannot read the metadata: {error.strerror}", location=location) from error
        if len(data) > _METADATA_BYTES:
            raise SourceError(f"metadata of more than {_METADATA_BYTES} bytes", location=location)
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise SourceError("the metadata is no JSON", location=location) from error
        if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
            raise SourceError("the metadata is no JSON object of texts", location=location)
        return {name.lower().removeprefix("x-amz-meta-"): value for name, value in document.items()}

    def describe_empty(self) -> str:
        """Say that nothing lies here."""
        return f"no file in the folder {self.uri}"


def open_folder(path: str) -> FolderSource:
    """Open a folder given as a path or a ``file://`` URI.

    Raises:
        UsageError: it does not exist, is no folder, or may not be read.
    """
    given = _path_of(path) if path.startswith("file://") else path
    try:
        resolved = Path(given).expanduser().resolve()
        is_there, is_folder = resolved.exists(), resolved.is_dir()
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in the name, a loop of links, no such home
        raise UsageError(f"not a usable path: {path!r} ({error})") from error
    if not is_there:
        raise UsageError(f"no such folder: {path}", hint="give a folder, or s3://bucket/prefix")
    if not is_folder:
        raise UsageError(f"{path} is a file, not a folder", hint="give the folder that holds it")
    if not os.access(resolved, os.R_OK | os.X_OK):
        raise UsageError(f"the folder {path} may not be read by this user")
    return FolderSource(_uri_of(str(resolved)).rstrip("/") + "/")


def _walk(
    folder: str, context: str, since: date | None, until: date | None
) -> Iterator[tuple[str, str, os.stat_result]]:
    """Yield (key, path, status) in the order of keys."""
    # Folders begun and not yet left, each with the ids of itself and those above it: no link may lead back to them.
    # One loop, not generators within generators: those hand every file up through all of its folders.
    open_folders = [_open(folder, "", ())]
    while open_folders:
        names, prefix, above = open_folders[-1]
        for name, entry in names:
            key = prefix + name
            if not name.endswith("/"):
                yield key, entry.path, _status(entry)
                continue
            period = parse_period(context + key)
            if period is None or does_overlap(period, since, until):
                open_folders.append(_open(entry.path, key, above))
                break
        else:
            open_folders.pop()


def _open(folder: str, prefix: str, above: _Ids) -> tuple[Iterator[tuple[str, os.DirEntry[str]]], str, _Ids]:
    """What a folder holds, in the order of keys; nothing where a link led back to it."""
    try:
        status = Path(folder).stat()
        own = (status.st_dev, status.st_ino)
        if own in above:
            return iter(()), prefix, above
        with os.scandir(folder) as entries:
            # A folder sorts as "name/", as its keys do: "a-b" < "a.json" < "a/x".
            found = [(_text(entry.name) + ("/" if entry.is_dir() else ""), entry) for entry in entries]
    except OSError as error:
        raise SourceError(f"cannot list the folder: {error.strerror}", location=Location(_uri_of(folder))) from error
    found.sort(key=lambda one: (one[0], one[1].path))
    return iter(found), prefix, (*above, own)


def _status(entry: os.DirEntry[str]) -> os.stat_result:
    """The file's status; of a link that leads nowhere its own, so that reading it fails by name instead of silence."""
    try:
        try:
            return entry.stat()
        except FileNotFoundError:
            return entry.stat(follow_symlinks=False)
    except OSError as error:
        raise SourceError(f"cannot list the file: {error.strerror}", location=Location(_uri_of(entry.path))) from error


def _read(descriptor: int, size: int) -> bytes:
    """All of a file that should hold ``size`` bytes; one more is asked for, so that a longer one shows."""
    data = os.read(descriptor, size + 1)
    while len(data) <= size and (more := os.read(descriptor, size + 1)):
        data += more
    return data


def _version(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def _text(name: str) -> str:
    """A file's name as text that every later store accepts; a byte that is no UTF-8 shows as ``\\xff``."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "backslashreplace")


def _uri_of(path: str) -> str:
    return "file://" + quote_from_bytes(os.fsencode(path))


def _path_of(uri: str) -> str:
    return os.fsdecode(unquote_to_bytes(uri.removeprefix("file://")))
