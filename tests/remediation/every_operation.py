"""An account in which a plan needs every operation that plans can contain."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pipeline.finding import ChainEdge, DeltaSummary, Evidence, Finding, Principal, Target
from pipeline.remediation import Account, Change

ACCOUNT = "123456789012"
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OPEN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
SMALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
KINDS = ("Role", "User", "Group")


def trust(account_id: str) -> dict[str, Any]:
    """A trust document that lets one account in."""
    statement = {"Effect": "Allow", "Principal": {"AWS": account_id}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def make_finding(name: str, arns: list[str], keys: list[str] | None = None) -> Finding:
    """A finding with one grant, a chain of principals, and keys that it names."""
    grant = Evidence("event-1", ACCOUNT, MOMENT, "PutRolePolicy", "grant", "file:///a", 0)
    return Finding(
        finding_id=name, finding_class="privilege_escalation", status="confirmed", severity="high", score=70,
        title="t", summary="s", principal=Principal(arns[0], ACCOUNT, arns[0]), target=Target(arns[-1], ACCOUNT),
        first_event_time=MOMENT, last_event_time=MOMENT, delta=DeltaSummary("T4", "known"), evidence=(grant,),
        chain=tuple(ChainEdge(key, arns[0], "issued_key", 1.0, "event-0") for key in keys or ()),
    )  # fmt: skip


class Victim:
    """Every kind of change, made by real calls, and what the archives would tell of it.

    Attributes:
        finding: names a role and a user.
        changes: as a lake would give them.
        keys: key id -> user.
    """

    def __init__(self, account: Account, unused: Callable[[str], str]) -> None:
        self._call = account.call
        self.names = {kind: unused(kind.lower()) for kind in KINDS}
        self.changes: list[Change] = []
        self._number = 0
        for kind, name in self.names.items():
            more = {"AssumeRolePolicyDocument": json.dumps(trust(ACCOUNT))} if kind == "Role" else {}
            self._call("iam", f"Create{kind}", **{f"{kind}Name": name}, **more)
        self._call("iam", "CreateLoginProfile", UserName=self.names["User"], Password="Made-up-1!")
        key = self._call("iam", "CreateAccessKey", UserName=self.names["User"])["AccessKey"]["AccessKeyId"]
        self.keys = {key: self.names["User"]}
        for kind in KINDS:
            self._inline(kind)
            self._managed(kind, unused("policy"))
        self._membership(unused("group"))
        self._trust_and_version(unused("policy"))
        self._planted(unused)
        arns = [f"arn:aws:iam::{ACCOUNT}:{kind.lower()}/{self.names[kind]}" for kind in ("User", "Role")]
        self.finding = make_finding("pt-1", arns, list(self.keys))

    def _note(self, operation: str, kind: str, name: str, **more: Any) -> None:
        self._number += 1
        known = {"state": "known"} | more
        self.changes.append(Change(f"event-{self._number}", ACCOUNT, operation, kind.lower(), name, **known))

    def _inline(self, kind: str) -> None:
        """One policy widened, one planted, one taken away."""
        slot, name = {f"{kind}Name": self.names[kind]}, self.names[kind]
        for policy in ("app", "planted"):
            self._call("iam", f"Put{kind}Policy", **slot, PolicyName=policy, PolicyDocument=json.dumps(OPEN))
        put, wide, small = f"Put{kind}Policy", json.dumps(OPEN), json.dumps(SMALL)
        self._note(put, kind, name, policy_name="app", before_document=small, after_document=wide)
        self._note(put, kind, name, policy_name="planted", after_document=wide)
        self._note(f"Delete{kind}Policy", kind, name, policy_name="gone", before_document=small)

    def _managed(self, kind: str, policy: str) -> None:
        """One policy attached, one detached."""
        slot, name = {f"{kind}Name": self.names[kind]}, self.names[kind]
        made = [
            self._call("iam", "CreatePolicy", PolicyName=f"{policy}-{end}", PolicyDocument=json.dumps(SMALL))
            for end in ("on", "off")
        ]
        on, off = (item["Policy"]["Arn"] for item in made)
        self._call("iam", f"Attach{kind}Policy", **slot, PolicyArn=on)
        self._note(f"Attach{kind}Policy", kind, name, policy_arn=on)
        self._note(f"Detach{kind}Policy", kind, name, policy_arn=off)

    def _membership(self, group: str) -> None:
        self._call("iam", "CreateGroup", GroupName=group)
        user = self.names["User"]
        self._call("iam", "AddUserToGroup", GroupName=group, UserName=user)
        self._note("AddUserToGroup", "User", user, group_name=group)
        self._note("RemoveUserFromGroup", "User", user, group_name=self.names["Group"])

    def _trust_and_version(self, policy: str) -> None:
        role, opened = self.names["Role"], json.dumps(trust("210987654321"))
        self._call("iam", "UpdateAssumeRolePolicy", RoleName=role, PolicyDocument=opened)
        before = json.dumps(trust(ACCOUNT))
        self._note("UpdateAssumeRolePolicy", "Role", role, before_document=before, after_document=opened)
        made = self._call("iam", "CreatePolicy", PolicyName=policy, PolicyDocument=json.dumps(SMALL))["Policy"]["Arn"]
        document = json.dumps(OPEN)
        self._call("iam", "CreatePolicyVersion", PolicyArn=made, PolicyDocument=document, SetAsDefault=True)
        self._note("CreatePolicyVersion", "policy", "", policy_arn=made, policy_version_id="v2")

    def _planted(self, unused: Callable[[str], str]) -> None:
        """A user with everything that keeps IAM from deleting it; and a password for a colleague who had none."""
        user, colleague = unused("planted"), unused("colleague")
        self._call("iam", "CreateUser", UserName=user)
        key = self._call("iam", "CreateAccessKey", UserName=user)["AccessKey"]["AccessKeyId"]
        self._call("iam", "CreateLoginProfile", UserName=user, Password="Made-up-1!")
        self._call("iam", "PutUserPolicy", UserName=user, PolicyName="all", PolicyDocument=json.dumps(OPEN))
        held = self._call("iam", "CreatePolicy", PolicyName=user, PolicyDocument=json.dumps(OPEN))["Policy"]["Arn"]
        self._call("iam", "AttachUserPolicy", UserName=user, PolicyArn=held)
        self._call("iam", "AddUserToGroup", GroupName=self.names["Group"], UserName=user)
        serial = self._call("iam", "CreateVirtualMFADevice", VirtualMFADeviceName=user)["VirtualMFADevice"]
        codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "654321"}
        self._call("iam", "EnableMFADevice", UserName=user, SerialNumber=serial["SerialNumber"], **codes)
        self._note("CreateUser", "User", user)
        self._note("CreateAccessKey", "User", user, issued_key_id=key)
        self._call("iam", "CreateUser", UserName=colleague)
        self._call("iam", "CreateLoginProfile", UserName=colleague, Password="Made-up-1!")
        self._note("CreateLoginProfile", "User", colleague)
