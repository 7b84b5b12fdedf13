"""Filling a bucket from a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

METADATA_SUFFIX = ".metadata.json"


def make_test_client(endpoint: str, service: str = "s3") -> Any:
    """A client for the test's own use, with made-up credentials and no retries."""
    client: Any = boto3.client  # type: ignore[call-overload]
    return client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIATESTTESTTESTTEST",
        aws_secret_access_key="made-up",
        config=Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )


def upload_folder(endpoint: str, bucket: str, folder: Path, prefix: str = "") -> int:
    """Upload every file below ``folder`` under its relative path and return how many objects that made.

    ``<file>.metadata.json`` beside a file becomes that object's user metadata, not an object.
    """
    client = make_test_client(endpoint)
    count = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        beside = path.with_name(path.name.removesuffix(METADATA_SUFFIX))
        if beside != path and beside.exists():
            continue
        metadata_file = path.with_name(path.name + METADATA_SUFFIX)
        metadata = json.loads(metadata_file.read_bytes()) if metadata_file.exists() else {}
        key = prefix + path.relative_to(folder).as_posix()
        client.put_object(Bucket=bucket, Key=key, Body=path.read_bytes(), Metadata=metadata)
        count += 1
    client.close()
    return count
