"""Ending sessions: who is to be contained, whom the account may not touch, and the Deny by session age.

What enters: a finding. What leaves: principals, and the step that denies their older sessions. This module must never
make a call.

Source: IAM user guide, "Revoke IAM role temporary security credentials"; STS API reference, GetSessionToken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.finding import Finding, format_time
from pipeline.remediation.steps import Step

REVOKE_POLICY = "PolicyTrailRevokeOlderSessions"
"""Name of the inline policy that denies older sessions."""

_PRINCIPAL = re.compile(r"arn:[\w-]+:(?:iam|sts)::(\d{12}):(role|user|assumed-role)/(.+)")
_ROLE_WARNING = "It also ends the sessions of everyone else who uses the role: workloads must assume it again."
_USER_WARNING = "It hits every GetSessionToken and GetFederationToken session of the user, which outlive the key."


@dataclass(frozen=True, slots=True)
class Named:
    """A role or user that a finding names; ``kind`` is Role or User, ``path`` its path and name as far as known."""

    kind: str
    name: str
    account_id: str
    path: str

    @property
    def subject(self) -> str:
        """How a plan speaks of it."""
        return f"{self.kind.lower()} {self.name}"


def name_principals(finding: Finding) -> list[Named]:
    """Principals of the chain, the target and the actor, each once."""
    arns = [finding.target.arn, finding.principal.actor_arn, finding.principal.arn]
    arns += [arn for edge in finding.chain if edge.edge != "temporal" for arn in (edge.source, edge.target)]
    found: dict[tuple[str, str, str], Named] = {}
    for arn in arns:
        match = _PRINCIPAL.fullmatch(arn)
        if match is None:
            continue
        account_id, kind, path = match.groups()
        name = path.split("/")[0] if kind == "assumed-role" else path.rpartition("/")[2]
        kind = "User" if kind == "user" else "Role"
        found.setdefault((account_id, kind, name), Named(kind, name, account_id, path))
    return list(found.values())


def why_untouchable(kind: str, name: str, path: str) -> str:
    """Why a principal's policies are not the account's to change; ``""`` where they are."""
    if kind != "Role":
        return ""
    if "aws-service-role/" in path or name.startswith("AWSServiceRoleFor"):
        return "a service-linked role: AWS alone changes it, and its service deletes it"
    if name.startswith("AWSReservedSSO_") or "aws-reserved/sso" in path:
        return "an Identity Center role: end its sessions and change its permission set in Identity Center"
    return ""


def revoke_slot(one: Named) -> dict[str, str]:
    """The inline policy that the Deny is put into."""
    return {f"{one.kind}Name": one.name, "PolicyName": REVOKE_POLICY}


def revoke_sessions(finding: Finding, one: Named, *, before: Any, until: datetime) -> Step:
    """The step that denies everything to sessions issued before a moment.

    Args:
        finding: whose step it is.
        one: role or user.
        before: what the policy's slot holds now; ``None`` for nothing.
        until: sessions issued before it are denied. Calls signed with a long-term key carry no such time: the key's
            own step ends those.
    """
    denial = {
        "Sid": REVOKE_POLICY,
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"DateLessThan": {"aws:TokenIssueTime": format_time(until)}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [denial]})
    slot = revoke_slot(one)
    warning = _ROLE_WARNING if one.kind == "Role" else _USER_WARNING
    return Step(
        id=f"{finding.finding_id}.contain.{one.kind.lower()}.{one.name}",
        finding_id=finding.finding_id,
        why=tuple(dict.fromkeys(item.event_id for item in finding.evidence if item.role in ("grant", "use"))),
        service="iam",
        operation=f"Put{one.kind}Policy",
        parameters=slot | {"PolicyDocument": document},
        console=(
            f"IAM > {one.kind}s > {one.name} > Permissions > Add permissions > Create inline policy > JSON",
            "Paste the document of the command below, name it " + REVOKE_POLICY + ", and create it",
        ),
        changes=f"Deny every session of {one.subject} that is older than {format_time(until)}",
        warning=f"{warning} IAM changes take seconds to apply.",
        inverse=undo_put(one.kind, slot, before),
    )


def undo_put(kind: str, slot: Mapping[str, Any], before: Any) -> dict[str, Any]:
    """The call that brings an inline policy's slot back to what it held."""
    if before is None:
        return {"service": "iam", "operation": f"Delete{kind}Policy", "parameters": dict(slot)}
    given = dict(slot) | {"PolicyDocument": json.dumps(before)}
    return {"service": "iam", "operation": f"Put{kind}Policy", "parameters": given}
