"""Commands that read a lake: ``query``, ``explain``, ``status``, ``quarantine``.

What enters: a lake and a question. What leaves: tables or JSON on stdout. This module must never write to the lake.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import options as o
from pipeline.errors import UsageError

Statement = Annotated[str | None, typer.Argument(metavar="[SQL]", help="One SELECT.")]
StatementFile = Annotated[Path | None, typer.Option("-f", "--file", metavar="FILE", help="Read the SELECT from FILE.")]
Format = Annotated[o.TableFormat, typer.Option("--format", help="Form of the result.")]
Subject = Annotated[
    str, typer.Argument(metavar="FINDING_ID|EVENT_ID|ACCESS_KEY|PRINCIPAL|ADDRESS", help="What to explain.")
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(help=QUERY_HELP)(query)
    app.command(help=EXPLAIN_HELP)(explain)
    app.command(help="What the lake holds, per account, region and day, and what it lacks.")(status)
    app.command(help="What could not be read, and why; --retry reads it again.")(quarantine)


QUERY_HELP = """Run one read-only SELECT over the lake and the models.

Relations: events (each event once), deliveries (every copy), archives, quarantine, and every model by its name:
fct_role_policy_timeline, fct_grants, fct_escalation_chains, fct_findings, fct_lineage, dim_principals and more
(sql/README.md). Nothing else can be read, and nothing written.

Examples:

  policytrail query "select event_name, count(*) as n from events group by 1 order by n desc"

  policytrail query -f sql/examples/denied_then_granted.sql --format csv

  policytrail query "select * from fct_findings" --format parquet > findings.parquet"""

EXPLAIN_HELP = """The whole story of a finding, event, access key, principal or address.

Who was behind it, the session tree, what was granted, what was left behind (users, keys, trusts), and every event with
its raw record, read again from the archive and proved by its hash.

Examples:

  policytrail explain pt-0123456789abcdef

  policytrail explain AKIAIOSFODNN7EXAMPLE --json"""


def query(
    statement: Statement = None,
    file: StatementFile = None,
    lake: o.Lake = o.DEFAULT_LAKE,
    form: Format = o.TableFormat.TABLE,
    timeout: Annotated[
        float | None, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Stop the query after so long.")
    ] = None,
    settings_file: o.SettingsFile = None,
    endpoint_url: o.EndpointUrl = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
) -> None:
    """Run one SELECT."""
    from pipeline.cli.results import write_result
    from pipeline.jobs.query import run_query

    if (statement is None) == (file is None):
        raise UsageError("give one SELECT, or a file with one by -f", hint="policytrail query --help shows examples")
    if file is not None:
        try:
            statement = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {file}: {error}") from error
    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    write_result(run_query(lake, str(statement), settings, timeout_seconds=timeout), form, sys.stdout)


def explain(
    subject: Subject,
    lake: o.Lake = o.DEFAULT_LAKE,
    as_json: o.AsJson = False,
    show_keys: Annotated[bool, typer.Option("--show-keys", help="Show access key ids in full.")] = False,
    settings_file: o.SettingsFile = None,
    endpoint_url: o.EndpointUrl = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
) -> None:
    """Explain one subject."""
    from pipeline.cli.story import show_story
    from pipeline.cli.terminal import say_json
    from pipeline.jobs.explain import explain_subject

    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    story = explain_subject(lake, subject, settings)
    if as_json:
        say_json(story)
    else:
        show_story(story, show_keys=show_keys)


def status(
    lake: o.Lake = o.DEFAULT_LAKE,
    as_json: o.AsJson = False,
    settings_file: o.SettingsFile = None,
    endpoint_url: o.EndpointUrl = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
) -> None:
    """Show what the lake holds."""
    from pipeline.cli.holdings import show_status
    from pipeline.jobs.status import lake_status

    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    show_status(lake_status(lake, settings), as_json=as_json)


def quarantine(
    lake: o.Lake = o.DEFAULT_LAKE,
    retry: Annotated[bool, typer.Option("--retry", help="Read the quarantined archives again.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows to show.")] = 100,
    as_json: o.AsJson = False,
    settings_file: o.SettingsFile = None,
    endpoint_url: o.EndpointUrl = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    log_format: o.Logs = o.LogFormat.TEXT,
) -> None:
    """List the quarantine, or try it again."""
    from pipeline.cli.holdings import show_quarantine
    from pipeline.cli.summary import show_ingest
    from pipeline.cli.terminal import show_progress
    from pipeline.jobs.quarantine import list_quarantine, retry_quarantine

    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    if retry:
        with show_progress(log_format) as progress:
            report = retry_quarantine(lake, settings, progress=progress)
        show_ingest(report, as_json=as_json)
        raise typer.Exit(report.exit_code)
    show_quarantine(list_quarantine(lake, settings), limit=limit, as_json=as_json)
