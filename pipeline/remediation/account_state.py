"""What an account says of itself: read once, or kept from an earlier reading.

What enters: the account, or a folder of saved answers. What leaves: ``AccountState``. What could not be read stands in
it with the reason. This module must never make a call that writes.

Source: IAM user guide, "Getting credential reports"; IAM API reference, GetAccountAuthorizationDetails.
"""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import RemediationError, UsageError
from pipeline.remediation.clients import Account, GoneError

_REPORT_ATTEMPTS, _REPORT_PAUSE_SECONDS = 30, 1.0
_TRAIL_CALLS = (("status", "GetTrailStatus", "Name"), ("selectors", "GetEventSelectors", "TrailName"))


@dataclass(frozen=True, slots=True)
class AccountState:
    """Answers by name, and for each that could not be had the reason."""

    account_id: str
    answers: Mapping[str, Any]
    problems: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What ``--save`` writes and ``--saved`` reads."""
        return asdict(self)


def read_account(account: Account, *, pause: Callable[[float], None] = time.sleep) -> AccountState:
    """Read all that the checks need, each list once and paginated.

    Args:
        account: whose.
        pause: waits so many seconds while IAM makes its credential report.

    Returns:
        Answers, and for each one that could not be had the reason.

    Raises:
        UsageError: no usable credentials.
    """
    answers: dict[str, Any] = {}
    problems: dict[str, str] = {}
    readers: dict[str, Callable[[], Any]] = {
        "password_policy": lambda: _or_none(account, "iam", "GetAccountPasswordPolicy", "PasswordPolicy"),
        "summary": lambda: account.call("iam", "GetAccountSummary")["SummaryMap"],
        "credentials": lambda: _read_credentials(account, pause),
        "roles": lambda: account.pages(
            "iam", "GetAccountAuthorizationDetails", "RoleDetailList", Filter=["Role"], MaxItems=1000
        ),
        "trails": lambda: account.call("cloudtrail", "DescribeTrails")["trailList"],
    }
    for name, reader in readers.items():
        try:
            answers[name] = reader()
        except RemediationError as error:
            problems[name] = str(error)
    for trail in answers.get("trails", ()):
        _read_trail(account, trail)
    return AccountState(account.account_id(), answers, problems)


def _read_trail(account: Account, trail: dict[str, Any]) -> None:
    """Add a trail's status and selectors, or why they could not be read."""
    for member, operation, key in _TRAIL_CALLS:
        try:
            answer = account.call("cloudtrail", operation, **{key: trail["TrailARN"]})
            trail[member] = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
        except RemediationError as error:
            trail[f"{member}_problem"] = str(error)


def _or_none(account: Account, service: str, operation: str, member: str) -> Any:
    try:
        return account.call(service, operation)[member]
    except GoneError:
        return None


def _read_credentials(account: Account, pause: Callable[[float], None]) -> list[dict[str, str]]:
    for _ in range(_REPORT_ATTEMPTS):  # each answer says STARTED or INPROGRESS until the report is made
        if account.call("iam", "GenerateCredentialReport")["State"] == "COMPLETE":
            break
        pause(_REPORT_PAUSE_SECONDS)
    content = account.call("iam", "GetCredentialReport")["Content"]
    return list(csv.DictReader(io.StringIO(content.decode())))


def read_saved(folder: Path) -> AccountState:
    """Read ``account.json`` of an earlier ``posture --save``.

    Raises:
        UsageError: it is not there, or is something else.
    """
    path = folder / "account.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return AccountState(data["account_id"], data["answers"], data["problems"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"cannot read the saved answers in {path}: {error}", hint="posture --save DIR makes it"
        ) from error
