"""Signed digests over simulated archives: hourly, per account and region, empty hours too, chained.

What enters: delivered archives in any order, a way to sign. What leaves: ``DigestObject`` values: key, gzip bytes and
the object's metadata. Keys and cryptography stay with the caller. This module must never see a private key.

Source: AWS CloudTrail user guide, "CloudTrail digest file structure" and "Custom implementations of CloudTrail log
file integrity validation".
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.simulate.delivery import HOUR, Archive, compress
from pipeline.simulate.session import compact, iso

Sign = Callable[[bytes], bytes]
"""RSASSA-PKCS1-v1_5 with SHA-256 over the bytes given."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the key's fingerprint, the public key as DER (PKCS#1), and the signature of some bytes."""

    fingerprint: str
    public_key: bytes
    sign: Sign


@dataclass(frozen=True, slots=True)
class TrailName:
    """The trail whose archives are vouched for, and where it delivers."""

    bucket: str = "simulated-trail"
    name: str = "org-trail"
    home_region: str = "us-east-1"


@dataclass(frozen=True, slots=True)
class DigestObject:
    """One digest as S3 holds it; a folder keeps ``metadata`` beside it as ``<key>.metadata.json``."""

    key: str
    data: bytes
    metadata: dict[str, str]


def make_digests(archives: Iterable[Archive], signer: Signer, trail: TrailName, start: float) -> Iterator[DigestObject]:
    """Make every digest from ``start`` to the hour of the last delivery.

    Args:
        archives: all of a corpus, with ``inflated_sha256``.
        signer: signs each digest.
        trail: named in the keys.
        start: first hour, epoch seconds.

    Returns:
        Digests of one account and region after the other, each series in order of time.
    """
    series: dict[tuple[str, str], dict[int, list[Archive]]] = {}
    last = int(start) // HOUR
    for archive in archives:
        hour = int(archive.delivered_at) // HOUR
        last = max(last, hour)
        series.setdefault((archive.account_id, archive.region), {}).setdefault(hour, []).append(archive)
    for place, hours in sorted(series.items()):
        root = next(iter(hours.values()))[0].key.split("/CloudTrail/")[0]
        yield from _series(place, root, hours, range(int(start) // HOUR, last + 1), signer, trail)


def _series(
    place: tuple[str, str], root: str, hours: dict[int, list[Archive]], span: range, signer: Signer, trail: TrailName
) -> Iterator[DigestObject]:
    account_id, region = place
    previous: tuple[str, str, str] | None = None
    for hour in span:
        end = (hour + 1) * HOUR
        moment = datetime.fromtimestamp(end, UTC)
        name = (
            f"{account_id}_CloudTrail-Digest_{region}_{trail.name}_{trail.home_region}_{moment:%Y%m%dT%H%M%SZ}.json.gz"
        )
        key = f"{root}/CloudTrail-Digest/{region}/{moment:%Y/%m/%d}/{name}"
        body = compact(_body(account_id, key, end, hours.get(hour, []), previous, signer, trail)).encode()
        digest = hashlib.sha256(body).hexdigest()
        signed = f"{iso(end)}\n{trail.bucket}/{key}\n{digest}\n{previous[2] if previous else 'null'}"
        signature = signer.sign(signed.encode()).hex()
        yield DigestObject(key, compress(body), {"signature": signature, "signature-algorithm": "SHA256withRSA"})
        previous = (key, digest, signature)


def _body(
    account_id: str,
    key: str,
    end: float,
    archives: list[Archive],
    previous: tuple[str, str, str] | None,
    signer: Signer,
    trail: TrailName,
) -> dict[str, Any]:
    times = [time for archive in archives for time in (archive.first_time, archive.last_time)]
    return {
        "awsAccountId": account_id,
        "digestStartTime": iso(end - HOUR),
        "digestEndTime": iso(end),
        "digestS3Bucket": trail.bucket,
        "digestS3Object": key,
        "digestPublicKeyFingerprint": signer.fingerprint,
        "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": iso(max(times)) if times else None,
        "oldestEventTime": iso(min(times)) if times else None,
        "previousDigestS3Bucket": trail.bucket if previous else None,
        "previousDigestS3Object": previous[0] if previous else None,
        "previousDigestHashValue": previous[1] if previous else None,
        "previousDigestHashAlgorithm": "SHA-256" if previous else None,
        "previousDigestSignature": previous[2] if previous else None,
        "logFiles": [
            {
                "s3Bucket": trail.bucket,
                "s3Object": archive.key,
                "hashValue": archive.inflated_sha256,
                "hashAlgorithm": "SHA-256",
                "newestEventTime": iso(archive.last_time),
                "oldestEventTime": iso(archive.first_time),
            }
            for archive in archives
        ],
    }


def public_keys_answer(signer: Signer, start: float, end: float) -> dict[str, Any]:
    """Return what ListPublicKeys would answer, as the AWS CLI saves it."""
    return {
        "PublicKeyList": [
            {
                "Value": base64.b64encode(signer.public_key).decode(),
                "ValidityStartTime": iso(start - 86_400),
                "ValidityEndTime": iso(end + 86_400),
                "Fingerprint": signer.fingerprint,
            }
        ]
    }
