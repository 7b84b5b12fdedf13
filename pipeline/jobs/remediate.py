"""Plans from findings of a lake, or from the account's posture.

What enters: finding ids and a built lake, the account. What leaves: a ``Plan`` and its files. This job must never make
a call that writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.jobs.explain import read_findings
from pipeline.jobs.posture import judge_account, open_account
from pipeline.jobs.query import run_query
from pipeline.models import quote_text
from pipeline.remediation.plan_findings import plan_findings
from pipeline.remediation.plan_posture import plan_posture
from pipeline.remediation.revert import Change
from pipeline.remediation.steps import Plan, read_plan, render_plan
from pipeline.settings import Settings

_CHANGES = """
select w.event_id, w.recipient_account_id as account_id, w.event_name, w.target_kind,
       w.target_name, w.target_arn, w.policy_name, w.policy_arn, w.policy_version_id, w.group_name,
       d.state, d.before_document, d.after_document, e.issued_access_key_id as issued_key_id
from int_policy_writes as w
left join stg_policy_deltas as d
    on w.event_id = d.event_id and w.recipient_account_id = d.recipient_account_id
    and (w.target_arn = d.target_arn or w.target_arn is null or w.target_arn = '')
left join events as e on w.event_id = e.event_id and w.recipient_account_id = e.recipient_account_id
where w.is_success and w.event_id in ({ids})
order by w.event_time, w.event_id
"""
_OWNERS = """
select distinct user_identity_access_key_id as key_id, user_identity_user_name as user_name
from events where user_identity_type = 'IAMUser' and user_identity_access_key_id in ({keys})
"""


def plan_remediation(
    lake: str, finding_ids: Sequence[str], settings: Settings, *, documents: Sequence[Path] = ()
) -> Plan:
    """Plan what ends some findings; reads the lake and the account.

    Args:
        lake: built.
        finding_ids: as in findings.json.
        settings: how to reach the account.
        documents: files ``{"target": name, "policy": name or "", "document": {...}}`` with earlier states.

    Raises:
        UsageError: no such finding, a file that says nothing usable, no credentials.
    """
    known = {name: item for item in read_findings(lake, settings) for name in (item.finding_id, *item.supersedes)}
    missing = [name for name in finding_ids if name not in known]
    if missing:
        raise UsageError(f"no finding {', '.join(missing)}", hint="findings.json lists them")
    findings = [known[name] for name in dict.fromkeys(finding_ids)]
    account = open_account(settings)
    events = {item.finding_id: [one.event_id for one in item.evidence if one.role == "grant"] for item in findings}
    rows = _select(lake, settings, _CHANGES, "ids", [name for names in events.values() for name in names])
    keys = [text for item in findings for edge in item.chain for text in (edge.source, edge.target)]
    owners = _select(lake, settings, _OWNERS, "keys", keys)
    changes = [Change(**{name: _plain(name, value) for name, value in row.items()}) for row in rows]
    return plan_findings(
        findings,
        {name: [change for change in changes if change.event_id in ids] for name, ids in events.items()},
        account_id=account.account_id(),
        account=account,
        now=datetime.now(UTC).replace(microsecond=0),
        key_owners={row["key_id"]: row["user_name"] for row in owners},
        documents=dict(_read_document(path) for path in documents),
    )


def _select(lake: str, settings: Settings, sql: str, name: str, values: Sequence[str]) -> list[dict[str, Any]]:
    if not values:
        return []
    quoted = ", ".join(quote_text(value) for value in dict.fromkeys(values))
    rows: list[dict[str, Any]] = run_query(lake, sql.format(**{name: quoted}), settings).to_pylist()
    return rows


def _plain(name: str, value: Any) -> Any:
    if value is None and name not in ("before_document", "after_document"):
        return "unknown" if name == "state" else ""
    return value


def _read_document(path: Path) -> tuple[tuple[str, str], Any]:
    try:
        given: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return (given["target"], given.get("policy", "")), given["document"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        form = 'it is {"target": NAME, "policy": NAME or "" for trust, "document": {...}}'
        raise UsageError(f"cannot read the earlier document in {path}: {error}", hint=form) from error


def plan_for_posture(settings: Settings, secrets: Path) -> Plan:
    """Plan what the account's failed checks ask for."""
    state, checks = judge_account(settings)
    return plan_posture(checks, open_account(settings), account_id=state.account_id, secrets=secrets)


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
