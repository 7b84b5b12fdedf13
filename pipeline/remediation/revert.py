"""One recorded change becomes the calls that undo it.

What enters: what a permission-changing call did, and a reader of live state. What leaves: steps with the state that
they were planned for. This module must never undo a change whose earlier state is not known.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import RemediationError
from pipeline.remediation.clients import Account
from pipeline.remediation.contain import REVOKE_POLICY, undo_put
from pipeline.remediation.live_state import as_document, same_document
from pipeline.remediation.steps import Step

Reader = Callable[[str, Mapping[str, Any]], Any]
_Made = list[tuple[Step, Any]]
_OPPOSITES = {"Attach": "Detach", "Detach": "Attach", "Add": "Remove", "Remove": "Add"}


@dataclass(frozen=True, slots=True)
class Change:
    """What one successful call changed.

    Attributes:
        target_kind: role, user or group.
        state: known, upper_bound or unknown: what is known of the time before.
        before_document: what the slot held before; ``None`` for nothing, where the state is known.
        after_document: what the call wrote.
        issued_key_id: the access key that it handed out, or ``""``.
    """

    event_id: str
    account_id: str
    event_name: str
    target_kind: str
    target_name: str
    target_arn: str = ""
    policy_name: str = ""
    policy_arn: str = ""
    policy_version_id: str = ""
    group_name: str = ""
    state: str = "unknown"
    before_document: str | None = None
    after_document: str | None = None
    issued_key_id: str = ""

    @property
    def slot(self) -> tuple[str, ...]:
        """What the call wrote to; two writes to one slot are undone together."""
        is_policy = self.event_name in ("CreatePolicyVersion", "SetDefaultPolicyVersion")
        kind = "version" if is_policy else self.event_name.removeprefix("Put").removeprefix("Delete")
        return (kind, self.target_kind, self.target_name, self.policy_name, self.policy_arn, self.group_name)

    @property
    def rank(self) -> int:
        """Trust before policies, policies before users that were planted."""
        if self.event_name == "UpdateAssumeRolePolicy":
            return 0
        return 2 if self.event_name in ("CreateUser", "CreateLoginProfile") else 1


def recorded_state(change: Change, operation: str) -> Any:
    """What a recorded call left behind in the slot that ``operation`` would change; ``None`` for nothing."""
    if operation.startswith(("Attach", "Detach", "Add", "Remove")):
        return "recorded" if change.event_name.startswith(("Attach", "Add")) else None
    if operation in ("DeleteLoginProfile", "DeleteUser"):
        return "recorded"
    return None if change.after_document is None else as_document(change.after_document)


def revert_change(finding_id: str, change: Change, read: Reader, account: Account | None) -> _Made:
    """Plan the undoing of a change.

    Returns:
        Steps and the live state of each; none where the account already is as before.

    Raises:
        RemediationError: the earlier state is unknown, the target is gone, or no call undoes it.
    """
    name = change.event_name
    if name == "CreateAccessKey":
        return []  # its key is deactivated with the chain's
    if name in _REVERTERS:
        return _REVERTERS[name](finding_id, change, read, account)
    if name in {f"{verb}{kind}Policy" for verb in ("Put", "Delete") for kind in ("Role", "User", "Group")}:
        return _restore_inline(finding_id, change, read)
    if name in {f"{verb}{kind}Policy" for verb in ("Attach", "Detach") for kind in ("Role", "User", "Group")}:
        return _turn_round(finding_id, change, read, {"PolicyArn": change.policy_arn})
    raise RemediationError(f"no call undoes {name} safely: decide by hand")


def _require_known(change: Change) -> None:
    if change.state != "known":
        raise RemediationError("what it held before is not known: give it with --document")


def _step(finding_id: str, change: Change, operation: str, parameters: Mapping[str, Any], **more: Any) -> Step:
    kind, name = change.target_kind or "policy", change.target_name or change.policy_arn
    subject = change.policy_name or change.policy_arn.rpartition("/")[2] or change.group_name or kind
    return Step(
        id=f"{finding_id}.{operation}.{name.rpartition('/')[2]}.{subject}",
        finding_id=finding_id,
        why=(change.event_id,),
        service="iam",
        operation=operation,
        parameters=dict(parameters),
        **more,
    )


def _restore_inline(finding_id: str, change: Change, read: Reader) -> _Made:
    _require_known(change)
    kind = change.target_kind.capitalize()
    slot = {f"{kind}Name": change.target_name, "PolicyName": change.policy_name}
    live = read(f"Put{kind}Policy", slot)
    before = None if change.before_document is None else as_document(change.before_document)
    if live == before or (before is not None and same_document(live, before)):
        return []
    operation = f"Delete{kind}Policy" if before is None else f"Put{kind}Policy"
    where = f"IAM > {kind}s > {change.target_name} > Permissions > {change.policy_name}"
    step = _step(
        finding_id,
        change,
        operation,
        slot if before is None else slot | {"PolicyDocument": json.dumps(before)},
        console=(where, "Delete" if before is None else "Edit > JSON: paste the earlier document, save"),
        changes=f"{'Delete' if before is None else 'Restore'} inline policy {change.policy_name} of "
        f"{change.target_kind} {change.target_name}",
        warning=_changed_since(change, live),
        inverse=undo_put(kind, slot, live),
    )
    return [(step, live)]


def _changed_since(change: Change, live: Any) -> str:
    after = None if change.after_document is None else as_document(change.after_document)
    if live == after or same_document(live, after):
        return ""
    return "It was changed again since the recorded write: look at it before you restore it."


def _restore_trust(finding_id: str, change: Change, read: Reader, _account: Account | None) -> _Made:
    _require_known(change)
    if change.before_document is None:
        raise RemediationError("what it held before is not known: give it with --document")
    before = as_document(change.before_document)
    given = {"RoleName": change.target_name, "PolicyDocument": json.dumps(before)}
    live = read("UpdateAssumeRolePolicy", given)
    if live is None:
        raise RemediationError("the role is gone")
    if same_document(live, before):
        return []
    step = _step(
        finding_id,
        change,
        "UpdateAssumeRolePolicy",
        given,
        console=(f"IAM > Roles > {change.target_name} > Trust relationships > Edit", "Paste the earlier document"),
        changes=f"Restore who may assume role {change.target_name}",
        warning=_changed_since(change, live),
        inverse={
            "service": "iam",
            "operation": "UpdateAssumeRolePolicy",
            "parameters": given | {"PolicyDocument": json.dumps(live)},
        },
    )
    return [(step, live)]


def _turn_round(finding_id: str, change: Change, read: Reader, what: Mapping[str, str]) -> _Made:
    """Undo a call that has an opposite: attach and detach, add to and remove from a group."""
    verb = next(verb for verb in _OPPOSITES if change.event_name.startswith(verb))
    opposite = _opposite(change.event_name, verb)
    if verb in ("Attach", "Add"):
        _require_known(change)
    kind = "User" if "GroupName" in what else change.target_kind.capitalize()
    given = {f"{kind}Name": change.target_name, **what}
    live = read(opposite, given)
    if (live is None) == opposite.startswith(("Detach", "Remove")):
        return []
    subject = change.policy_arn or change.group_name
    step = _step(
        finding_id,
        change,
        opposite,
        given,
        console=(f"IAM > {kind}s > {change.target_name}", f"{_OPPOSITES[verb]}: {subject}"),
        changes=f"{_OPPOSITES[verb]} {subject}: {change.target_kind} {change.target_name}",
        inverse={"service": "iam", "operation": change.event_name, "parameters": given},
    )
    return [(step, live)]


def _opposite(name: str, verb: str) -> str:
    return {"AddUserToGroup": "RemoveUserFromGroup", "RemoveUserFromGroup": "AddUserToGroup"}.get(
        name, _OPPOSITES[verb] + name.removeprefix(verb)
    )


def _leave_group(finding_id: str, change: Change, read: Reader, _account: Account | None) -> _Made:
    return _turn_round(finding_id, change, read, {"GroupName": change.group_name})


def _reset_version(finding_id: str, change: Change, read: Reader, account: Account | None) -> _Made:
    """Go back to the newest version older than the one that the call made the default."""
    if account is None:
        raise RemediationError("which version was the default is read from the account")
    answer = account.pages("iam", "ListPolicyVersions", "Versions", PolicyArn=change.policy_arn)
    live = next(item["VersionId"] for item in answer if item["IsDefaultVersion"])
    if change.event_name != "CreatePolicyVersion" or live != change.policy_version_id:
        raise RemediationError("which version was the default before is not known: set it by hand")
    older = [item["VersionId"] for item in answer if int(item["VersionId"][1:]) < int(live[1:])]
    if len(older) != 1:
        raise RemediationError(f"{len(older)} earlier versions: which one was the default is not known")
    given = {"PolicyArn": change.policy_arn, "VersionId": older[0]}
    step = _step(
        finding_id,
        change,
        "SetDefaultPolicyVersion",
        given,
        console=(f"IAM > Policies > {change.policy_arn} > Policy versions", f"Set {older[0]} as default"),
        changes=f"Make {older[0]} the default version of {change.policy_arn} again",
        warning="It hits everyone the policy is attached to.",
        inverse={
            "service": "iam",
            "operation": "SetDefaultPolicyVersion",
            "parameters": given | {"VersionId": live},
        },
    )
    return [(step, live)]


def _remove_login(finding_id: str, change: Change, read: Reader, _account: Account | None) -> _Made:
    given = {"UserName": change.target_name}
    live = read("DeleteLoginProfile", given)
    if live is None:
        return []
    step = _step(
        finding_id,
        change,
        "DeleteLoginProfile",
        given,
        console=(f"IAM > Users > {change.target_name} > Security credentials", "Manage console access > Disable"),
        changes=f"Take console access from user {change.target_name}",
        warning="Cannot be undone: the password is lost.",
    )
    return [(step, live)]


def _remove_user(finding_id: str, change: Change, read: Reader, account: Account | None) -> _Made:
    """Empty a planted user, then delete it: IAM deletes no user that still holds anything."""
    given = {"UserName": change.target_name}
    live = read("DeleteUser", given)
    last = (_removal(finding_id, change, "DeleteUser", given), live)
    if account is None or live is None:
        # Without the account it is not known what the user holds; the plan that reads it empties the user first.
        return [] if live is None else [last]
    made = [
        (_removal(finding_id, change, operation, given | more), read(operation, given | more))
        for operation, more in _holdings(account, change.target_name)
    ]
    if read("DeleteLoginProfile", given) is not None:
        made += _remove_login(finding_id, change, read, account)
    return [*made, last]


def _removal(finding_id: str, change: Change, operation: str, given: Mapping[str, Any]) -> Step:
    what = ", ".join(str(value) for value in given.values())
    return Step(
        id=f"{finding_id}.{operation}." + ".".join(str(value).rpartition("/")[2] for value in given.values()),
        finding_id=finding_id,
        why=(change.event_id,),
        service="iam",
        operation=operation,
        parameters=dict(given),
        console=(f"IAM > Users > {change.target_name}", f"{operation}: {what}"),
        changes=f"{operation}: {what} (the user was planted)",
        warning="Cannot be undone. Keep it deactivated instead if the evidence may still be needed.",
    )


def _holdings(account: Account, user: str) -> Sequence[tuple[str, dict[str, str]]]:
    """The calls that empty a user."""
    keys = account.pages("iam", "ListAccessKeys", "AccessKeyMetadata", UserName=user)
    inline = account.pages("iam", "ListUserPolicies", "PolicyNames", UserName=user)
    attached = account.pages("iam", "ListAttachedUserPolicies", "AttachedPolicies", UserName=user)
    groups = account.pages("iam", "ListGroupsForUser", "Groups", UserName=user)
    devices = [item["SerialNumber"] for item in account.pages("iam", "ListMFADevices", "MFADevices", UserName=user)]
    return [
        *(("DeactivateMFADevice", {"SerialNumber": serial}) for serial in devices),
        *(("DeleteAccessKey", {"AccessKeyId": item["AccessKeyId"]}) for item in keys),
        *(("DeleteUserPolicy", {"PolicyName": name}) for name in sorted({*inline, REVOKE_POLICY})),
        *(("DetachUserPolicy", {"PolicyArn": item["PolicyArn"]}) for item in attached),
        *(("RemoveUserFromGroup", {"GroupName": item["GroupName"]}) for item in groups),
    ]


_REVERTERS: dict[str, Callable[[str, Change, Reader, Account | None], _Made]] = {
    "UpdateAssumeRolePolicy": _restore_trust,
    "AddUserToGroup": _leave_group,
    "RemoveUserFromGroup": _leave_group,
    "CreatePolicyVersion": _reset_version,
    "SetDefaultPolicyVersion": _reset_version,
    "CreateLoginProfile": _remove_login,
    "CreateUser": _remove_user,
}
