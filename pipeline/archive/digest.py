"""A CloudTrail digest: what one hour of one trail delivered, as CloudTrail signed it.

What enters: a digest's inflated bytes. What leaves: a ``Digest``, and the string that its signature covers. This module
must never trust a member before the signature is checked, nor repair one.

Source: AWS CloudTrail user guide, "CloudTrail digest file structure" and "Custom implementations of CloudTrail log
file integrity validation".
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from pipeline.errors import ArchiveError

BAD_DIGEST = "bad_digest"
_ALGORITHM = "SHA-256"


@dataclass(frozen=True, slots=True)
class LogFile:
    """One archive that a digest names.

    Attributes:
        bucket: where CloudTrail delivered it.
        key: its key there.
        sha256: of the inflated bytes, lower-case hex.
        oldest_event_at: earliest event; ``None`` where not stated.
        newest_event_at: latest event; ``None`` where not stated.
    """

    bucket: str
    key: str
    sha256: str
    oldest_event_at: datetime | None = None
    newest_event_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Digest:
    """The body of a digest.

    Attributes:
        start_at: first instant of its hour, UTC.
        end_at: end of its hour, UTC.
        end_text: the same as written: what is signed.
        bucket: where CloudTrail delivered the digest.
        key: its key there.
        fingerprint: of the public key.
        previous_bucket: of the predecessor; ``None`` where the chain begins.
        previous_key: the predecessor's key.
        previous_sha256: of the predecessor's inflated bytes.
        previous_signature: the predecessor's signature, as written.
        log_files: archives of the hour; empty for an hour without.
        sha256: of this digest's inflated bytes.
    """

    start_at: datetime
    end_at: datetime
    end_text: str
    bucket: str
    key: str
    fingerprint: str
    previous_bucket: str | None
    previous_key: str | None
    previous_sha256: str | None
    previous_signature: str | None
    log_files: tuple[LogFile, ...]
    sha256: str

    def string_to_sign(self) -> bytes:
        """What the signature covers: end, place, hash of the whole body, the predecessor's signature."""
        previous = "null" if self.previous_signature is None else self.previous_signature
        return f"{self.end_text}\n{self.bucket}/{self.key}\n{self.sha256}\n{previous}".encode()


class _LogFile(msgspec.Struct):
    bucket: str = msgspec.field(name="s3Bucket")
    key: str = msgspec.field(name="s3Object")
    sha256: str = msgspec.field(name="hashValue")
    algorithm: str | None = msgspec.field(name="hashAlgorithm", default=None)
    oldest: str | None = msgspec.field(name="oldestEventTime", default=None)
    newest: str | None = msgspec.field(name="newestEventTime", default=None)


class _Body(msgspec.Struct):
    start: str = msgspec.field(name="digestStartTime")
    end: str = msgspec.field(name="digestEndTime")
    bucket: str = msgspec.field(name="digestS3Bucket")
    key: str = msgspec.field(name="digestS3Object")
    fingerprint: str = msgspec.field(name="digestPublicKeyFingerprint")
    previous_signature: str | None = msgspec.field(name="previousDigestSignature")
    previous_bucket: str | None = msgspec.field(name="previousDigestS3Bucket", default=None)
    previous_key: str | None = msgspec.field(name="previousDigestS3Object", default=None)
    previous_sha256: str | None = msgspec.field(name="previousDigestHashValue", default=None)
    log_files: list[_LogFile] | None = msgspec.field(name="logFiles", default=None)


_decoder = msgspec.json.Decoder(_Body)


def parse_digest(buffer: bytes) -> Digest:
    """Read a digest.

    Args:
        buffer: its inflated bytes.

    Returns:
        Its members; nothing of it is proved yet.

    Raises:
        ArchiveError: reason ``bad_digest``: no JSON object, a required member missing or of another type, no time.

    Source:
        AWS CloudTrail user guide, "CloudTrail digest file structure".
    """
    try:
        body = _decoder.decode(buffer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ArchiveError(BAD_DIGEST, f"no digest: {error}") from error
    return Digest(
        start_at=_read_time(body.start),
        end_at=_read_time(body.end),
        end_text=body.end,
        bucket=body.bucket,
        key=body.key,
        fingerprint=body.fingerprint,
        previous_bucket=body.previous_bucket,
        previous_key=body.previous_key,
        previous_sha256=None if body.previous_sha256 is None else body.previous_sha256.lower(),
        previous_signature=body.previous_signature,
        log_files=tuple(_read_log_file(item) for item in body.log_files or ()),
        sha256=hashlib.sha256(buffer).hexdigest(),
    )


def _read_log_file(item: _LogFile) -> LogFile:
    if item.algorithm not in (None, _ALGORITHM):
        raise ArchiveError(BAD_DIGEST, f"a digest hashes by {item.algorithm!r}, not {_ALGORITHM}")
    oldest, newest = (None if text is None else _read_time(text) for text in (item.oldest, item.newest))
    return LogFile(item.bucket, item.key, item.sha256.lower(), oldest, newest)


def _read_time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArchiveError(BAD_DIGEST, f"no digest: {text!r} is no time") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
