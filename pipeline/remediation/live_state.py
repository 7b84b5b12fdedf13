"""The state that one call changes: read from the account, and as it will be afterwards.

What enters: an operation and its parameters. What leaves: a JSON-like value, to compare and to hash. This module must
never make a call that writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipeline.errors import RemediationError
from pipeline.remediation.clients import Account, GoneError

_KINDS = ("Role", "User", "Group")


def as_document(value: Any) -> Any:
    """A policy document as a value; boto3 hands out some decoded, some as text."""
    return json.loads(value) if isinstance(value, str) else value


def same_document(one: Any, other: Any) -> bool:
    """Whether two policy documents say the same in the same order; a text that is no JSON says nothing.

    IAM takes a string for a list of one, and a statement for a list of one: neither form is another policy.
    """
    try:
        return bool(_plain(as_document(one)) == _plain(as_document(other)))
    except ValueError:
        return False


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        items = [_plain(item) for item in value]
        return items[0] if len(items) == 1 else items
    return value


def read_state(account: Account, service: str, operation: str, parameters: Mapping[str, Any]) -> Any:
    """Read what the call would change; ``None`` where it does not exist.

    Raises:
        RemediationError: the operation is not one that plans make, or the account did not answer.
    """
    try:
        return _read(account, service, operation, parameters)
    except GoneError:
        return None


def _read(account: Account, service: str, operation: str, given: Mapping[str, Any]) -> Any:
    for kind in _KINDS:
        owner = {f"{kind}Name": given.get(f"{kind}Name")}
        if operation in (f"Put{kind}Policy", f"Delete{kind}Policy"):
            answer = account.call("iam", f"Get{kind}Policy", **owner, PolicyName=given["PolicyName"])
            return as_document(answer["PolicyDocument"])
        if operation in (f"Attach{kind}Policy", f"Detach{kind}Policy"):
            found = account.pages("iam", f"ListAttached{kind}Policies", "AttachedPolicies", **owner)
            return "attached" if given["PolicyArn"] in {item["PolicyArn"] for item in found} else None
    reader = _READERS.get(f"{service}:{operation}")
    if reader is None:
        raise RemediationError(f"a plan has no step {service}:{operation}")
    return reader(account, given)


def _read_trust(account: Account, given: Mapping[str, Any]) -> Any:
    return as_document(account.call("iam", "GetRole", RoleName=given["RoleName"])["Role"]["AssumeRolePolicyDocument"])


def _read_key(account: Account, given: Mapping[str, Any]) -> Any:
    keys = account.pages("iam", "ListAccessKeys", "AccessKeyMetadata", UserName=given["UserName"])
    return next((item["Status"] for item in keys if item["AccessKeyId"] == given["AccessKeyId"]), None)


def _read_key_ids(account: Account, given: Mapping[str, Any]) -> Any:
    keys = account.pages("iam", "ListAccessKeys", "AccessKeyMetadata", UserName=given["UserName"])
    return sorted(item["AccessKeyId"] for item in keys)


def _read_login(account: Account, given: Mapping[str, Any]) -> Any:
    profile = account.call("iam", "GetLoginProfile", UserName=given["UserName"])["LoginProfile"]
    return {"created": str(profile["CreateDate"]), "must_reset": bool(profile.get("PasswordResetRequired"))}


def _read_own_device(account: Account, given: Mapping[str, Any]) -> Any:
    devices = account.pages("iam", "ListMFADevices", "MFADevices", UserName=given["UserName"])
    return "active" if given["SerialNumber"] in {item["SerialNumber"] for item in devices} else None


def _read_user(account: Account, given: Mapping[str, Any]) -> Any:
    return account.call("iam", "GetUser", UserName=given["UserName"])["User"]["UserId"]


def _read_member(account: Account, given: Mapping[str, Any]) -> Any:
    groups = account.pages("iam", "ListGroupsForUser", "Groups", UserName=given["UserName"])
    return "member" if given["GroupName"] in {item["GroupName"] for item in groups} else None


def _read_version(account: Account, given: Mapping[str, Any]) -> Any:
    return account.call("iam", "GetPolicy", PolicyArn=given["PolicyArn"])["Policy"]["DefaultVersionId"]


def _read_passwords(account: Account, given: Mapping[str, Any]) -> Any:
    return account.call("iam", "GetAccountPasswordPolicy")["PasswordPolicy"]


def _read_device(account: Account, given: Mapping[str, Any]) -> Any:
    devices = account.pages("iam", "ListVirtualMFADevices", "VirtualMFADevices")
    name = given.get("VirtualMFADeviceName") or str(given["SerialNumber"]).rpartition("/")[2]
    return "present" if any(item["SerialNumber"].endswith(f"/{name}") for item in devices) else None


def _read_trail(account: Account, given: Mapping[str, Any]) -> Any:
    trail = account.call("cloudtrail", "GetTrail", Name=given["Name"])["Trail"]
    return {
        "EnableLogFileValidation": trail.get("LogFileValidationEnabled"),
        "IsMultiRegionTrail": trail.get("IsMultiRegionTrail"),
        "IncludeGlobalServiceEvents": trail.get("IncludeGlobalServiceEvents"),
    }


def _read_new_trail(account: Account, given: Mapping[str, Any]) -> Any:
    trail = account.call("cloudtrail", "GetTrail", Name=given["Name"])["Trail"]
    return _read_trail(account, given) | {"S3BucketName": trail.get("S3BucketName")}


def _read_logging(account: Account, given: Mapping[str, Any]) -> Any:
    return bool(account.call("cloudtrail", "GetTrailStatus", Name=given["Name"])["IsLogging"])


_READERS = {
    "iam:UpdateAssumeRolePolicy": _read_trust,
    "iam:UpdateAccessKey": _read_key,
    "iam:DeleteAccessKey": _read_key,
    "iam:CreateAccessKey": _read_key_ids,
    "iam:DeleteLoginProfile": _read_login,
    "iam:UpdateLoginProfile": _read_login,
    "iam:DeleteUser": _read_user,
    "iam:AddUserToGroup": _read_member,
    "iam:RemoveUserFromGroup": _read_member,
    "iam:SetDefaultPolicyVersion": _read_version,
    "iam:UpdateAccountPasswordPolicy": _read_passwords,
    "iam:DeleteAccountPasswordPolicy": _read_passwords,
    "iam:CreateVirtualMFADevice": _read_device,
    "iam:DeleteVirtualMFADevice": _read_device,
    "iam:EnableMFADevice": _read_own_device,
    "iam:DeactivateMFADevice": _read_own_device,
    "cloudtrail:CreateTrail": _read_new_trail,
    "cloudtrail:DeleteTrail": _read_new_trail,
    "cloudtrail:UpdateTrail": _read_trail,
    "cloudtrail:StartLogging": _read_logging,
    "cloudtrail:StopLogging": _read_logging,
}


def makes_new(operation: str) -> bool:
    """Whether a call makes something new each time, so that no state tells it from an earlier one."""
    return operation in ("CreateAccessKey", "UpdateLoginProfile")


def is_reached(operation: str, parameters: Mapping[str, Any], state: Any) -> bool:
    """Whether a state is what the call leaves behind; never for calls that make something new each time."""
    if makes_new(operation):
        return False
    if operation.startswith(("Delete", "Detach", "Remove", "Deactivate")):
        return state is None
    if operation.startswith(("Attach", "Add", "CreateVirtual")):
        return state is not None
    if operation.startswith("Put") or operation == "UpdateAssumeRolePolicy":
        return state is not None and same_document(state, parameters["PolicyDocument"])
    if operation == "UpdateAccessKey":
        return bool(state == parameters["Status"])
    if operation == "SetDefaultPolicyVersion":
        return bool(state == parameters["VersionId"])
    if operation in ("StartLogging", "StopLogging"):
        return bool(state is (operation == "StartLogging"))
    if operation in ("UpdateAccountPasswordPolicy", "UpdateTrail", "CreateTrail"):
        return state is not None and all(state.get(k) == v for k, v in parameters.items() if k != "Name")
    return False
