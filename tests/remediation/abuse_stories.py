"""One story per abuse class, told by real calls against moto and recorded as CloudTrail would have."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.remediation.recorded_account import ACCOUNT, ELSEWHERE, OTHER_CLI, Actor, RecordedAccount

Document = dict[str, Any]


def allow(*actions: str, resource: str = "*") -> Document:
    """A policy that allows some actions."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def trust(**principal: str) -> Document:
    """A trust policy."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


NARROW = allow("s3:GetObject", resource="arn:aws:s3:::app-data/*")
EVERYTHING = allow("*")
SERVICE = trust(Service="lambda.amazonaws.com")


@dataclass
class Story:
    """What was played.

    Attributes:
        actor: who did it.
        role: whose permissions were changed.
        users: names of all users in it, the planted one too.
    """

    account: RecordedAccount
    actor: Actor
    role: str
    users: list[str]

    @property
    def finding_class(self) -> str:
        """The class that the story is of; the account is named for it."""
        return self.account.name.rpartition("-")[0]


def _begin(endpoint: str, name: str, number: str) -> tuple[RecordedAccount, Actor, str]:
    """A role that a pipeline made, so that the archives know what it held; and ten ordinary days of a user."""
    account = RecordedAccount(endpoint, f"{name}-{number}")
    pipeline, actor, role = account.user(f"pipeline-{number}"), account.user(f"actor-{number}"), f"app-{number}"
    account.call(pipeline, "iam", "CreateRole", RoleName=role, AssumeRolePolicyDocument=json.dumps(SERVICE))
    _put(account, pipeline, role, "runtime", NARROW)
    account.live_quietly(actor)
    return account, actor, role


def _put(account: RecordedAccount, actor: Actor, role: str, policy: str, document: Document) -> None:
    account.call(actor, "iam", "PutRolePolicy", RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


def escalate(endpoint: str, number: str) -> Story:
    """A user widens a role, opens its trust, takes it up, and plants a user with a key."""
    account, actor, role = _begin(endpoint, "privilege_escalation", number)
    _put(account, actor, role, "runtime", EVERYTHING)
    opened = json.dumps(trust(AWS=actor.identity["arn"]))
    account.call(actor, "iam", "UpdateAssumeRolePolicy", RoleName=role, PolicyDocument=opened)
    session = account.assume(actor, role, "work")
    planted = f"support-{number}"
    account.call(session, "iam", "CreateUser", UserName=planted)
    account.call(session, "iam", "CreateAccessKey", UserName=planted)
    account.seen(session, "secretsmanager", "GetSecretValue", {"SecretId": "prod/database"})
    return Story(account, actor, role, [f"pipeline-{number}", f"actor-{number}", planted])


def intrude(endpoint: str, number: str) -> Story:
    """A user's key is used from a new network with another client, and puts a broad policy on a role."""
    account, actor, role = _begin(endpoint, "unauthorized_access", number)
    account.call(
        actor, "iam", "CreateLoginProfile", UserName=f"actor-{number}", Password="Made-up-1!"
    )  # his own, long ago
    account.records.pop()
    thief = actor.at(ELSEWHERE, OTHER_CLI)
    account.seen(thief, "sts", "GetCallerIdentity")
    _put(account, thief, role, "maintenance", allow("s3:*", "dynamodb:*"))
    return Story(account, thief, role, [f"pipeline-{number}", f"actor-{number}"])


def misuse(endpoint: str, number: str) -> Story:
    """An administrator, whose work it is to grant, gives a workload everything."""
    account, actor, role = _begin(endpoint, "resource_misuse", number)
    for _ in range(3):
        for policy in ("logs", "queue", "table"):
            _put(account, actor, role, policy, NARROW)
        account.wait(days=1)
    _put(account, actor, role, "runtime", EVERYTHING)
    return Story(account, actor, role, [f"pipeline-{number}", f"actor-{number}"])


STORIES: dict[str, Callable[[str, str], Story]] = {
    "privilege_escalation": escalate,
    "unauthorized_access": intrude,
    "resource_misuse": misuse,
}

__all__ = ["ACCOUNT", "STORIES", "Story"]
