"""The report job: built models become the report folder, and the lake remembers what it has reported.

What enters: a built lake, a period, the counts of the ingest before it (if there was one). What leaves: report.html,
findings.json, timeline.csv, scores.csv, run.json, and which findings are new or raised. This job must never change a
model, and never leave a half-written file under a final name.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline import __version__
from pipeline.errors import PipelineError, UsageError
from pipeline.finding import SEVERITIES, Finding
from pipeline.findings import collect_findings
from pipeline.jobs.coverage import LEDGER_COLUMNS, map_coverage, select_hours, select_period, summarise_coverage
from pipeline.jobs.coverage import looked_at as opened_archives
from pipeline.jobs.finding_changes import ModelReader, read_changes
from pipeline.jobs.finding_steps import add_steps
from pipeline.jobs.ingest_accounting import IngestReport
from pipeline.jobs.verify_hours import read_hours
from pipeline.lake import Lake
from pipeline.report import (
    ReportInput,
    build_run,
    render_findings,
    render_report,
    render_run,
    render_scores,
    render_timeline,
)
from pipeline.settings import Settings

REPORTED_MODEL = "reported_findings"
_REPORTED = pa.schema([pa.field("finding_id", pa.string()), pa.field("severity", pa.string())])
_NO_COUNTS = {"listed": 0, "committed": 0, "empty": 0, "quarantined": 0, "skipped": 0, "failed": 0, "unchanged": 0}
_NO_RECORDS = {"read": 0, "kept": 0, "distinct": 0, "duplicates": 0, "quarantined": 0}


@dataclass(frozen=True, slots=True)
class ReportOutcome:
    """What a report said.

    Attributes:
        folder: where it was written.
        findings: the findings of the period, in the public order.
        fresh: ids of those that are new, or more severe than when last reported; acknowledged ones left out.
        run: the dictionary of run.json.
    """

    folder: Path
    findings: tuple[Finding, ...]
    fresh: frozenset[str]
    run: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What the ledger and the digests tell of a period, which no model changes.

    Attributes:
        coverage: of run.json.
        hours: one row per account, region and hour.
    """

    coverage: Mapping[str, Any]
    hours: pa.Table


def read_looked_at(lake: Lake, since: date | None, until: date | None) -> LookedAt:
    """Read what was looked at; for a run it is done while the models are built."""
    ledger = select_period(lake.ledger(LEDGER_COLUMNS), since, until)
    hours = read_hours(lake)
    hours = None if hours is None else select_hours(hours, since, until)
    regions = _list_regions(lake) if _has_events_of_unknown_region(ledger) else None
    return LookedAt(summarise_coverage(ledger, event_regions=regions, hours=hours), map_coverage(ledger, hours))


def write_report(
    lake: Lake,
    out: Path,
    settings: Settings,
    *,
    since: date | None,
    until: date | None,
    ingest: IngestReport | None,
    started_at: datetime,
    finished_at: datetime,
    timings_seconds: Mapping[str, float],
    peak_rss_bytes: int,
    notes: Sequence[str] = (),
    show_keys: bool = False,
    looked_at: LookedAt | None = None,
    models: ModelReader | None = None,
    settled: Callable[[], None] = lambda: None,
) -> ReportOutcome:
    """Write the report folder.

    Args:
        lake: built.
        out: folder; made if absent, files of an earlier report are replaced one by one.
        settings: the acknowledged file, and what the page shows of the thresholds.
        since: first day of the period; ``None`` for the beginning.
        until: day after its last.
        ingest: the counts of this run's ingest; ``None`` for a report by itself.
        started_at: when the run began.
        finished_at: when its report began.
        timings_seconds: stage -> seconds.
        peak_rss_bytes: of the run so far.
        notes: sentences for the top of the page.
        show_keys: show access key ids in full on the page.
        looked_at: of the period, where it was read before.
        models: where the models are read; ``None`` for the lake.
        settled: returns once they are in the lake, or raises; asked before the first file is written.

    Returns:
        What was reported.

    Raises:
        LakeError: the models are not built.
        UsageError: the folder cannot be written, or the acknowledged file cannot be read.
    """
    models = lake if models is None else models
    tables = _read_tables(models)
    inside = [item for item in collect_findings(*tables.finding_tables) if _is_inside(item, since, until)]
    findings, steps = add_steps(inside, read_changes(models, inside))
    looked_at = looked_at or read_looked_at(lake, since, until)
    run = _describe_run(looked_at, ingest, started_at, finished_at, timings_seconds, peak_rss_bytes)
    timeline = _bound(tables.timeline, since, until).sort_by(
        [("event_time", "ascending"), ("recipient_account_id", "ascending"), ("event_id", "ascending")]
    )
    scores = _bound(tables.scores, since, until).sort_by(
        [(name, "ascending") for name in ("event_date", "recipient_account_id", "principal_arn")]
    )
    page = ReportInput(
        findings=findings,
        run=run,
        timeline=timeline,
        scores=scores,
        principals=_describe_principals(tables.principals),
        own_actions=_bound(tables.own_actions, since, until).sort_by(
            [(name, "ascending") for name in ("event_time", "recipient_account_id", "event_id")]
        ),
        coverage=looked_at.hours,
        period=("" if since is None else since.isoformat(), "" if until is None else until.isoformat()),
        settings=_shown_settings(settings),
        steps=steps,
        notes=[*notes, *_note_verification(run)],
        show_keys=show_keys,
    )
    files = {
        "findings.json": render_findings(findings),
        "timeline.csv": render_timeline(timeline),
        "scores.csv": render_scores(scores),
        "report.html": render_report(page),
        "run.json": render_run(run),
    }
    settled()
    _write_files(out, files)
    fresh = _remember(lake, findings, _read_acknowledged(settings))
    return ReportOutcome(out, tuple(findings), fresh, run)


@dataclass(frozen=True, slots=True)
class _Tables:
    finding_tables: tuple[pa.Table, pa.Table, pa.Table, pa.Table]
    timeline: pa.Table
    scores: pa.Table
    principals: pa.Table
    own_actions: pa.Table


def _read_tables(models: ModelReader) -> _Tables:
    def read(name: str) -> pa.Table:
        return models.read_model(name).to_table()

    return _Tables(
        (
            read("fct_findings"),
            read("fct_finding_evidence"),
            read("fct_finding_reasons"),
            read("fct_escalation_chains"),
        ),
        read("fct_role_policy_timeline"),
        read("fct_principal_anomaly_scores"),
        read("dim_principals"),
        read("fct_own_actions"),
    )


def _is_inside(finding: Finding, since: date | None, until: date | None) -> bool:
    return (since is None or finding.last_event_time.date() >= since) and (
        until is None or finding.first_event_time.date() < until
    )


def _bound(table: pa.Table, since: date | None, until: date | None) -> pa.Table:
    if since is not None:
        table = table.filter(pc.greater_equal(table.column("event_date"), pa.scalar(since)))
    if until is not None:
        table = table.filter(pc.less(table.column("event_date"), pa.scalar(until)))
    return table


def _describe_run(
    looked_at: LookedAt,
    ingest: IngestReport | None,
    started_at: datetime,
    finished_at: datetime,
    timings_seconds: Mapping[str, float],
    peak_rss_bytes: int,
) -> dict[str, Any]:
    coverage = dict(looked_at.coverage)
    if ingest is not None and ingest.verification_problem:
        coverage["verification_problem"] = ingest.verification_problem
    return build_run(
        version=__version__,
        started_at=started_at,
        finished_at=finished_at,
        sources=ingest.sources if ingest else (),
        archives=ingest.archives if ingest else _NO_COUNTS,
        records=ingest.records if ingest else _NO_RECORDS,
        coverage=coverage,
        quarantine=ingest.quarantine if ingest else (),
        quarantine_total=ingest.quarantine_total if ingest else 0,
        timings_seconds=timings_seconds,
        peak_rss_bytes=peak_rss_bytes,
        failed=list(ingest.failed) if ingest else [],
    )


def _has_events_of_unknown_region(ledger: pa.Table) -> bool:
    """Whether events came from archives whose keys name no region; a stray file that held none does not count."""
    kept = pc.fill_null(pc.greater(ledger.column("record_kept_count"), 0), False)
    return bool(opened_archives(ledger.filter(kept)).column("region").null_count)


def _list_regions(lake: Lake) -> set[tuple[str | None, str | None]]:
    """Regions as the events name them; asked where keys do not say (a flat folder), one small column of the lake."""
    found: set[str | None] = set()
    for batch in lake.snapshot().open_dataset("events").to_batches(columns=["aws_region"]):
        found.update(batch.column(0).unique().to_pylist())
    return {(None, region) for region in found}


def _note_verification(run: Mapping[str, Any]) -> list[str]:
    """Sentences for the top of the page where digests tell of something wrong, or could not be checked."""
    coverage, notes = run["coverage"], []
    if "verification_problem" in coverage:
        notes.append(f"Digests were not checked: {coverage['verification_problem']}.")
    if coverage.get("problems_total"):
        notes.append(f"Verification failed for {coverage['problems_total']:,} objects; run.json names them.")
    return notes


def _describe_principals(table: pa.Table) -> pa.Table:
    names = {
        "principal_arn": "principal_arn",
        "account_id": "recipient_account_id",
        "principal_kind": "principal_kind",
        "first_seen_at": "first_event_time",
        "last_seen_at": "last_event_time",
        "event_count": "event_count",
        "policy_write_count": "policy_write_count",
        "denied_count": "denied_count",
    }
    ordered = table.sort_by(
        [("policy_write_count", "descending"), ("event_count", "descending"), ("principal_arn", "ascending")]
    )
    return ordered.select(list(names)).rename_columns(list(names.values()))


def _shown_settings(settings: Settings) -> dict[str, str]:
    detection = settings.detection
    return {
        "lookback": f"{detection.lookback_days} days",
        "allow-list": f"{len(detection.allow_list)} principals",
        "break-glass list": f"{len(detection.break_glass)} principals",
        "history needed for a baseline": f"{detection.history_min_days} days, {detection.history_min_events} events",
    }


def _write_files(out: Path, files: Mapping[str, bytes]) -> None:
    """Write each file whole under a temporary name, then rename; run.json comes last and vouches for the rest."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            handle, temporary = tempfile.mkstemp(dir=out, prefix=f".{name}-")
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(out / name)
    except OSError as error:
        raise UsageError(f"cannot write the report to {out}: {error.strerror}", hint="--out names a folder") from error


def _read_acknowledged(settings: Settings) -> frozenset[str]:
    if not settings.detection.acknowledged_file:
        return frozenset()
    path = Path(settings.detection.acknowledged_file)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the acknowledged findings in {path}: {error}") from error
    return frozenset(line.split("#")[0].strip() for line in lines) - {""}


def _remember(lake: Lake, findings: Sequence[Finding], acknowledged: frozenset[str]) -> frozenset[str]:
    """Note what was reported now; return the ids that are new or raised since the lake's last report."""
    reported: dict[str, str] = {}
    if REPORTED_MODEL in lake.list_models():
        table = lake.read_model(REPORTED_MODEL).to_table()
        reported = dict(zip(table.column("finding_id").to_pylist(), table.column("severity").to_pylist(), strict=True))
    fresh = set()
    for finding in findings:
        known = [reported[name] for name in (finding.finding_id, *finding.supersedes) if name in reported]
        level = SEVERITIES.index(finding.severity)
        if not known or level > max(SEVERITIES.index(_severity(name)) for name in known):
            fresh.add(finding.finding_id)
    now = reported | {finding.finding_id: finding.severity for finding in findings}
    if now != reported:
        rows = [{"finding_id": name, "severity": severity} for name, severity in sorted(now.items())]
        lake.write_model(REPORTED_MODEL, pa.Table.from_pylist(rows, schema=_REPORTED))
    return frozenset(fresh - acknowledged)


def _severity(name: str) -> Any:
    if name not in SEVERITIES:
        raise PipelineError(f"the lake remembers a finding of severity {name!r}, which this version does not know")
    return name
