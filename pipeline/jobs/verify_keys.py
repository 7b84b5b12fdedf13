"""The public keys for a set of digests: from a saved answer, or from CloudTrail, region by region.

What enters: digests, a file of keys or settings. What leaves: a ``Keyring``. This module must never ask CloudTrail
where keys were given.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.archive import Keyring, SigningKey, load_key, parse_saved_keys
from pipeline.errors import UsageError
from pipeline.settings import S3Settings

_AFTER = timedelta(hours=2)
_BEFORE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class KeyNeed:
    """A key that a digest names, and where it may be known.

    Attributes:
        fingerprint: the key's.
        regions: of the digest, and of its trail's home.
        signed_at: when the digest was signed.
    """

    fingerprint: str
    regions: tuple[str, ...]
    signed_at: datetime


def read_keys(file: Path) -> Keyring:
    """Read saved keys, ready for checks; see ``read_key_list``.

    Raises:
        UsageError: also where none of the keys can be decoded.
    """
    keys = read_key_list(file)
    keyring = Keyring(keys)
    if not len(keyring):
        load_key(keys[0])  # says what is wrong with it
    return keyring


def read_key_list(file: Path) -> list[SigningKey]:
    """Read saved keys.

    Raises:
        UsageError: the file cannot be read or holds no keys.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the public keys in {file}: {error}") from error
    return parse_saved_keys(text)


def fetch_keys(needs: Iterable[KeyNeed], settings: S3Settings) -> Keyring:
    """Ask CloudTrail for keys, ready for checks; see ``fetch_key_list``."""
    return Keyring(fetch_key_list(needs, settings))


def describe_keys(keys: Iterable[SigningKey]) -> dict[str, list[dict[str, str]]]:
    """Keys as a saved answer of ListPublicKeys holds them, ordered, each once."""
    found = {
        key.fingerprint: {
            "Fingerprint": key.fingerprint,
            "Value": base64.b64encode(key.der).decode(),
            **({} if key.valid_from is None else {"ValidityStartTime": key.valid_from.isoformat()}),
            **({} if key.valid_to is None else {"ValidityEndTime": key.valid_to.isoformat()}),
        }
        for key in keys
    }
    return {"PublicKeyList": [found[name] for name in sorted(found)]}


def fetch_key_list(needs: Iterable[KeyNeed], settings: S3Settings) -> list[SigningKey]:
    """Ask CloudTrail for the keys of every region that some digests are of.

    Raises:
        SourceError: CloudTrail refused or could not be reached.
        UsageError: no credentials.
    """
    wanted = list(needs)
    keys: dict[str, list[SigningKey]] = {}
    for rank in (0, 1):  # a digest's own region first, its trail's home region for what is still unknown
        open_needs = [need for need in wanted if need.fingerprint not in keys and len(need.regions) > rank]
        spans: dict[str, tuple[datetime, datetime]] = {}
        for need in open_needs:
            first, last = spans.get(need.regions[rank], (need.signed_at, need.signed_at))
            spans[need.regions[rank]] = min(first, need.signed_at), max(last, need.signed_at)
        for key in _ask(spans, settings):
            keys.setdefault(key.fingerprint, []).append(key)
    return [key for held in keys.values() for key in held]


def _ask(spans: dict[str, tuple[datetime, datetime]], settings: S3Settings) -> list[SigningKey]:
    from pipeline.source import list_public_keys

    if not spans:
        return []
    ordered = sorted(spans.items())
    with ThreadPoolExecutor(min(8, len(ordered)), thread_name_prefix="keys") as pool:
        answers = pool.map(
            lambda item: list_public_keys(settings, item[0], item[1][0] - _BEFORE, item[1][1] + _AFTER), ordered
        )
        return [
            SigningKey(key.fingerprint, key.value_der_bytes, key.validity_start, key.validity_end)
            for answer in answers
            for key in answer
        ]
