"""Public keys in every form that they are saved in, and signatures that do not hold."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.archive.digest import parse_digest
from pipeline.archive.digest_keys import Keyring, SigningKey, load_key, parse_saved_keys
from pipeline.errors import UsageError
from tests.signed_corpus import ACCOUNTS, HOUR, REGIONS, START, SignedCorpus, make_corpus, make_private_key

REGION = REGIONS[0]


@pytest.fixture(scope="module")
def corpus() -> SignedCorpus:
    """Four hours of one chain, the third backfilled, the key rotated after two."""
    return make_corpus(hours=4, accounts=ACCOUNTS[:1], regions=(REGION,), backfilled=(2,))


def test_every_saved_form_gives_the_same_keys(corpus: SignedCorpus) -> None:
    """One answer, several after each other, a list of them, an object by region, bare keys: all are read."""
    answer = corpus.key_answers()[REGION]
    keys = parse_saved_keys(json.dumps(answer))
    assert [key.fingerprint for key in keys] == [pair.fingerprint for pair in corpus.keys[REGION]]
    assert [(key.valid_from, key.valid_to) for key in keys] == [(pair.start, pair.end) for pair in corpus.keys[REGION]]
    for text in (
        f"{json.dumps(answer)}\n{json.dumps({'PublicKeyList': []})}",
        json.dumps([answer]),
        json.dumps({REGION: answer}),
        json.dumps({REGION: answer["PublicKeyList"]}),
        "\ufeff" + json.dumps(answer["PublicKeyList"], indent=2),
    ):
        assert parse_saved_keys(text) == keys


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "no json", '{"PublicKeyList": [{"Fingerprint": "a"}]}', '[{"Fingerprint": "a", "Value": "%%"}]'],
)
def test_a_file_without_keys_is_wrong_use(text: str) -> None:
    """A file that holds no key says so, with the command that saves one."""
    with pytest.raises(UsageError, match="list-public-keys"):
        parse_saved_keys(text)


def test_both_encodings_load(corpus: SignedCorpus) -> None:
    """PKCS#1 and SPKI hold the same numbers; anything else is no key."""
    for pair, key in zip(corpus.keys[REGION], parse_saved_keys(json.dumps(corpus.key_answers()[REGION])), strict=True):
        assert load_key(key).public_numbers() == pair.private.public_key().public_numbers()
    with pytest.raises(UsageError, match="cannot be read"):
        load_key(SigningKey("f", b"\x30\x03\x02\x01\x01"))


def check(corpus: SignedCorpus, at: int, **changes: str | None) -> str:
    """What the keyring says of a digest whose metadata has changes."""
    key = corpus.digests[ACCOUNTS[0], REGION][at]
    metadata = corpus.metadata[key] | changes
    keyring = Keyring(parse_saved_keys(json.dumps(corpus.key_answers())))
    digest = parse_digest(gzip.decompress(corpus.objects[key]))
    given = {name: value for name, value in metadata.items() if value is not None}
    return keyring.check(digest, given, is_backfill="_backfill" in key)


@pytest.mark.parametrize("at", range(4))
def test_good_signatures_hold(corpus: SignedCorpus, at: int) -> None:
    """Before and after the rotation, and of a backfill."""
    assert check(corpus, at) == ""


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"signature": None}, "it is not signed: its metadata has no signature"),
        ({"signature": "xyz"}, "the signature in its metadata is not hexadecimal"),
        ({"signature": "ab" * 256}, "the signature does not match"),
        ({"signature": ""}, "it is not signed: its metadata has no signature"),
        (
            {"signature-algorithm": None},
            "its metadata does not say by which algorithm it is signed (signature-algorithm)",
        ),
        ({"signature-algorithm": "SHA1withRSA"}, "it is signed by 'SHA1withRSA', not SHA256withRSA"),
    ],
)
def test_signatures_that_do_not_hold(corpus: SignedCorpus, changes: dict[str, str | None], problem: str) -> None:
    """Each way of not being signed has its sentence."""
    assert check(corpus, 0, **changes) == problem


def test_a_backfill_needs_the_time_it_was_made(corpus: SignedCorpus) -> None:
    """That time selects the key: without it, or with one at which the key was not in use, nothing holds."""
    assert "backfill-generation-timestamp" in check(corpus, 2, **{"backfill-generation-timestamp": None})
    assert "was not in use" in check(corpus, 2, **{"backfill-generation-timestamp": "2020-01-01T00:00:00Z"})


def test_an_unknown_key(corpus: SignedCorpus) -> None:
    """A fingerprint that no key has is named; a key of that name that signs otherwise does not match."""
    digest = parse_digest(gzip.decompress(corpus.objects[corpus.digests[ACCOUNTS[0], REGION][0]]))
    metadata = corpus.metadata[digest.key]
    assert digest.fingerprint in Keyring(()).check(digest, metadata, is_backfill=False)
    forger = make_private_key("forger").public_key()
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = forger.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    keyring = Keyring([SigningKey(digest.fingerprint, der)])
    assert keyring.check(digest, metadata, is_backfill=False) == "the signature does not match"


def test_a_key_is_valid_for_its_time_and_the_delay_of_a_delivery() -> None:
    """Two hours on either side; a key without stated times is valid always."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    key = SigningKey("f", b"", at, at + timedelta(days=1))
    assert [key.is_valid_at(at + step) for step in (-3 * HOUR, -2 * HOUR, HOUR, 26 * HOUR, 27 * HOUR)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert SigningKey("f", b"").is_valid_at(START)


def test_a_key_that_cannot_be_read_fails_its_own_digests_alone(corpus: SignedCorpus) -> None:
    """Beside a good key: what the bad one signed is told, what the good one signed holds."""
    good, bad = parse_saved_keys(json.dumps(corpus.key_answers()[REGION]))
    keyring = Keyring([good, SigningKey(bad.fingerprint, b"\x30\x03\x02\x01\x01")])
    found = [parse_digest(gzip.decompress(corpus.objects[key])) for key in corpus.digests[ACCOUNTS[0], REGION]]
    said = {
        keyring.check(digest, corpus.metadata[digest.key], is_backfill=False).split(":")[0]
        for digest in found
        if "_backfill" not in digest.key
    }
    assert said == {"", f"the public key {bad.fingerprint!r} cannot be read"}
    assert len(keyring) == 1
