"""Verification in the same read: digests first, then each archive's ledger row from the hash that reading it gave.

What enters: what ingest lists, and ledger rows before they are committed. What leaves: the rows with their verdicts,
new rows for archives whose digest came later, and the hours that digests tell. This job must never read an archive, nor
fail a run because keys cannot be had: then coverage is unknown, and that is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.archive import SOUND, ArchivePlace, Keyring, MissingDigest, Place, Verdict
from pipeline.errors import PipelineError
from pipeline.jobs.verify_digests import Attestation, attest, fetch_digests
from pipeline.jobs.verify_hours import HOURS_MODEL, describe_hours, merge_hours, read_hours
from pipeline.jobs.verify_keys import KeyNeed, fetch_keys, read_keys
from pipeline.jobs.verify_places import Locator
from pipeline.jobs.verify_rows import WAITING, PresentPlaces, judge_rows
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.source import ListedObject, ObjectKind, Source

_DAY = timedelta(days=1)
_FEW_ATTEMPTS, _SHORT_WAIT_SECONDS = 2, 5.0  # a run must not hang because CloudTrail's API is out of reach


@dataclass
class RunVerifier:
    """The verifier of one ingest run; see ``pipeline.jobs.ingest.Verifier`` for when each method is called.

    Args:
        settings: how to reach S3 and CloudTrail, caps.
        keys_file: saved answers of ListPublicKeys; without, CloudTrail is asked where a source is a bucket.
        note: told once where digests are there and cannot be checked.
        since: earliest delivery date listed.
        until: delivery date after the last listed.
    """

    settings: Settings
    keys_file: Path | None = None
    note: Callable[[str], None] = lambda text: None
    since: date | None = None
    until: date | None = None
    problem: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    _digests: list[ListedObject] = field(default_factory=list)
    _present: set[int] = field(default_factory=set)
    _days: set[date | None] = field(default_factory=set)
    _names: list[ListedObject] = field(default_factory=list)
    _earlier: pa.Table | None = None
    _future: Future[Attestation | None] | None = None
    _pool: ThreadPoolExecutor | None = None
    _keyring: Keyring | None = None
    _has_fresh_digests: bool = False
    _uncovered: list[ArchivePlace] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read the keys first: a wrong file is told before anything is read."""
        if self.keys_file is not None:
            self._keyring = read_keys(self.keys_file)

    def see(self, listed: ListedObject, *, is_new: bool) -> None:
        """Take in one listed object."""
        kind = listed.archive_key.kind
        if kind == ObjectKind.DIGEST:
            self._digests.append(listed)
            return
        self._present.add(hash(listed.uri))
        if not listed.bucket:
            self._names.append(listed)
        if is_new and kind == ObjectKind.ARCHIVE:
            self._days.add(listed.archive_key.delivery_date)

    def begin(self, sources: Mapping[str, Source], lake: Lake) -> None:
        """Start reading the digests that matter to what is new, beside the reading of archives."""
        if not self._digests:
            return
        self._earlier = read_hours(lake)
        wanted = self._select()
        if not wanted:
            return
        if self._keyring is None and not any(item.bucket for item in wanted):
            self._say("digests are there, but no public keys: give them with --keys FILE")
            return
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="digests")
        self._future = self._pool.submit(self._attest, dict(sources), wanted)

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Fill the verdicts of ledger rows in."""
        attestation = self._attestation()
        if attestation is None:
            return rows
        rows = judge_rows(rows, attestation, self._uncovered)
        archives = rows.filter(pc.equal(rows.column("kind"), str(ObjectKind.ARCHIVE)))
        self.counts.update(verdict for verdict in archives.column("verification").to_pylist() if verdict)
        return rows

    def finish(self, lake: Lake) -> pa.Table | None:
        """Keep what the digests tell, and return new ledger rows for archives that they now vouch for.

        Returns:
            Rows of LEDGER_ROWS, or ``None`` where nothing changed.
        """
        attestation = self._attestation()
        if self._pool is not None:
            self._pool.shutdown()
        if attestation is None:
            return None
        missing = self._list_missing(attestation)
        gone: dict[str, list[str]] = {}
        present = PresentPlaces(self._present, attestation.locator)
        for log_file, digest in attestation.index.list_gone(present, attestation.locator.is_within):
            uri = attestation.locator.uri_of(Place(log_file.bucket, log_file.key))
            gone.setdefault(digest.uri, []).append(uri)
        versions = {item.uri: item.version for item in self._digests}
        lake.write_model(HOURS_MODEL, merge_hours(self._earlier, describe_hours(attestation, versions, gone, missing)))
        self.counts[str(Verdict.MISSING)] += len(missing) + sum(len(uris) for uris in gone.values())
        known = self._known_digests()
        fresh = [item.uri for item in self._digests if (item.uri, item.version) not in known]
        self._has_fresh_digests = bool(fresh)
        self.counts.update(str(attestation.verdicts[uri].verdict) for uri in fresh)
        return self._judge_again(lake, attestation)

    @property
    def has_failures(self) -> bool:
        """Whether anything that this run judged is neither verified nor pending."""
        return any(count for verdict, count in self.counts.items() if verdict not in SOUND)

    def _select(self) -> list[ListedObject]:
        """Digests not read before, those of the days of new archives, and a day around both."""
        known = self._known_digests()
        days = set(self._days)
        days |= {item.archive_key.delivery_date for item in self._digests if (item.uri, item.version) not in known}
        if not days:
            return []
        around = {day + step for day in days if day is not None for step in (-_DAY, 0 * _DAY, _DAY)}
        return [item for item in self._digests if None in days or item.archive_key.delivery_date in around | {None}]

    def _known_digests(self) -> set[tuple[str, str]]:
        if self._earlier is None:
            return set()
        names = ("digest_uri", "digest_version")
        return set(zip(*(self._earlier.column(name).to_pylist() for name in names), strict=True))

    def _attest(self, sources: dict[str, Source], wanted: list[ListedObject]) -> Attestation | None:
        locator = Locator(sources.values(), [*self._names, *wanted], since=self.since, until=self.until)
        unread = {locator.place_of(item) for item in self._digests} - {locator.place_of(item) for item in wanted}
        found = fetch_digests(sources, wanted, self.settings.caps)
        try:
            return attest(found, self._get_keys, locator, unread=unread)
        except PipelineError as error:  # only keys can fail here, and a run goes on without them
            self._say(f"digests are there, but CloudTrail's public keys could not be had: {error}")
            return None

    def _get_keys(self, needs: Sequence[KeyNeed]) -> Keyring:
        if self._keyring is not None:
            return self._keyring
        s3 = self.settings.s3
        quick = replace(
            s3,
            max_attempts=min(s3.max_attempts, _FEW_ATTEMPTS),
            connect_timeout_seconds=min(s3.connect_timeout_seconds, _SHORT_WAIT_SECONDS),
        )
        return fetch_keys(needs, quick)

    def _attestation(self) -> Attestation | None:
        return None if self._future is None else self._future.result()

    def _say(self, text: str) -> None:
        self.problem = text
        self.note(text)

    def _list_missing(self, attestation: Attestation) -> list[MissingDigest]:
        found = [*attestation.missing, *attestation.index.list_overdue(self._uncovered)]
        unique = {one.place: one for one in found if attestation.locator.is_within(one.place)}
        return list(unique.values())

    def _judge_again(self, lake: Lake, attestation: Attestation) -> pa.Table | None:
        """Rows of archives that were read before their digest was there, or before anything was verified."""
        if not self._has_fresh_digests:
            return None
        if not lake.has_ledger_rows(WAITING):  # a first run's ledger is its own, and judged already
            return None
        ledger = lake.ledger()
        rows = ledger.filter(WAITING)
        judged = judge_rows(rows, attestation, self._uncovered)
        before = pc.fill_null(rows.column("verification"), "")
        judged = judged.filter(pc.not_equal(pc.fill_null(judged.column("verification"), ""), before))
        self.counts.update(judged.column("verification").to_pylist())
        return judged if judged.num_rows else None
