"""Hours of trails, as digests tell them: kept with the lake, because a digest is read once.

What enters: an attestation. What leaves: rows of ``digest_hours``, and the table with newer rows in place of older
ones. This module must never forget an hour that was missing until a digest for it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import pyarrow as pa

from pipeline.archive import DigestObject, MissingDigest, Place, Verdict
from pipeline.jobs.verify_digests import Attestation
from pipeline.lake import Lake

HOURS_MODEL = "digest_hours"
"""Name of the table beside the models."""

_TIME = pa.timestamp("us", tz="UTC")
DIGEST_HOURS = pa.schema(
    [
        pa.field("account_id", pa.string()),
        pa.field("region", pa.string()),
        pa.field("trail_name", pa.string()),
        pa.field("start_at", _TIME),
        pa.field("end_at", _TIME),
        pa.field("digest_uri", pa.string()),
        pa.field("digest_version", pa.string()),
        pa.field("verdict", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("key_fingerprint", pa.string()),
        pa.field("is_backfill", pa.bool_()),
        pa.field("archive_count", pa.int64()),
        pa.field("missing_archives", pa.list_(pa.string())),
        pa.field("late_archive_count", pa.int64()),
    ]
)
"""One row per digest that was read or is missing; ``archive_count`` null where its word does not count."""

_LATE = timedelta(hours=1)
_HOUR = timedelta(hours=1)


def describe_hours(
    attestation: Attestation,
    versions: Mapping[str, str],
    gone: Mapping[str, list[str]],
    missing: Iterable[MissingDigest],
) -> list[dict[str, Any]]:
    """Rows of the digests of one run.

    Args:
        attestation: what they prove.
        versions: digest URI -> its version.
        gone: digest URI -> URIs of archives that it names and that are not there.
        missing: digests that should be there.

    Returns:
        Rows of ``DIGEST_HOURS``.
    """
    rows = [_row(item, attestation, versions[item.uri], sorted(gone.get(item.uri, []))) for item in attestation.digests]
    for one in missing:
        place = attestation.locator.uri_of(Place(one.place.bucket, one.place.key))
        rows.append(
            {
                "account_id": one.chain.account_id or None,
                "region": one.chain.region or None,
                "trail_name": one.chain.trail_name or None,
                "start_at": one.end_at - _HOUR,
                "end_at": one.end_at,
                "digest_uri": place,
                "verdict": str(Verdict.MISSING),
                "detail": one.detail,
                "is_backfill": one.chain.is_backfill,
                "missing_archives": [],
            }
        )
    return rows


def read_hours(lake: Lake) -> pa.Table | None:
    """The table as the lake keeps it; ``None`` where no digest was ever checked."""
    return lake.read_model(HOURS_MODEL).to_table() if HOURS_MODEL in lake.list_models() else None


def merge_hours(earlier: pa.Table | None, rows: list[dict[str, Any]]) -> pa.Table:
    """The table with this run's rows; a digest read again, or found after all, replaces its earlier row."""
    fresh = {row["digest_uri"] for row in rows}
    kept = [row for row in (earlier.to_pylist() if earlier is not None else []) if row["digest_uri"] not in fresh]
    ordered = sorted([*kept, *rows], key=lambda row: (row["digest_uri"], row.get("digest_version") or ""))
    return pa.Table.from_pylist(ordered, schema=DIGEST_HOURS)


def _row(item: DigestObject, attestation: Attestation, version: str, gone: list[str]) -> dict[str, Any]:
    judgement = attestation.verdicts[item.uri]
    row: dict[str, Any] = {
        "account_id": item.chain.account_id or None,
        "region": item.chain.region or None,
        "trail_name": item.chain.trail_name or None,
        "start_at": item.at - _HOUR if item.at is not None else None,
        "end_at": item.at,
        "digest_uri": item.uri,
        "digest_version": version,
        "verdict": str(judgement.verdict),
        "detail": judgement.detail,
        "is_backfill": item.chain.is_backfill,
        "missing_archives": gone,
    }
    if item.is_good and item.digest is not None:
        digest = item.digest
        late = [
            file for file in digest.log_files if file.newest_event_at and file.newest_event_at < digest.start_at - _LATE
        ]
        row |= {
            "start_at": digest.start_at,
            "end_at": digest.end_at,
            "key_fingerprint": digest.fingerprint,
            "archive_count": len(digest.log_files),
            "late_archive_count": len(late),
        }
    return row
