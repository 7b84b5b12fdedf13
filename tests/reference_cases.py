"""The cases of the reference tool's own suite, as buckets: what lies there, and what each tool says of it.

That suite (aws-cli, ``test_validation.py`` under ``tests/unit/customizations/cloudtrail`` and ``tests/functional/
cloudtrail``) mocks its digests; here each of its cases is a small bucket of signed ones. ``rejected`` is held against
the tool itself, so that neither column is taken on trust. docs/evidence.md says which case stands for what.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.signed_corpus import ACCOUNTS, HOUR, REGIONS, START, SignedCorpus, make_keys, make_private_key

ACCOUNT, REGION = ACCOUNTS[0], REGIONS[0]
BUCKET = "trail-bucket"
Answer = list[dict[str, Any]]


@dataclass
class Scene:
    """A bucket to tamper with.

    Attributes:
        corpus: its objects.
        vanished: keys that are listed and then gone.
        answer: what CloudTrail makes of the keys that it would answer.
    """

    corpus: SignedCorpus = field(
        default_factory=lambda: SignedCorpus(BUCKET, keys=make_keys(START, 6, with_spki=False))
    )
    vanished: set[str] = field(default_factory=set)
    answer: Callable[[Answer], Answer] = list
    _archives: dict[str, str] = field(default_factory=dict)

    def lay(self, marks: str, *, first: int = 0, is_backfill: bool = False, **place: str) -> list[str]:
        """Lay a digest of every hour with one archive each; ``-`` names the digest before it, ``0`` names none.

        Returns:
            The digests' keys, in order of time.
        """
        region, trail, keys = place.pop("region", REGION), place, list[str]()
        for hour, mark in enumerate(marks, first):
            start = START + hour * HOUR
            late = start + 4 * HOUR if is_backfill else None
            name = f"{'B' if is_backfill else 'A'}{hour}{''.join(place.values())}"
            archive = self.corpus.put_archive(ACCOUNT, region, start + timedelta(minutes=10), name=name)
            previous = keys[-1] if mark == "-" else None
            keys.append(
                self.corpus.put_digest(ACCOUNT, region, start + HOUR, [archive], previous, backfilled_at=late, **trail)
            )
            self._archives[keys[-1]] = archive
        return keys

    def named(self, *digests: str) -> list[str]:
        """The archive that each digest named when it was laid."""
        return [self._archives[key] for key in digests]

    def forge(self, *digests: str) -> None:
        """Put another signature in their metadata."""
        for key in digests:
            self.corpus.metadata[key]["signature"] = "ab" * 256

    def resign(self, key: str, **changes: Any) -> None:
        """Change a digest's body and sign it anew with the real key."""
        body = self.corpus.read(key) | changes
        held = self.corpus.keys[REGION]
        signer = next(pair for pair in held if pair.fingerprint == body["digestPublicKeyFingerprint"])
        stamp = self.corpus.metadata[key].get("backfill-generation-timestamp")
        late = None if stamp is None else datetime.fromisoformat(stamp)
        self.corpus.store_digest(key, body, signer, backfilled_at=late)

    def write(self, key: str, data: bytes) -> None:
        """Put other bytes under a key; its metadata stays."""
        self.corpus.objects[key] = data


@dataclass(frozen=True)
class Outcome:
    """What both tools say.

    Attributes:
        ours: key -> verdict of all that is not ``verified``.
        rejected: keys that the reference calls INVALID.
    """

    ours: dict[str, str]
    rejected: frozenset[str]


def agree(verdicts: dict[str, str], *, rejected: Iterable[str] | None = None) -> Outcome:
    """Verdicts here; the reference rejects the same objects where it is not said which."""
    return Outcome(verdicts, frozenset(verdicts if rejected is None else rejected))


def linked_chain(scene: Scene) -> Outcome:
    """Four digests, each naming the one before."""
    scene.lay("0---")
    return agree({})


def hour_without_archives(scene: Scene) -> Outcome:
    """A digest that names none."""
    (key,) = scene.lay("0")
    scene.corpus.drop(*scene.named(key))
    scene.resign(key, logFiles=[])
    return agree({})


def chain_started_again(scene: Scene) -> Outcome:
    """Logging stopped and started: digests that name no predecessor, in the middle and at the end."""
    scene.lay("0-00")
    return agree({})


def backfills_alone(scene: Scene) -> Outcome:
    """A chain of backfilled digests, and no other."""
    scene.lay("0---", is_backfill=True)
    return agree({})


def backfills_started_again(scene: Scene) -> Outcome:
    """Backfilled digests that name no predecessor."""
    scene.lay("0-00", is_backfill=True)
    return agree({})


def fewer_digests_than_backfills(scene: Scene) -> Outcome:
    """Both kinds; the hourly one is the shorter."""
    scene.lay("0")
    scene.lay("0--", first=1, is_backfill=True)
    return agree({})


def fewer_backfills_than_digests(scene: Scene) -> Outcome:
    """Both kinds; the backfilled one is the shorter."""
    scene.lay("0--")
    scene.lay("0", first=3, is_backfill=True)
    return agree({})


def both_kinds_of_the_same_hours(scene: Scene) -> Outcome:
    """An hour may have a digest and a backfilled one."""
    scene.lay("0--")
    scene.lay("0--", is_backfill=True)
    return agree({})


def _deleted(*, is_backfill: bool) -> Callable[[Scene], Outcome]:
    def act(scene: Scene) -> Outcome:
        keys = scene.lay("0---", is_backfill=is_backfill)
        scene.corpus.drop(keys[1])
        ours = {keys[1]: "missing", keys[2]: "broken_chain", scene.named(keys[1])[0]: "no_digest"}
        return agree(ours, rejected=[keys[1]])

    return act


def digests_deleted_while_read(scene: Scene) -> Outcome:
    """One in the middle and the newest: listed, and gone when they are fetched."""
    keys = scene.lay("0---")
    scene.vanished |= {keys[1], keys[3]}
    ours = {keys[1]: "missing", keys[2]: "broken_chain", keys[3]: "missing"}
    ours |= dict(zip(scene.named(keys[1], keys[3]), ["no_digest", "pending"], strict=True))
    return agree(ours, rejected=[keys[1], keys[3]])


def _forged(*, is_backfill: bool) -> Callable[[Scene], Outcome]:
    def act(scene: Scene) -> Outcome:
        keys = scene.lay("0----", is_backfill=is_backfill)
        forged = [keys[2], keys[4]]
        scene.forge(*forged)
        ours = dict.fromkeys(forged, "bad_signature") | {keys[3]: "broken_chain"}
        return agree(ours | dict.fromkeys(scene.named(*forged), "no_digest"), rejected=forged)

    return act


def no_good_digest(scene: Scene) -> Outcome:
    """The only one is forged."""
    (key,) = scene.lay("0")
    scene.forge(key)
    return agree({key: "bad_signature", scene.named(key)[0]: "no_digest"}, rejected=[key])


def no_digest_at_all(scene: Scene) -> Outcome:
    """Archives alone."""
    return agree({scene.corpus.put_archive(ACCOUNT, REGION, START): "no_digest"}, rejected=[])


def _spoilt(spoil: Callable[[Scene, str], None]) -> Callable[[Scene], Outcome]:
    """A digest and a backfilled one, both spoilt in the same way."""

    def act(scene: Scene) -> Outcome:
        found = [*scene.lay("0"), *scene.lay("0", first=1, is_backfill=True)]
        for key in found:
            spoil(scene, key)
        ours = dict.fromkeys(found, "bad_signature") | dict.fromkeys(scene.named(*found), "no_digest")
        return agree(ours, rejected=found)

    return act


def _describe(**metadata: str) -> Callable[[Scene, str], None]:
    return lambda scene, key: scene.corpus.metadata[key].update(metadata)


def _without(*names: str) -> Callable[[Scene, str], None]:
    def spoil(scene: Scene, key: str) -> None:
        kept = scene.corpus.metadata[key]
        scene.corpus.metadata[key] = {name: value for name, value in kept.items() if name not in names}

    return spoil


def _lacks(name: str) -> Callable[[Scene, str], None]:
    def spoil(scene: Scene, key: str) -> None:
        body = {member: value for member, value in scene.corpus.read(key).items() if member != name}
        scene.write(key, gzip.compress(json.dumps(body).encode()))

    return spoil


def _elsewhere(scene: Scene, key: str) -> None:
    scene.resign(key, digestS3Bucket="another-bucket")


def _renamed(scene: Scene, key: str) -> None:
    scene.resign(key, digestS3Object=key.replace("T0", "T1"))


def _backfill_spoilt(spoil: Callable[[Scene, str], None]) -> Callable[[Scene], Outcome]:
    def act(scene: Scene) -> Outcome:
        (key,) = scene.lay("0", is_backfill=True)
        spoil(scene, key)
        return agree({key: "bad_signature", scene.named(key)[0]: "no_digest"}, rejected=[key])

    return act


def algorithm_not_stated(scene: Scene) -> Outcome:
    """Neither believes a signature that does not say how it was made."""
    (key,) = scene.lay("0")
    _without("signature-algorithm")(scene, key)
    return agree({key: "bad_signature", scene.named(key)[0]: "no_digest"}, rejected=[key])


def another_algorithm(scene: Scene) -> Outcome:
    """Stricter: the reference does not look at what its metadata says."""
    (key,) = scene.lay("0")
    scene.corpus.metadata[key]["signature-algorithm"] = "SHA1withRSA"
    return agree({key: "bad_signature", scene.named(key)[0]: "no_digest"}, rejected=[])


def _keys(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Scene], Outcome]:
    """CloudTrail answers keys that do not help."""

    def act(scene: Scene) -> Outcome:
        outcome = _spoilt(lambda scene, key: None)(scene)
        scene.answer = lambda keys: [key | change(key) for key in keys]
        return outcome

    return act


def _one_key_unreadable(scene: Scene) -> Outcome:
    """Of two keys in use one after the other, the second is no key."""
    keys = scene.lay("0-----")
    bad = scene.corpus.keys[REGION][1].fingerprint
    scene.answer = lambda keys: [key | ({"Value": _NO_KEY} if key["Fingerprint"] == bad else {}) for key in keys]
    spoilt = [key for key in keys if scene.corpus.read(key)["digestPublicKeyFingerprint"] == bad]
    ours = dict.fromkeys(spoilt, "bad_signature") | dict.fromkeys(scene.named(*spoilt), "no_digest")
    return agree(ours, rejected=spoilt)


_NO_KEY = base64.b64encode(b"a\n").decode()


def _other_key(key: dict[str, Any]) -> dict[str, Any]:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = make_private_key("forger").public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    return {"Value": base64.b64encode(der).decode()}


def _archive(verdict: str, change: Callable[[Scene, str], None]) -> Callable[[Scene], Outcome]:
    """Something is done to one archive of three."""

    def act(scene: Scene) -> Outcome:
        (key,) = scene.named(scene.lay("0--")[1])
        change(scene, key)
        return agree({key: verdict})

    return act


def archive_without_trailer(scene: Scene) -> Outcome:
    """Stricter: all content is there, but not the sum that gzip ends with; the reference asks for no end."""
    (key,) = scene.named(scene.lay("0--")[1])
    scene.write(key, scene.corpus.objects[key][:-8])
    return agree({key: "mismatch"}, rejected=[])


def another_trail_and_region(scene: Scene) -> Outcome:
    """Stricter: other chains of the bucket are judged too; the reference is asked for one."""
    scene.lay("0--")
    others = [*scene.lay("0", trail="other-trail"), *scene.lay("0", region=REGIONS[1])]
    scene.forge(*others)
    # Both trails vouch for the region's hour: the other trail's archive has no good digest of its own.
    ours = dict.fromkeys(others, "bad_signature") | dict.fromkeys(scene.named(*others), "no_digest")
    return agree(ours, rejected=[])


def key_prefix(scene: Scene) -> Outcome:
    """Everything lies under a prefix."""
    scene.corpus.prefix = "logs/of-trail/"
    return digests_deleted_while_read(scene)


def organization_trail(scene: Scene) -> Outcome:
    """A member account of an organisation's trail."""
    scene.corpus.organization = "o-a1b2c3d4e5"
    return digests_deleted_while_read(scene)


CASES: dict[str, Callable[[Scene], Outcome]] = {
    "linked_chain": linked_chain,
    "hour_without_archives": hour_without_archives,
    "chain_started_again": chain_started_again,
    "digest_deleted": _deleted(is_backfill=False),
    "digests_deleted_while_read": digests_deleted_while_read,
    "digests_forged": _forged(is_backfill=False),
    "no_good_digest": no_good_digest,
    "no_digest_at_all": no_digest_at_all,
    "backfills_alone": backfills_alone,
    "backfills_started_again": backfills_started_again,
    "backfill_deleted": _deleted(is_backfill=True),
    "backfills_forged": _forged(is_backfill=True),
    "backfill_without_time": _backfill_spoilt(_without("backfill-generation-timestamp")),
    "backfill_with_no_time": _backfill_spoilt(_describe(**{"backfill-generation-timestamp": "some day"})),
    "fewer_digests_than_backfills": fewer_digests_than_backfills,
    "fewer_backfills_than_digests": fewer_backfills_than_digests,
    "both_kinds_of_the_same_hours": both_kinds_of_the_same_hours,
    "digest_of_another_bucket": _spoilt(_elsewhere),
    "digest_of_another_key": _spoilt(_renamed),
    "digest_is_an_empty_object": _spoilt(lambda scene, key: scene.write(key, gzip.compress(b"{}"))),
    "digest_without_fingerprint": _spoilt(_lacks("digestPublicKeyFingerprint")),
    "digest_without_previous_signature": _spoilt(_lacks("previousDigestSignature")),
    "digest_without_end": _spoilt(_lacks("digestEndTime")),
    "digest_is_no_gzip": _spoilt(lambda scene, key: scene.write(key, b"foo")),
    "digest_is_no_json": _spoilt(lambda scene, key: scene.write(key, gzip.compress(b"{{{"))),
    "digest_cut_short": _spoilt(lambda scene, key: scene.write(key, scene.corpus.objects[key][:-9])),
    "digest_without_metadata": _spoilt(_without("signature", "signature-algorithm")),
    "digest_without_signature": _spoilt(_without("signature")),
    "signature_no_hex": _spoilt(_describe(signature="no hex")),
    "signature_too_short": _spoilt(_describe(signature="aeff")),
    "algorithm_not_stated": algorithm_not_stated,
    "another_algorithm": another_algorithm,
    "key_unknown": _keys(lambda key: {"Fingerprint": "another"}),
    "key_unreadable": _keys(lambda key: {"Value": _NO_KEY}),
    "key_another": _keys(_other_key),
    "one_key_unreadable": _one_key_unreadable,
    "archive_changed": _archive("mismatch", lambda scene, key: scene.write(key, gzip.compress(b'{"Records":[]}'))),
    "archive_no_gzip": _archive("mismatch", lambda scene, key: scene.write(key, b"foo")),
    "archive_cut_short": _archive("mismatch", lambda scene, key: scene.write(key, scene.corpus.objects[key][:99])),
    "archive_without_trailer": archive_without_trailer,
    "archive_with_more_behind": _archive(
        "mismatch", lambda scene, key: scene.write(key, scene.corpus.objects[key] + gzip.compress(b"{}"))
    ),
    "archive_deleted": _archive("missing", lambda scene, key: scene.corpus.drop(key)),
    "archive_deleted_while_read": _archive("missing", lambda scene, key: scene.vanished.add(key)),
    "another_trail_and_region": another_trail_and_region,
    "key_prefix": key_prefix,
    "organization_trail": organization_trail,
}
"""Name -> what is laid and done; the functions without a docstring of their own are named by their entry."""
