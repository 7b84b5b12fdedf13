"""Findings become ordered steps: take the keys, contain, revert trust, restore policies, renew credentials.

What enters: findings, the changes that their grants made, the account (or none: the entries of the report). What
leaves: a ``Plan``. This module must never guess an earlier state: where it is unknown, the change is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.errors import RemediationError
from pipeline.finding import Finding
from pipeline.remediation.clients import Account
from pipeline.remediation.contain import Named, name_principals, revoke_sessions, revoke_slot, why_untouchable
from pipeline.remediation.credentials import MAX_KEYS, create_key, deactivate_key, delete_key, reset_password
from pipeline.remediation.live_state import as_document, read_state
from pipeline.remediation.revert import Change, Reader, recorded_state, revert_change
from pipeline.remediation.steps import Plan, Refusal, Step, hash_state

_KEY = re.compile(r"AKIA[A-Z0-9]{12,124}")
_SURVIVES = (
    "Whatever a session did elsewhere stays: data that was read, resources that were started, keys of other accounts.",
    "Presigned URLs end with the credentials that signed them; a resource policy that names an outsider does not.",
    "Sessions made after the time in the Deny are not touched: close the way in (keys, trust) in the same plan.",
)
_UNSEEN = "Made from the finding alone: policytrail remediate plan reads the account and sets the time to now."


@dataclass(slots=True)
class Draft:
    """A plan in the making.

    Attributes:
        account: ``None`` for entries made from findings alone.
        now: end of the sessions that are revoked.
        secrets: folder of new secrets.
        documents: (target name, policy name or ``""`` for trust) -> the earlier state that the user gave.
    """

    account_id: str
    account: Account | None
    now: datetime
    secrets: Path
    documents: Mapping[tuple[str, str], Any]
    steps: list[Step] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def read(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        """Live state that a call would change; ``None`` without an account."""
        return None if self.account is None else read_state(self.account, "iam", operation, parameters)

    def reader(self, change: Change) -> Reader:
        """What reads the live state of a change: the account, or what the recorded call left behind."""
        return self.read if self.account is not None else lambda operation, _: recorded_state(change, operation)

    def refuse(self, finding_id: str, subject: str, reason: str) -> None:
        """Leave a subject alone, and say why."""
        item = Refusal(finding_id, subject, reason)
        if item not in self.refused:
            self.refused.append(item)

    @contextmanager
    def refusing(self, finding_id: str, subject: str) -> Iterator[None]:
        """Refuse a subject whose state cannot be read, or whose change cannot be undone; the plan goes on."""
        try:
            yield
        except RemediationError as error:
            self.refuse(finding_id, subject, str(error))

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
        owners = _own_keys(finding, own, (keys or {}).get(finding.finding_id, {}))
        taken = _take_keys(draft, finding, own, owners)
        for one in [*name_principals(finding), *_planted(own)]:
            _contain(draft, finding, one)
        for change in _first_of_each_slot(own):
            _revert(draft, finding.finding_id, change)
        _renew_keys(draft, finding, own, owners, taken)
        _renew_passwords(draft, finding, own)
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


def _planted(changes: Sequence[Change]) -> list[Named]:
    """Users that the chain made: sessions of their keys outlive the keys."""
    made = [change for change in changes if change.event_name == "CreateUser" and change.target_name]
    return [Named("User", change.target_name, change.account_id, change.target_name) for change in made]


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


def _issued(changes: Sequence[Change]) -> dict[str, Change]:
    return {change.issued_key_id: change for change in changes if _KEY.fullmatch(change.issued_key_id)}


def _own_keys(finding: Finding, changes: Sequence[Change], keys: Mapping[str, str]) -> dict[str, str]:
    """Long-term keys that the chain names, signed with or issued -> their user, ``""`` where that is not known."""
    named = [text for edge in finding.chain for text in (edge.source, edge.target) if _KEY.fullmatch(text)]
    issued = {key: change.target_name for key, change in _issued(changes).items()}
    return {**dict.fromkeys(named, ""), **keys, **issued}


def _why(finding: Finding, change: Change | None = None) -> tuple[str, ...]:
    """Events that a step rests on: the change that it undoes, else the finding's grants."""
    if change is not None:
        return (change.event_id,)
    return tuple(dict.fromkeys(item.event_id for item in finding.evidence if item.role == "grant"))


def _take_keys(draft: Draft, finding: Finding, changes: Sequence[Change], owners: Mapping[str, str]) -> dict[str, Any]:
    """Deactivate the chain's long-term keys and those that it issued; returns key id -> its state before."""
    issued, finding_id = _issued(changes), finding.finding_id
    taken: dict[str, Any] = {}
    for key, user in owners.items():
        if not user:
            draft.refuse(finding_id, f"key …{key[-4:]}", "the user it belongs to is not known")
            continue
        with draft.refusing(finding_id, f"key …{key[-4:]} of {user}"):
            slot = {"UserName": user, "AccessKeyId": key}
            state = draft.read("UpdateAccessKey", slot)
            if draft.account is not None and state is None:
                raise RemediationError("it is gone")
            why = _why(finding, issued.get(key))
            if state != "Inactive":
                draft.add(deactivate_key(finding_id, slot, why), state)
            taken[key] = state
    return taken


def _renew_keys(
    draft: Draft, finding: Finding, changes: Sequence[Change], owners: Mapping[str, str], taken: Mapping[str, Any]
) -> None:
    """A new key for whom the old one was taken from, then delete what was taken, days later.

    A key that the chain issued is nobody's to keep: it gets no successor. A planted user is deleted as a whole.
    """
    issued, finding_id = _issued(changes), finding.finding_id
    planted = {one.name for one in _planted(changes)}
    for key, state in taken.items():
        user = owners[key]
        if user in planted:
            continue
        with draft.refusing(finding_id, f"a new key for user {user}"):
            if key not in issued:
                key_ids = draft.read("CreateAccessKey", {"UserName": user})
                if key_ids is not None and len(key_ids) >= MAX_KEYS:
                    raise RemediationError(f"it has {len(key_ids)} keys, the most there can be: delete one first")
                draft.add(create_key(finding_id, user, draft.secrets, _why(finding)), key_ids)
        slot = {"UserName": user, "AccessKeyId": key}
        off = "" if state == "Inactive" else deactivate_key(finding_id, slot).id
        why = _why(finding, issued.get(key))
        draft.add(delete_key(finding_id, slot, after=off, why=why), state)


def _renew_passwords(draft: Draft, finding: Finding, changes: Sequence[Change]) -> None:
    """Another password for each user of the chain who signs in to the console."""
    taken = {change.target_name for change in changes if change.event_name in ("CreateUser", "CreateLoginProfile")}
    for one in name_principals(finding):
        if draft.account is None or one.kind != "User" or one.account_id != draft.account_id or one.name in taken:
            continue
        with draft.refusing(finding.finding_id, f"password of user {one.name}"):
            state = draft.read("UpdateLoginProfile", {"UserName": one.name})
            if state is not None:
                for step, found in reset_password(finding.finding_id, one.name, state, draft.secrets, _why(finding)):
                    draft.add(step, found)


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
