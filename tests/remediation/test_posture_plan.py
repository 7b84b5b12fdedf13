"""What failed checks become, where a person must decide, and in which region a trail is called."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.remediation import Account, Check, Journal, Plan, apply_plan, check_plan, plan_posture, rollback_plan
from tests.servers import ApiLog, make_test_client

_NUMBERS = itertools.count()
LATER = datetime.now(UTC) + timedelta(days=100)


@pytest.fixture
def own(s3_endpoint: str) -> Iterator[ApiLog]:
    """An account of the test's own."""
    with ApiLog(s3_endpoint, account_id=f"6000000002{next(_NUMBERS):02d}") as log:
        yield log


def failed(check_id: str, resource: str, **evidence: object) -> Check:
    """A failed check."""
    return Check(check_id, "fail", "high", resource, "weak", evidence)


def make_plan(log: ApiLog, folder: Path, *checks: Check, bucket: str = "") -> Plan:
    """A plan for failed checks."""
    return plan_posture(
        checks, Account(endpoint_url=log.url), account_id=log.account_id, secrets=folder, trail_bucket=bucket, now=LATER
    )


def root_of(log: ApiLog) -> str:
    """The resource of checks on the account."""
    return f"arn:aws:iam::{log.account_id}:root"


def test_a_trail_without_a_named_bucket_is_for_a_person(own: ApiLog, tmp_path: Path) -> None:
    """The steps say that the bucket must be named, and apply makes no call."""
    plan = make_plan(own, tmp_path, failed("trail_logging", root_of(own)), failed("trail_multi_region", root_of(own)))
    assert [(step.operation, step.is_manual) for step in plan.steps] == [("CreateTrail", True), ("StartLogging", True)]
    assert "give remediate plan --trail-bucket BUCKET" in plan.steps[0].warning
    outcomes = apply_plan(plan, Account(endpoint_url=own.url), Journal(tmp_path / "journal"))
    assert {item.result for item in outcomes} == {"manual"}
    assert own.writes == []


def test_a_trail_into_a_named_bucket_is_made_checked_and_taken_back(
    own: ApiLog, unused: Callable[[str], str], tmp_path: Path
) -> None:
    """Every region, log file validation, logging; the rollback leaves no trail."""
    bucket, client = unused("logs"), make_test_client(own.url)
    client.create_bucket(Bucket=bucket)
    client.close()
    account, journal = Account(endpoint_url=own.url), Journal(tmp_path / "journal")
    plan = make_plan(own, tmp_path, failed("trail_logging", root_of(own)), bucket=bucket)
    assert [item.result for item in apply_plan(plan, account, journal)] == ["done", "done"]
    (trail,) = account.call("cloudtrail", "DescribeTrails")["trailList"]
    assert (trail["S3BucketName"], trail["IsMultiRegionTrail"], trail["LogFileValidationEnabled"]) == (
        bucket,
        True,
        True,
    )
    assert [item.result for item in check_plan(plan, account, journal)] == ["holds", "holds"]
    assert [item.result for item in rollback_plan(plan, account, journal)] == ["rolled_back", "rolled_back"]
    assert account.call("cloudtrail", "DescribeTrails")["trailList"] == []


def test_a_trail_is_mended_in_its_home_region(own: ApiLog, unused: Callable[[str], str], tmp_path: Path) -> None:
    """Asked from another region, the call and the command go where the trail lives; the rollback too."""
    name, bucket = unused("trail"), make_test_client(own.url)
    bucket.create_bucket(Bucket=name)
    bucket.close()
    account, journal = Account(endpoint_url=own.url), Journal(tmp_path / "journal")
    there = account.at("eu-west-1")
    arn = there.call("cloudtrail", "CreateTrail", Name=name, S3BucketName=name)["TrailARN"]
    plan = make_plan(own, tmp_path, failed("trail_log_validation", arn))
    assert [(step.operation, step.region) for step in plan.steps] == [("UpdateTrail", "eu-west-1")]
    assert plan.to_json()["steps"][0]["cli"].endswith("--region eu-west-1")
    assert [item.result for item in apply_plan(plan, account, journal)] == ["done"]
    assert there.call("cloudtrail", "GetTrail", Name=name)["Trail"]["LogFileValidationEnabled"] is True
    assert [item.result for item in rollback_plan(plan, account, journal)] == ["rolled_back"]
    assert there.call("cloudtrail", "GetTrail", Name=name)["Trail"]["LogFileValidationEnabled"] is False


def test_what_people_decide_is_left_alone_with_the_reason(
    own: ApiLog, unused: Callable[[str], str], tmp_path: Path
) -> None:
    """Root, wide roles, a full set of keys, a device whose seed nobody knows, a trail that is gone, a KMS key."""
    account, user = Account(endpoint_url=own.url), unused("user")
    arn, trail = (
        f"arn:aws:iam::{own.account_id}:user/{user}",
        f"arn:aws:cloudtrail:us-east-1:{own.account_id}:trail/gone",
    )
    account.call("iam", "CreateUser", UserName=user)
    account.call("iam", "CreateVirtualMFADevice", VirtualMFADeviceName=user)
    checks = [
        failed("root_mfa", root_of(own)),
        failed("role_inline_policy", f"arn:aws:iam::{own.account_id}:role/app", policies=["a"]),
        failed("user_mfa", arn, user=user),
        failed("trail_log_validation", trail),
        failed("trail_encryption", trail),
        failed("access_key_age", f"arn:aws:iam::{own.account_id}:user/gone", user="gone"),
    ]
    plan = make_plan(own, tmp_path, *checks)
    assert plan.steps == ()
    reasons = [item.reason for item in plan.refused]
    for number, said in enumerate(
        ("only root changes it", "yours to decide", "its seed cannot be read again", "the trail is gone", "KMS key",
         "its state could not be read: ListAccessKeys: NoSuchEntity")
    ):  # fmt: skip
        assert said in reasons[number]
    assert own.writes == ["CreateUser", "CreateVirtualMFADevice"]


def test_unused_keys_go_off_and_a_third_key_is_never_made(
    own: ApiLog, unused: Callable[[str], str], tmp_path: Path
) -> None:
    """Both keys are old; the unused ones are deactivated, which is undone by a rollback to the state before."""
    account, user, journal = Account(endpoint_url=own.url), unused("user"), Journal(tmp_path / "journal")
    arn = f"arn:aws:iam::{own.account_id}:user/{user}"
    account.call("iam", "CreateUser", UserName=user)
    for _ in range(2):
        account.call("iam", "CreateAccessKey", UserName=user)
    checks = [failed("access_key_age", arn, user=user), failed("unused_credential", arn, user=user, unused=[])]
    plan = make_plan(own, tmp_path, *checks)
    assert [(step.operation, step.parameters["Status"]) for step in plan.steps] == [("UpdateAccessKey", "Inactive")] * 2
    before = json.dumps(account.call("iam", "ListAccessKeys", UserName=user)["AccessKeyMetadata"], default=str)
    assert [item.result for item in apply_plan(plan, account, journal)] == ["done", "done"]
    assert [item.result for item in rollback_plan(plan, account, journal)] == ["rolled_back", "rolled_back"]
    after = json.dumps(account.call("iam", "ListAccessKeys", UserName=user)["AccessKeyMetadata"], default=str)
    assert after == before
