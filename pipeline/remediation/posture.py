"""The account's posture: read once, judged check by check.

What enters: the account, or its saved answers. What leaves: ``policytrail.posture/1``. What could not be read gives
``unknown`` with the reason, never ``pass``. This module must never make a call that writes.

Source: IAM user guide, "Getting credential reports"; CloudTrail user guide, "Security best practices".
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.errors import RemediationError, UsageError
from pipeline.remediation.clients import Account, GoneError
from pipeline.remediation.live_state import as_document

POSTURE_SCHEMA = "policytrail.posture/1"
KEY_AGE_DAYS, UNUSED_DAYS, MIN_PASSWORD_LENGTH, MIN_REUSE, MAX_PASSWORD_AGE = 90, 90, 14, 24, 90
JudgeRole = Callable[[Mapping[str, Any], str], str]
"""Role's inline documents (policy name -> document) and its ARN -> T0 to T4."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check of one resource; ``status`` is pass, fail or unknown."""

    id: str
    status: str
    severity: str
    resource: str
    detail: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the published form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AccountState:
    """Answers by name, and for each that could not be had the reason."""

    account_id: str
    answers: Mapping[str, Any]
    problems: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What ``--save`` writes and ``--saved`` reads."""
        return asdict(self)


def read_account(account: Account) -> AccountState:
    """Read all that the checks need, each list once and paginated.

    Raises:
        UsageError: no usable credentials.
    """
    answers: dict[str, Any] = {}
    problems: dict[str, str] = {}
    readers: dict[str, Callable[[], Any]] = {
        "password_policy": lambda: _or_none(account, "iam", "GetAccountPasswordPolicy", "PasswordPolicy"),
        "summary": lambda: account.call("iam", "GetAccountSummary")["SummaryMap"],
        "credentials": lambda: _read_credentials(account),
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
        for member, operation, key in (
            ("status", "GetTrailStatus", "Name"),
            ("selectors", "GetEventSelectors", "TrailName"),
        ):
            try:
                answer = account.call("cloudtrail", operation, **{key: trail["TrailARN"]})
                trail[member] = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
            except RemediationError as error:
                trail[f"{member}_problem"] = str(error)
    return AccountState(account.account_id(), answers, problems)


def _or_none(account: Account, service: str, operation: str, member: str) -> Any:
    try:
        return account.call(service, operation)[member]
    except GoneError:
        return None


def _read_credentials(account: Account) -> list[dict[str, str]]:
    for _ in range(10):  # each answer says STARTED or INPROGRESS until the report is made
        if account.call("iam", "GenerateCredentialReport")["State"] == "COMPLETE":
            break
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


def check_posture(state: AccountState, *, now: datetime, judge: JudgeRole) -> list[Check]:
    """Judge an account.

    Args:
        state: what was read.
        now: ages count up to it.
        judge: what a role's inline policies allow, as a tier.

    Returns:
        One entry per check and resource, ordered by check as published.
    """
    account = f"arn:aws:iam::{state.account_id}:root"
    needs: tuple[tuple[str, tuple[str, ...], Callable[[Any], Iterator[Check]]], ...] = (
        ("password_policy", ("password_policy",), lambda given: _check_passwords(given, account)),
        ("summary", ("root_mfa", "root_access_key"), lambda given: _check_root(given, account)),
        ("credentials", ("user_mfa", "access_key_age", "unused_credential"), lambda given: _check_users(given, now)),
        ("trails", ("trail_multi_region", "trail_log_validation", "trail_logging", "trail_global_events"),
         lambda given: _check_trails(given, account)),
        ("roles", ("role_inline_policy",), lambda given: _check_roles(given, judge)),
    )  # fmt: skip
    checks: list[Check] = []
    for answer, ids, check in needs:
        if answer in state.problems or answer not in state.answers:
            reason = state.problems.get(answer, "the answer was not saved")
            checks += [Check(name, "unknown", "info", account, f"could not be read: {reason}") for name in ids]
        else:
            checks += check(state.answers[answer])
    return checks


def render_posture(state: AccountState, checks: list[Check]) -> dict[str, Any]:
    """The published form."""
    entries = [check.to_json() for check in checks]
    return {"schema": POSTURE_SCHEMA, "account_id": state.account_id, "checks": entries}


def _status(is_good: bool) -> str:
    return "pass" if is_good else "fail"


def _check_passwords(policy: Mapping[str, Any] | None, account: str) -> Iterator[Check]:
    given = policy or {}
    wrong = [f"{name} off" for name in _CLASSES if not given.get(name)]
    if given.get("MinimumPasswordLength", 0) < MIN_PASSWORD_LENGTH:
        wrong.append(f"length below {MIN_PASSWORD_LENGTH}")
    if (given.get("PasswordReusePrevention") or 0) < MIN_REUSE:
        wrong.append(f"fewer than {MIN_REUSE} remembered")
    if not 0 < (given.get("MaxPasswordAge") or 0) <= MAX_PASSWORD_AGE:
        wrong.append(f"no expiry within {MAX_PASSWORD_AGE} days")
    detail = "there is no password policy" if policy is None else "; ".join(wrong) or "strong"
    yield Check("password_policy", _status(not wrong), "medium", account, detail, given)


_CLASSES = ("RequireUppercaseCharacters", "RequireLowercaseCharacters", "RequireNumbers", "RequireSymbols")


def _check_root(summary: Mapping[str, Any], account: str) -> Iterator[Check]:
    for name, member, wanted, detail in (
        ("root_mfa", "AccountMFAEnabled", 1, ("root has MFA", "root has no MFA")),
        ("root_access_key", "AccountAccessKeysPresent", 0, ("root has no access key", "root has an access key")),
    ):
        if member not in summary:
            yield Check(name, "unknown", "info", account, f"the account summary has no {member}")
        else:
            is_good = summary[member] == wanted
            yield Check(name, _status(is_good), "critical", account, detail[not is_good], {member: summary[member]})


def _check_users(rows: list[Mapping[str, str]], now: datetime) -> Iterator[Check]:
    for row in rows:
        if row["user"] == "<root_account>":
            continue
        has_password = row["password_enabled"] == str(True).lower()
        if has_password:
            has_mfa = row["mfa_active"] == "true"
            detail = "console user with MFA" if has_mfa else "console user without MFA"
            yield Check("user_mfa", _status(has_mfa), "high", row["arn"], detail, {"user": row["user"]})
            yield _check_use(row, "password", row["password_last_used"], row["password_last_changed"], now)
        for number in ("1", "2"):
            key = f"access_key_{number}"
            if row[f"{key}_active"] != "true":
                continue
            made = row[f"{key}_last_rotated"]
            age = _age(made, now)
            status = "unknown" if age is None else _status(age <= timedelta(KEY_AGE_DAYS))
            said = "age not known" if age is None else f"access key {number} is {age.days} days old"
            yield Check("access_key_age", status, "medium", row["arn"], said, {"user": row["user"], "key": number})
            yield _check_use(row, f"access key {number}", row[f"{key}_last_used_date"], made, now)


def _check_use(row: Mapping[str, str], what: str, used: str, made: str, now: datetime) -> Check:
    age = _age(used, now)
    is_new = (_age(made, now) or _age(row["user_creation_time"], now) or timedelta(0)) <= timedelta(UNUSED_DAYS)
    is_good = is_new if age is None else age <= timedelta(UNUSED_DAYS)
    detail = f"{what} {'never used' if age is None else f'last used {age.days} days ago'}"
    return Check("unused_credential", _status(is_good), "low", row["arn"], detail, {"user": row["user"], "what": what})


def _age(text: str, now: datetime) -> timedelta | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None  # N/A, no_information, not_supported
    return now - (moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo))


def _check_trails(trails: list[Mapping[str, Any]], account: str) -> Iterator[Check]:
    if not trails:
        for name in ("trail_multi_region", "trail_log_validation", "trail_logging", "trail_global_events"):
            yield Check(name, "fail", "critical", account, "there is no trail")
    for trail in trails:
        arn = trail["TrailARN"]
        for name, member, severity in (
            ("trail_multi_region", "IsMultiRegionTrail", "high"),
            ("trail_log_validation", "LogFileValidationEnabled", "high"),
        ):
            yield Check(name, _status(bool(trail.get(member))), severity, arn, f"{member}: {bool(trail.get(member))}")
        if "status_problem" in trail:
            yield Check("trail_logging", "unknown", "info", arn, f"could not be read: {trail['status_problem']}")
        else:
            is_on = bool(trail["status"].get("IsLogging"))
            yield Check("trail_logging", _status(is_on), "critical", arn, "logging" if is_on else "not logging now")
        yield _check_global(trail)
        has_key = bool(trail.get("KmsKeyId"))
        yield Check("trail_encryption", _status(has_key), "low", arn, "own KMS key" if has_key else "no KMS key")


def _check_global(trail: Mapping[str, Any]) -> Check:
    arn, name = trail["TrailARN"], "trail_global_events"
    if not trail.get("IncludeGlobalServiceEvents"):
        return Check(name, "fail", "critical", arn, "global service events are left out: IAM calls do not reach it")
    if "selectors_problem" in trail:
        return Check(name, "unknown", "info", arn, f"could not be read: {trail['selectors_problem']}")
    selectors = trail["selectors"]
    simple = selectors.get("EventSelectors") or []
    advanced = selectors.get("AdvancedEventSelectors") or []
    is_good = any(
        item.get("IncludeManagementEvents", True) and item.get("ReadWriteType", "All") in ("All", "WriteOnly")
        for item in simple
    ) or any(_takes_management(item) for item in advanced)
    is_good = is_good or not (simple or advanced)
    return Check(
        name, _status(is_good), "critical", arn, "IAM events reach it" if is_good else "its selectors drop IAM"
    )


def _takes_management(selector: Mapping[str, Any]) -> bool:
    fields = {item["Field"]: item for item in selector.get("FieldSelectors", ())}
    is_management = "Management" in fields.get("eventCategory", {}).get("Equals", ())
    has_writes = "true" not in fields.get("readOnly", {}).get("Equals", ())
    return (
        is_management and has_writes and "iam.amazonaws.com" not in fields.get("eventSource", {}).get("NotEquals", ())
    )


def _check_roles(roles: list[Mapping[str, Any]], judge: JudgeRole) -> Iterator[Check]:
    for role in roles:
        documents = {item["PolicyName"]: as_document(item["PolicyDocument"]) for item in role["RolePolicyList"]}
        if not documents:
            continue
        evidence = {"policies": sorted(documents)}
        tier = judge(documents, role["Arn"])
        if tier == "":
            said = "an inline policy cannot be read"
            yield Check("role_inline_policy", "unknown", "info", role["Arn"], said, evidence)
            continue
        severity = "critical" if tier == "T4" else "high"
        said = f"its inline policies are {tier}"
        yield Check("role_inline_policy", _status(tier not in ("T3", "T4")), severity, role["Arn"], said, evidence)
