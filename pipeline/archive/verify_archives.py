"""What digests say of archives: which they name, and which hours they cover.

What enters: digests, each with what its signature proved, and archives by place, time and hash. What leaves: a verdict
on each archive, the archives that are named and gone, the digests that are overdue. This module must never let the word
of a digest count whose signature does not hold.

Source: INTERFACE, ``verify --json``; AWS CloudTrail user guide, "Validating CloudTrail log file integrity".
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from pipeline.archive.digest import LogFile
from pipeline.archive.verify_chain import HOUR, MissingDigest, digest_place
from pipeline.archive.verify_types import Chain, DigestObject, Judgement, Place, Verdict

PENDING_FOR = timedelta(hours=2)
"""How much newer than the newest digest an archive may be before that digest counts as overdue."""

_KEY_MINUTE = timedelta(seconds=59)  # the time in an archive's key has no seconds
_SEAM = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ArchivePlace:
    """An archive by what its key says.

    Attributes:
        place: named as CloudTrail would.
        account_id: "" where the key does not say.
        region: "" where the key does not say.
        at: the time in its key.
        day: the day of its path, for a key without a time.
    """

    place: Place
    account_id: str
    region: str
    at: datetime | None
    day: date | None = None

    def span(self) -> tuple[datetime, datetime] | None:
        """First and last instant at which it may have been delivered; ``None`` where the key does not say."""
        if self.at is not None:
            return self.at, self.at + _KEY_MINUTE
        if self.day is None:
            return None
        start = datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)
        return start, start + timedelta(hours=23, minutes=59, seconds=59)


@dataclass
class _Trail:
    """The hours that one trail's digests of one account and region cover."""

    spans: list[tuple[datetime, datetime]] = field(default_factory=list)
    newest: datetime | None = None
    first: DigestObject | None = None
    last: DigestObject | None = None
    times: set[datetime] = field(default_factory=set)

    def add(self, item: DigestObject) -> None:
        if item.at is not None:
            self.newest = item.at if self.newest is None else max(self.newest, item.at)
            self.times.add(item.at)
        if item.digest is None or not item.is_good:
            return
        self.spans.append((item.digest.start_at, item.digest.end_at))
        if not item.chain.is_backfill:
            self.first = self.first or item  # they come in order of time
            self.last = item

    def join(self) -> None:
        """Merge the spans of neighbouring hours."""
        joined: list[tuple[datetime, datetime]] = []
        for start, end in sorted(self.spans):
            if joined and start <= joined[-1][1] + _SEAM:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        self.spans = joined

    def covers(self, start: datetime, end: datetime) -> bool:
        at = bisect_right(self.spans, start, key=lambda span: span[0])
        return at > 0 and end < self.spans[at - 1][1]

    def is_later_than(self, moment: datetime) -> bool:
        """Whether the trail began after an instant, by the word of its own first digest."""
        if self.first is None or self.first.digest is None:
            return False
        return self.first.digest.previous_key is None and bool(self.spans) and moment < self.spans[0][0]


class DigestIndex:
    """All that the digests of a run say about archives.

    Args:
        digests: every digest found, good or not.
    """

    def __init__(self, digests: Iterable[DigestObject]) -> None:
        self._named: dict[Place, list[tuple[LogFile, DigestObject]]] = {}
        self._trails: dict[tuple[str, str], dict[Chain, _Trail]] = {}
        self._newest_good: datetime | None = None
        beginning = datetime.min.replace(tzinfo=UTC)
        for item in sorted(digests, key=lambda one: (one.chain, one.at or beginning, one.uri)):
            trails = self._trails.setdefault((item.chain.account_id, item.chain.region), {})
            trails.setdefault(item.chain.trail, _Trail()).add(item)
            if item.digest is None or not item.is_good:
                continue
            for log_file in item.digest.log_files:
                self._named.setdefault(Place(log_file.bucket, log_file.key), []).append((log_file, item))
            end = item.digest.end_at
            self._newest_good = end if self._newest_good is None else max(self._newest_good, end)
        for trails in self._trails.values():
            for trail in trails.values():
                trail.join()

    def names(self, place: Place) -> bool:
        """Whether a good digest names an archive: only then do its bytes matter."""
        return place in self._named

    def judge(self, archive: ArchivePlace, sha256: str | None, problem: str = "") -> Judgement:
        """Judge an archive.

        Args:
            archive: by its key.
            sha256: of its inflated bytes; ``None`` where they could not be had.
            problem: why not.

        Returns:
            ``verified``, ``mismatch``, ``unlisted``, ``no_digest`` or ``pending``.
        """
        judgement = self.judge_named(archive.place, sha256, problem)
        return self._judge_unnamed(archive) if judgement is None else judgement

    def judge_named(self, place: Place, sha256: str | None, problem: str = "") -> Judgement | None:
        """Judge an archive that a good digest names, ``None`` for another; the arguments are those of ``judge``."""
        named = self._named.get(place)
        if not named:
            return None
        for log_file, item in named:
            if sha256 is not None and log_file.sha256 == sha256:
                return Judgement(Verdict.VERIFIED, "", item)
        text = problem or "its SHA-256 is not the one that its digest names"
        return Judgement(Verdict.MISMATCH, text, named[0][1])

    def list_gone(
        self, present: Container[Place], is_within: Callable[[Place], bool]
    ) -> Iterator[tuple[LogFile, DigestObject]]:
        """Archives that a good digest names and that are not there, among the places that were listed."""
        for place, named in self._named.items():
            if place not in present and is_within(place):
                yield named[0]

    def list_overdue(self, archives: Iterable[ArchivePlace]) -> list[MissingDigest]:
        """Digests of the hours of some unnamed archives that other chains have long passed.

        The newest digest of a chain has no successor that would name it. But where archives go on after it, and the
        digests of other chains are an hour and more ahead of it, it was written and is gone.
        """
        overdue: dict[Place, MissingDigest] = {}
        for archive in archives:
            for chain, trail in self._trails.get((archive.account_id, archive.region), {}).items():
                found = self._find_overdue(archive, chain, trail)
                if found is not None:
                    overdue[found.place] = found
        return sorted(overdue.values(), key=lambda one: (one.chain, one.end_at))

    def _find_overdue(self, archive: ArchivePlace, chain: Chain, trail: _Trail) -> MissingDigest | None:
        last = trail.last
        if last is None or last.digest is None or archive.at is None or self._newest_good is None:
            return None
        late = archive.at - last.digest.end_at
        end = last.digest.end_at + (late // HOUR + 1) * HOUR
        place = digest_place(last.place, end)
        if late < timedelta(0) or end + HOUR > self._newest_good or end in trail.times or place is None:
            return None
        text = f"archives of its hour are there, and digests of other chains are newer; the last one is {last.place}"
        return MissingDigest(place, chain, end, text)

    def _judge_unnamed(self, archive: ArchivePlace) -> Judgement:
        span = archive.span()
        if not archive.account_id or not archive.region or span is None:
            if self._newest_good is None:
                return Judgement(Verdict.NO_DIGEST, "no digest with a good signature was found")
            return Judgement(Verdict.UNLISTED, "no digest names it, and CloudTrail delivers nothing under such a key")
        trails = self._trails.get((archive.account_id, archive.region))
        if trails is None:
            return Judgement(Verdict.NO_DIGEST, "no digest of its account and region was found")
        asked = {chain: trail for chain, trail in trails.items() if not trail.is_later_than(span[0])}
        if not asked:
            return Judgement(Verdict.NO_DIGEST, "it is older than the first digest: digests were not written yet")
        judged = [_judge_hour(span, chain, trail) for chain, trail in sorted(asked.items())]
        for verdict in (Verdict.NO_DIGEST, Verdict.PENDING, Verdict.UNLISTED):
            for judgement in judged:
                if judgement.verdict == verdict:
                    return judgement
        raise AssertionError("every trail gives one of the three verdicts")


def _judge_hour(span: tuple[datetime, datetime], chain: Chain, trail: _Trail) -> Judgement:
    start, end = span
    if trail.covers(start, end):
        return Judgement(Verdict.UNLISTED, "its hour has a digest with a good signature, which does not name it")
    if trail.newest is None or end < trail.newest:
        return Judgement(
            Verdict.NO_DIGEST,
            f"the digest of its hour is gone or its signature does not hold (trail {chain.trail_name})",
        )
    if start - trail.newest < PENDING_FOR:
        return Judgement(
            Verdict.PENDING, f"newer than the newest digest of trail {chain.trail_name}: the next may name it"
        )
    return Judgement(
        Verdict.NO_DIGEST, f"newer by two hours or more than the newest digest of trail {chain.trail_name}"
    )
