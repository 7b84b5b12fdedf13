"""The options that several commands share, spelled and explained once.

What enters: nothing. What leaves: annotated types for typer, and ``read_settings``. This module must never run a job.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import UsageError
from pipeline.settings import Settings, load_settings

SOURCE_PANEL = "Reaching S3"
OUTPUT_PANEL = "Output"


class LogFormat(StrEnum):
    """How progress is logged where stderr is no terminal."""

    TEXT = "text"
    JSON = "json"


class SeverityChoice(StrEnum):
    """Severities, ascending."""

    INFO = "info"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class TableFormat(StrEnum):
    """How a result table is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


Sources = Annotated[
    list[str],
    typer.Argument(metavar="SOURCE...", help="s3://bucket/prefix or a folder that holds CloudTrail archives."),
]
Lake = Annotated[str, typer.Option("--lake", metavar="DIR|s3://", help="Where the Parquet lake lies.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for report.html, findings.json and the rest.")]
Since = Annotated[
    str | None, typer.Option("--since", metavar="DATE", help="First day of the report, YYYY-MM-DD, UTC, included.")
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="DATE", help="Day after the last one, YYYY-MM-DD, UTC, not included.")
]
FailOn = Annotated[
    SeverityChoice | None,
    typer.Option("--fail-on", help="End with code 4 if a new or raised finding has this severity or more."),
]
CountAll = Annotated[bool, typer.Option("--all", help="With --fail-on: count findings of earlier reports too.")]
EndpointUrl = Annotated[
    str | None,
    typer.Option("--endpoint-url", metavar="URL", help="S3 endpoint, if not AWS's.", rich_help_panel=SOURCE_PANEL),
]
Region = Annotated[str | None, typer.Option("--region", help="AWS region of the calls.", rich_help_panel=SOURCE_PANEL)]
Profile = Annotated[
    str | None, typer.Option("--profile", help="Profile of the AWS configuration.", rich_help_panel=SOURCE_PANEL)
]
RoleArn = Annotated[
    str | None, typer.Option("--role-arn", metavar="ARN", help="Role to assume first.", rich_help_panel=SOURCE_PANEL)
]
SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="TOML settings; default ./policytrail.toml if it exists."),
]
Logs = Annotated[
    LogFormat,
    typer.Option("--log-format", help="Form of progress where stderr is no terminal.", rich_help_panel=OUTPUT_PANEL),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Machine-readable result on stdout.", rich_help_panel=OUTPUT_PANEL)
]

DEFAULT_LAKE = "./lake"
DEFAULT_OUT = Path("./report")


def read_day(name: str, text: str | None) -> date | None:
    """Return the UTC day that an option names, or ``None``; ``UsageError`` if it is no ``YYYY-MM-DD``."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(
            f"--{name} {text!r} is no date", hint="write it as YYYY-MM-DD, for instance 2026-01-31"
        ) from error


def read_period(since: str | None, until: str | None) -> tuple[date | None, date | None]:
    """Return the period ``[since, until)``; ``UsageError`` where it is empty."""
    first, end = read_day("since", since), read_day("until", until)
    if first is not None and end is not None and first >= end:
        raise UsageError(
            f"--since {first} is not before --until {end}", hint="--until names the day after the last one"
        )
    return first, end


def read_settings(
    file: Path | None = None,
    *,
    endpoint_url: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    role_arn: str | None = None,
) -> Settings:
    """Return the settings of this call: defaults, file, environment, then these options."""
    s3 = {"endpoint_url": endpoint_url, "region": region, "profile": profile, "role_arn": role_arn}
    return load_settings(file, overrides={"s3": s3})
