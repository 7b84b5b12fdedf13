"""posture over moto: planted weaknesses among 200 users and 300 roles, partial access, saved answers, the page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.app import run_command
from pipeline.errors import UsageError
from pipeline.jobs.posture import judge_account, make_judge
from pipeline.remediation import Account, Check, check_posture, read_account
from pipeline.settings import S3Settings, Settings
from tests.servers import ApiLog, make_test_client

IDS = {
    "password_policy", "user_mfa", "root_mfa", "root_access_key", "access_key_age", "unused_credential",
    "trail_multi_region", "trail_log_validation", "trail_logging", "trail_global_events", "role_inline_policy",
}  # fmt: skip
ACCOUNT = "600000000001"
ACCOUNT_ARN = f"arn:aws:iam::{ACCOUNT}:root"
ALLOW = {"Effect": "Allow", "Resource": "*"}
LATER = datetime.now(UTC) + timedelta(days=100)
PAGE = 100
CALLS = Counter(
    {
        "GetAccountPasswordPolicy": 1, "GetAccountSummary": 1, "GenerateCredentialReport": 1, "GetCredentialReport": 1,
        "GetAccountAuthorizationDetails": 3, "DescribeTrails": 1, "GetTrailStatus": 1, "GetEventSelectors": 1,
        "GetCallerIdentity": 1,
    }
)  # fmt: skip
"""All calls of one pass: 300 roles are three pages of 100, and no user or role is asked for by itself."""


def document(action: str) -> str:
    """A policy that allows one pattern everywhere."""
    return json.dumps({"Version": "2012-10-17", "Statement": [ALLOW | {"Action": action}]})


@pytest.fixture(scope="module")
def endpoint(s3_endpoint: str) -> Iterator[str]:
    """An account of its own, with 200 users, 300 roles and one weakness of each kind."""
    with ApiLog(s3_endpoint, account_id=ACCOUNT) as log:
        _plant(log.url)
        yield log.url


def _plant(endpoint: str) -> None:
    iam, trails = make_test_client(endpoint, "iam"), make_test_client(endpoint, "cloudtrail")
    bucket = make_test_client(endpoint)
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for number in range(200):
        iam.create_user(UserName=f"posture-{number:03d}")
    for number in range(300):
        iam.create_role(RoleName=f"posture-{number:03d}", AssumeRolePolicyDocument=trust)
    iam.create_login_profile(UserName="posture-007", Password="Made-up-1!")
    for name in ("posture-008", "posture-008", "posture-009"):
        iam.create_access_key(UserName=name)
    _enrol(iam, "posture-010")
    for role, action in (("posture-250", "*"), ("posture-251", "sqs:ListQueues"), ("posture-252", "iam:PassRole")):
        iam.put_role_policy(RoleName=role, PolicyName="inline", PolicyDocument=document(action))
    iam.put_role_policy(RoleName="posture-253", PolicyName="keys", PolicyDocument=document("iam:CreateAccessKey"))
    bucket.create_bucket(Bucket="posture-trail")
    trails.create_trail(
        Name="posture", S3BucketName="posture-trail", IsMultiRegionTrail=False, IncludeGlobalServiceEvents=False
    )
    iam.generate_credential_report()
    for client in (iam, trails, bucket):
        client.close()


def _enrol(iam: Any, name: str) -> None:
    """A console user with MFA: the near miss."""
    iam.create_login_profile(UserName=name, Password="Made-up-1!")
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(
        UserName=name, SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321"
    )


def named(checks: list[Check], status: str) -> set[tuple[str, str]]:
    """Check id and the resource's name of each entry with a status."""
    return {(item.id, item.resource.rpartition("/")[2]) for item in checks if item.status == status}


def test_each_planted_weakness_is_found_in_one_pass(endpoint: str) -> None:
    """Exactly what was planted fails; the server saw each list once, page by page, and nothing that writes."""
    with ApiLog(endpoint, page_size=PAGE) as log:
        state = read_account(Account(endpoint_url=log.url), pause=lambda _: None)
        assert Counter(log.operations) == CALLS
    assert len(state.answers["roles"]) == 300
    assert len(state.answers["credentials"]) == 200
    checks = check_posture(state, now=LATER, judge=make_judge())
    assert named(checks, "fail") == {
        ("user_mfa", "posture-007"), ("access_key_age", "posture-008"), ("access_key_age", "posture-009"),
        ("unused_credential", "posture-007"), ("unused_credential", "posture-008"),
        ("unused_credential", "posture-009"), ("unused_credential", "posture-010"),
        ("role_inline_policy", "posture-250"), ("role_inline_policy", "posture-253"),
        ("trail_multi_region", "posture"), ("trail_logging", "posture"), ("trail_log_validation", "posture"),
        ("trail_global_events", "posture"), ("trail_encryption", "posture"), ("password_policy", ACCOUNT_ARN),
        ("root_mfa", ACCOUNT_ARN),
    }  # fmt: skip
    assert ("user_mfa", "posture-010") in named(checks, "pass")
    assert {item.id for item in checks} == IDS | {"trail_encryption"}
    places = [(item.id, item.resource) for item in checks]
    assert len(places) == len(set(places))


def test_a_credential_report_in_the_making_is_waited_for(s3_endpoint: str) -> None:
    """IAM answers STARTED first; a second later it is asked again. An account of nobody gives no entry twice."""
    pauses: list[float] = []
    with ApiLog(s3_endpoint, account_id="600000000009") as log:
        state = read_account(Account(endpoint_url=log.url), pause=pauses.append)
        assert log.operations.count("GenerateCredentialReport") == 2
    assert pauses == [1.0]
    checks = check_posture(state, now=LATER, judge=make_judge())
    assert {item.id for item in checks} == IDS
    assert {item.detail for item in checks if item.id == "user_mfa"} == {"the account has nothing that it applies to"}


def test_partial_access_is_unknown_with_its_reason(endpoint: str) -> None:
    """Each denied call, by the server itself, makes its own checks unknown, never passed; the others are made."""
    told = {
        "GetAccountPasswordPolicy": {"password_policy"},
        "GetAccountSummary": {"root_mfa", "root_access_key"},
        "GenerateCredentialReport": {"user_mfa", "access_key_age", "unused_credential"},
        "GetAccountAuthorizationDetails": {"role_inline_policy"},
        "DescribeTrails": {name for name in IDS if name.startswith("trail_")},
        "GetTrailStatus": {"trail_logging"},
    }
    with ApiLog(endpoint) as log:
        account = Account(endpoint_url=log.url, attempts=1)
        whole = check_posture(read_account(account, pause=lambda _: None), now=LATER, judge=make_judge())
        for denied, ids in told.items():
            log.answer = lambda operation, _, denied=denied: "AccessDenied" if operation == denied else ""
            checks = check_posture(read_account(account, pause=lambda _: None), now=LATER, judge=make_judge())
            unknown = [item for item in checks if item.status == "unknown"]
            assert {item.id for item in unknown} == ids
            assert all(f"{denied}: AccessDenied: planned" in item.detail for item in unknown)
            hidden = ids | ({"trail_encryption"} if denied == "DescribeTrails" else set())
            rest = [item for item in whole if item.id not in hidden]
            assert [item for item in checks if item.id not in hidden] == rest


def test_throttling_is_waited_out_and_else_unknown(endpoint: str) -> None:
    """One throttled page is asked for again; an answer that is always throttled is unknown, not an end."""
    with ApiLog(endpoint, page_size=PAGE) as log:
        account = Account(endpoint_url=log.url, attempts=3)
        log.answer = lambda operation, count: (
            "Throttling" if operation == "GetAccountAuthorizationDetails" and count == 2 else ""
        )
        assert len(read_account(account, pause=lambda _: None).answers["roles"]) == 300
        log.answer = lambda operation, _: "Throttling" if operation == "GetAccountSummary" else ""
        state = read_account(account, pause=lambda _: None)
    assert set(state.problems) == {"summary"}
    assert "Throttling" in state.problems["summary"]


def run(*arguments: str) -> int:
    """Run a command; returns its exit code."""
    with pytest.raises(SystemExit) as stop:
        run_command(list(arguments))
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_saved_answers_give_the_same_checks(
    endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What --save wrote is judged without a call, by the command too, as table, JSON and page."""
    monkeypatch.setenv("COLUMNS", "240")
    settings = Settings(s3=S3Settings(endpoint_url=endpoint))
    _, live = judge_account(settings, save=tmp_path, now=LATER)
    _, saved = judge_account(Settings(s3=S3Settings(endpoint_url="http://127.0.0.1:1")), saved=tmp_path, now=LATER)
    assert [(item.id, item.status, item.resource) for item in saved] == [
        (item.id, item.status, item.resource) for item in live
    ]
    page = tmp_path / "posture.html"
    assert run("posture", "--saved", str(tmp_path), "--json", "--html", str(page)) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["account_id"]) == ("policytrail.posture/1", ACCOUNT)
    assert set(told["checks"][0]) == {"id", "status", "severity", "resource", "detail", "evidence"}
    assert "posture-007" in page.read_text(encoding="utf-8")
    assert run("posture", "--saved", str(tmp_path)) == 0
    assert "posture-250" in capsys.readouterr().out
    assert run("posture", "--saved", str(tmp_path), "--html", str(tmp_path)) == 2


def test_a_posture_plan_is_applied_checked_and_rolled_back(
    endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands plan, show, apply, check and undo; secrets go to files of their owner alone."""
    plan = tmp_path / "plan.json"
    with ApiLog(endpoint) as log:

        def remediate(*arguments: str) -> int:
            return run("remediate", *arguments, "--endpoint-url", log.url)

        assert remediate("plan", "--posture", "--lake", str(tmp_path / "none"), "--out", str(plan)) == 0
        assert remediate("check", str(plan)) == 1
        assert remediate("apply", str(plan)) == 0
        assert not Path(f"{plan}.journal").exists()
        assert log.writes == []
        assert remediate("apply", str(plan), "--yes") == 0
        assert "later runs will not know these calls as yours" in capsys.readouterr().err
        writes = list(log.writes)
        assert remediate("check", str(plan)) == 0
        assert remediate("apply", str(plan), "--yes") == 0
        assert log.writes == writes
        secrets = list(tmp_path.glob("mfa-*.json"))
        assert [oct(path.stat().st_mode & 0o777) for path in secrets] == ["0o600"] * len(secrets)
        seed = json.loads(secrets[0].read_text())["VirtualMFADevice"]["Base32StringSeed"]
        assert seed not in plan.read_text() + Path(f"{plan}.journal").read_text() + capsys.readouterr().out
        assert remediate("rollback", str(plan), "--yes") == 0
        assert remediate("check", str(plan)) == 1


def test_no_credentials_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials nothing can be read, and the user is told what to set."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(UsageError, match="no AWS credentials"):
        read_account(Account(endpoint_url="http://127.0.0.1:1"))
    assert run("posture", "--endpoint-url", "http://127.0.0.1:1") == 2
