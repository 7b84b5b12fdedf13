"""What verification is about: digests where they lie, the chains they form, and verdicts.

What enters and leaves: plain values. This module must never judge.

Source: INTERFACE, ``verify --json``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from pipeline.archive.digest import Digest


class Verdict(StrEnum):
    """What can be said of an archive or a digest."""

    VERIFIED = "verified"
    PENDING = "pending"
    MISMATCH = "mismatch"
    MISSING = "missing"
    UNLISTED = "unlisted"
    NO_DIGEST = "no_digest"
    BAD_SIGNATURE = "bad_signature"
    BROKEN_CHAIN = "broken_chain"


SOUND = (Verdict.VERIFIED, Verdict.PENDING)
"""Verdicts that are no failure: what is pending, the next digest may vouch for."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A bucket and a key: where CloudTrail delivered an object, whatever copy of it is read.

    A copy in a folder has the folder's URI, which ends with a slash, for a bucket; what lies in no source has none, and
    its whole URI for a key.
    """

    bucket: str
    key: str

    def __str__(self) -> str:
        is_plain = not self.bucket or self.bucket.startswith("file://")
        return f"{self.bucket}{self.key}" if is_plain else f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True, slots=True, order=True)
class Chain:
    """One series of hourly digests: what the key of a digest names."""

    account_id: str
    region: str
    organization_id: str
    trail_name: str
    home_region: str
    is_backfill: bool = False

    @property
    def trail(self) -> Chain:
        """The chain of the trail's hourly digests: its backfilled ones fill gaps of that."""
        return replace(self, is_backfill=False) if self.is_backfill else self


@dataclass(frozen=True, slots=True)
class DigestObject:
    """A digest as it was found.

    Attributes:
        uri: where it was read.
        place: the bucket and key that it was read from, named as CloudTrail would.
        chain: by its key.
        key_at: the time in its key; ``None`` where the key tells none.
        digest: its body; ``None`` where it could not be read.
        signature: as its metadata states it; "" without.
        problem: why its signature does not hold; "" where it does.
    """

    uri: str
    place: Place
    chain: Chain
    key_at: datetime | None
    digest: Digest | None
    signature: str
    problem: str

    @property
    def is_good(self) -> bool:
        """Whether its signature holds: only then is anything that it says believed."""
        return self.digest is not None and not self.problem

    @property
    def at(self) -> datetime | None:
        """The time in its key, else the end that its body states."""
        return self.key_at if self.key_at is not None or self.digest is None else self.digest.end_at


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict on one object.

    Attributes:
        verdict: the word.
        detail: a sentence, "" where the word says all.
        digest: the digest that vouches for the object, or contradicts it.
    """

    verdict: Verdict
    detail: str = ""
    digest: DigestObject | None = None
