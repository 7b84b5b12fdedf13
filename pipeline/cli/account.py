"""Commands about an account: ``posture`` and ``remediate``.

What enters: an account's address, findings, a plan file. What leaves: checks, plans and outcomes on stdout. This module
must never let a call that writes be made without ``apply --yes`` or ``rollback --yes``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli import options as o

if TYPE_CHECKING:
    from pipeline.jobs.apply import Verb
    from pipeline.settings import Settings

Endpoint = Annotated[
    str | None, typer.Option("--endpoint-url", metavar="URL", help="Endpoint of IAM, STS and CloudTrail, if not AWS's.")
]
PlanFile = Annotated[Path, typer.Argument(metavar="PLAN", help="The file that remediate plan wrote.")]
OwnLake = Annotated[
    str | None,
    typer.Option("--lake", metavar="DIR|s3://", help="Lake that learns the calls as one's own; default the plan's."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Really make the calls; without it the plan is shown.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(help=POSTURE_HELP)(posture)
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Plans from findings; nothing without --yes.")
    group.command("plan", help=PLAN_HELP)(plan)
    group.command("apply", help=APPLY_HELP)(apply)
    group.command("rollback", help=ROLLBACK_HELP)(rollback)
    group.command("check", help=CHECK_HELP)(check)
    app.add_typer(group, name="remediate")


POSTURE_HELP = """Report an account's weak points: passwords, MFA, keys, trails, roles that may do too much.

Only calls that read are made. What could not be read is reported as unknown.

Examples:

  policytrail posture --profile audit

  policytrail posture --saved ./answers --json

  policytrail posture --html posture.html"""

PLAN_HELP = """Write a plan: JSON to --out, Markdown beside it. Nothing is changed.

Examples:

  policytrail remediate plan pt-0123456789abcdef --lake ./lake --out plan.json

  policytrail remediate plan --posture --trail-bucket my-trail-bucket --out plan.json"""

APPLY_HELP = """Show a plan, or with --yes make its calls.

Live state is read again before each step; a step whose state changed since the plan is refused. PLAN.journal records
each call before it is made, and the lake of the plan learns the request ids, so that later runs know the calls.

Example:

  policytrail remediate apply plan.json --yes

Exit codes: 0 done; 1 a step was refused or failed."""

ROLLBACK_HELP = """Show what the journal would undo, or with --yes undo it, last first.

Example:

  policytrail remediate rollback plan.json --yes"""

CHECK_HELP = """Say of each step whether the account is as the step leaves it; changes nothing.

Example:

  policytrail remediate check plan.json

Exit codes: 0 all hold; 1 some do not."""


def posture(
    saved: Annotated[
        Path | None, typer.Option("--saved", metavar="DIR", help="Judge answers that --save wrote; makes no call.")
    ] = None,
    save: Annotated[Path | None, typer.Option("--save", metavar="DIR", help="Write the answers here too.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page for people too.")] = None,
    as_json: o.AsJson = False,
    endpoint_url: Endpoint = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    settings_file: o.SettingsFile = None,
) -> None:
    """Report an account's posture."""
    from pipeline.cli.terminal import say, say_json, show_table
    from pipeline.jobs.posture import judge_account, write_page
    from pipeline.remediation import render_posture

    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    state, checks = judge_account(settings, saved=saved, save=save)
    if html is not None:
        write_page(state, checks, html)
    if as_json:
        say_json(render_posture(state, checks))
        return
    weak = [item for item in checks if item.status != "pass"]
    if weak:
        rows = [[item.status, item.severity, item.id, item.resource, item.detail] for item in weak]
        show_table(["status", "severity", "check", "resource", "detail"], rows)
    say(f"Account {state.account_id}: {len(checks):,} checks, {len(checks) - len(weak):,} passed")


def plan(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The plan.")],
    finding_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[FINDING_ID...]", help="What the plan is to end.")
    ] = None,
    is_posture: Annotated[bool, typer.Option("--posture", help="Plan from the account's failed checks.")] = False,
    document: Annotated[
        list[Path] | None,
        typer.Option("--document", metavar="FILE", help='{"target", "policy", "document"}: an earlier state.'),
    ] = None,
    trail_bucket: Annotated[
        str, typer.Option("--trail-bucket", metavar="BUCKET", help="With --posture: bucket of a trail, if none exists.")
    ] = "",
    lake: o.Lake = o.DEFAULT_LAKE,
    endpoint_url: Endpoint = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    settings_file: o.SettingsFile = None,
) -> None:
    """Write a plan."""
    from pipeline.cli.terminal import say
    from pipeline.errors import UsageError
    from pipeline.jobs.remediate import plan_for_posture, plan_remediation, write_plan

    if bool(finding_ids) == is_posture:
        raise UsageError("name findings, or give --posture", hint="remediate plan --help")
    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    secrets = out.absolute().parent
    if finding_ids:
        made = plan_remediation(lake, finding_ids, settings, documents=document or (), secrets=secrets)
    else:
        made = plan_for_posture(settings, secrets, trail_bucket=trail_bucket, lake=lake)
    page = write_plan(made, out)
    say(f"{made.plan_id}: {len(made.steps):,} steps, {len(made.refused):,} left alone; see {page}")


def _act(
    verb: Verb,
    path: Path,
    settings: Settings,
    lake: str | None,
    confirmed: Sequence[str] = (),
    skipped: Sequence[str] = (),
) -> None:
    from pipeline.cli.terminal import complain, say
    from pipeline.jobs.apply import carry_out

    outcomes, note = carry_out(verb, path, settings, lake=lake, confirmed=confirmed, skipped=skipped)
    for item in outcomes:
        say(f"{item.result}: {item.step_id}" + (f" - {item.detail}" if item.detail else ""))
    if note:
        complain(note)
    raise typer.Exit(1 if any(item.result in ("failed", "refused", "differs") for item in outcomes) else 0)


def apply(
    path: PlanFile,
    yes: Yes = False,
    confirm: Annotated[
        list[str] | None, typer.Option("--confirm", metavar="STEP_ID", help="A step that cannot be undone; repeatable.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", metavar="STEP_ID", help="A step to leave out; repeatable.")
    ] = None,
    lake: OwnLake = None,
    endpoint_url: Endpoint = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    settings_file: o.SettingsFile = None,
) -> None:
    """Apply a plan."""
    if not yes:
        _preview(path)
        return
    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    _act("apply", path, settings, lake, confirm or (), skip or ())


def rollback(
    path: PlanFile,
    yes: Yes = False,
    lake: OwnLake = None,
    endpoint_url: Endpoint = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    settings_file: o.SettingsFile = None,
) -> None:
    """Undo a plan."""
    if not yes:
        _preview(path)
        return
    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    _act("rollback", path, settings, lake)


def check(
    path: PlanFile,
    lake: OwnLake = None,
    endpoint_url: Endpoint = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    settings_file: o.SettingsFile = None,
) -> None:
    """Check a plan."""
    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    _act("check", path, settings, lake)


def _preview(path: Path) -> None:
    from pipeline.cli.terminal import complain, say
    from pipeline.jobs.remediate import load_plan
    from pipeline.remediation import render_plan

    for line in render_plan(load_plan(path)).splitlines():
        say(line)
    complain("nothing was changed; --yes makes the calls")
