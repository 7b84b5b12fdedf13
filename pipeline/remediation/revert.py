"""One recorded change becomes the calls that undo it.

What enters: what a permission-changing call did, and a reader of live state. What leaves: steps with the state that
they were planned for. This module must never undo a change whose earlier state is not known.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.errors import RemediationError
from pipeline.remediation.change import Change, Made, Reader, undoing_step
from pipeline.remediation.clients import Account
from pipeline.remediation.contain import undo_put
from pipeline.remediation.live_state import as_document, same_document
from pipeline.remediation.planted_user import remove_login, remove_user

_OPPOSITES = {"Attach": "Detach", "Detach": "Attach", "Add": "Remove", "Remove": "Add"}


def revert_change(finding_id: str, change: Change, read: Reader, account: Account | None) -> Made:
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


def _restore_inline(finding_id: str, change: Change, read: Reader) -> Made:
    _require_known(change)
    kind = change.target_kind.capitalize()
    slot = {f"{kind}Name": change.target_name, "PolicyName": change.policy_name}
    live = read(f"Put{kind}Policy", slot)
    before = None if change.before_document is None else as_document(change.before_document)
    if live == before or (before is not None and same_document(live, before)):
        return []
    operation = f"Delete{kind}Policy" if before is None else f"Put{kind}Policy"
    where = f"IAM > {kind}s > {change.target_name} > Permissions > {change.policy_name}"
    step = undoing_step(
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


def _restore_trust(finding_id: str, change: Change, read: Reader, _account: Account | None) -> Made:
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
    step = undoing_step(
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


def _turn_round(finding_id: str, change: Change, read: Reader, what: Mapping[str, str]) -> Made:
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
    step = undoing_step(
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


def _leave_group(finding_id: str, change: Change, read: Reader, _account: Account | None) -> Made:
    return _turn_round(finding_id, change, read, {"GroupName": change.group_name})


def _reset_version(finding_id: str, change: Change, read: Reader, account: Account | None) -> Made:
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
    step = undoing_step(
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


_REVERTERS: dict[str, Callable[[str, Change, Reader, Account | None], Made]] = {
    "UpdateAssumeRolePolicy": _restore_trust,
    "AddUserToGroup": _leave_group,
    "RemoveUserFromGroup": _leave_group,
    "CreatePolicyVersion": _reset_version,
    "SetDefaultPolicyVersion": _reset_version,
    "CreateLoginProfile": remove_login,
    "CreateUser": remove_user,
}
