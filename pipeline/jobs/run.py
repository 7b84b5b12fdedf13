"""The main job: ingest what is new, build the models, write the report; once, or again and again.

What enters: a request and settings. What leaves: the report folder and an exit code. This job must never report on
models older than what it ingested, and never hide that something was left out.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError, UsageError
from pipeline.finding import SEVERITIES
from pipeline.jobs.build import build_lake
from pipeline.jobs.finding_changes import ModelReader
from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.ingest_accounting import IngestReport
from pipeline.jobs.ingest_worker import peak_rss_bytes
from pipeline.jobs.lake_access import open_job_lake
from pipeline.jobs.places import refuse_overlap
from pipeline.jobs.progress import Progress, Silent
from pipeline.jobs.report import LookedAt, ReportOutcome, read_looked_at, write_report
from pipeline.jobs.verify_ingest import RunVerifier
from pipeline.models import BuiltModels
from pipeline.policy import load_catalogue
from pipeline.report import prepare_templates
from pipeline.settings import Settings

INCOMPLETE, FINDING_REACHED = 3, 4
"""Exit codes: done but something was left out; done and a finding reached ``--fail-on`` (which outranks the other)."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What one call asks for; see ``policytrail run --help``."""

    sources: tuple[str, ...]
    lake: str
    out: Path = Path("report")
    since: date | None = None
    until: date | None = None
    fail_on: str | None = None
    count_all: bool = False
    verify: bool = True
    keys: Path | None = None
    journals: tuple[Path, ...] = ()
    show_keys: bool = False


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """What came of a run.

    Attributes:
        report: what was reported.
        ingest: counts of the ingest; ``None`` for a report by itself.
        exit_code: 0, 3 or 4.
        problems: what later rounds of a watch failed at.
    """

    report: ReportOutcome
    ingest: IngestReport | None
    exit_code: int
    problems: tuple[str, ...] = ()


def run_once(
    request: RunRequest,
    settings: Settings,
    *,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> RunOutcome:
    """Ingest, build, report.

    Args:
        request: sources, lake, report folder, period, threshold.
        settings: everything else.
        progress: told of each stage.
        stop: set to end after the batch at hand; what was committed is reported.

    Returns:
        The outcome, with exit code 0, 3 or 4.

    Raises:
        UsageError: a source is empty or out of reach, the lake is of another version.
        PipelineError: a stage failed; the lake stays at its last committed batch.
    """
    shown = Silent() if progress is None else progress
    started_at, clock = datetime.now(UTC), _Clock()
    refuse_overlap(request.sources, request.lake, request.out)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as ahead:
        ingest = _ingest(request, settings, shown, stop, meanwhile=lambda: _load_ahead(ahead, request))
        clock.mark("ingest")
    return _build_and_report(request, settings, shown, started_at, clock, ingest)


def report_only(request: RunRequest, settings: Settings, *, progress: Progress | None = None) -> RunOutcome:
    """Write the report of what is built; reads no source."""
    shown = Silent() if progress is None else progress
    return _report(request, settings, shown, datetime.now(UTC), _Clock(), None)


def ingest_only(request: RunRequest, settings: Settings, *, progress: Progress | None = None) -> IngestReport:
    """Ingest what is new; builds nothing."""
    refuse_overlap(request.sources, request.lake)
    return _ingest(request, settings, Silent() if progress is None else progress, None, lambda: None)


def watch_sources(
    request: RunRequest,
    settings: Settings,
    *,
    every_seconds: float,
    stop: threading.Event,
    progress: Progress | None = None,
) -> RunOutcome:
    """Run again and again until ``stop`` is set; archives are taken in as they land.

    A later round that fails is noted and tried again: a bucket out of reach for a minute must not end the watch. The
    first round's failure is the caller's to see.

    Returns:
        The last outcome, with the highest exit code of all rounds and what failed.
    """
    shown = Silent() if progress is None else progress
    outcome = run_once(request, settings, progress=shown, stop=stop)
    code, problems = outcome.exit_code, []
    while not stop.wait(every_seconds):
        try:
            outcome = run_once(request, settings, progress=shown, stop=stop)
        except UsageError:
            raise
        except PipelineError as error:
            problems.append(str(error))
            shown.note(f"this round failed, the next one tries again: {error}")
            continue
        code = max(code, outcome.exit_code)
    return replace(outcome, exit_code=max(code, INCOMPLETE) if problems else code, problems=tuple(problems))


def _load_ahead(thread: Executor, request: RunRequest) -> None:
    """Load what build and report need whatever is found; each is kept for the process, and loaded there if it fails."""
    thread.submit(load_catalogue)
    thread.submit(prepare_templates, show_keys=request.show_keys)


def _ingest(
    request: RunRequest,
    settings: Settings,
    progress: Progress,
    stop: threading.Event | None,
    meanwhile: Callable[[], None],
) -> IngestReport:
    """List further than the report's period: history and baselines reach back, and delivery may come late."""
    earlier, later = timedelta(settings.detection.lookback_days), timedelta(settings.ingest.late_days)
    since = None if request.since is None else request.since - earlier
    until = None if request.until is None else request.until + later
    verifier = None
    if request.verify:
        verifier = RunVerifier(settings, request.keys, note=progress.note, since=since, until=until)
    report = ingest_sources(
        request.sources,
        request.lake,
        settings,
        since=since,
        until=until,
        progress=progress,
        verifier=verifier,
        should_stop=(lambda: False) if stop is None else stop.is_set,
        meanwhile=meanwhile,
    )
    if verifier is None:
        return report
    return replace(report, has_unverified=verifier.has_failures, verification_problem=verifier.problem)


def _build_and_report(
    request: RunRequest,
    settings: Settings,
    progress: Progress,
    started_at: datetime,
    clock: _Clock,
    ingest: IngestReport,
) -> RunOutcome:
    outcomes: list[RunOutcome] = []
    prepared: list[Future[LookedAt]] = []

    def prepare() -> LookedAt:
        """What the report needs beside the models."""
        prepare_templates(show_keys=request.show_keys)
        return read_looked_at(open_job_lake(request.lake, settings), request.since, request.until)

    with ThreadPoolExecutor(1, thread_name_prefix="report") as pool:

        def report(models: BuiltModels, settled: Callable[[], None]) -> None:
            """Told once every model is made: what is left of the build goes on beside it."""
            looked_at = prepared[0].result()
            clock.mark("build")
            outcomes.append(_report(request, settings, progress, started_at, clock, ingest, looked_at, models, settled))

        build_lake(
            request.lake,
            settings,
            journals=request.journals,
            progress=progress,
            on_first=lambda: prepared.append(pool.submit(prepare)),
            meanwhile=report,
        )
    return outcomes[0]


def _report(
    request: RunRequest,
    settings: Settings,
    progress: Progress,
    started_at: datetime,
    clock: _Clock,
    ingest: IngestReport | None,
    looked_at: LookedAt | None = None,
    models: ModelReader | None = None,
    settled: Callable[[], None] = lambda: None,
) -> RunOutcome:
    progress.start("report", 1, "folder")
    report = write_report(
        open_job_lake(request.lake, settings),
        request.out,
        settings,
        since=request.since,
        until=request.until,
        ingest=ingest,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        timings_seconds={**clock.seconds, **_worker_times(ingest)},
        peak_rss_bytes=max(peak_rss_bytes(), ingest.peak_rss_bytes if ingest else 0),
        show_keys=request.show_keys,
        looked_at=looked_at,
        models=models,
        settled=settled,
    )
    progress.advance("report")
    progress.finish("report")
    return RunOutcome(report, ingest, _exit_code(request, report, ingest))


def _worker_times(ingest: IngestReport | None) -> Mapping[str, float]:
    return {} if ingest is None else {f"ingest.{name}": seconds for name, seconds in ingest.timings_seconds.items()}


def _exit_code(request: RunRequest, report: ReportOutcome, ingest: IngestReport | None) -> int:
    if request.fail_on is not None:
        least = SEVERITIES.index(_severity(request.fail_on))
        for finding in report.findings:
            counts = request.count_all or finding.finding_id in report.fresh
            if counts and SEVERITIES.index(finding.severity) >= least:
                return FINDING_REACHED
    if ingest is None:
        return 0
    # What digests prove missing stays missing, whether or not this run read anything new.
    is_missing = (report.run["coverage"]["verification"] or {}).get("missing", 0) > 0
    return INCOMPLETE if request.verify and is_missing else ingest.exit_code


def _severity(name: str) -> Any:
    if name not in SEVERITIES:
        raise UsageError(f"{name!r} is no severity", hint=f"one of {', '.join(SEVERITIES)}")
    return name


class _Clock:
    """Seconds spent in each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def mark(self, stage: str) -> None:
        """End a stage."""
        now = time.monotonic()
        self.seconds[stage] = now - self._last
        self._last = now
