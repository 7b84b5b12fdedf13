"""A signed corpus made for tests: archives, hourly digests as CloudTrail writes them, keys, and ways to tamper.

2 accounts, 2 regions, 48 hours by default: empty hours, a key rotation in the middle, hours whose digest came later as
a backfill. ``write`` lays it out as a folder with ``<digest>.metadata.json``; ``tests.servers.upload_folder`` turns
that into a bucket.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ACCOUNTS = ("111122223333", "444455556666")
REGIONS = ("us-east-1", "eu-west-1")
START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TRAIL, HOME = "management-events", "us-east-1"
MINUTES = (7, 22, 52)
"""Archives of an hour that is not empty, by the minute of their delivery."""


@dataclass(frozen=True)
class KeyPair:
    """A key that signs from ``start`` to ``end``; ``is_spki`` says how its public half is handed out."""

    fingerprint: str
    private: rsa.RSAPrivateKey
    start: datetime
    end: datetime
    is_spki: bool

    def answer(self) -> dict[str, Any]:
        """The key as ListPublicKeys tells it."""
        form = PublicFormat.SubjectPublicKeyInfo if self.is_spki else PublicFormat.PKCS1
        return {
            "Value": base64.b64encode(self.private.public_key().public_bytes(Encoding.DER, form)).decode(),
            "ValidityStartTime": self.start.timestamp(),
            "ValidityEndTime": self.end.isoformat(),
            "Fingerprint": self.fingerprint,
        }


@lru_cache
def make_private_key(name: str) -> rsa.RSAPrivateKey:
    """A key of its own for each name, made once per process."""
    return rsa.generate_private_key(65537, 2048)


def format_stamp(moment: datetime) -> str:
    """A time as digests write it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class SignedCorpus:
    """Objects by key, digests' metadata, and what is known about them."""

    bucket: str
    prefix: str = ""
    organization: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    keys: dict[str, list[KeyPair]] = field(default_factory=dict)
    digests: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    archives: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """What precedes an account's folder."""
        return f"{self.prefix}AWSLogs/{self.organization + '/' if self.organization else ''}"

    def read(self, key: str) -> dict[str, Any]:
        """The body of a digest."""
        body: dict[str, Any] = json.loads(gzip.decompress(self.objects[key]))
        return body

    def put_archive(self, account: str, region: str, at: datetime, *, name: str = "AAAA", **members: Any) -> str:
        """Add an archive with one event; no digest names it yet."""
        event = {
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "IAMUser",
                "arn": f"arn:aws:iam::{account}:user/dev",
                "principalId": "AIDAEXAMPLE",
                "accountId": account,
                "userName": "dev",
            },
            "eventTime": format_stamp(at - timedelta(minutes=4)),
            "eventSource": "sts.amazonaws.com",
            "eventName": "GetCallerIdentity",
            "awsRegion": region,
            "sourceIPAddress": "198.51.100.7",
            "userAgent": "aws-cli/2",
            "eventID": hashlib.md5(f"{account}{region}{at}{name}".encode()).hexdigest(),
            "eventType": "AwsApiCall",
            "recipientAccountId": account,
        } | members
        key = (
            f"{self.root}{account}/CloudTrail/{region}/{at:%Y/%m/%d}/"
            f"{account}_CloudTrail_{region}_{at:%Y%m%dT%H%MZ}_{name}.json.gz"
        )
        self.objects[key] = gzip.compress(json.dumps({"Records": [event]}).encode(), mtime=0)
        self.archives.setdefault((account, region), []).append(key)
        return key

    def digest_key(
        self, account: str, region: str, end: datetime, *, is_backfill: bool = False, trail: str = TRAIL
    ) -> str:
        """The key of the digest of the hour that ends at ``end``."""
        return (
            f"{self.root}{account}/CloudTrail-Digest/{region}/{end:%Y/%m/%d}/{account}_CloudTrail-Digest_"
            f"{region}_{trail}_{HOME}_{end:%Y%m%dT%H%M%SZ}{'_backfill' if is_backfill else ''}.json.gz"
        )

    def put_digest(
        self,
        account: str,
        region: str,
        end: datetime,
        named: list[str],
        previous: str | None,
        *,
        backfilled_at: datetime | None = None,
        trail: str = TRAIL,
    ) -> str:
        """Add a signed digest that names archives and its predecessor."""
        key = self.digest_key(account, region, end, is_backfill=backfilled_at is not None, trail=trail)
        signer = self.signer(region, backfilled_at or end)
        log_files = [
            {
                "s3Bucket": self.bucket,
                "s3Object": archive,
                "hashValue": hashlib.sha256(gzip.decompress(self.objects[archive])).hexdigest(),
                "hashAlgorithm": "SHA-256",
                "newestEventTime": format_stamp(end - HOUR),
                "oldestEventTime": format_stamp(end - HOUR),
            }
            for archive in named
        ]
        body = {
            "awsAccountId": account,
            "digestStartTime": format_stamp(end - HOUR),
            "digestEndTime": format_stamp(end),
            "digestS3Bucket": self.bucket,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": signer.fingerprint,
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": None,
            "oldestEventTime": None,
            "previousDigestS3Bucket": None if previous is None else self.bucket,
            "previousDigestS3Object": previous,
            "previousDigestHashValue": None if previous is None else self.inflated_sha256(previous),
            "previousDigestHashAlgorithm": None if previous is None else "SHA-256",
            "previousDigestSignature": None if previous is None else self.metadata[previous]["signature"],
            "logFiles": log_files,
        }
        self.store_digest(key, body, signer, backfilled_at=backfilled_at)
        self.digests.setdefault((account, region), []).append(key)
        return key

    def store_digest(
        self, key: str, body: Mapping[str, Any], signer: KeyPair | None, *, backfilled_at: datetime | None = None
    ) -> None:
        """Write a digest's body under a key, signed; without a signer the metadata stays as it is."""
        data = json.dumps(body).encode()
        self.objects[key] = gzip.compress(data, mtime=0)
        if signer is None:
            return
        previous = body["previousDigestSignature"] or "null"
        place = f"{body['digestS3Bucket']}/{body['digestS3Object']}"
        text = f"{body['digestEndTime']}\n{place}\n{hashlib.sha256(data).hexdigest()}\n{previous}"
        self.metadata[key] = {
            "signature": signer.private.sign(text.encode(), PKCS1v15(), SHA256()).hex(),
            "signature-algorithm": "SHA256withRSA",
        }
        if backfilled_at is not None:
            self.metadata[key]["backfill-generation-timestamp"] = format_stamp(backfilled_at)

    def signer(self, region: str, at: datetime) -> KeyPair:
        """The key in use in a region at a time."""
        return next(pair for pair in self.keys[region] if pair.start <= at < pair.end)

    def inflated_sha256(self, key: str) -> str:
        """What a digest says of an object."""
        return hashlib.sha256(gzip.decompress(self.objects[key])).hexdigest()

    def key_answers(self) -> dict[str, Any]:
        """Saved answers of ListPublicKeys, by region."""
        return {
            region: {"PublicKeyList": [pair.answer() for pair in pairs], "NextToken": None}
            for region, pairs in self.keys.items()
        }

    def drop(self, key: str) -> None:
        """Delete an object with its metadata."""
        del self.objects[key]
        self.metadata.pop(key, None)

    def write(self, folder: Path) -> Path:
        """Lay everything out below a folder; returns it."""
        for key, data in self.objects.items():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            if key in self.metadata:
                path.with_name(path.name + ".metadata.json").write_text(json.dumps(self.metadata[key]))
        return folder

    def write_keys(self, file: Path) -> Path:
        """Save the public keys; returns the file."""
        file.write_text(json.dumps(self.key_answers()))
        return file


def make_keys(start: datetime, hours: int, *, with_spki: bool = True) -> dict[str, list[KeyPair]]:
    """Two keys a region, the second, as SPKI where asked, from the middle of the time on."""
    half, end = start + hours // 2 * HOUR, start + (hours + 48) * HOUR
    return {
        region: [
            KeyPair(f"{number}a{number}a-{region}", make_private_key(f"{region}-1"), start - 240 * HOUR, half, False),
            KeyPair(f"{number}b{number}b-{region}", make_private_key(f"{region}-2"), half, end, with_spki),
        ]
        for number, region in enumerate(REGIONS)
    }


def make_corpus(
    bucket: str = "trail-bucket",
    *,
    prefix: str = "",
    hours: int = 48,
    accounts: tuple[str, ...] = ACCOUNTS,
    regions: tuple[str, ...] = REGIONS,
    backfilled: tuple[int, ...] = (17, 18),
    archives_an_hour: int = 2,
    with_spki: bool = True,
) -> SignedCorpus:
    """The corpus, whole: every archive is named, every digest signed and linked.

    Hours 5, 6 and 30 are empty. The digests of the hours in ``backfilled`` were written three hours late, as a chain
    of their own; the hourly chain names, after them, the last digest before them.
    """
    corpus = SignedCorpus(bucket, prefix, keys=make_keys(START, hours, with_spki=with_spki))
    for account in accounts:
        for region in regions:
            _fill(corpus, account, region, hours, backfilled, archives_an_hour)
    return corpus


def _fill(
    corpus: SignedCorpus, account: str, region: str, hours: int, backfilled: tuple[int, ...], archives_an_hour: int
) -> None:
    previous: str | None = None
    late: str | None = None
    for hour in range(hours):
        start = START + hour * HOUR
        count = 0 if hour in (5, 6, 30) else archives_an_hour
        named = [
            corpus.put_archive(
                account, region, start + timedelta(minutes=2 + number * 56 // max(count, 1)), name=f"N{number:03d}"
            )
            for number in range(count)
        ]
        if hour in backfilled:
            late = corpus.put_digest(account, region, start + HOUR, named, late, backfilled_at=start + 4 * HOUR)
        else:
            previous = corpus.put_digest(account, region, start + HOUR, named, previous)


def walk(corpus: SignedCorpus) -> Iterator[tuple[str, str]]:
    """Every object's key with its kind: digest or archive."""
    for key in sorted(corpus.objects):
        yield key, "digest" if "/CloudTrail-Digest/" in key else "archive"
