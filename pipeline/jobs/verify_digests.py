"""Digests read and judged: what they prove about everything else.

What enters: listed digests, keys. What leaves: an ``Attestation``: a verdict on each digest, and the index that judges
archives. This module must never let an unreadable digest pass for an absent one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from pipeline.archive import (
    BACKFILL_TIME,
    ArchivePlace,
    Chain,
    Digest,
    DigestIndex,
    DigestObject,
    Judgement,
    Keyring,
    MissingDigest,
    Place,
    Verdict,
    inflate_archive,
    judge_digests,
    parse_digest,
)
from pipeline.errors import ArchiveError, ObjectChangedError, SourceError
from pipeline.jobs.verify_keys import KeyNeed
from pipeline.jobs.verify_places import Locator, list_moved
from pipeline.settings import Caps
from pipeline.source import DescribedObject, ListedObject, Source

GetKeys = Callable[[Sequence[KeyNeed]], Keyring]


@dataclass(frozen=True, slots=True)
class ReadDigest:
    """A digest as it was fetched.

    Attributes:
        listed: the object.
        digest: its body; ``None`` where it cannot be read.
        metadata: of the object.
        problem: why it cannot be read.
        is_gone: it was listed, and deleted or replaced before it could be read.
    """

    listed: ListedObject
    digest: Digest | None
    metadata: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Attestation:
    """All that the digests of a run prove.

    Attributes:
        digests: every digest that is there, with what its signature proved.
        verdicts: on each listed digest, by URI.
        missing: digests that should be there.
        index: judges archives.
        locator: where named objects should lie.
    """

    digests: tuple[DigestObject, ...]
    verdicts: Mapping[str, Judgement]
    missing: tuple[MissingDigest, ...]
    index: DigestIndex
    locator: Locator

    def archive_place(self, listed: ListedObject) -> ArchivePlace:
        """What the key of a listed archive says, for the index."""
        key = listed.archive_key
        place = self.locator.place_of(listed)
        return ArchivePlace(place, key.account_id or "", key.region or "", key.delivered_at, key.delivery_date)


def fetch_digests(sources: Mapping[str, Source], listed: Iterable[ListedObject], caps: Caps) -> list[ReadDigest]:
    """Fetch and parse digests, concurrently, each with its metadata."""
    ordered = sorted(listed, key=lambda item: (item.source_uri, item.key))
    found = []
    for source_uri, group in groupby(ordered, key=lambda item: item.source_uri):
        for item, outcome in sources[source_uri].fetch_described(list(group)):
            found.append(_read(item, outcome, caps))
    return found


def attest(
    found: Sequence[ReadDigest],
    get_keys: GetKeys,
    locator: Locator,
    *,
    unread: frozenset[Place] | set[Place] = frozenset(),
) -> Attestation:
    """Check signatures, places and links.

    Args:
        found: all digests.
        get_keys: brings the keys that some digests name; asked once, and only where there are digests.
        locator: of the run's sources.
        unread: places of digests that are there but were judged in an earlier run.

    Returns:
        What they prove.
    """
    needs = [describe_need(item.listed, item.digest, item.metadata) for item in found if item.digest is not None]
    keyring = get_keys(needs) if needs else Keyring(())
    problems: dict[str, str] = {}
    good: dict[str, tuple[ListedObject, Digest]] = {}
    there = [item for item in found if not item.is_gone]
    for item in there:
        problem = item.problem
        if item.digest is not None:
            problem = keyring.check(item.digest, item.metadata, is_backfill=item.listed.archive_key.is_backfill)
        problems[item.listed.uri] = problem
        if item.digest is not None and not problem:
            good[item.listed.uri] = (item.listed, item.digest)
    locator.learn(good.values())
    problems |= list_moved(locator, good)
    digests = tuple(_describe(item, problems[item.listed.uri], locator) for item in there)
    verdicts, missing = judge_digests(digests, is_within=lambda place: place not in unread and locator.is_listed(place))
    verdicts |= {item.listed.uri: Judgement(Verdict.MISSING, item.problem) for item in found if item.is_gone}
    return Attestation(digests, verdicts, tuple(missing), DigestIndex(digests), locator)


def _read(listed: ListedObject, outcome: DescribedObject | SourceError, caps: Caps) -> ReadDigest:
    if isinstance(outcome, SourceError):
        is_gone = isinstance(outcome, ObjectChangedError)
        return ReadDigest(listed, None, {}, f"it cannot be read: {outcome.message}", is_gone)
    try:
        return ReadDigest(listed, parse_digest(inflate_archive(outcome.data, caps)), outcome.metadata)
    except ArchiveError as error:
        return ReadDigest(listed, None, outcome.metadata, f"it cannot be read: {error.message}")


def describe_need(listed: ListedObject, digest: Digest, metadata: Mapping[str, str]) -> KeyNeed:
    """The key that a digest names, and where and when it was in use."""
    key, signed_at = listed.archive_key, digest.end_at
    if key.is_backfill and BACKFILL_TIME in metadata:
        signed_at = _read_time(metadata[BACKFILL_TIME]) or signed_at
    regions = dict.fromkeys(region for region in (key.region, key.home_region) if region)
    return KeyNeed(digest.fingerprint, tuple(regions), signed_at)


def _describe(item: ReadDigest, problem: str, locator: Locator) -> DigestObject:
    key, digest = item.listed.archive_key, item.digest
    return DigestObject(
        uri=item.listed.uri,
        place=locator.place_of(item.listed),
        chain=Chain(
            key.account_id or "",
            key.region or "",
            key.organization_id or "",
            key.trail_name or "",
            key.home_region or "",
            key.is_backfill,
        ),
        key_at=key.delivered_at,
        digest=None if digest is None else locator.relocate(item.listed.source_uri, digest),
        signature=item.metadata.get("signature", ""),
        problem=problem,
    )


def _read_time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
