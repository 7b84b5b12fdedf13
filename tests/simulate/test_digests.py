"""Signed digests: every hour, chained, true to the archives; judged by the reader that ships."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from pipeline.archive.digest import Digest, parse_digest
from pipeline.archive.digest_keys import Keyring, parse_saved_keys
from pipeline.jobs.simulate import simulate_archives
from pipeline.settings import S3Settings
from pipeline.simulate import Signer
from pipeline.source import open_source
from pipeline.source.keys import ObjectKind


@pytest.fixture(scope="module")
def signer() -> Signer:
    """A key made for the test."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    fingerprint = hashlib.sha256(public).hexdigest()[:32]
    return Signer(fingerprint, public, lambda data: private.sign(data, padding.PKCS1v15(), hashes.SHA256()))


@pytest.fixture(scope="module")
def folder(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day's corpus with digests."""
    out = tmp_path_factory.mktemp("signed") / "corpus"
    simulate_archives(out, events=2_000, days=1, seed=4, signer=signer)
    return out


def _digests(folder: Path) -> dict[str, tuple[Digest, dict[str, str]]]:
    found = {}
    for path in sorted(folder.rglob("*CloudTrail-Digest*.json.gz")):
        metadata = json.loads(path.with_name(path.name + ".metadata.json").read_text())
        found[str(path.relative_to(folder))] = (parse_digest(gzip.decompress(path.read_bytes())), metadata)
    return found


def test_every_signature_holds_under_the_saved_keys(folder: Path) -> None:
    """The reader that ships accepts each digest with public-keys.json, and none with a changed signature."""
    keyring = Keyring(parse_saved_keys((folder / "public-keys.json").read_text()))
    digests = _digests(folder)
    assert len(digests) > 24
    for key, (digest, metadata) in digests.items():
        assert digest.key == key
        assert keyring.check(digest, metadata, is_backfill=False) == ""
    digest, metadata = next(iter(digests.values()))
    forged = metadata | {"signature": "00" + metadata["signature"][2:]}
    assert keyring.check(digest, forged, is_backfill=False) != ""


def test_digests_name_every_archive_once_with_its_hash(folder: Path) -> None:
    """What is delivered is vouched for, by the SHA-256 of its inflated bytes and its event times."""
    named = [item for digest, _ in _digests(folder).values() for item in digest.log_files]
    archives = {
        str(path.relative_to(folder)): gzip.decompress(path.read_bytes())
        for path in folder.rglob("*_CloudTrail_*.json.gz")
    }
    assert sorted(item.key for item in named) == sorted(archives)
    for item in named:
        data = archives[item.key]
        times = sorted(record["eventTime"] for record in json.loads(data)["Records"])
        assert item.sha256 == hashlib.sha256(data).hexdigest()
        assert item.oldest_event_at is not None
        assert item.newest_event_at is not None
        assert item.oldest_event_at.strftime("%Y-%m-%dT%H:%M:%SZ") == times[0]
        assert item.newest_event_at.strftime("%Y-%m-%dT%H:%M:%SZ") == times[-1]


def test_each_series_is_hourly_and_chained_from_its_beginning(folder: Path) -> None:
    """An hour follows an hour, empty ones too; each names its predecessor's key, hash and signature."""
    digests = _digests(folder)
    series: dict[str, list[tuple[Digest, dict[str, str]]]] = {}
    for key, value in digests.items():
        series.setdefault(key.rsplit("/", 4)[0], []).append(value)
    empty = 0
    for items in series.values():
        items.sort(key=lambda item: item[0].end_at)
        assert items[0][0].previous_key is None
        for (before, metadata), (after, _) in itertools.pairwise(items):
            assert after.start_at == before.end_at == after.end_at - timedelta(hours=1)
            assert after.previous_key == before.key
            assert after.previous_sha256 == before.sha256
            assert after.previous_signature == metadata["signature"]
            empty += not after.log_files
    assert empty > 0


def test_the_source_tells_digests_from_archives_and_reads_their_metadata(folder: Path) -> None:
    """The folder door sees digests as such and finds the signature beside them."""
    source = open_source(str(folder), S3Settings())
    digests = [
        item for item in source.list_objects(since=None, until=None) if item.archive_key.kind is ObjectKind.DIGEST
    ]
    assert len(digests) == len(_digests(folder))
    assert source.fetch_metadata(digests[0])["signature-algorithm"] == "SHA256withRSA"
