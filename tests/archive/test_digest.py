"""Digest bodies: what is read of them, what is signed, and what is no digest."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.archive.digest import Digest, LogFile, parse_digest
from pipeline.errors import ArchiveError

BODY = {
    "awsAccountId": "111122223333",
    "digestStartTime": "2026-03-01T10:01:31Z",
    "digestEndTime": "2026-03-01T11:01:31Z",
    "digestS3Bucket": "trail",
    "digestS3Object": "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/01/d.json.gz",
    "digestPublicKeyFingerprint": "31e8b5433410dfb61a9dc45cc65b22ff",
    "digestSignatureAlgorithm": "SHA256withRSA",
    "newestEventTime": None,
    "oldestEventTime": None,
    "previousDigestS3Bucket": "trail",
    "previousDigestS3Object": "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/01/c.json.gz",
    "previousDigestHashValue": "AB" * 32,
    "previousDigestHashAlgorithm": "SHA-256",
    "previousDigestSignature": "cd" * 256,
    "logFiles": [
        {
            "s3Bucket": "trail",
            "s3Object": "AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/01/a.json.gz",
            "hashValue": "EF" * 32,
            "hashAlgorithm": "SHA-256",
            "newestEventTime": "2026-03-01T10:40:00Z",
            "oldestEventTime": "2026-03-01T10:30:00Z",
        }
    ],
}


def encode(**changes: object) -> bytes:
    """The body with changes; a member changed to ``...`` is left out."""
    return json.dumps({name: value for name, value in (BODY | changes).items() if value is not ...}).encode()


def test_every_member_is_read() -> None:
    """A digest as CloudTrail documents it; hashes in lower case, times in UTC."""
    data = encode()
    assert parse_digest(data) == Digest(
        start_at=datetime(2026, 3, 1, 10, 1, 31, tzinfo=UTC),
        end_at=datetime(2026, 3, 1, 11, 1, 31, tzinfo=UTC),
        end_text="2026-03-01T11:01:31Z",
        bucket="trail",
        key="AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/01/d.json.gz",
        fingerprint="31e8b5433410dfb61a9dc45cc65b22ff",
        previous_bucket="trail",
        previous_key="AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/01/c.json.gz",
        previous_sha256="ab" * 32,
        previous_signature="cd" * 256,
        log_files=(
            LogFile(
                "trail",
                "AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/01/a.json.gz",
                "ef" * 32,
                datetime(2026, 3, 1, 10, 30, tzinfo=UTC),
                datetime(2026, 3, 1, 10, 40, tzinfo=UTC),
            ),
        ),
        sha256=hashlib.sha256(data).hexdigest(),
    )


@pytest.mark.parametrize(("previous", "last_line"), [("cd" * 256, "cd" * 256), (None, "null")])
def test_what_is_signed(previous: str | None, last_line: str) -> None:
    """End time as written, bucket and key, hash of the body, and the predecessor's signature or the word null."""
    data = encode(previousDigestSignature=previous)
    expected = (
        "2026-03-01T11:01:31Z\n"
        "trail/AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/01/d.json.gz\n"
        f"{hashlib.sha256(data).hexdigest()}\n{last_line}"
    )
    assert parse_digest(data).string_to_sign() == expected.encode()


@pytest.mark.parametrize(
    "member",
    [
        "digestPublicKeyFingerprint",
        "digestS3Bucket",
        "digestS3Object",
        "previousDigestSignature",
        "digestEndTime",
        "digestStartTime",
    ],
)
def test_a_required_member_is_missing(member: str) -> None:
    """A body without one of the six members that are always there is no digest."""
    with pytest.raises(ArchiveError, match=member):
        parse_digest(encode(**{member: ...}))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"Records": []}',
        encode(digestEndTime="yesterday"),
        encode(logFiles={"a": 1}),
        encode(logFiles=[{"s3Bucket": "b"}]),
        encode(logFiles=[BODY["logFiles"][0] | {"hashAlgorithm": "MD5"}]),  # type: ignore[index, operator]
        encode(digestStartTime=5),
        b'{"a":' * 5000,
    ],
)
def test_what_is_no_digest(data: bytes) -> None:
    """Anything else is an error with one reason, never a digest with holes."""
    with pytest.raises(ArchiveError) as caught:
        parse_digest(data)
    assert caught.value.reason == "bad_digest"


def test_an_hour_without_archives() -> None:
    """An empty hour has an empty list, or none."""
    assert parse_digest(encode(logFiles=[])).log_files == parse_digest(encode(logFiles=None)).log_files == ()


@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    """No bytes raise anything but the room's error."""
    with pytest.raises(ArchiveError):
        parse_digest(data)
