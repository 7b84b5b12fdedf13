"""The verify job: archives against their signed digests, all accounts and regions of the sources in one run.

What enters: SOURCEs, a period, keys. What leaves: a verdict on every archive and every digest of the period. This job
must never write to a lake, call an archive verified whose bytes it has not hashed, or pass over an object in silence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pipeline.archive import SOUND, Judgement, Keyring, MissingDigest, Place, Verdict
from pipeline.errors import UsageError
from pipeline.jobs.processors import count_processors
from pipeline.jobs.progress import Progress, Silent
from pipeline.jobs.verify_digests import Attestation, attest, fetch_digests
from pipeline.jobs.verify_hashing import HashedArchive, hash_archives
from pipeline.jobs.verify_keys import KeyNeed, fetch_keys, read_keys
from pipeline.jobs.verify_places import Locator
from pipeline.settings import Settings
from pipeline.source import ListedObject, ObjectKind, Source, open_source
from pipeline.source.keys import is_delivered_within

VERIFY_SCHEMA = "policytrail.verify/1"
FAILED = 3
"""Exit code where anything is neither verified nor pending."""

_DAY = timedelta(days=1)
_LISTING, _DIGESTS, _ARCHIVES = "listing", "digests", "hashing"


@dataclass(frozen=True, slots=True)
class VerifiedObject:
    """One verdict, as ``verify --json`` prints it."""

    uri: str
    kind: str
    verdict: str
    detail: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification found.

    Attributes:
        objects: every archive and every digest of the period, by URI.
        counts: verdict -> objects; every verdict has its count.
    """

    objects: tuple[VerifiedObject, ...]
    counts: Mapping[str, int]

    @property
    def exit_code(self) -> int:
        """3 where anything failed; what is pending alone is no failure."""
        return FAILED if any(count for verdict, count in self.counts.items() if verdict not in SOUND) else 0

    def to_json(self) -> dict[str, Any]:
        """The published form."""
        return {
            "schema": VERIFY_SCHEMA,
            "objects": [asdict(item) for item in self.objects],
            "counts": dict(self.counts),
        }


def verify_sources(
    sources: Sequence[str],
    settings: Settings,
    *,
    keys_file: Path | None = None,
    since: date | None = None,
    until: date | None = None,
    progress: Progress | None = None,
) -> VerifyReport:
    """Verify what lies in some sources.

    Args:
        sources: ``s3://bucket/prefix`` or folders.
        settings: how to reach S3, caps.
        keys_file: saved answers of ListPublicKeys; without, CloudTrail is asked.
        since: first delivery date of the period; one day around it is listed too, because an hour's digest is written
            when the hour is over.
        until: delivery date after its last.
        progress: told of stages and counts.

    Returns:
        A verdict on each object of the period.

    Raises:
        UsageError: a source cannot be used or is empty, or the keys cannot be read.
        SourceError: a source could not be listed whole, or CloudTrail's keys could not be had.
    """
    return _VerifyRun(settings, progress or Silent(), since, until).run(
        [open_source(source, settings.s3) for source in sources], None if keys_file is None else read_keys(keys_file)
    )


class _VerifyRun:
    def __init__(self, settings: Settings, progress: Progress, since: date | None, until: date | None) -> None:
        self.settings = settings
        self.progress = progress
        self.since, self.until = since, until
        self.found: dict[tuple[str, str], VerifiedObject] = {}

    def run(self, sources: Sequence[Source], keyring: Keyring | None) -> VerifyReport:
        """List, read the digests, hash the archives that they name, gather."""
        opened = {source.uri: source for source in sources}
        listed = self._list(opened)
        digests = [item for item in listed if item.archive_key.kind == ObjectKind.DIGEST]
        locator = Locator(opened.values(), listed, since=self.since, until=self.until)
        self.progress.start(_DIGESTS, len(digests), "digests")

        def get_keys(needs: Sequence[KeyNeed]) -> Keyring:
            return fetch_keys(needs, self.settings.s3) if keyring is None else keyring

        attestation = attest(fetch_digests(opened, digests, self.settings.caps), get_keys, locator)
        self.progress.advance(_DIGESTS, len(digests))
        self.progress.finish(_DIGESTS)
        for item in digests:
            self._note(item, "digest", attestation.verdicts[item.uri])
        self._judge_archives(opened, listed, attestation)
        self._note_gone(listed, attestation)
        objects = tuple(sorted(self.found.values(), key=lambda item: (item.uri, item.kind)))
        counted = Counter(item.verdict for item in objects)
        return VerifyReport(objects, {str(verdict): counted[verdict] for verdict in Verdict})

    def _list(self, sources: Mapping[str, Source]) -> list[ListedObject]:
        since = None if self.since is None else self.since - _DAY
        until = None if self.until is None else self.until + _DAY
        found: dict[str, ListedObject] = {}
        self.progress.start(_LISTING, None, "objects")
        for source in sources.values():
            for item in source.list_objects(since=since, until=until):
                found.setdefault(item.uri, item)
                self.progress.advance(_LISTING)
        self.progress.finish(_LISTING)
        if not found and since is None and until is None:
            raise UsageError("; ".join(source.describe_empty() for source in sources.values()))
        return list(found.values())

    def _judge_archives(
        self, sources: Mapping[str, Source], listed: Iterable[ListedObject], attestation: Attestation
    ) -> None:
        """Hash what a good digest names; what none names is judged by its hour alone."""
        named: list[ListedObject] = []
        unnamed: list[ListedObject] = []
        nameless: list[ListedObject] = []
        for item in listed:
            if not self._is_asked(item):
                continue
            if attestation.index.names(attestation.locator.place_of(item)):
                named.append(item)
            elif item.archive_key.kind == ObjectKind.ARCHIVE:
                (unnamed if item.archive_key.account_id else nameless).append(item)
        for item, hashed in self._hash(sources, nameless, look_inside=True):
            if hashed.is_log:
                unnamed.append(item)
        for item, hashed in self._hash(sources, named):
            judgement = attestation.index.judge(attestation.archive_place(item), hashed.sha256, hashed.problem)
            if hashed.is_gone:
                judgement = Judgement(Verdict.MISSING, hashed.problem, judgement.digest)
            self._note(item, "archive", judgement)
        uncovered = []
        for item in unnamed:
            judgement = attestation.index.judge(attestation.archive_place(item), None)
            self._note(item, "archive", judgement)
            if judgement.verdict in (Verdict.PENDING, Verdict.NO_DIGEST):
                uncovered.append(attestation.archive_place(item))
        self._note_missing(attestation, attestation.index.list_overdue(uncovered))

    def _hash(
        self, sources: Mapping[str, Source], listed: Sequence[ListedObject], *, look_inside: bool = False
    ) -> Iterator[tuple[ListedObject, HashedArchive]]:
        self.progress.start(_ARCHIVES, len(listed), "archives")
        workers = self.settings.ingest.workers or count_processors()
        for pair in hash_archives(sources, listed, self.settings.caps, workers=workers, look_inside=look_inside):
            self.progress.advance(_ARCHIVES)
            yield pair
        self.progress.finish(_ARCHIVES)

    def _note_gone(self, listed: Iterable[ListedObject], attestation: Attestation) -> None:
        """Note what digests name and nobody listed."""
        locator = attestation.locator
        self._note_missing(attestation, attestation.missing)
        present = {locator.place_of(item) for item in listed}
        for log_file, digest in attestation.index.list_gone(present, locator.is_within):
            uri = locator.uri_of(Place(log_file.bucket, log_file.key))
            self._add(uri, "archive", Verdict.MISSING, f"a digest names it: {digest.uri}")

    def _note_missing(self, attestation: Attestation, missing: Iterable[MissingDigest]) -> None:
        for one in missing:
            if attestation.locator.is_within(one.place):
                self._add(attestation.locator.uri_of(one.place), "digest", Verdict.MISSING, one.detail)

    def _is_asked(self, item: ListedObject) -> bool:
        return is_delivered_within(item.object_key, item.archive_key, self.since, self.until)

    def _note(self, item: ListedObject, kind: str, judgement: Judgement) -> None:
        if self._is_asked(item):
            self._add(item.uri, kind, judgement.verdict, judgement.detail)

    def _add(self, uri: str, kind: str, verdict: Verdict, detail: str) -> None:
        self.found.setdefault((uri, kind), VerifiedObject(uri, kind, str(verdict), detail))
