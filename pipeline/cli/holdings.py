"""What ``status``, ``quarantine`` and ``compact`` print.

What enters: reports of those jobs. What leaves: stdout. This module must never print a count that the job did not give.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from pipeline.cli.terminal import say, say_json, show_table

if TYPE_CHECKING:
    import pyarrow as pa

    from pipeline.jobs.compact import CompactionReport
    from pipeline.jobs.status import LakeStatus

SHOWN_DAYS = 60


def show_status(status: LakeStatus, *, as_json: bool) -> None:
    """Print what a lake holds and lacks: totals, regions, the last days, gaps, what is quarantined or failed."""
    if as_json:
        say_json(asdict(status))
        return
    say(
        f"Lake {status.lake}: {status.deliveries_count:,} deliveries of events on {status.event_date_count:,} dates "
        f"({status.first_event_date} to {status.last_event_date}), {status.size_bytes / 1e6:,.1f} MB in "
        f"{status.file_count:,} files; batch {status.batch_number}, last commit {status.last_commit_at}"
    )
    for word, counts in (
        ("Archives", status.archives),
        ("Verification", status.verification),
        ("Quarantined", status.quarantine),
        ("Failed, tried again by the next run", status.failed),
    ):
        if counts:
            say(f"{word}: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))
    say(_describe_chain(status))
    rows = [
        [
            row.account_id,
            row.region,
            f"{row.archive_count:,}",
            f"{row.event_count:,}",
            row.first_event_time,
            row.last_event_time,
        ]
        for row in status.coverage
    ]
    show_table(["account", "region", "archives", "events", "first event", "last event"], rows)
    _show_days(status)
    say(f"Models built: {len(status.models)}" if status.models else "No models are built: policytrail build")


def _describe_chain(status: LakeStatus) -> str:
    if status.ledger_broken_at is not None:
        return f"The ledger was tampered with: the hash chain does not hold from row {status.ledger_broken_at:,} on"
    return f"Ledger: {status.ledger_row_count:,} rows, hash chain intact, ends with {status.ledger_chain_sha256}"


def _show_days(status: LakeStatus) -> None:
    shown = status.days[-SHOWN_DAYS:]
    rows = [
        [
            day.delivery_date,
            day.account_id,
            day.region,
            f"{day.archive_count:,}",
            f"{day.event_count:,}",
            day.quarantined_count,
        ]
        for day in shown
    ]
    hidden = len(status.days) - len(shown)
    note = f"{hidden:,} earlier rows: --json has them" if hidden else ""
    show_table(["delivered", "account", "region", "archives", "events", "quarantined"], rows, note=note)
    for gap in status.gaps:
        say(f"No archive of {gap.account_id} {gap.region} on {gap.day_count} days, {gap.first_date} to {gap.last_date}")


def show_quarantine(table: pa.Table, *, limit: int, as_json: bool) -> None:
    """Print quarantined objects and records."""
    if as_json:
        say_json(table.to_pylist())
        return
    entries = table.slice(0, limit).to_pylist()
    rows = [[row["reason"], row["record_index"], row["archive_uri"], row["detail"]] for row in entries]
    show_table(
        ["reason", "record", "archive", "detail"],
        rows,
        note=f"{table.num_rows:,} entries; docs/quarantine.md explains the reasons",
    )


def show_compaction(report: CompactionReport, *, as_json: bool) -> None:
    """Print what a compaction did."""
    if as_json:
        say_json(asdict(report))
        return
    rows = [list(asdict(item).values()) for item in report.tables]
    names = list(asdict(report.tables[0])) if report.tables else []
    show_table([name.replace("_", " ") for name in names], rows)
    say(f"{report.model_files_deleted:,} files of replaced models deleted")
