"""IAM and other calls that change or use permissions, with the parameters and answers that AWS records.

What enters: names and documents. What leaves: ``Call`` values: service, name, request, response. Put, Attach, Detach,
Delete and UpdateAssumeRolePolicy answer null on success; CreateRole, CreatePolicy and CreatePolicyVersion answer.
This module must never choose a caller or a time.

Source: AWS IAM API Reference; shapes compared with real events.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pipeline.simulate.entropy import Entropy
from pipeline.simulate.issuance import spoken
from pipeline.simulate.session import Role, Session, User


@dataclass(frozen=True, slots=True)
class Call:
    """One call before anybody makes it."""

    service: str
    name: str
    request: Any = None
    response: Any = None
    read_only: bool = False
    denied_on: str = ""

    @property
    def action(self) -> str:
        """The IAM action that a denial names."""
        return f"{self.service}:{self.name.removesuffix('v2').removesuffix('20150331')}"


Document = dict[str, Any]


def document(*statements: dict[str, Any]) -> Document:
    """Return a policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions: str | Sequence[str], resources: str | Sequence[str] = "*", **more: Any) -> dict[str, Any]:
    """Return an Allow statement."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def deny(actions: str | Sequence[str], resources: str | Sequence[str] = "*", **more: Any) -> dict[str, Any]:
    """Return a Deny statement."""
    return {"Effect": "Deny", "Action": actions, "Resource": resources, **more}


def written(ids: Entropy, policy: Document) -> str:
    """Return a document as some tool would have written it: compact, or indented over many lines."""
    return json.dumps(policy, indent=ids.pick((None, None, 2, 4)))


def trust_of(principals: dict[str, Any], **more: Any) -> Document:
    """Return a trust policy for principals, e.g. ``{"AWS": arn}``."""
    return document({"Effect": "Allow", "Principal": principals, "Action": "sts:AssumeRole", **more})


def put_role_policy(ids: Entropy, role: Role, policy_name: str, policy: Document) -> Call:
    """PutRolePolicy."""
    request = {"roleName": role.name, "policyName": policy_name, "policyDocument": written(ids, policy)}
    return Call("iam", "PutRolePolicy", request, denied_on=f"role {role.name}")


def put_user_policy(ids: Entropy, user: User, policy_name: str, policy: Document) -> Call:
    """PutUserPolicy."""
    request = {"userName": user.name, "policyName": policy_name, "policyDocument": written(ids, policy)}
    return Call("iam", "PutUserPolicy", request, denied_on=f"user {user.name}")


def delete_role_policy(role: Role, policy_name: str) -> Call:
    """DeleteRolePolicy."""
    return Call(
        "iam", "DeleteRolePolicy", {"roleName": role.name, "policyName": policy_name}, denied_on=f"role {role.name}"
    )


def attach_role_policy(role: Role, policy_arn: str) -> Call:
    """AttachRolePolicy."""
    return Call(
        "iam", "AttachRolePolicy", {"roleName": role.name, "policyArn": policy_arn}, denied_on=f"role {role.name}"
    )


def update_trust(ids: Entropy, role: Role, policy: Document) -> Call:
    """UpdateAssumeRolePolicy."""
    request = {"roleName": role.name, "policyDocument": written(ids, policy)}
    return Call("iam", "UpdateAssumeRolePolicy", request, denied_on=f"role {role.name}")


def create_role(ids: Entropy, role: Role, trust: Document, time: float, *, boundary: str = "") -> Call:
    """CreateRole; the answer holds the document URL-encoded, and the role's unique id."""
    text = written(ids, trust)
    request: dict[str, Any] = {"roleName": role.name, "assumeRolePolicyDocument": text, "path": role.path}
    answer: dict[str, Any] = {
        "path": role.path,
        "roleName": role.name,
        "roleId": role.role_id,
        "arn": role.arn,
        "createDate": spoken(time),
        "assumeRolePolicyDocument": quote(text, safe=""),
    }
    if boundary:
        request["permissionsBoundary"] = boundary
        answer["permissionsBoundary"] = {"permissionsBoundaryType": "Policy", "permissionsBoundaryArn": boundary}
    return Call("iam", "CreateRole", request, {"role": answer}, denied_on=f"role {role.name}")


def delete_role(role: Role) -> Call:
    """DeleteRole."""
    return Call("iam", "DeleteRole", {"roleName": role.name}, denied_on=f"role {role.name}")


def create_user(user: User, time: float) -> Call:
    """CreateUser."""
    answer = {"path": "/", "userName": user.name, "userId": user.user_id, "arn": user.arn, "createDate": spoken(time)}
    return Call("iam", "CreateUser", {"userName": user.name}, {"user": answer}, denied_on=f"user {user.name}")


def create_policy(ids: Entropy, account_id: str, name: str, policy: Document, time: float) -> Call:
    """CreatePolicy: makes version v1 the default."""
    arn = f"arn:aws:iam::{account_id}:policy/{name}"
    answer = {
        "policyName": name,
        "policyId": ids.unique_id("ANPA"),
        "arn": arn,
        "path": "/",
        "defaultVersionId": "v1",
        "attachmentCount": 0,
        "permissionsBoundaryUsageCount": 0,
        "isAttachable": True,
        "createDate": spoken(time),
        "updateDate": spoken(time),
    }
    return Call("iam", "CreatePolicy", {"policyName": name, "policyDocument": written(ids, policy)}, {"policy": answer})


def create_policy_version(
    ids: Entropy, policy_arn: str, policy: Document, version: str, time: float, *, is_default: bool
) -> Call:
    """CreatePolicyVersion: grants only once the version is the default."""
    request = {"policyArn": policy_arn, "policyDocument": written(ids, policy), "setAsDefault": is_default}
    answer = {"policyVersion": {"versionId": version, "isDefaultVersion": is_default, "createDate": spoken(time)}}
    return Call("iam", "CreatePolicyVersion", request, answer, denied_on=f"policy {policy_arn}")


def omitted(call: Call, size: int) -> Call:
    """Return the call as recorded when its parameters exceeded 100 KB: hidden, names included."""
    hidden = {"omitted": True, "originalSize": size, "reason": "requestParameters too large"}
    return Call(call.service, call.name, hidden, call.response, denied_on=call.denied_on)


def create_function(ids: Entropy, role: Role, name: str, region: str) -> Call:
    """CreateFunction20150331: passes ``role`` to a new Lambda function."""
    request = {
        "functionName": name,
        "runtime": "python3.12",
        "role": role.arn,
        "handler": "app.handler",
        "code": {},
        "timeout": 30,
        "memorySize": 256,
        "publish": False,
    }
    answer = request | {
        "functionArn": f"arn:aws:lambda:{region}:{role.account_id}:function:{name}",
        "codeSize": ids.between(400, 9000),
        "version": "$LATEST",
        "state": "Pending",
        "revisionId": ids.uuid(),
    }
    del answer["code"]
    return Call(
        "lambda",
        "CreateFunction20150331",
        request,
        answer,
        denied_on=f"arn:aws:lambda:{region}:{role.account_id}:function:{name}",
    )


def harmful_uses(ids: Entropy, session: Session) -> list[Call]:
    """Return calls that administrators and intruders alike make, none of them part of a developer's ordinary day."""
    account, name = session.account_id, ids.letters(6).lower()
    bucket = f"exports-{account[:4]}"
    snapshot = f"snap-0{ids.hex(16)}"
    key = f"arn:aws:kms:us-east-1:{account}:key/{ids.uuid()}"
    shared = {"add": {"items": [{"userId": ids.digits(12)}]}}
    sharing = {"snapshotId": snapshot, "attributeType": "CREATE_VOLUME_PERMISSION", "createVolumePermission": shared}
    policy = {
        "bucketName": bucket,
        "Host": f"{bucket}.s3.amazonaws.com",
        "policy": "",
        "bucketPolicy": {"Statement": []},
    }
    return [
        Call("secretsmanager", "ListSecrets", {"maxResults": 100}, read_only=True),
        Call("secretsmanager", "GetSecretValue", {"secretId": f"prod/{name}/database"}, read_only=True),
        Call("s3", "PutBucketPolicy", policy),
        Call("rds", "CreateDBSnapshot", {"dBInstanceIdentifier": name, "dBSnapshotIdentifier": f"{name}-copy"}),
        Call("ec2", "ModifySnapshotAttribute", sharing, {"_return": True}),
        Call("iam", "ListUsers", None, read_only=True),
        Call("iam", "GetAccountAuthorizationDetails", {"maxItems": 1000}, read_only=True),
        Call("kms", "ScheduleKeyDeletion", {"keyId": key, "pendingWindowInDays": 7}),
        Call("ec2", "DeleteSnapshot", {"snapshotId": snapshot}, {"_return": True}),
        Call("dynamodb", "DeleteTable", {"tableName": f"{name}-state"}),
    ]


def set_default_version(policy_arn: str, version: str) -> Call:
    """SetDefaultPolicyVersion."""
    return Call(
        "iam",
        "SetDefaultPolicyVersion",
        {"policyArn": policy_arn, "versionId": version},
        denied_on=f"policy {policy_arn}",
    )


def create_access_key_for(ids: Entropy, user: User, time: float) -> list[Call]:
    """CreateUser, then CreateAccessKey for it: how a foothold is made, and how a colleague is onboarded."""
    answer = {"userName": user.name, "accessKeyId": user.key_id, "status": "Active", "createDate": spoken(time)}
    return [create_user(user, time), Call("iam", "CreateAccessKey", {"userName": user.name}, {"accessKey": answer})]
