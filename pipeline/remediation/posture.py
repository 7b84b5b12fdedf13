"""The account's posture, judged check by check.

What enters: ``AccountState``. What leaves: ``policytrail.posture/1``. What could not be read gives ``unknown`` with the
reason, never ``pass``. This module must never make a call.

Source: IAM user guide, "Security best practices"; CloudTrail user guide, "Security best practices".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipeline.remediation.account_state import AccountState
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


_NONE_TO_CHECK = "the account has nothing that it applies to"


def check_posture(state: AccountState, *, now: datetime, judge: JudgeRole) -> list[Check]:
    """Judge an account.

    Args:
        state: what was read.
        now: ages count up to it.
        judge: what a role's inline policies allow, as a tier.

    Returns:
        One entry per check and resource, checks of one answer together; a check that nothing in the account asks for
        has one entry, on the account.
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
            found = list(check(state.answers[answer]))
            checks += found
            missing = [name for name in ids if all(name != item.id for item in found)]
            checks += [Check(name, "pass", "info", account, _NONE_TO_CHECK) for name in missing]
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
        if _is_true(row, "password_enabled"):
            has_mfa = _is_true(row, "mfa_active")
            detail = "console user with MFA" if has_mfa else "console user without MFA"
            yield Check("user_mfa", _status(has_mfa), "high", row["arn"], detail, {"user": row["user"]})
        numbers = [number for number in ("1", "2") if _is_true(row, f"access_key_{number}_active")]
        if numbers:
            yield _check_ages(row, numbers, now)
        if numbers or _is_true(row, "password_enabled"):
            yield _check_uses(row, numbers, now)


def _is_true(row: Mapping[str, str], column: str) -> bool:
    return row[column] == "true"


def _check_ages(row: Mapping[str, str], numbers: list[str], now: datetime) -> Check:
    """One entry per user: the oldest of its active keys decides."""
    ages = {number: _age(row[f"access_key_{number}_last_rotated"], now) for number in numbers}
    limit = timedelta(KEY_AGE_DAYS)
    is_old = any(age is not None and age > limit for age in ages.values())
    status = "fail" if is_old else "unknown" if None in ages.values() else "pass"
    said = "; ".join(
        f"access key {number}: age not known" if age is None else f"access key {number} is {age.days} days old"
        for number, age in ages.items()
    )
    evidence = {"user": row["user"], "keys": {number: row[f"access_key_{number}_last_rotated"] for number in numbers}}
    return Check("access_key_age", status, "medium", row["arn"], said, evidence)


def _check_uses(row: Mapping[str, str], numbers: list[str], now: datetime) -> Check:
    """One entry per user: password and active keys that nobody used for long."""
    used = {f"access key {number}": row[f"access_key_{number}_last_used_date"] for number in numbers}
    made = {f"access key {number}": row[f"access_key_{number}_last_rotated"] for number in numbers}
    if _is_true(row, "password_enabled"):
        used["password"], made["password"] = row["password_last_used"], row["password_last_changed"]
    born = row["user_creation_time"]
    unused = [what for what in used if _is_unused((used[what], made[what], born), now)]
    said = "; ".join(f"{what} {_say_use(_age(text, now))}" for what, text in used.items())
    evidence = {"user": row["user"], "last_used": used, "unused": unused}
    return Check("unused_credential", _status(not unused), "low", row["arn"], said, evidence)


def _is_unused(moments: tuple[str, ...], now: datetime) -> bool:
    """Whether the first moment that is known (last use, making, the user's own) is long ago."""
    ages = [age for age in (_age(text, now) for text in moments) if age is not None]
    return bool(ages) and ages[0] > timedelta(UNUSED_DAYS)


def _say_use(age: timedelta | None) -> str:
    return "never used" if age is None else f"last used {age.days} days ago"


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
