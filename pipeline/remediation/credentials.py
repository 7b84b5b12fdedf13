"""Steps on a user's credentials: switch a key off, rotate it, set another password.

What enters: whose step it is, user and key. What leaves: steps with the live state that they are planned for. This
module must never hold a secret: it names the file that will get one.

Source: IAM user guide, "Rotate access keys" (create, move over, deactivate, watch, delete); IAM
quotas: two keys a user.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.remediation.steps import Step, hash_state

GRACE_DAYS = 7
"""Between two steps of a rotation: what still uses the old key shows itself by then."""

MAX_KEYS = 2
Made = list[tuple[Step, Any]]
"""Steps, each with the live state that it will find."""


def step_prefix(finding_id: str) -> str:
    """What a step's id begins with: the finding, or ``posture``."""
    return finding_id or "posture"


def deactivate_key(finding_id: str, slot: Mapping[str, Any], why: Iterable[str] = (), **more: Any) -> Step:
    """The step that switches an access key off; what still uses it stops."""
    user, key = slot["UserName"], slot["AccessKeyId"]
    given = dict(slot) | {"Status": "Inactive"}
    return Step(
        id=f"{step_prefix(finding_id)}.deactivate.{key}",
        finding_id=finding_id,
        why=tuple(why),
        service="iam",
        operation="UpdateAccessKey",
        parameters=given,
        console=(f"IAM > Users > {user} > Security credentials > Access keys", f"Actions of {key} > Deactivate"),
        changes=f"Deactivate access key {key} of user {user}",
        warning="What still uses the key stops. Sessions made with it go on until they are revoked or end.",
        inverse={"service": "iam", "operation": "UpdateAccessKey", "parameters": given | {"Status": "Active"}},
        **more,
    )


def delete_key(finding_id: str, slot: Mapping[str, Any], *, after: str, why: Iterable[str] = ()) -> Step:
    """The step that deletes a key some days after it was switched off."""
    user, key = slot["UserName"], slot["AccessKeyId"]
    return Step(
        id=f"{step_prefix(finding_id)}.delete.{key}",
        finding_id=finding_id,
        why=tuple(why),
        service="iam",
        operation="DeleteAccessKey",
        parameters=dict(slot),
        console=(f"IAM > Users > {user} > Security credentials > Access keys", f"Actions of {key} > Delete"),
        changes=f"Delete access key {key} of user {user}, {GRACE_DAYS} days after it was switched off",
        warning="Cannot be undone. Seal the evidence first, and see that nothing missed the key.",
        after=after,
        wait_days=GRACE_DAYS,
    )


def create_key(finding_id: str, user: str, secrets: Path, why: Iterable[str] = ()) -> Step:
    """The step that makes a new key and puts its secret into a file."""
    where = f"IAM > Users > {user} > Security credentials > Access keys > Create access key"
    return Step(
        id=f"{step_prefix(finding_id)}.create-key.{user}",
        finding_id=finding_id,
        why=tuple(why),
        service="iam",
        operation="CreateAccessKey",
        parameters={"UserName": user},
        console=(where, "Hand the key to the user over a channel that you trust, then delete the file"),
        changes=f"Make a new access key for user {user}, to hand over",
        warning="The secret is written to the named file alone: hand it over, then delete the file. The old key is not "
        "deleted in the same breath: what uses it would break.",
        secret_file=str(secrets / f"key-{hash_state([finding_id, user])[:12]}.json"),
    )


def rotate_key(finding_id: str, slot: Mapping[str, Any], key_ids: list[str], secrets: Path) -> Made:
    """Create, hand over, deactivate the old key after days of grace, delete it after as many again.

    Args:
        finding_id: ``""`` for a posture item.
        slot: ``UserName`` and ``AccessKeyId`` of the old key, which is active.
        key_ids: all keys of the user, sorted: the state that a new one is planned for.
        secrets: folder of the new secret.
    """
    made = create_key(finding_id, slot["UserName"], secrets)
    off = deactivate_key(finding_id, slot, after=made.id, wait_days=GRACE_DAYS)
    return [
        (made, key_ids),
        (off, "Active"),
        (delete_key(finding_id, slot, after=off.id), "Inactive"),
    ]


def reset_password(finding_id: str, user: str, state: Any, secrets: Path, why: Iterable[str] = ()) -> Made:
    """Give the user another password, to be changed at the next sign-in.

    Args:
        finding_id: ``""`` for a posture item.
        user: one that has a login profile.
        state: the login profile as it is.
        secrets: folder of the new password.
        why: event ids.
    """
    step = Step(
        id=f"{step_prefix(finding_id)}.password.{user}",
        finding_id=finding_id,
        why=tuple(why),
        service="iam",
        operation="UpdateLoginProfile",
        parameters={"UserName": user, "PasswordResetRequired": True},
        console=(
            f"IAM > Users > {user} > Security credentials > Manage console access > Reset password",
            "Autogenerated password; user must create a new password at next sign-in",
        ),
        changes=f"Set a new password for user {user}, who must change it at the next sign-in",
        warning="Cannot be undone: a password cannot be read back. The new one is written to the named file alone: "
        "hand it over, then delete the file. Console sessions of the old one go on until they are revoked or end.",
        secret_file=str(secrets / f"password-{hash_state([finding_id, user])[:12]}.txt"),
        generated="Password",
    )
    return [(step, state)]
