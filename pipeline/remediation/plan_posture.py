"""Failed posture checks become steps.

What enters: checks, the account. What leaves: a ``Plan``. This module must never hold a secret: it names the file that
will get one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.remediation.clients import Account
from pipeline.remediation.live_state import read_state
from pipeline.remediation.posture import MAX_PASSWORD_AGE, MIN_PASSWORD_LENGTH, MIN_REUSE, Check
from pipeline.remediation.steps import Plan, Refusal, Step, hash_state

_ROOT = "only root changes it: sign in as root, IAM > Security credentials"


def plan_posture(checks: Sequence[Check], account: Account, *, account_id: str, secrets: Path) -> Plan:
    """Plan what the failed checks ask for.

    Args:
        checks: of this account.
        account: to read live state.
        account_id: its id.
        secrets: folder where new secrets are written, one file each, readable by its owner alone.

    Returns:
        The plan; what needs a person or a decision is manual or refused.
    """
    draft = _Draft(account, account_id, secrets)
    for check in checks:
        if check.status == "fail":
            draft.take(check)
    return Plan(account_id, tuple(draft.steps), tuple(draft.refused), ())


class _Draft:
    def __init__(self, account: Account, account_id: str, secrets: Path) -> None:
        self._account, self._account_id, self._secrets = account, account_id, secrets
        self.steps: list[Step] = []
        self.refused: list[Refusal] = []

    def take(self, check: Check) -> None:
        user = str(check.evidence.get("user", ""))
        if check.id == "password_policy":
            self._passwords(check)
        elif check.id == "user_mfa":
            self._mfa(user)
        elif check.id == "access_key_age":
            self._rotate(user)
        elif check.id.startswith("trail_") and ":trail/" in check.resource:
            self._trail(check)
        else:
            reason = _ROOT if check.id.startswith("root_") else f"{check.detail}: what is right here is yours to decide"
            self.refused.append(Refusal("", check.resource, f"{check.id}: {reason}"))

    def _add(self, service: str, operation: str, given: Mapping[str, Any], changes: str, **more: Any) -> None:
        name = f"posture.{operation}." + str(next(iter(given.values()))).rpartition("/")[2]
        if any(step.id == name for step in self.steps):
            return
        state = "" if more.get("is_manual") else hash_state(read_state(self._account, service, operation, given))
        where = "CloudTrail > Trails" if service == "cloudtrail" else "IAM"
        console = more.pop("console", (f"{where}: {changes}",))
        self.steps.append(
            Step(name, "", (), service, operation, given, console, changes, precondition_sha256=state, **more)
        )

    def _passwords(self, check: Check) -> None:
        given: dict[str, Any] = {
            "MinimumPasswordLength": MIN_PASSWORD_LENGTH,
            "RequireSymbols": True,
            "RequireNumbers": True,
            "RequireUppercaseCharacters": True,
            "RequireLowercaseCharacters": True,
            "AllowUsersToChangePassword": True,
            "MaxPasswordAge": MAX_PASSWORD_AGE,
            "PasswordReusePrevention": MIN_REUSE,
        }
        inverse = {"service": "iam", "operation": "DeleteAccountPasswordPolicy", "parameters": {}}
        if check.evidence:
            before = {name: value for name, value in check.evidence.items() if name != "ExpirePasswords"}
            inverse |= {"operation": "UpdateAccountPasswordPolicy", "parameters": before}
        console = ("IAM > Account settings > Password policy > Edit", "Custom: enter the values of the command")
        self._add(
            "iam", "UpdateAccountPasswordPolicy", given, "Set a strong password policy", console=console,
            inverse=inverse, warning="Passwords older than the new limit expire at the next sign-in.",
        )  # fmt: skip

    def _mfa(self, user: str) -> None:
        serial = f"arn:aws:iam::{self._account_id}:mfa/{user}"
        self._add(
            "iam", "CreateVirtualMFADevice", {"VirtualMFADeviceName": user}, f"Make a virtual MFA device for {user}",
            secret_file=str(self._secrets / f"mfa-{hash_state(user)[:12]}.json"),
            inverse={"service": "iam", "operation": "DeleteVirtualMFADevice", "parameters": {"SerialNumber": serial}},
            warning="The seed is written to the named file alone: hand it to the user, then delete the file.",
        )  # fmt: skip
        codes = {"AuthenticationCode1": "000000", "AuthenticationCode2": "000000"}
        self._add(
            "iam", "EnableMFADevice", {"UserName": user, "SerialNumber": serial, **codes}, f"Switch MFA on for {user}",
            is_manual=True, warning="Put two codes in a row from the user's device in place of 000000.",
        )  # fmt: skip

    def _rotate(self, user: str) -> None:
        keys = self._account.pages("iam", "ListAccessKeys", "AccessKeyMetadata", UserName=user)
        old = min((item for item in keys if item["Status"] == "Active"), key=lambda item: item["CreateDate"])
        if len(keys) > 1:
            self.refused.append(Refusal("", f"user {user}", "it has two keys already: delete the unused one first"))
            return
        self._add(
            "iam", "CreateAccessKey", {"UserName": user}, f"Make a new access key for {user}",
            secret_file=str(self._secrets / f"key-{hash_state(user)[:12]}.json"),
            warning="The secret is written to the named file alone: hand it over, then delete the file.",
        )  # fmt: skip
        slot = {"AccessKeyId": old["AccessKeyId"], "UserName": user}
        undo = {"service": "iam", "operation": "UpdateAccessKey", "parameters": slot | {"Status": "Active"}}
        for operation, more, grace in (
            ("UpdateAccessKey", {"Status": "Inactive"}, "once its last use is older than the hand-over"),
            ("DeleteAccessKey", {}, "seven days later, if nothing broke"),
        ):
            changes = f"{operation} {old['AccessKeyId']} of {user}: {grace}"
            inverse = undo if more else None
            self._add("iam", operation, slot | more, changes, is_manual=True, inverse=inverse)

    def _trail(self, check: Check) -> None:
        name = {"Name": check.resource}
        if check.id == "trail_logging":
            undo = {"service": "cloudtrail", "operation": "StopLogging", "parameters": name}
            self._add("cloudtrail", "StartLogging", name, "Start logging", inverse=undo)
        elif check.id in ("trail_multi_region", "trail_log_validation", "trail_global_events"):
            given = name | {
                "IncludeGlobalServiceEvents": True,
                "IsMultiRegionTrail": True,
                "EnableLogFileValidation": True,
            }
            before = read_state(self._account, "cloudtrail", "UpdateTrail", given)
            undo = {"service": "cloudtrail", "operation": "UpdateTrail", "parameters": name | before}
            changes = "Take every region and global events, with log file validation"
            self._add("cloudtrail", "UpdateTrail", given, changes, inverse=undo)
        else:
            self.refused.append(Refusal("", check.resource, f"{check.id}: needs a KMS key of your choice"))
