"""What a command prints when it is done: a few lines for people, or JSON.

What enters: reports of jobs. What leaves: stdout. This module must never print a count that the job did not give.
"""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from pipeline.cli.terminal import complain, say, say_json, show_table

if TYPE_CHECKING:
    from pipeline.jobs.build import BuildReport
    from pipeline.jobs.ingest_accounting import IngestReport
    from pipeline.jobs.run import RunOutcome
    from pipeline.jobs.simulate import SimulationReport

SHOWN_FINDINGS = 15


def _json(report: Any) -> Any:
    return asdict(report) if is_dataclass(report) and not isinstance(report, type) else report


def show_outcome(outcome: RunOutcome) -> None:
    """Print what was looked at, what was found, and where the report is."""
    run = outcome.report.run
    if outcome.ingest is not None:
        _show_counts(outcome.ingest)
    say(run["coverage"]["statement"])
    findings = outcome.report.findings
    if not findings:
        say("No findings in what was looked at.")
    else:
        for item in findings[:SHOWN_FINDINGS]:
            mark = "  new" if item.finding_id in outcome.report.fresh else ""
            kind = f"{item.finding_class}, {item.status}"
            say(f"{item.severity.upper():8} {item.score:3}  {kind}  {item.finding_id}{mark}")
            say(f"              {item.title}")
        rest = len(findings) - SHOWN_FINDINGS
        say(f"{len(findings):,} findings" + (f", {rest:,} more in the report" if rest > 0 else ""))
    for problem in outcome.problems:
        complain(f"a round of the watch failed: {problem}")
    say(f"Report: {outcome.report.folder / 'report.html'}")


def _show_counts(report: IngestReport) -> None:
    counts = report.archives
    parts = [f"{counts[name]:,} {name}" for name in counts if name != "listed" and counts[name]]
    say(f"Archives: {counts['listed']:,} listed: {', '.join(parts) or 'none'}")
    records = report.records
    say(
        f"Records: {records['read']:,} read, {records['kept']:,} kept ({records['distinct']:,} distinct, "
        f"{records['duplicates']:,} duplicates), {records['quarantined']:,} quarantined"
    )
    for item in report.failed[:5]:
        complain(f"could not read {item['uri']}: {item['detail'] or item['reason']}")
    if report.quarantine_total:
        complain(f"{report.quarantine_total:,} quarantined: `policytrail quarantine` names them")


def show_ingest(report: IngestReport, *, as_json: bool) -> None:
    """Print the counts of an ingest."""
    if as_json:
        say_json(_json(report))
    else:
        _show_counts(report)


def show_build(report: BuildReport, *, as_json: bool) -> None:
    """Print what a build did."""
    if as_json:
        say_json(_json(report))
        return
    rows = [[name, f"{count:,}", report.timings_seconds.get(name, "")] for name, count in report.rows_written.items()]
    note = f"{len(report.models_unchanged)} models unchanged, {report.timings_seconds['total']} s in all"
    show_table(["model", "rows", "seconds"], rows, note=note)


def show_simulation(report: SimulationReport, *, as_json: bool) -> None:
    """Print what a simulation wrote."""
    if as_json:
        say_json(_json(report))
        return
    say(
        f"{report.event_count:,} events in {report.archive_count:,} archives ({report.stored_bytes / 1e6:,.1f} MB), "
        f"{report.duplicate_count:,} duplicates, {report.late_count:,} late, {report.scenario_count} scenarios planted"
    )
    say(f"Archives: {report.out_dir}   Labels: {report.labels_file}")
