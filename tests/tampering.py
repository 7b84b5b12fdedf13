"""Every tampering that verification must see, with the verdicts that it must give: one table for folder and S3."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from tests.signed_corpus import ACCOUNTS, HOUR, REGIONS, START, SignedCorpus, make_private_key

ACCOUNT, REGION = ACCOUNTS[0], REGIONS[0]
Expected = dict[str, str]
"""Key -> verdict, of every object whose verdict is not ``verified``."""


@dataclass(frozen=True)
class Tampering:
    """What is done to the corpus, and what follows."""

    name: str
    act: Callable[[SignedCorpus], Expected]


def _hourly(corpus: SignedCorpus) -> list[str]:
    return [key for key in corpus.digests[ACCOUNT, REGION] if "_backfill" not in key]


def _hour(corpus: SignedCorpus, hour: int) -> str:
    return corpus.digest_key(ACCOUNT, REGION, START + (hour + 1) * HOUR)


def _named(corpus: SignedCorpus, digest: str) -> list[str]:
    return [item["s3Object"] for item in corpus.read(digest)["logFiles"]]


def _all(keys: list[str], verdict: str) -> Expected:
    return dict.fromkeys(keys, verdict)


def nothing(corpus: SignedCorpus) -> Expected:
    """An untouched corpus."""
    return {}


def injected(corpus: SignedCorpus) -> Expected:
    """An archive that CloudTrail never delivered, in an hour whose digest is there."""
    return {corpus.put_archive(ACCOUNT, REGION, START + 10 * HOUR + timedelta(minutes=31), name="EVIL"): "unlisted"}


def injected_into_backfilled_hour(corpus: SignedCorpus) -> Expected:
    """The same in an hour whose digest came as a backfill."""
    return {corpus.put_archive(ACCOUNT, REGION, START + 17 * HOUR + timedelta(minutes=31), name="EVIL"): "unlisted"}


def injected_into_empty_hour(corpus: SignedCorpus) -> Expected:
    """The same in an hour whose digest says that there was nothing."""
    return {corpus.put_archive(ACCOUNT, REGION, START + 5 * HOUR + timedelta(minutes=31), name="EVIL"): "unlisted"}


def newest_digests_deleted(corpus: SignedCorpus) -> Expected:
    """The last four digests of a chain; the other chains go on."""
    gone = _hourly(corpus)[-4:]
    first, second, *later = gone
    expected = _all(_named(corpus, first) + _named(corpus, second), "pending")
    expected |= _all([key for digest in later for key in _named(corpus, digest)], "no_digest")
    # Other chains are ahead of all but the last: those hours' digests were written.
    expected |= _all(gone[:-1], "missing")
    for key in gone:
        corpus.drop(key)
    return expected


def newest_two_deleted(corpus: SignedCorpus) -> Expected:
    """The last two: their archives could be pending, but other chains are ahead."""
    gone = _hourly(corpus)[-2:]
    expected = _all([key for digest in gone for key in _named(corpus, digest)], "pending") | {gone[0]: "missing"}
    for key in gone:
        corpus.drop(key)
    return expected


def one_digest_deleted(corpus: SignedCorpus) -> Expected:
    """One digest in the middle."""
    gone = _hour(corpus, 20)
    expected = _all(_named(corpus, gone), "no_digest") | {gone: "missing", _hour(corpus, 21): "broken_chain"}
    corpus.drop(gone)
    return expected


def two_in_a_row_deleted(corpus: SignedCorpus) -> Expected:
    """Two digests in a row: both are told, though no retained digest names the first."""
    gone = [_hour(corpus, 20), _hour(corpus, 21)]
    expected = _all([key for digest in gone for key in _named(corpus, digest)], "no_digest")
    expected |= _all(gone, "missing") | {_hour(corpus, 22): "broken_chain"}
    for key in gone:
        corpus.drop(key)
    return expected


def appended_member(corpus: SignedCorpus) -> Expected:
    """A second gzip member behind an archive: readers that go on see forged records."""
    key = _named(corpus, _hour(corpus, 12))[0]
    corpus.objects[key] += gzip.compress(b'{"Records":[]}')
    return {key: "mismatch"}


def trailing_bytes(corpus: SignedCorpus) -> Expected:
    """Bytes behind an archive."""
    key = _named(corpus, _hour(corpus, 12))[0]
    corpus.objects[key] += b"\0"
    return {key: "mismatch"}


def moved_archive(corpus: SignedCorpus) -> Expected:
    """An archive under another key of the same hour."""
    old = _named(corpus, _hour(corpus, 12))[0]
    new = old.replace("_N000.", "_MOVED.")
    corpus.objects[new] = corpus.objects.pop(old)
    return {old: "missing", new: "unlisted"}


def copied_archive(corpus: SignedCorpus) -> Expected:
    """A second copy of a real archive, beside it."""
    old = _named(corpus, _hour(corpus, 12))[0]
    new = old.replace("_N000.", "_COPY.")
    corpus.objects[new] = corpus.objects[old]
    return {new: "unlisted"}


def deleted_archive(corpus: SignedCorpus) -> Expected:
    """An archive that its digest names."""
    key = _named(corpus, _hour(corpus, 12))[1]
    corpus.drop(key)
    return {key: "missing"}


def changed_byte(corpus: SignedCorpus) -> Expected:
    """One byte of an archive's content, packed anew."""
    key = _named(corpus, _hour(corpus, 12))[0]
    data = gzip.decompress(corpus.objects[key])
    corpus.objects[key] = gzip.compress(data.replace(b"198.51.100.7", b"198.51.100.8"))
    return {key: "mismatch"}


def packed_anew(corpus: SignedCorpus) -> Expected:
    """The same content with other compression: a digest hashes the inflated bytes."""
    key = _named(corpus, _hour(corpus, 12))[0]
    corpus.objects[key] = gzip.compress(gzip.decompress(corpus.objects[key]), compresslevel=1, mtime=7)
    return {}


def previous_signature_changed(corpus: SignedCorpus) -> Expected:
    """Signed anew with the real key: the body is vouched for, the links on both sides are not."""
    key = _hour(corpus, 20)
    body = corpus.read(key) | {"previousDigestSignature": "ab" * 256}
    corpus.store_digest(key, body, corpus.signer(REGION, START + 21 * HOUR))
    return {key: "broken_chain", _hour(corpus, 21): "broken_chain"}


def previous_signature_changed_unsigned(corpus: SignedCorpus) -> Expected:
    """The same without a key: nothing that the digest says counts."""
    key = _hour(corpus, 20)
    corpus.store_digest(key, corpus.read(key) | {"previousDigestSignature": "ab" * 256}, None)
    return {key: "bad_signature", _hour(corpus, 21): "broken_chain"} | _all(_named(corpus, key), "no_digest")


def forged_digest(corpus: SignedCorpus) -> Expected:
    """A digest that hides an archive, signed with a key of the forger's own."""
    key = _hour(corpus, 20)
    body = corpus.read(key)
    real = [item["s3Object"] for item in body["logFiles"]]
    body["logFiles"] = body["logFiles"][1:]
    forger = corpus.signer(REGION, START + 21 * HOUR)
    corpus.store_digest(
        key, body, type(forger)(forger.fingerprint, make_private_key("forger"), forger.start, forger.end, False)
    )
    return {key: "bad_signature", _hour(corpus, 21): "broken_chain"} | _all(real, "no_digest")


def unsigned_digest(corpus: SignedCorpus) -> Expected:
    """A digest whose metadata is gone."""
    key = _hour(corpus, 20)
    corpus.metadata[key] = {}
    return {key: "bad_signature", _hour(corpus, 21): "broken_chain"} | _all(_named(corpus, key), "no_digest")


def unreadable_digest(corpus: SignedCorpus) -> Expected:
    """A digest that is no JSON any more."""
    key = _hour(corpus, 20)
    named = _named(corpus, key)
    corpus.objects[key] = gzip.compress(b"{")
    return {key: "bad_signature", _hour(corpus, 21): "broken_chain"} | _all(named, "no_digest")


def moved_digest(corpus: SignedCorpus) -> Expected:
    """A real digest under the key of another hour."""
    old, new = _hour(corpus, 20), _hour(corpus, 21)
    named = _named(corpus, new)
    corpus.objects[new], corpus.metadata[new] = corpus.objects[old], corpus.metadata[old]
    return {new: "bad_signature", _hour(corpus, 22): "broken_chain"} | _all(named, "no_digest")


def oldest_digests_deleted(corpus: SignedCorpus) -> Expected:
    """As a lifecycle rule would: the first one retained starts the chain, the hours before have no digest."""
    gone = _hourly(corpus)[:5]
    expected = _all([key for digest in gone for key in _named(corpus, digest)], "no_digest")
    for key in gone:
        corpus.drop(key)
    return expected


def all_digests_deleted(corpus: SignedCorpus) -> Expected:
    """Of one account and region."""
    for key in list(corpus.digests[ACCOUNT, REGION]):
        corpus.drop(key)
    return _all(list(corpus.archives[ACCOUNT, REGION]), "no_digest")


def fresh_archives(corpus: SignedCorpus) -> Expected:
    """Archives of the hour under way: their digest is not written yet."""
    end = START + 48 * HOUR
    return {corpus.put_archive(ACCOUNT, REGION, end + timedelta(minutes=9), name="NEW"): "pending"}


def backfill_without_time(corpus: SignedCorpus) -> Expected:
    """A backfill digest whose metadata does not say when it was made; its signature cannot be dated."""
    key = next(key for key in corpus.digests[ACCOUNT, REGION] if "_backfill" in key)
    del corpus.metadata[key]["backfill-generation-timestamp"]
    return {key: "bad_signature"} | _all(_named(corpus, key), "no_digest")


def stopped_and_started(corpus: SignedCorpus) -> Expected:
    """Logging was off for five hours and starts a chain anew: no fault, though nothing of that time is vouched for."""
    gone = [_hour(corpus, hour) for hour in range(20, 25)]
    for key in gone:
        for archive in _named(corpus, key):
            corpus.drop(archive)
        corpus.drop(key)
    for hour in range(25, 48):
        key = _hour(corpus, hour)
        body = corpus.read(key)
        previous = None if hour == 25 else _hour(corpus, hour - 1)
        body |= {
            "previousDigestS3Bucket": previous and corpus.bucket,
            "previousDigestS3Object": previous,
            "previousDigestHashValue": previous and corpus.inflated_sha256(previous),
            "previousDigestSignature": previous and corpus.metadata[previous]["signature"],
        }
        corpus.store_digest(key, body, corpus.signer(REGION, START + (hour + 1) * HOUR))
    return {}


def odd_json_in_digest(corpus: SignedCorpus) -> Expected:
    """A digest that lacks a required member is no digest, signed or not."""
    key = _hour(corpus, 20)
    named = _named(corpus, key)
    body = corpus.read(key)
    del body["digestStartTime"]
    corpus.store_digest(key, body, corpus.signer(REGION, START + 21 * HOUR))
    return {key: "bad_signature", _hour(corpus, 21): "broken_chain"} | _all(named, "no_digest")


TAMPERINGS = [
    Tampering(act.__name__, act)
    for act in (
        nothing,
        injected,
        injected_into_backfilled_hour,
        injected_into_empty_hour,
        newest_digests_deleted,
        newest_two_deleted,
        one_digest_deleted,
        two_in_a_row_deleted,
        appended_member,
        trailing_bytes,
        moved_archive,
        copied_archive,
        deleted_archive,
        changed_byte,
        packed_anew,
        previous_signature_changed,
        previous_signature_changed_unsigned,
        forged_digest,
        unsigned_digest,
        unreadable_digest,
        moved_digest,
        oldest_digests_deleted,
        all_digests_deleted,
        fresh_archives,
        backfill_without_time,
        stopped_and_started,
        odd_json_in_digest,
    )
]


def dump_keys(corpus: SignedCorpus) -> str:
    """The public keys as one answer after another, as `cat` of several saved files gives."""
    return "\n".join(json.dumps(answer) for answer in corpus.key_answers().values())
