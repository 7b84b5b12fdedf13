"""A key is rotated over weeks: made, handed over, switched off after days of grace, deleted after as many again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.remediation import Account, Journal, Outcome, Plan, Step, apply_plan, rollback_plan
from pipeline.remediation.credentials import GRACE_DAYS, rotate_key
from pipeline.remediation.steps import hash_state
from tests.servers import ApiLog

ACCOUNT = "123456789012"


def plan_rotation(account: Account, user: str, folder: Path) -> tuple[Plan, list[Step], str]:
    """A plan that rotates the one key of a new user; its steps, and the key."""
    account.call("iam", "CreateUser", UserName=user)
    key = account.call("iam", "CreateAccessKey", UserName=user)["AccessKey"]["AccessKeyId"]
    made = rotate_key("", {"UserName": user, "AccessKeyId": key}, [key], folder)
    steps = [replace_precondition(step, state) for step, state in made]
    return Plan(ACCOUNT, tuple(steps)), steps, key


def replace_precondition(step: Step, state: object) -> Step:
    """The step as a plan holds it."""
    return Step(**{name: getattr(step, name) for name in Step.__slots__} | {"precondition_sha256": hash_state(state)})


def results(outcomes: list[Outcome]) -> list[str]:
    """Results alone."""
    return [item.result for item in outcomes]


def statuses(account: Account, user: str) -> dict[str, str]:
    """Key id -> Active or Inactive."""
    keys = account.call("iam", "ListAccessKeys", UserName=user)["AccessKeyMetadata"]
    return {item["AccessKeyId"]: item["Status"] for item in keys}


def test_each_step_waits_for_the_one_before_and_for_its_days(
    s3_endpoint: str, unused: Callable[[str], str], tmp_path: Path
) -> None:
    """One plan, applied again and again; the old key works until the days of grace are over."""
    user, today = unused("user"), datetime.now(UTC)
    with ApiLog(s3_endpoint) as log:
        account, journal = Account(endpoint_url=log.url), Journal(tmp_path / "journal")
        plan, (make, off, delete), old = plan_rotation(account, user, tmp_path)
        assert results(apply_plan(plan, account, journal, now=today)) == ["unconfirmed", "waiting", "waiting"]
        assert results(apply_plan(plan, account, journal, confirmed=[make.id], now=today)) == [
            "done", "waiting", "waiting",
        ]  # fmt: skip
        assert set(statuses(account, user).values()) == {"Active"}
        log.clear()
        soon = today + timedelta(days=GRACE_DAYS, minutes=-5)
        assert results(apply_plan(plan, account, journal, now=soon)) == ["already", "waiting", "waiting"]
        assert log.writes == []
        later = datetime.now(UTC) + timedelta(days=GRACE_DAYS, minutes=1)
        assert results(apply_plan(plan, account, journal, now=later)) == ["already", "done", "unconfirmed"]
        assert statuses(account, user)[old] == "Inactive"
        assert results(rollback_plan(plan, account, journal)) == ["rolled_back", "unconfirmed"]
        assert statuses(account, user)[old] == "Active"
        assert results(apply_plan(plan, account, journal, confirmed=[delete.id], now=later)) == [
            "already", "done", "done",
        ]  # fmt: skip
        assert (old in statuses(account, user), len(statuses(account, user))) == (False, 1)
        assert off.parameters["Status"] == "Inactive"
