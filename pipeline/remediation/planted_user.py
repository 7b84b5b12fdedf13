"""Taking away what was planted: a user with everything that it holds, a password that nobody asked for.

What enters: the change that made it, the account. What leaves: steps that cannot be undone, each confirmed by itself.
This module must never make a call that writes.

Source: IAM user guide, "Deleting an IAM user": what must be taken from a user before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.remediation.change import Change, Made, Reader, undoing_step
from pipeline.remediation.clients import Account
from pipeline.remediation.contain import REVOKE_POLICY
from pipeline.remediation.steps import Step


def remove_login(finding_id: str, change: Change, read: Reader, _account: Account | None) -> Made:
    """Take console access away; none where there is none."""
    given = {"UserName": change.target_name}
    live = read("DeleteLoginProfile", given)
    if live is None:
        return []
    step = undoing_step(
        finding_id,
        change,
        "DeleteLoginProfile",
        given,
        console=(f"IAM > Users > {change.target_name} > Security credentials", "Manage console access > Disable"),
        changes=f"Take console access from user {change.target_name}",
        warning="Cannot be undone: the password is lost.",
    )
    return [(step, live)]


def remove_user(finding_id: str, change: Change, read: Reader, account: Account | None) -> Made:
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
        made += remove_login(finding_id, change, read, account)
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
