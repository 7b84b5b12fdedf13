"""``run`` and its three parts: ``ingest``, ``build``, ``report``.

What enters: sources, a lake, a period. What leaves: the report folder and an exit code. This module must never read an
archive or a table itself.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import options as o
from pipeline.cli.evidence import KeysFile

Verify = Annotated[
    bool,
    typer.Option(
        "--verify/--no-verify", help="Check archives against the signed digests found among them, in the same read."
    ),
]
Journals = Annotated[
    list[Path] | None,
    typer.Option(
        "--remediation-journal",
        metavar="FILE",
        help="PLAN.journal of a plan applied elsewhere: its calls are your own remediation. Repeatable; kept.",
    ),
]
ShowKeys = Annotated[
    bool, typer.Option("--show-keys", help="Show access key ids in full in report.html; by default they are masked.")
]
WatchSeconds = Annotated[
    float | None,
    typer.Option("--watch", metavar="SECONDS", min=0.1, help="Run again every SECONDS until SIGTERM or Ctrl-C."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(help=RUN_HELP)(run)
    app.command(help="Read what is new in the sources into the lake; nothing else.")(ingest)
    app.command(help="Build the SQL models over what the lake holds.")(build)
    app.command(help="Write the report folder from the models that are built.")(report)


RUN_HELP = """The main job: read what is new, build the models, write the report.

Archives that the lake already holds are not read again, so running it every hour is cheap.

Examples:

  policytrail run s3://my-trail-bucket/AWSLogs/

  policytrail run ./exported-logs --lake ./case-17 --out ./case-17/report

  policytrail run s3://trail/AWSLogs/o-abc123/ --since 2026-01-01 --fail-on high

Exit codes: 0 done; 1 failed, nothing half-committed; 2 wrong use; 3 done, but something was quarantined, missing or
failed verification (named in run.json); 4 done, and a new or raised finding reached --fail-on."""


def run(
    sources: o.Sources,
    watch: WatchSeconds = None,
    lake: o.Lake = o.DEFAULT_LAKE,
    out: o.Out = o.DEFAULT_OUT,
    since: o.Since = None,
    until: o.Until = None,
    fail_on: o.FailOn = None,
    count_all: o.CountAll = False,
    verify: Verify = True,
    keys: KeysFile = None,
    show_keys: ShowKeys = False,
    journals: Journals = None,
    endpoint_url: o.EndpointUrl = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    settings_file: o.SettingsFile = None,
    log_format: o.Logs = o.LogFormat.TEXT,
) -> None:
    """Ingest, build, report; with ``--watch`` again and again."""
    from pipeline.cli.summary import show_outcome
    from pipeline.cli.terminal import show_progress
    from pipeline.jobs.run import RunRequest, run_once, watch_sources

    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    first, end = o.read_period(since, until)
    request = RunRequest(
        sources=tuple(sources),
        lake=lake,
        out=out,
        since=first,
        until=end,
        fail_on=fail_on.value if fail_on else None,
        count_all=count_all,
        verify=verify,
        keys=keys,
        journals=tuple(journals or ()),
        show_keys=show_keys,
    )
    with show_progress(log_format) as progress:
        if watch is None:
            outcome = run_once(request, settings, progress=progress)
        else:
            stop = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            outcome = watch_sources(request, settings, every_seconds=watch, stop=stop, progress=progress)
    show_outcome(outcome)
    raise typer.Exit(outcome.exit_code)


def ingest(
    sources: o.Sources,
    lake: o.Lake = o.DEFAULT_LAKE,
    since: o.Since = None,
    until: o.Until = None,
    verify: Verify = True,
    keys: KeysFile = None,
    endpoint_url: o.EndpointUrl = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    settings_file: o.SettingsFile = None,
    log_format: o.Logs = o.LogFormat.TEXT,
    as_json: o.AsJson = False,
) -> None:
    """Read what is new."""
    from pipeline.cli.summary import show_ingest
    from pipeline.cli.terminal import complain, show_progress
    from pipeline.jobs.run import RunRequest, ingest_only

    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    first, end = o.read_period(since, until)
    request = RunRequest(sources=tuple(sources), lake=lake, since=first, until=end, verify=verify, keys=keys)
    with show_progress(log_format) as progress:
        report_of_ingest = ingest_only(request, settings, progress=progress)
    show_ingest(report_of_ingest, as_json=as_json)
    if report_of_ingest.has_unverified:
        complain("some archives or digests failed verification; `policytrail report` names them in run.json")
    raise typer.Exit(report_of_ingest.exit_code)


def build(
    lake: o.Lake = o.DEFAULT_LAKE,
    journals: Journals = None,
    settings_file: o.SettingsFile = None,
    endpoint_url: o.EndpointUrl = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    log_format: o.Logs = o.LogFormat.TEXT,
    as_json: o.AsJson = False,
) -> None:
    """Build the models."""
    from pipeline.cli.summary import show_build
    from pipeline.cli.terminal import show_progress
    from pipeline.jobs.build import build_lake

    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    with show_progress(log_format) as progress:
        built = build_lake(lake, settings, journals=journals or (), progress=progress)
    show_build(built, as_json=as_json)


def report(
    lake: o.Lake = o.DEFAULT_LAKE,
    out: o.Out = o.DEFAULT_OUT,
    since: o.Since = None,
    until: o.Until = None,
    fail_on: o.FailOn = None,
    count_all: o.CountAll = False,
    show_keys: ShowKeys = False,
    settings_file: o.SettingsFile = None,
    endpoint_url: o.EndpointUrl = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    log_format: o.Logs = o.LogFormat.TEXT,
) -> None:
    """Write the report folder."""
    from pipeline.cli.summary import show_outcome
    from pipeline.cli.terminal import show_progress
    from pipeline.jobs.run import RunRequest, report_only

    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    first, end = o.read_period(since, until)
    request = RunRequest(
        sources=(),
        lake=lake,
        out=out,
        since=first,
        until=end,
        fail_on=fail_on.value if fail_on else None,
        count_all=count_all,
        show_keys=show_keys,
    )
    with show_progress(log_format) as progress:
        outcome = report_only(request, settings, progress=progress)
    show_outcome(outcome)
    raise typer.Exit(outcome.exit_code)
