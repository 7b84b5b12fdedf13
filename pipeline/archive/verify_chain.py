"""The links between digests: each names the one before it, with its hash and its signature.

What enters: the digests of any number of chains, each with what its signature proved. What leaves: a verdict on each,
and the digests that should be there and are not. This module must never believe a digest whose signature does not hold.

Source: AWS CloudTrail user guide, "CloudTrail digest file structure": a digest names its predecessor; INTERFACE,
``verify --json``. A digest of every hour is deleted in vain: the first retained after the gap names only its own
predecessor, so the hours before that one are counted out between the two retained digests.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipeline.archive.verify_types import Chain, DigestObject, Judgement, Place, Verdict

HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_KEY_TIME = re.compile(
    r"(?P<day>\d{4}/\d{2}/\d{2}/)?(?P<name>[^/]*_)(?P<time>\d{8}T\d{6}Z)(?P<rest>(?:_backfill)?\.json(?:\.gz)?)\Z",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class MissingDigest:
    """A digest that should be there.

    Attributes:
        place: where; of an hour that no successor names, by the pattern of its chain's keys.
        chain: whose it is.
        end_at: the end of its hour.
        detail: what tells that it existed.
        is_named: a retained digest names it; else it is counted out.
    """

    place: Place
    chain: Chain
    end_at: datetime
    detail: str
    is_named: bool = False


def judge_digests(
    digests: Iterable[DigestObject], *, is_within: Callable[[Place], bool]
) -> tuple[dict[str, Judgement], list[MissingDigest]]:
    """Judge every digest, and find the missing ones.

    Args:
        digests: all that were listed.
        is_within: whether a place lies in what was listed, so that its absence means something.

    Returns:
        Verdicts by URI, and missing digests in the order of their chains and times.
    """
    found = list(digests)
    by_place = {item.place: item for item in found}
    ends = _ends_of_good(found)
    present = {(item.chain.trail, item.at) for item in found}
    verdicts: dict[str, Judgement] = {}
    missing: dict[Place, MissingDigest] = {}
    for item in found:
        if not item.is_good:
            verdicts[item.uri] = Judgement(Verdict.BAD_SIGNATURE, item.problem or "it cannot be read as a digest")
        else:
            verdicts[item.uri] = _judge_link(item, by_place, ends, missing, is_within)
    # An hour whose digest is there under another name (a backfill, a forgery) has its own verdict.
    gone = [one for one in missing.values() if one.is_named or (one.chain.trail, one.end_at) not in present]
    return verdicts, sorted(gone, key=lambda one: (one.chain, one.end_at, one.place))


def digest_place(pattern: Place, end_at: datetime) -> Place | None:
    """The place of the digest of another hour of the same chain; ``None`` where the key has no such pattern."""
    found = _KEY_TIME.search(pattern.key)
    if found is None:
        return None
    moment = end_at.astimezone(UTC)
    day = f"{moment:%Y/%m/%d}/" if found["day"] else ""
    name = f"{found['name']}{moment:%Y%m%dT%H%M%SZ}{found['rest']}"
    return Place(pattern.bucket, pattern.key[: found.start()] + day + name)


def key_time(place: Place) -> datetime | None:
    """The time in a digest's key."""
    found = _KEY_TIME.search(place.key)
    if found is None:
        return None
    try:
        return datetime.strptime(found["time"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _ends_of_good(found: Iterable[DigestObject]) -> dict[Chain, list[datetime]]:
    ends: dict[Chain, list[datetime]] = {}
    for item in found:
        if item.is_good and item.digest is not None:
            ends.setdefault(item.chain, []).append(item.digest.end_at)
    for moments in ends.values():
        moments.sort()
    return ends


def _judge_link(
    item: DigestObject,
    by_place: Mapping[Place, DigestObject],
    ends: Mapping[Chain, list[datetime]],
    missing: dict[Place, MissingDigest],
    is_within: Callable[[Place], bool],
) -> Judgement:
    digest = item.digest
    assert digest is not None
    if digest.previous_bucket is None or digest.previous_key is None:
        return Judgement(Verdict.VERIFIED, "it starts a chain: it names no predecessor", item)
    place = Place(digest.previous_bucket, digest.previous_key)
    previous = by_place.get(place)
    if previous is not None:
        problem = _compare(item, previous)
        return Judgement(Verdict.BROKEN_CHAIN, problem, item) if problem else Judgement(Verdict.VERIFIED, "", item)
    if not is_within(place):
        return Judgement(Verdict.VERIFIED, f"its predecessor lies outside of what was listed: {place}", item)
    earlier = ends[item.chain]
    at = bisect_left(earlier, digest.end_at)
    if at == 0:
        text = "the first digest retained starts the chain here; its predecessor is gone, by a lifecycle rule perhaps"
        return Judgement(Verdict.VERIFIED, text, item)
    _note_missing(item, place, earlier[at - 1], missing)
    return Judgement(Verdict.BROKEN_CHAIN, f"its predecessor is gone: {place}", item)


def _compare(item: DigestObject, previous: DigestObject) -> str:
    assert item.digest is not None
    if previous.digest is None or item.digest.previous_sha256 not in (None, previous.digest.sha256):
        return "the hash of its predecessor is not the one that it names"
    if item.digest.previous_signature is None:
        return "it names a predecessor but not that one's signature"
    if item.digest.previous_signature != previous.signature:
        return "the signature of its predecessor is not the one that it names"
    return ""


def _note_missing(item: DigestObject, place: Place, retained: datetime, missing: dict[Place, MissingDigest]) -> None:
    """The predecessor itself, and every hour between it and the last digest retained before it."""
    assert item.digest is not None
    end = key_time(place) or item.digest.start_at
    missing[place] = MissingDigest(place, item.chain, end, f"its successor names it: {item.place}", is_named=True)
    hour = end - HOUR
    while hour > retained + _MINUTE:
        other = digest_place(place, hour)
        if other is None:
            return
        text = f"a digest of every hour is written; the next one retained is {item.place}"
        missing.setdefault(other, MissingDigest(other, item.chain, hour, text))
        hour -= HOUR
