"""Plans from findings of a lake, or from the account's posture.

What enters: finding ids and a built lake, the account. What leaves: a ``Plan`` and its files. This job must never make
a call that writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.jobs.explain import read_findings
from pipeline.jobs.finding_changes import read_changes
from pipeline.jobs.lake_access import open_job_lake
from pipeline.jobs.posture import judge_account, open_account
from pipeline.remediation.finding_plan import plan_findings
from pipeline.remediation.plan_page import render_plan
from pipeline.remediation.posture_plan import plan_posture
from pipeline.remediation.steps import Plan, read_plan
from pipeline.settings import Settings


def plan_remediation(
    lake: str,
    finding_ids: Sequence[str],
    settings: Settings,
    *,
    documents: Sequence[Path] = (),
    secrets: Path = Path(),
) -> Plan:
    """Plan what ends some findings; reads the lake and the account.

    Args:
        lake: built.
        finding_ids: as in findings.json.
        settings: how to reach the account.
        documents: files ``{"target": name, "policy": name or "", "document": {...}}`` with earlier states.
        secrets: folder where new secrets are written, one file each, readable by its owner alone.

    Raises:
        UsageError: no such finding, a file that says nothing usable, no credentials.
    """
    known = {name: item for item in read_findings(lake, settings) for name in (item.finding_id, *item.supersedes)}
    missing = [name for name in finding_ids if name not in known]
    if missing:
        raise UsageError(f"no finding {', '.join(missing)}", hint="findings.json lists them")
    findings = [known[name] for name in dict.fromkeys(finding_ids)]
    account = open_account(settings)
    place = open_job_lake(lake, settings)
    grants = read_changes(place, findings)
    return plan_findings(
        findings,
        grants.changes,
        account_id=account.account_id(),
        account=account,
        now=datetime.now(UTC).replace(microsecond=0),
        keys=grants.keys,
        documents=dict(_read_document(path) for path in documents),
        secrets=secrets,
        lake=place.location.root,
    )


def _read_document(path: Path) -> tuple[tuple[str, str], Any]:
    try:
        given: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return (given["target"], given.get("policy", "")), given["document"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        form = 'it is {"target": NAME, "policy": NAME or "" for trust, "document": {...}}'
        raise UsageError(f"cannot read the earlier document in {path}: {error}", hint=form) from error


def plan_for_posture(settings: Settings, secrets: Path, *, trail_bucket: str = "", lake: str = "") -> Plan:
    """Plan what the account's failed checks ask for.

    Args:
        settings: how to reach the account.
        secrets: folder where new secrets are written.
        trail_bucket: bucket of a new trail, where there is none; ``""`` leaves that to a person.
        lake: where the plan's calls are registered as one's own, if there is a lake.

    Raises:
        UsageError: no credentials.
    """
    state, checks = judge_account(settings)
    plan = plan_posture(
        checks, open_account(settings), account_id=state.account_id, secrets=secrets, trail_bucket=trail_bucket
    )
    return replace(plan, lake=find_lake(lake, settings))


def find_lake(lake: str, settings: Settings) -> str:
    """The root of a lake, or ``""`` where there is none: a plan for an account needs no lake."""
    try:
        return open_job_lake(lake, settings).location.root if lake else ""
    except UsageError:
        return ""


def write_plan(plan: Plan, out: Path) -> Path:
    """Write the plan as JSON, and as Markdown beside it; returns the Markdown's path."""
    page = out.with_suffix(".md")
    try:
        out.write_text(json.dumps(plan.to_json(), indent=1) + "\n", encoding="utf-8")
        page.write_text(render_plan(plan), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write the plan to {out}: {error.strerror}") from error
    return page


def load_plan(path: Path) -> Plan:
    """Read a plan file; ``UsageError`` where it is none."""
    try:
        return read_plan(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the plan {path}: {error}") from error
