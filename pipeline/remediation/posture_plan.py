"""Failed posture checks become steps.

What enters: checks, the account. What leaves: a ``Plan``. This module must never hold a secret: it names the file that
will get one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.errors import RemediationError
from pipeline.remediation.clients import Account
from pipeline.remediation.credentials import MAX_KEYS, deactivate_key, reset_password, rotate_key
from pipeline.remediation.live_state import read_state
from pipeline.remediation.posture import (
    KEY_AGE_DAYS,
    MAX_PASSWORD_AGE,
    MIN_PASSWORD_LENGTH,
    MIN_REUSE,
    UNUSED_DAYS,
    Check,
)
from pipeline.remediation.steps import Plan, Refusal, Step, hash_state
from pipeline.remediation.trails import create_trail, mend_trail, start_trail

_ROOT = "only root changes it: sign in as root, IAM > Security credentials"


def plan_posture(
    checks: Sequence[Check],
    account: Account,
    *,
    account_id: str,
    secrets: Path,
    trail_bucket: str = "",
    now: datetime | None = None,
) -> Plan:
    """Plan what the failed checks ask for.

    Args:
        checks: of this account.
        account: to read live state.
        account_id: its id.
        secrets: folder where new secrets are written, one file each, readable by its owner alone.
        trail_bucket: bucket of a new trail, where the account has none; ``""`` leaves that step to a person.
        now: UTC; ages of keys count up to it.

    Returns:
        The plan; what needs a person or a decision is manual or refused.
    """
    draft = _Draft(account, account_id, secrets, trail_bucket, now or datetime.now(UTC))
    for check in checks:
        if check.status != "fail":
            continue
        try:
            draft.take(check)
        except RemediationError as error:
            draft.refuse(check, f"its state could not be read: {error}")
    return Plan(account_id, tuple(draft.steps), tuple(draft.refused), ())


class _Draft:
    def __init__(self, account: Account, account_id: str, secrets: Path, bucket: str, now: datetime) -> None:
        self._account, self._account_id, self._secrets = account, account_id, secrets
        self._bucket, self._now = bucket, now
        self.steps: list[Step] = []
        self.refused: list[Refusal] = []

    def take(self, check: Check) -> None:
        if check.id == "password_policy":
            self._passwords(check)
        elif check.id == "user_mfa":
            self._mfa(str(check.evidence["user"]))
        elif check.id in ("access_key_age", "unused_credential"):
            self._credentials(check, str(check.evidence["user"]))
        elif check.id.startswith("trail_"):
            self._trail(check)
        else:
            self.refuse(check, _ROOT if check.id.startswith("root_") else "what is right here is yours to decide")

    def refuse(self, check: Check, reason: str) -> None:
        item = Refusal("", check.resource, f"{check.id}: {check.detail}: {reason}")
        if item not in self.refused:
            self.refused.append(item)

    def _add(self, step: Step, state: Any) -> None:
        if all(step.id != done.id for done in self.steps):
            digest = "" if step.is_manual else hash_state(state)
            self.steps.append(replace(step, precondition_sha256=digest))

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
        state = read_state(self._account, "iam", "UpdateAccountPasswordPolicy", given)
        inverse = {"service": "iam", "operation": "DeleteAccountPasswordPolicy", "parameters": {}}
        if state is not None:
            # ExpirePasswords follows from MaxPasswordAge and is no parameter; what is off is told as 0 or null, and
            # said by leaving it out.
            kept = {name: value for name, value in state.items() if name != "ExpirePasswords"}
            before = {name: value for name, value in kept.items() if value is False or value}
            inverse |= {"operation": "UpdateAccountPasswordPolicy", "parameters": before}
        step = Step(
            id="posture.password-policy",
            finding_id="",
            why=(),
            service="iam",
            operation="UpdateAccountPasswordPolicy",
            parameters=given,
            console=("IAM > Account settings > Password policy > Edit", "Custom: enter the values of the command"),
            changes="Set a strong password policy",
            warning="Passwords older than the new limit expire at the next sign-in.",
            inverse=inverse,
        )
        self._add(step, state)

    def _mfa(self, user: str) -> None:
        serial = f"arn:aws:iam::{self._account_id}:mfa/{user}"
        given = {"VirtualMFADeviceName": user}
        if read_state(self._account, "iam", "CreateVirtualMFADevice", given) is not None:
            reason = "a device of this name exists, and its seed cannot be read again: delete or enable it first"
            self.refused.append(Refusal("", f"user {user}", f"user_mfa: {reason}"))
            return
        where = f"IAM > Users > {user} > Security credentials > Multi-factor authentication (MFA) > Assign MFA device"
        made = Step(
            id=f"posture.mfa-device.{user}",
            finding_id="",
            why=(),
            service="iam",
            operation="CreateVirtualMFADevice",
            parameters=given,
            console=(where, "Authenticator app: the user scans the code; nobody else sees it"),
            changes=f"Make a virtual MFA device for user {user}",
            warning="The seed is written to the named file alone: hand it to the user, then delete the file.",
            inverse={"service": "iam", "operation": "DeleteVirtualMFADevice", "parameters": {"SerialNumber": serial}},
            secret_file=str(self._secrets / f"mfa-{hash_state(user)[:12]}.json"),
        )
        self._add(made, None)
        codes = {"AuthenticationCode1": "000000", "AuthenticationCode2": "000000"}
        enable = Step(
            id=f"posture.mfa-enable.{user}",
            finding_id="",
            why=(),
            service="iam",
            operation="EnableMFADevice",
            parameters={"UserName": user, "SerialNumber": serial, **codes},
            console=(where, "The user enters two codes in a row"),
            changes=f"Switch MFA on for user {user}",
            warning="Done with the user, who puts two codes in a row in place of 000000.",
            is_manual=True,
            after=made.id,
        )
        self._add(enable, None)

    def _credentials(self, check: Check, user: str) -> None:
        """Switch unused keys off, rotate old ones, reset a password that nobody used."""
        keys = self._account.pages("iam", "ListAccessKeys", "AccessKeyMetadata", UserName=user)
        for item in (item for item in keys if item["Status"] == "Active"):
            slot = {"UserName": user, "AccessKeyId": item["AccessKeyId"]}
            if self._is_unused(item):
                self._add(deactivate_key("", slot), "Active")
            elif self._now - item["CreateDate"] <= timedelta(KEY_AGE_DAYS):
                continue
            elif len(keys) >= MAX_KEYS:
                self.refuse(check, f"user {user} has {len(keys)} keys, the most there can be: delete one first")
            else:
                for step, state in rotate_key("", slot, sorted(one["AccessKeyId"] for one in keys), self._secrets):
                    self._add(step, state)
        if check.id == "unused_credential" and "password" in check.evidence.get("unused", ()):
            login = read_state(self._account, "iam", "UpdateLoginProfile", {"UserName": user})
            if login is not None:
                self._add(*reset_password("", user, login, self._secrets)[0])

    def _is_unused(self, key: Mapping[str, Any]) -> bool:
        answer = self._account.call("iam", "GetAccessKeyLastUsed", AccessKeyId=key["AccessKeyId"])
        used = answer["AccessKeyLastUsed"].get("LastUsedDate", key["CreateDate"])
        return bool(self._now - used > timedelta(UNUSED_DAYS))

    def _trail(self, check: Check) -> None:
        if ":trail/" not in check.resource:
            for step, state in create_trail(self._account, self._bucket):
                self._add(step, state)
        elif check.id == "trail_encryption":
            self.refuse(check, "it needs a KMS key of your choice")
        elif check.id == "trail_logging":
            self._add(*start_trail(check.resource))
        elif check.detail.startswith("its selectors"):
            self.refuse(check, "which events a trail takes is yours to decide: add management events, write or all")
        else:
            self._add(*mend_trail(self._account, check.resource))
