"""From what the user typed to a source.

What enters: SOURCE as text, and settings. What leaves: a ``Source``. This module must never import boto3 for a folder.
"""

from __future__ import annotations

from pipeline.errors import UsageError
from pipeline.settings import S3Settings
from pipeline.source.objects import Source


def open_source(source: str, settings: S3Settings) -> Source:
    """Open ``s3://bucket/prefix``, a folder's path, or a ``file://`` URI.

    Args:
        source: what the user gave.
        settings: how to reach S3; not looked at for a folder.

    Returns:
        A source that can be pickled to a worker process.

    Raises:
        UsageError: no such bucket or folder, no credentials, not allowed, another scheme.
    """
    scheme, mark, _ = source.partition("://")
    if mark and scheme == "s3":
        from pipeline.source.s3 import open_bucket

        return open_bucket(source, settings)
    if not source or (mark and scheme != "file"):
        raise UsageError(f"{source!r} is neither s3://bucket/prefix nor a folder")
    from pipeline.source.folder import open_folder

    return open_folder(source)
