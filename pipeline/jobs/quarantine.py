"""``quarantine``: what could not be read and why, and reading it again.

What enters: a lake. What leaves: quarantine rows, or the report of an ingest over them. This module must never remove
a row: what a retry resolves stays in the table's history and is no longer listed.
"""

from __future__ import annotations

import os
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import UsageError
from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.ingest_accounting import IngestReport
from pipeline.jobs.ingest_retry import collect_retries, select_current
from pipeline.jobs.lake_access import open_job_lake
from pipeline.jobs.progress import Progress
from pipeline.lake.lake import Lake
from pipeline.settings import Settings


def list_quarantine(lake_path: str | os.PathLike[str], settings: Settings) -> pa.Table:
    """What is in quarantine now.

    Args:
        lake_path: a folder or ``s3://bucket/prefix``.
        settings: how to reach S3.

    Returns:
        Rows of schema QUARANTINE by batch, key and position; what a retry resolved is left out.

    Raises:
        UsageError: there is no lake.
    """
    return select_current(open_job_lake(lake_path, settings))


def retry_quarantine(
    lake_path: str | os.PathLike[str], settings: Settings, *, progress: Progress | None = None
) -> IngestReport:
    """Read again what is in quarantine: after larger caps, a newer version, or a repaired source.

    Args:
        lake_path: a folder or ``s3://bucket/prefix``.
        settings: caps, and how to reach S3.
        progress: receives stages and counts.

    Returns:
        The report of a run over those objects alone. Objects that are gone or have another version are not listed.

    Raises:
        UsageError: there is no lake, nothing is in quarantine, or a source is gone.
    """
    lake = open_job_lake(lake_path, settings)
    sources, since, until = _find_sources(lake)
    if not sources:
        raise UsageError(f"nothing is in quarantine in {lake_path}")
    return ingest_sources(
        sources, lake_path, settings, since=since, until=until, progress=progress, retry_quarantined=True
    )


def _find_sources(lake: Lake) -> tuple[list[str], date | None, date | None]:
    """Sources of the quarantined objects, and the period to list; no period where a key tells no date."""
    retries = collect_retries(lake)
    ledger = lake.ledger().select(["archive_uri", "archive_version", "source_uri", "delivery_date"])
    rows = [row for row in ledger.to_pylist() if (row["archive_uri"], row["archive_version"]) in retries]
    sources = sorted({row["source_uri"] for row in rows if row["source_uri"]})
    days = [row["delivery_date"] for row in rows]
    if not days or None in days:
        return sources, None, None
    return sources, min(days), max(days) + timedelta(days=1)


def count_reasons(rows: pa.Table) -> dict[str, int]:
    """Quarantine rows by reason, the most frequent first."""
    counts = pc.value_counts(rows.column("reason")).to_pylist()
    return {
        item["values"]: item["counts"] for item in sorted(counts, key=lambda item: (-item["counts"], item["values"]))
    }
