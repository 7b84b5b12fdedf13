"""Findings become ordered steps: contain, take the keys, revert trust, restore policies, remove what was planted.

What enters: findings, the changes that their grants made, the account (or none: the entries of the report). What
leaves: a ``Plan``. This module must never guess an earlier state: where it is unknown, the change is refused.

Source: IAM user guide, "Revoke IAM role temporary security credentials"; STS API reference, GetSessionToken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pipeline.errors import RemediationError
from pipeline.finding import Finding, format_time
from pipeline.remediation.clients import Account
from pipeline.remediation.live_state import as_document, read_state
from pipeline.remediation.revert import REVOKE_POLICY, Change, revert_change
from pipeline.remediation.steps import Plan, Refusal, Step, hash_state

_PRINCIPAL = re.compile(r"arn:[\w-]+:(?:iam|sts)::(\d{12}):(role|user|assumed-role)/(.+)")
_KEY = re.compile(r"AKIA[A-Z0-9]{12,124}")
_SURVIVES = (
    "Whatever a session did elsewhere stays: data that was read, resources that were started, keys of other accounts.",
    "Presigned URLs end with the credentials that signed them; a resource policy that names an outsider does not.",
    "Sessions made after the time in the Deny are not touched: close the way in (keys, trust) in the same plan.",
)


@dataclass(frozen=True, slots=True)
class _Named:
    kind: str
    name: str
    account_id: str
    path: str


@dataclass(slots=True)
class Draft:
    """A plan in the making.

    Attributes:
        account: ``None`` for entries made from findings alone.
        now: end of the sessions that are revoked.
        documents: (target name, policy name or ``""`` for trust) -> the earlier state that the user gave.
    """

    account_id: str
    account: Account | None
    now: datetime
    documents: Mapping[tuple[str, str], Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def read(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        """Live state that a call would change; ``None`` without an account."""
        return None if self.account is None else read_state(self.account, "iam", operation, parameters)

    def refuse(self, finding_id: str, subject: str, reason: str) -> None:
        """Leave a subject alone, and say why."""
        item = Refusal(finding_id, subject, reason)
        if item not in self.refused:
            self.refused.append(item)

    def add(self, step: Step, state: Any) -> None:
        """Append a step unless another one makes the same call."""
        if all((step.operation, step.parameters) != (done.operation, done.parameters) for done in self.steps):
            for earlier in self.steps:
                state = _after(earlier, step, state)
            digest = "" if self.account is None else hash_state(state)
            self.steps.append(replace(step, precondition_sha256=digest))


def _after(earlier: Step, step: Step, state: Any) -> Any:
    """What a step will find where an earlier one of the plan has written to the same slot."""
    if (earlier.operation, step.operation) == ("UpdateAccessKey", "DeleteAccessKey"):
        is_same = earlier.parameters["AccessKeyId"] == step.parameters["AccessKeyId"]
        return earlier.parameters["Status"] if is_same else state
    if (earlier.operation, step.operation) == ("PutUserPolicy", "DeleteUserPolicy"):
        is_same = all(earlier.parameters[name] == step.parameters[name] for name in ("UserName", "PolicyName"))
        return as_document(earlier.parameters["PolicyDocument"]) if is_same else state
    return state


def plan_findings(
    findings: Sequence[Finding],
    changes: Mapping[str, Sequence[Change]],
    *,
    account_id: str,
    account: Account | None,
    now: datetime,
    key_owners: Mapping[str, str] | None = None,
    documents: Mapping[tuple[str, str], Any] | None = None,
) -> Plan:
    """Plan what ends the findings.

    Args:
        findings: of one account.
        changes: finding id -> what its grants changed, in order of time.
        account_id: whose plan this is; principals of other accounts are refused.
        account: to read the live state; ``None`` plans from findings alone, and such a plan cannot be applied.
        now: sessions issued before it are revoked.
        key_owners: access key id -> user.
        documents: earlier states that the user gives, where the archives do not know them.

    Returns:
        The plan.
    """
    draft = Draft(account_id, account, now, documents or {})
    for finding in findings:
        own = changes.get(finding.finding_id, ())
        _take_keys(draft, finding, own, key_owners or {})
        _contain(draft, finding)
        for change in _first_of_each_slot(own):
            _revert(draft, finding.finding_id, change)
    return Plan(account_id, tuple(draft.steps), tuple(draft.refused), _SURVIVES)


def plan_entries(finding: Finding) -> list[dict[str, Any]]:
    """The plan entries that a finding alone tells, for the report: the same for the same finding."""
    moment = (finding.last_event_time + timedelta(seconds=1)).replace(microsecond=0)
    account_id = finding.target.account_id or finding.principal.account_id
    plan = plan_findings([finding], {}, account_id=account_id, account=None, now=moment)
    hint = "Made from the finding alone: `policytrail remediate plan` reads the account and sets the time to now."
    return [replace(step, warning=f"{step.warning} {hint}".strip()).to_json() for step in plan.steps]


def _named(finding: Finding) -> list[_Named]:
    """Principals of the chain, the target and the actor, each once."""
    arns = [finding.target.arn, finding.principal.actor_arn, finding.principal.arn]
    arns += [arn for edge in finding.chain if edge.edge != "temporal" for arn in (edge.source, edge.target)]
    found: dict[tuple[str, str, str], _Named] = {}
    for arn in arns:
        match = _PRINCIPAL.fullmatch(arn)
        if match is None:
            continue
        account_id, kind, path = match.groups()
        name = path.split("/")[0] if kind == "assumed-role" else path.rpartition("/")[2]
        kind = "User" if kind == "user" else "Role"
        found.setdefault((account_id, kind, name), _Named(kind, name, account_id, path))
    return list(found.values())


def _contain(draft: Draft, finding: Finding) -> None:
    for one in _named(finding):
        subject = f"{one.kind.lower()} {one.name}"
        if one.account_id != draft.account_id:
            draft.refuse(finding.finding_id, subject, f"it is of account {one.account_id}: plan there")
        elif _is_untouchable(draft, finding.finding_id, one):
            continue
        else:
            _revoke_sessions(draft, finding, one)


def _is_untouchable(draft: Draft, finding_id: str, one: _Named) -> bool:
    reason = ""
    path = one.path
    try:
        if draft.account is not None:
            entity = draft.account.call("iam", f"Get{one.kind}", **{f"{one.kind}Name": one.name})[one.kind]
            path = entity["Path"] + one.name
    except RemediationError as error:
        reason = f"it cannot be read: {error}"
    reason = why_untouchable(one.kind, one.name, path) or reason
    if reason:
        draft.refuse(finding_id, f"{one.kind.lower()} {one.name}", reason)
    return bool(reason)


def why_untouchable(kind: str, name: str, path: str) -> str:
    """Why a principal's policies are not the account's to change; ``""`` where they are."""
    if kind != "Role":
        return ""
    if "aws-service-role/" in path or name.startswith("AWSServiceRoleFor"):
        return "a service-linked role: AWS alone changes it, and its service deletes it"
    if name.startswith("AWSReservedSSO_") or "aws-reserved/sso" in path:
        return "an Identity Center role: end its sessions and change its permission set in Identity Center"
    return ""


def _revoke_sessions(draft: Draft, finding: Finding, one: _Named) -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": REVOKE_POLICY,
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": {"DateLessThan": {"aws:TokenIssueTime": format_time(draft.now)}},
            }
        ],
    }
    slot = {f"{one.kind}Name": one.name, "PolicyName": REVOKE_POLICY}
    before = draft.read(f"Put{one.kind}Policy", slot)
    warning = (
        "It also ends the sessions of everyone else who uses the role: workloads must assume it again."
        if one.kind == "Role"
        else "It hits every GetSessionToken and GetFederationToken session of the user, which outlive the key."
    )
    draft.add(
        Step(
            id=f"{finding.finding_id}.contain.{one.kind.lower()}.{one.name}",
            finding_id=finding.finding_id,
            why=tuple(dict.fromkeys(item.event_id for item in finding.evidence if item.role in ("grant", "use"))),
            service="iam",
            operation=f"Put{one.kind}Policy",
            parameters=slot | {"PolicyDocument": json.dumps(document)},
            console=(
                f"IAM > {one.kind}s > {one.name} > Permissions > Add permissions > Create inline policy > JSON",
                "Paste the document of the command below, name it " + REVOKE_POLICY + ", and create it",
            ),
            changes=f"Deny every session of {one.kind.lower()} {one.name} that is older than {format_time(draft.now)}",
            warning=f"{warning} IAM changes take seconds to apply.",
            inverse=undo_put(one.kind, slot, before),
        ),
        before,
    )


def undo_put(kind: str, slot: Mapping[str, Any], before: Any) -> dict[str, Any]:
    """The call that brings an inline policy's slot back to what it held."""
    if before is None:
        return {"service": "iam", "operation": f"Delete{kind}Policy", "parameters": dict(slot)}
    given = dict(slot) | {"PolicyDocument": json.dumps(before)}
    return {"service": "iam", "operation": f"Put{kind}Policy", "parameters": given}


def _take_keys(draft: Draft, finding: Finding, changes: Sequence[Change], owners: Mapping[str, str]) -> None:
    """Deactivate the chain's long-term keys and those that its grants issued."""
    users = dict(owners) | {change.issued_key_id: change.target_name for change in changes if change.issued_key_id}
    named = [text for edge in finding.chain for text in (edge.source, edge.target) if _KEY.fullmatch(text)]
    for key in dict.fromkeys([*named, *(change.issued_key_id for change in changes if change.issued_key_id)]):
        if key not in users:
            draft.refuse(finding.finding_id, f"key …{key[-4:]}", "the user it belongs to is not known")
            continue
        slot = {"UserName": users[key], "AccessKeyId": key}
        state = draft.read("UpdateAccessKey", slot)
        if draft.account is not None and state is None:
            draft.refuse(finding.finding_id, f"key …{key[-4:]} of {users[key]}", "it is gone")
            continue
        draft.add(deactivate_key(finding.finding_id, slot, _why(changes, key)), state)


def deactivate_key(finding_id: str, slot: Mapping[str, Any], why: Iterable[str] = ()) -> Step:
    """The step that switches an access key off; what still uses it stops."""
    user, key = slot["UserName"], slot["AccessKeyId"]
    given = dict(slot) | {"Status": "Inactive"}
    return Step(
        id=f"{finding_id or 'posture'}.deactivate.{key}",
        finding_id=finding_id,
        why=tuple(why),
        service="iam",
        operation="UpdateAccessKey",
        parameters=given,
        console=(f"IAM > Users > {user} > Security credentials > Access keys", f"Actions of {key} > Deactivate"),
        changes=f"Deactivate access key {key} of user {user}",
        warning="What still uses the key stops. Sessions made with it go on until they are revoked or end.",
        inverse={"service": "iam", "operation": "UpdateAccessKey", "parameters": given | {"Status": "Active"}},
    )


def _why(changes: Sequence[Change], key: str) -> list[str]:
    return [change.event_id for change in changes if change.issued_key_id == key]


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
    reason = why_untouchable(change.target_kind.capitalize(), change.target_name, change.target_arn)
    if change.account_id != draft.account_id:
        reason = f"it is of account {change.account_id}: plan there"
    if not reason:
        try:
            made = revert_change(finding_id, change, draft.read, draft.account)
        except RemediationError as error:
            made, reason = [], str(error)
        for step, state in made:
            draft.add(step, state)
    if reason:
        draft.refuse(finding_id, f"{change.event_name} on {change.target_kind} {change.target_name}", reason)
