"""Commands about evidence: ``verify`` and ``case``.

What enters: sources and keys, or a lake and findings. What leaves: verdicts on stdout, or a case file. This module must
never judge anything itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import options as o

if TYPE_CHECKING:
    from pipeline.jobs.verify import VerifyReport

SHOWN_OBJECTS = 200

KeysFile = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        metavar="FILE",
        help="CloudTrail's public keys: saved answers of ListPublicKeys, of one region or several.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(help=VERIFY_HELP)(verify)


VERIFY_HELP = """Check archives against CloudTrail's signed digests: all accounts and regions of the sources at once.

Without --keys the public keys are asked of CloudTrail (cloudtrail:ListPublicKeys), region by region. With --keys
nothing but the sources is read.

Examples:

  policytrail verify s3://my-trail-bucket/AWSLogs/ --since 2026-01-01

  policytrail verify ./copy-of-the-bucket --keys keys.json --json

Exit codes: 0 all is verified, or pending: newer than the newest digest by less than two hours; 3 something is not."""


def verify(
    sources: o.Sources,
    keys: KeysFile = None,
    since: o.Since = None,
    until: o.Until = None,
    as_json: o.AsJson = False,
    endpoint_url: o.EndpointUrl = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    settings_file: o.SettingsFile = None,
    log_format: o.Logs = o.LogFormat.TEXT,
) -> None:
    """Verify archives against digests."""
    from pipeline.cli.terminal import say_json, show_progress
    from pipeline.jobs.verify import verify_sources

    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    first, end = o.read_period(since, until)
    with show_progress(log_format) as progress:
        report = verify_sources(sources, settings, keys_file=keys, since=first, until=end, progress=progress)
    if as_json:
        say_json(report.to_json())
    else:
        _show(report)
    raise typer.Exit(report.exit_code)


def _show(report: VerifyReport) -> None:
    """Counts, and each object that is not verified; what is verified is told by number."""
    from pipeline.cli.terminal import say, show_table

    doubtful = [item for item in report.objects if item.verdict != "verified"]
    if doubtful:
        rows = [[item.verdict, item.kind, item.uri, item.detail] for item in doubtful[:SHOWN_OBJECTS]]
        rest = len(doubtful) - len(rows)
        show_table(["verdict", "kind", "object", "why"], rows, note=f"{rest:,} more: --json lists all" if rest else "")
    counts = [f"{count:,} {verdict}" for verdict, count in report.counts.items() if count]
    say(f"{len(report.objects):,} archives and digests: {', '.join(counts) or 'none'}")
