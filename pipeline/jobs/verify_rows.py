"""Ledger rows judged by digests: verdict, digest and key of each archive that a run has read.

What enters: rows of the ledger, an attestation. What leaves: the same rows with three columns filled in, and what no
digest covers yet. This module must never read an object; it runs over every archive of an ingest, so that what an
archive's key says is looked at only where no digest names it.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import date
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.archive import ArchivePlace, Judgement, Place, Verdict
from pipeline.jobs.verify_digests import Attestation
from pipeline.jobs.verify_places import Locator
from pipeline.source import ObjectKind, parse_key

VERDICT_COLUMNS = ("verification", "digest_uri", "digest_key_fingerprint")
"""What is filled in."""

_READ = ("committed", "empty", "quarantined")
_LATER = (Verdict.PENDING, Verdict.NO_DIGEST)
WAITING = (
    (pc.field("kind") == str(ObjectKind.ARCHIVE))
    & pc.field("outcome").isin(_READ)
    & (pc.field("verification").is_null() | pc.field("verification").isin([*map(str, _LATER)]))
)
"""Rows of archives that a digest may still vouch for."""

_Verdicts = tuple[str | None, str | None, str | None]


def judge_rows(rows: pa.Table, attestation: Attestation, uncovered: list[ArchivePlace]) -> pa.Table:
    """Fill in what digests say of archives that were read, and of the digests themselves.

    Args:
        rows: of the ledger; ``inflated_sha256`` is what a digest vouches for.
        attestation: what the digests prove.
        uncovered: archives that are pending or without a digest are added.

    Returns:
        The rows in their order; null where nothing can be said, because nothing was read.
    """
    columns = (rows.column(name).to_pylist() for name in _Row._fields)
    judged = [_judge_row(_Row(*values), attestation, uncovered) for values in zip(*columns, strict=True)]
    for at, name in enumerate(VERDICT_COLUMNS):
        position = rows.schema.get_field_index(name)
        values = pa.array([item[at] for item in judged], pa.string())
        rows = rows.set_column(position, rows.schema.field(position), values)
    return rows


class PresentPlaces:
    """Places of listed objects, known by hashes of their URIs: a bucket may hold millions.

    Args:
        hashes: of the URIs listed.
        locator: of the run's sources.
    """

    def __init__(self, hashes: Container[int], locator: Locator) -> None:
        self._hashes = hashes
        self._locator = locator

    def __contains__(self, place: object) -> bool:
        return isinstance(place, Place) and hash(self._locator.uri_of(place)) in self._hashes


class _Row(NamedTuple):
    """What of a ledger row its verdict depends on."""

    archive_uri: str
    archive_key: str
    source_uri: str
    kind: str
    outcome: str
    account_id: str | None
    region: str | None
    delivery_date: date | None
    inflated_sha256: str | None
    detail: str | None
    reason: str | None

    def place(self) -> Place:
        """Where it lies, as digests are taken to name it."""
        if self.archive_uri.startswith("s3://"):
            bucket, _, key = self.archive_uri.removeprefix("s3://").partition("/")
            return Place(bucket, key)
        return Place(self.source_uri, self.archive_key)

    def archive_place(self, place: Place) -> ArchivePlace:
        """What its key says, for the index."""
        at = parse_key(place.key).delivered_at
        return ArchivePlace(place, self.account_id or "", self.region or "", at, self.delivery_date)


def _judge_row(row: _Row, attestation: Attestation, uncovered: list[ArchivePlace]) -> _Verdicts:
    if row.kind == ObjectKind.DIGEST:
        verdict = attestation.verdicts.get(row.archive_uri)
        return (None, None, None) if verdict is None else _columns(verdict)
    if row.outcome not in _READ or row.kind != ObjectKind.ARCHIVE or row.reason == "unchanged_content":
        return None, None, None
    place = row.place()
    problem = "" if row.inflated_sha256 else f"it cannot be read: {row.detail}"
    judgement = attestation.index.judge_named(place, row.inflated_sha256, problem)
    if judgement is None:
        archive = row.archive_place(place)
        judgement = attestation.index.judge(archive, row.inflated_sha256, problem)
        if judgement.verdict in _LATER:
            uncovered.append(archive)
    return _columns(judgement)


def _columns(judgement: Judgement) -> _Verdicts:
    digest = judgement.digest
    if digest is None or digest.digest is None:
        return judgement.verdict.value, None, None
    return judgement.verdict.value, digest.uri, digest.digest.fingerprint
