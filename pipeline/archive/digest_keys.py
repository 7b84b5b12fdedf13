"""CloudTrail's public keys, and what they prove about a digest.

What enters: keys as DER or as the saved answer of ListPublicKeys; a digest and its metadata. What leaves: a
``Keyring``, and "" or the reason why a signature does not hold. This module must never take a key for valid at another
time than its own, nor judge where a digest lies: that is its reader's to compare.

Source: AWS CloudTrail API reference, ListPublicKeys; AWS CloudTrail user guide, "Custom implementations of CloudTrail
log file integrity validation"; RFC 8017, RSASSA-PKCS1-v1_5.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from pipeline.archive.digest import Digest
from pipeline.errors import UsageError

ALGORITHM = "SHA256withRSA"
BACKFILL_TIME = "backfill-generation-timestamp"
# A digest is signed a little after its hour ends, with the key that is then in use.
_TOLERANCE = timedelta(hours=2)
_DEPTH = 5  # a list of answers by region holds its keys four levels down


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key of CloudTrail.

    Attributes:
        fingerprint: what a digest names it by.
        der: the key, PKCS#1 or SPKI.
        valid_from: first instant it signs; ``None`` where not stated.
        valid_to: last instant it signs.
    """

    fingerprint: str
    der: bytes
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether it signed at an instant, give or take the delay of a delivery."""
        return (self.valid_from is None or self.valid_from - _TOLERANCE <= moment) and (
            self.valid_to is None or moment <= self.valid_to + _TOLERANCE
        )


class Keyring:
    """Keys by fingerprint; each is decoded once. One that cannot be decoded fails its own digests, not the others'."""

    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._keys: dict[str, list[tuple[SigningKey, RSAPublicKey]]] = {}
        self._unreadable: dict[str, str] = {}
        for key in keys:
            held = self._keys.get(key.fingerprint, [])
            if any(key == other for other, _ in held):
                continue
            try:
                self._keys[key.fingerprint] = [*held, (key, load_key(key))]
            except UsageError as error:
                self._unreadable[key.fingerprint] = error.message

    def __contains__(self, fingerprint: str) -> bool:
        return fingerprint in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def check(self, digest: Digest, metadata: Mapping[str, str], *, is_backfill: bool) -> str:
        """Check a digest's signature.

        Args:
            digest: parsed.
            metadata: of its object: ``signature``, ``signature-algorithm``, ``backfill-generation-timestamp``.
            is_backfill: CloudTrail wrote it later than its hour.

        Returns:
            "" where the signature holds, else why it does not.
        """
        signature, problem = _read_signature(metadata)
        if problem:
            return problem
        signed_at = digest.end_at
        if is_backfill:
            moment = _read_time(metadata.get(BACKFILL_TIME))
            if moment is None:
                return f"a backfill digest whose metadata has no {BACKFILL_TIME}"
            signed_at = moment
        held = self._keys.get(digest.fingerprint, [])
        if not held and digest.fingerprint in self._unreadable:
            return self._unreadable[digest.fingerprint]
        if not held:
            return f"no public key with fingerprint {digest.fingerprint!r}"
        in_use = [loaded for key, loaded in held if key.is_valid_at(signed_at)]
        if not in_use:
            return f"the key {digest.fingerprint!r} was not in use at {signed_at:%Y-%m-%dT%H:%M:%SZ}"
        if any(_holds(loaded, signature, digest.string_to_sign()) for loaded in in_use):
            return ""
        return "the signature does not match"


def load_key(key: SigningKey) -> RSAPublicKey:
    """Decode a key, PKCS#1 or SPKI.

    Raises:
        UsageError: it is no RSA public key.
    """
    try:
        loaded = load_der_public_key(key.der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"the public key {key.fingerprint!r} cannot be read: {error}") from error
    if not isinstance(loaded, RSAPublicKey):
        raise UsageError(f"the public key {key.fingerprint!r} is no RSA key")
    return loaded


def parse_saved_keys(text: str) -> list[SigningKey]:
    """Read saved answers of ListPublicKeys.

    Args:
        text: one JSON answer, several after each other, a list of them, or an object of them by region.

    Returns:
        Their keys, in the order given.

    Raises:
        UsageError: the text is none of these.
    """
    found = [key for document in _split_documents(text) for key in _collect(document)]
    if not found:
        raise UsageError(_NO_KEYS, hint=_HOW)
    return found


_NO_KEYS = "the file of public keys holds no key"
_HOW = "save it with: aws cloudtrail list-public-keys --start-time ... --end-time ... > keys.json, one for each region"


def _split_documents(text: str) -> Iterator[Any]:
    decoder, at = json.JSONDecoder(), 0
    text = text.removeprefix("\ufeff")
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            document, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"the file of public keys is no JSON: {error}", hint=_HOW) from error
        yield document


def _collect(document: Any, depth: int = 0) -> Iterator[SigningKey]:
    if isinstance(document, dict) and "Fingerprint" in document:
        yield _read_key(document)
    elif isinstance(document, (dict, list)) and depth < _DEPTH:
        for item in document.values() if isinstance(document, dict) else document:
            yield from _collect(item, depth + 1)


def _read_key(item: Mapping[str, Any]) -> SigningKey:
    fingerprint, value = item.get("Fingerprint"), item.get("Value")
    if not isinstance(fingerprint, str) or not isinstance(value, str):
        raise UsageError("a saved public key lacks Fingerprint or Value", hint=_HOW)
    try:
        der = base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"the public key {fingerprint!r} is not written in base64", hint=_HOW) from error
    return SigningKey(
        fingerprint, der, _read_time(item.get("ValidityStartTime")), _read_time(item.get("ValidityEndTime"))
    )


def _read_time(value: Any) -> datetime | None:
    """Seconds since 1970, as number or text, or ISO 8601: the tools that save answers write either."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _read_signature(metadata: Mapping[str, str]) -> tuple[bytes, str]:
    text = metadata.get("signature", "")
    if not text:
        return b"", "it is not signed: its metadata has no signature"
    algorithm = metadata.get("signature-algorithm", "")
    if not algorithm:
        return b"", "its metadata does not say by which algorithm it is signed (signature-algorithm)"
    if algorithm != ALGORITHM:
        return b"", f"it is signed by {algorithm!r}, not {ALGORITHM}"
    try:
        return bytes.fromhex(text), ""
    except ValueError:
        return b"", "the signature in its metadata is not hexadecimal"


def _holds(key: RSAPublicKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True
