"""Commands about evidence: ``verify`` and ``case``.

What enters: sources and keys, or a lake and findings. What leaves: verdicts on stdout, or a case file. This module must
never judge anything itself.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import options as o

if TYPE_CHECKING:
    from pipeline.jobs.case_verify import CaseVerification
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
    case = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Case files: what a finding rests on, sealed.")
    case.command("create", help=CREATE_HELP)(create_case)
    case.command("verify", help=CHECK_HELP)(verify_case)
    app.add_typer(case, name="case")


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


CREATE_HELP = """Write everything that findings rest on into one file.

It holds the archives as stored, the digests that vouch for them, public keys, ledger rows, findings.json, report.html
and a manifest of SHA-256.

Example:

  policytrail case create pt-0123456789abcdef --lake ./lake --keys keys.json --out case.tar"""

CHECK_HELP = """Check a case file again, offline.

Hashes and signatures are computed anew, and each cited event is cut out of the raw bytes again.

Example:

  policytrail case verify case.tar --keys keys.json

Exit codes: 0 everything holds; 2 no case file; 3 something does not hold."""


def create_case(
    finding_ids: Annotated[list[str], typer.Argument(metavar="FINDING_ID...", help="What the case is about.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The case file; it must not exist.")],
    lake: o.Lake = o.DEFAULT_LAKE,
    report: Annotated[
        Path, typer.Option("--report", metavar="DIR", help="Folder that holds report.html.")
    ] = o.DEFAULT_OUT,
    keys: KeysFile = None,
    as_json: o.AsJson = False,
    endpoint_url: o.EndpointUrl = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    settings_file: o.SettingsFile = None,
) -> None:
    """Write a case file."""
    from pipeline.cli.terminal import complain, say, say_json
    from pipeline.jobs.case_create import create_case as create

    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    made = create(lake, finding_ids, out, settings, keys_file=keys, report_folder=report)
    if as_json:
        say_json(asdict(made))
        return
    counts = ", ".join(f"{count:,} {name}" for name, count in made.counts.items())
    say(f"{made.file}: {len(made.findings):,} findings, {counts}")
    say(f"SHA-256: {made.sha256}")
    for note in made.notes:
        complain(f"the case: {note}")


def verify_case(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The case file.")],
    keys: KeysFile = None,
    as_json: o.AsJson = False,
    settings_file: o.SettingsFile = None,
) -> None:
    """Check a case file."""
    from pipeline.cli.terminal import say_json
    from pipeline.jobs.case_verify import verify_case as check

    found = check(file, o.read_settings(settings_file), keys_file=keys)
    if as_json:
        say_json(found.to_json())
    else:
        _show_case(found)
    raise typer.Exit(found.exit_code)


def _show_case(found: CaseVerification) -> None:
    from pipeline.cli.terminal import complain, say, show_table

    bad = [item for item in found.checks if not item.is_good]
    if bad:
        show_table(
            ["kind", "subject", "why it does not hold"], [[item.kind, item.subject, item.detail] for item in bad]
        )
    say(f"Findings: {', '.join(found.findings)}")
    say(f"{len(found.checks):,} checks, {len(bad):,} failed")
    for note in found.notes:
        complain(note)
