"""Housekeeping and practice: ``compact`` and ``simulate``.

What enters: a lake to tidy, or a folder to fill with labelled archives. What leaves: counts on stdout. This module
must never touch an archive of a source.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli import options as o


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(help="Merge small files of the lake into larger ones; earlier versions stay readable.")(compact)
    app.command(help=SIMULATE_HELP)(simulate)


SIMULATE_HELP = """Write labelled synthetic archives: an organisation at work, attacks and quiet look-alikes planted.

labels.json beside the archives says what was planted. The same arguments write the same bytes.

Example:

  policytrail simulate ./practice --events 60000 --days 14 --seed 7"""


def compact(
    lake: o.Lake = o.DEFAULT_LAKE,
    as_json: o.AsJson = False,
    settings_file: o.SettingsFile = None,
    endpoint_url: o.EndpointUrl = None,
    region: o.Region = None,
    profile: o.Profile = None,
    role_arn: o.RoleArn = None,
    log_format: o.Logs = o.LogFormat.TEXT,
) -> None:
    """Compact a lake."""
    from pipeline.cli.holdings import show_compaction
    from pipeline.cli.terminal import show_progress
    from pipeline.jobs.compact import compact_lake

    settings = o.read_settings(
        settings_file, endpoint_url=endpoint_url, region=region, profile=profile, role_arn=role_arn
    )
    with show_progress(log_format) as progress:
        report = compact_lake(lake, settings, progress=progress)
    show_compaction(report, as_json=as_json)


def simulate(
    out_dir: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Folder to write to; new or empty.")],
    events: Annotated[int, typer.Option("--events", min=1, help="Distinct events to write.")] = 60_000,
    days: Annotated[int, typer.Option("--days", min=1, help="Days they are spread over.")] = 14,
    seed: Annotated[int, typer.Option("--seed", help="Names the corpus: same seed, same bytes.")] = 1,
    instances: Annotated[int, typer.Option("--instances", min=1, help="How many of each scenario.")] = 1,
    scenarios: Annotated[
        list[str] | None, typer.Option("--scenario", help="Plant this scenario only; may be given again.")
    ] = None,
    layout: Annotated[str, typer.Option("--layout", help="Sizes of archives: typical, small or large.")] = "typical",
    as_json: o.AsJson = False,
    log_format: o.Logs = o.LogFormat.TEXT,
) -> None:
    """Write simulated archives."""
    from pipeline.cli.summary import show_simulation
    from pipeline.cli.terminal import show_progress
    from pipeline.jobs.simulate import simulate_archives

    with show_progress(log_format) as progress:
        report = simulate_archives(
            out_dir,
            events=events,
            days=days,
            seed=seed,
            scenarios=scenarios,
            instances=instances,
            layout=layout,
            progress=progress,
        )
    show_simulation(report, as_json=as_json)
