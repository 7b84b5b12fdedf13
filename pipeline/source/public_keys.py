"""CloudTrail's public keys, with which it signs digests.

What enters: settings, a region, a period. What leaves: the keys as bytes. This module must never judge a signature.

Source: AWS CloudTrail API reference, ListPublicKeys.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline.errors import SourceError
from pipeline.settings import S3Settings
from pipeline.source.s3_clients import make_client
from pipeline.source.s3_errors import FAILURES


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key that CloudTrail signs digests with in a region.

    Attributes:
        fingerprint: what a digest names it by.
        value_der_bytes: the key, DER.
        validity_start: first instant it signs, UTC.
        validity_end: last instant it signs, UTC.
    """

    fingerprint: str
    value_der_bytes: bytes
    validity_start: datetime
    validity_end: datetime


def list_public_keys(settings: S3Settings, region: str, start: datetime, end: datetime) -> list[PublicKey]:
    """Ask CloudTrail for the keys of one region that were valid at any time between ``start`` and ``end``.

    Returns:
        The keys, ordered by start and fingerprint.

    Raises:
        SourceError: CloudTrail refused or could not be reached.
        UsageError: no credentials.
    """
    client = make_client("cloudtrail", settings, region=region)
    try:
        pages = client.get_paginator("list_public_keys").paginate(StartTime=start, EndTime=end)
        found = [
            PublicKey(key["Fingerprint"], bytes(key["Value"]), key["ValidityStartTime"], key["ValidityEndTime"])
            for page in pages
            for key in page["PublicKeyList"]
        ]
    except FAILURES as error:
        raise SourceError(
            f"cannot list CloudTrail's public keys of {region}: {error}",
            hint="the caller needs cloudtrail:ListPublicKeys, or give saved keys with --keys",
        ) from error
    return sorted(found, key=lambda key: (key.validity_start, key.fingerprint))
