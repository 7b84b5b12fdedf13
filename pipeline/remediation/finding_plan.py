"""Findings become ordered steps: take the keys, contain, revert trust, restore policies, renew credentials.

What enters: findings, the changes that their grants made, the account (or none: the entries of the report). What
leaves: a ``Plan``. This module must never guess an earlier state: where it is unknown, the change is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.errors import RemediationError
from pipeline.finding import Finding
from pipeline.remediation.chain_credentials import own_keys, planted_users, renew_keys, renew_passwords, take_keys
from pipeline.remediation.change import Change
from pipeline.remediation.clients import Account
from pipeline.remediation.contain import Named, name_principals, revoke_sessions, revoke_slot, why_untouchable
from pipeline.remediation.draft import Draft
from pipeline.remediation.live_state import as_document
from pipeline.remediation.revert import revert_change
from pipeline.remediation.steps import Plan

_SURVIVES = (
    "Whatever a session did elsewhere stays: data that was read, resources that were started, keys of other accounts.",
    "Presigned URLs end with the credentials that signed them; a resource policy that names an outsider does not.",
    "Sessions made after the time in the Deny are not touched: close the way in (keys, trust) in the same plan.",
)
_UNSEEN = "Made from the finding alone: policytrail remediate plan reads the account and sets the time to now."


def plan_findings(
    findings: Sequence[Finding],
    changes: Mapping[str, Sequence[Change]],
    *,
    account_id: str,
    account: Account | None,
    now: datetime,
    keys: Mapping[str, Mapping[str, str]] | None = None,
    documents: Mapping[tuple[str, str], Any] | None = None,
    secrets: Path = Path(),
    lake: str = "",
) -> Plan:
    """Plan what ends the findings.

    Args:
        findings: of one account.
        changes: finding id -> what its grants changed, in order of time.
        account_id: whose plan this is; principals of other accounts are refused.
        account: to read the live state; ``None`` plans from findings alone, and such a plan cannot be applied.
        now: sessions issued before it are revoked.
        keys: finding id -> access key id -> user: long-term keys that its chain signed with.
        documents: earlier states that the user gives, where the archives do not know them.
        secrets: folder where new secrets are written, one file each, readable by its owner alone.
        lake: where the findings are from, and where the plan's calls are registered as one's own.

    Returns:
        The plan.
    """
    draft = Draft(account_id, account, now, secrets, documents or {})
    for finding in findings:
        own = changes.get(finding.finding_id, ())
        owners = own_keys(finding, own, (keys or {}).get(finding.finding_id, {}))
        taken = take_keys(draft, finding, own, owners)
        for one in [*name_principals(finding), *planted_users(own)]:
            _contain(draft, finding, one)
        for change in _first_of_each_slot(own):
            _revert(draft, finding.finding_id, change)
        renew_keys(draft, finding, own, owners, taken)
        renew_passwords(draft, finding, own)
    return Plan(account_id, tuple(draft.steps), tuple(draft.refused), _SURVIVES, lake)


def plan_entries(
    finding: Finding, changes: Sequence[Change] = (), keys: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The plan entries that the lake alone tells, for the report: the same for the same finding.

    Args:
        finding: one finding.
        changes: what its grants changed; their targets are taken to be as the recorded calls left them.
        keys: access key id -> user: long-term keys that its chain signed with.
    """
    moment = (finding.last_event_time + timedelta(seconds=1)).replace(microsecond=0)
    account_id = finding.target.account_id or finding.principal.account_id
    plan = plan_findings(
        [finding],
        {finding.finding_id: changes},
        account_id=account_id,
        account=None,
        now=moment,
        keys={finding.finding_id: keys or {}},
    )
    return [replace(step, warning=f"{step.warning} {_UNSEEN}".strip()).to_json() for step in plan.steps]


def _contain(draft: Draft, finding: Finding, one: Named) -> None:
    if one.account_id != draft.account_id:
        draft.refuse(finding.finding_id, one.subject, f"it is of account {one.account_id}: plan there")
        return
    reason, path = why_untouchable(one.kind, one.name, one.path), one.path
    try:
        if draft.account is not None and not reason:
            entity = draft.account.call("iam", f"Get{one.kind}", **{f"{one.kind}Name": one.name})[one.kind]
            path = entity["Path"] + one.name
        reason = reason or why_untouchable(one.kind, one.name, path)
        before = None if reason else draft.read(f"Put{one.kind}Policy", revoke_slot(one))
    except RemediationError as error:
        reason = f"it cannot be read: {error}"
    if reason:
        draft.refuse(finding.finding_id, one.subject, reason)
    else:
        draft.add(revoke_sessions(finding, one, before=before, until=draft.now), before)


def _first_of_each_slot(changes: Sequence[Change]) -> list[Change]:
    """A slot written twice goes back to what it held before the first write; trust comes first."""
    found: dict[tuple[str, ...], Change] = {}
    for change in changes:
        found.setdefault(change.slot, change)
    return sorted(found.values(), key=lambda change: change.rank)


def _revert(draft: Draft, finding_id: str, change: Change) -> None:
    key = (change.target_name, "" if change.event_name == "UpdateAssumeRolePolicy" else change.policy_name)
    if key in draft.documents:
        change = replace(change, state="known", before_document=json.dumps(as_document(draft.documents[key])))
    with draft.refusing(finding_id, f"{change.event_name} on {change.target_kind} {change.target_name}"):
        if change.account_id != draft.account_id:
            raise RemediationError(f"it is of account {change.account_id}: plan there")
        if reason := why_untouchable(change.target_kind.capitalize(), change.target_name, change.target_arn):
            raise RemediationError(reason)
        for step, state in revert_change(finding_id, change, draft.reader(change), draft.account):
            draft.add(step, state)
