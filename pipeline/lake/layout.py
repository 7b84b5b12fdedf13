"""Where things lie in a lake, and the file that says which version of the layout this is.

What enters: a lake's path (a folder or ``s3://bucket/prefix``) and storage options. What leaves: a ``LakeLocation``
that joins paths, reads and writes small files whole, and hands out a pyarrow file system. This module must never
decide what belongs in a table.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.fs

from pipeline.errors import LakeError, LakeVersionError, UsageError
from pipeline.schema import LAKE_FORMAT

FORMAT_FILE = "_format.json"
EVENTS, ARCHIVES, QUARANTINE, PLANS, MODELS = "events", "archives", "quarantine", "_plans", "models"
DUCKDB_FILE = "policytrail.duckdb"
_OWN_NAMES = {FORMAT_FILE, EVENTS, ARCHIVES, QUARANTINE, PLANS, MODELS, DUCKDB_FILE}
_UNFINISHED = ".policytrail-"
"""How a file's name begins until it is whole; a run that is killed leaves it behind."""


@dataclass(frozen=True, slots=True)
class LakeLocation:
    """A lake's root on disk or on S3; picklable, so that a worker opens its own connections.

    Attributes:
        root: absolute folder, or ``s3://bucket/prefix`` without a trailing slash.
        storage: deltalake's storage options; empty on disk.
    """

    root: str
    storage: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_remote(self) -> bool:
        """Whether the lake lies on an object store."""
        return "://" in self.root

    def join(self, *parts: str) -> str:
        """Path of something inside the lake."""
        return "/".join([self.root, *parts])

    def open_filesystem(self) -> pa.fs.FileSystem:
        """A pyarrow file system whose paths are relative to the lake's root."""
        if not self.is_remote:
            return pa.fs.SubTreeFileSystem(self.root, pa.fs.LocalFileSystem())
        # Not deltalake's own handler: it holds the GIL while it waits for the network.
        return pa.fs.SubTreeFileSystem(self.root.removeprefix("s3://"), _open_s3(tuple(sorted(self.storage.items()))))

    def write_file(self, path: str, data: pa.Buffer | bytes) -> None:
        """Write a whole file at once: readers see all of it or nothing.

        Raises:
            LakeError: the disk is full, or the store refused.
        """
        try:
            if self.is_remote:
                with self.open_filesystem().open_output_stream(path) as stream:
                    stream.write(data)
            else:
                _replace_file(Path(self.root) / path, data)
        except OSError as error:
            raise LakeError(
                f"cannot write {self.join(path)}: {error}", hint="the lake stays readable at its last version"
            ) from error

    def read_file(self, path: str) -> bytes | None:
        """Content of a small file, or ``None`` where there is none.

        Raises:
            LakeError: the store cannot be read.
        """
        try:
            with self.open_filesystem().open_input_stream(path) as stream:
                content: bytes = stream.read()
                return content
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise LakeError(f"cannot read {self.join(path)}: {error}") from error


@lru_cache(maxsize=8)
def _open_s3(storage: tuple[tuple[str, str], ...]) -> pa.fs.FileSystem:
    """pyarrow's S3 client with the same options as deltalake's; what is absent comes from the same environment."""
    options = dict(storage)
    endpoint = options.get("aws_endpoint", "")
    scheme, _, host = endpoint.rpartition("://")
    return pa.fs.S3FileSystem(
        access_key=options.get("aws_access_key_id"),
        secret_key=options.get("aws_secret_access_key"),
        session_token=options.get("aws_session_token"),
        region=options.get("aws_region"),
        endpoint_override=host or None,
        scheme=scheme or None,
        allow_delayed_open=True,  # a small file is one PUT, not three requests
        retry_strategy=pa.fs.AwsStandardS3RetryStrategy(max_attempts=10),
    )


def _replace_file(target: Path, data: pa.Buffer | bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=_UNFINISHED)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        Path(temporary).replace(target)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def locate_lake(path: str | os.PathLike[str], storage: Mapping[str, str] | None = None) -> LakeLocation:
    """Normalise a lake's path.

    Args:
        path: a folder, made absolute, or ``s3://bucket/prefix``.
        storage: deltalake's storage options for S3.

    Returns:
        Its location; nothing is read.

    Raises:
        UsageError: a scheme other than ``s3``, or no bucket.
    """
    text = os.fspath(path)
    if "://" not in text:
        return LakeLocation(str(Path(text).absolute()))
    scheme, _, rest = text.partition("://")
    if scheme != "s3" or not rest.strip("/"):
        raise UsageError(f"{text} is no place for a lake", hint="give a folder or s3://bucket/prefix")
    return LakeLocation(text.rstrip("/"), dict(storage or {}))


def check_format(location: LakeLocation) -> bool:
    """Whether there is a lake of this version at a location.

    Returns:
        False where there is nothing yet, or a creation that was cut off.

    Raises:
        LakeVersionError: the lake has another layout.
        UsageError: the folder holds something else.
    """
    content = location.read_file(FORMAT_FILE)
    if content is None:
        if not location.is_remote:
            _refuse_foreign_folder(Path(location.root))
        return False
    try:
        found = json.loads(content).get("format")
    except (ValueError, AttributeError):
        found = None
    if found != LAKE_FORMAT:
        raise LakeVersionError(
            f"the lake at {location.root} has format {found!r}; this version reads and writes {LAKE_FORMAT}",
            hint="use the version that wrote it, or ingest into a new lake",
        )
    return True


def write_format(location: LakeLocation, details: Mapping[str, Any] | None = None) -> None:
    """Mark a location as a lake of this layout: the last step of its creation."""
    document = {"schema": "policytrail.lake", "format": LAKE_FORMAT, **(details or {})}
    location.write_file(FORMAT_FILE, json.dumps(document, sort_keys=True).encode() + b"\n")


def _refuse_foreign_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file, not a lake")
    if folder.is_dir():
        names = (item.name for item in folder.iterdir())
        foreign = sorted(name for name in names if name not in _OWN_NAMES and not name.startswith(_UNFINISHED))
        if foreign:
            raise UsageError(f"{folder} is no lake: it holds {foreign[0]!r}", hint="give an empty or a new folder")
