"""posture over moto: planted weaknesses among 200 users and 300 roles, partial access, saved answers."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.app import run_command
from pipeline.errors import UsageError
from pipeline.jobs.posture import judge_account, make_judge
from pipeline.remediation.clients import Account, DeniedError
from pipeline.remediation.account_state import read_account
from pipeline.remediation.posture import check_posture
from pipeline.settings import S3Settings, Settings
from tests.servers import make_test_client

IDS = {
    "password_policy", "user_mfa", "root_mfa", "root_access_key", "access_key_age", "unused_credential",
    "trail_multi_region", "trail_log_validation", "trail_logging", "trail_global_events", "role_inline_policy",
}  # fmt: skip
ALLOW = {"Effect": "Allow", "Resource": "*"}
LATER = datetime.now(UTC) + timedelta(days=100)


def document(action: str) -> str:
    """A policy that allows one pattern everywhere."""
    return json.dumps({"Version": "2012-10-17", "Statement": [ALLOW | {"Action": action}]})


@pytest.fixture(scope="module")
def endpoint(s3_endpoint: str) -> str:
    """An account of 200 users and 300 roles with one weakness of each kind."""
    iam, trails = make_test_client(s3_endpoint, "iam"), make_test_client(s3_endpoint, "cloudtrail")
    bucket = make_test_client(s3_endpoint)
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for number in range(200):
        iam.create_user(UserName=f"posture-{number:03d}")
    for number in range(300):
        iam.create_role(RoleName=f"posture-{number:03d}", AssumeRolePolicyDocument=trust)
    iam.create_login_profile(UserName="posture-007", Password="Made-up-1!")
    iam.create_access_key(UserName="posture-008")
    iam.put_role_policy(RoleName="posture-250", PolicyName="all", PolicyDocument=document("*"))
    iam.put_role_policy(RoleName="posture-251", PolicyName="read", PolicyDocument=document("sqs:ListQueues"))
    bucket.create_bucket(Bucket="posture-trail")
    trails.create_trail(
        Name="posture", S3BucketName="posture-trail", IsMultiRegionTrail=False, IncludeGlobalServiceEvents=False
    )
    for client in (iam, trails, bucket):
        client.close()
    return s3_endpoint


def test_each_planted_weakness_is_found_in_one_pass(endpoint: str) -> None:
    """Every check id appears, each weakness fails on its resource, and lists are asked for page by page once."""
    account = Account(endpoint_url=endpoint)
    sent: Counter[str] = Counter()

    def note(model: Any, **_: Any) -> None:
        sent[model.name] += 1

    for service in ("iam", "cloudtrail", "sts"):
        account.client(service).meta.events.register("before-call", note)
    checks = check_posture(read_account(account), now=LATER, judge=make_judge())
    failed = {(item.id, item.resource.rpartition("/")[2]) for item in checks if item.status == "fail"}
    assert failed >= {
        ("user_mfa", "posture-007"), ("access_key_age", "posture-008"), ("unused_credential", "posture-008"),
        ("role_inline_policy", "posture-250"), ("trail_multi_region", "posture"), ("trail_logging", "posture"),
        ("trail_log_validation", "posture"), ("trail_global_events", "posture"),
        ("password_policy", "arn:aws:iam::123456789012:root"),
    }  # fmt: skip
    assert ("role_inline_policy", "posture-251") not in failed
    assert {item.id for item in checks} >= IDS
    assert sent["GetAccountAuthorizationDetails"] < 12
    assert all(name.startswith(("Get", "List", "Describe", "Generate")) for name in sent)


def test_partial_access_is_unknown_with_its_reason(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A denied list gives unknown, never pass."""

    class Narrow(Account):
        def pages(self, service: str, operation: str, member: str, /, **parameters: Any) -> list[Any]:
            raise DeniedError(f"{operation}: AccessDenied: not yours")

    checks = check_posture(read_account(Narrow(endpoint_url=endpoint)), now=LATER, judge=make_judge())
    roles = [item for item in checks if item.id == "role_inline_policy"]
    assert [(item.status, "AccessDenied" in item.detail) for item in roles] == [("unknown", True)]
    assert {item.id for item in checks} >= IDS


def test_saved_answers_give_the_same_checks(endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What --save wrote is judged without a call, by the command too."""
    settings = Settings(s3=S3Settings(endpoint_url=endpoint))
    _, live = judge_account(settings, save=tmp_path, now=LATER)
    _, saved = judge_account(Settings(s3=S3Settings(endpoint_url="http://127.0.0.1:1")), saved=tmp_path, now=LATER)
    assert [(item.id, item.status, item.resource) for item in saved] == [
        (item.id, item.status, item.resource) for item in live
    ]
    with pytest.raises(SystemExit) as stop:
        run_command(["posture", "--saved", str(tmp_path), "--json"])
    assert stop.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["account_id"]) == ("policytrail.posture/1", "123456789012")
    assert set(told["checks"][0]) == {"id", "status", "severity", "resource", "detail", "evidence"}


def test_a_posture_plan_is_applied_checked_and_rolled_back(endpoint: str, tmp_path: Path) -> None:
    """The commands plan, show, apply, check and undo; secrets go to files of their owner alone."""
    plan = tmp_path / "plan.json"

    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as stop:
            run_command(["remediate", *arguments, "--endpoint-url", endpoint])
        assert isinstance(stop.value.code, int)
        return stop.value.code

    assert run("plan", "--posture", "--out", str(plan)) == 0
    assert run("check", str(plan)) == 1
    assert run("apply", str(plan)) == 0
    assert not Path(f"{plan}.journal").exists()
    assert run("apply", str(plan), "--yes") == 0
    assert run("check", str(plan)) == 0
    secrets = list(tmp_path.glob("mfa-*.json"))
    assert [oct(path.stat().st_mode & 0o777) for path in secrets] == ["0o600"] * len(secrets)
    seed = json.loads(secrets[0].read_text())["VirtualMFADevice"]["Base32StringSeed"]
    assert seed not in plan.read_text() + Path(f"{plan}.journal").read_text()
    assert run("rollback", str(plan), "--yes") == 0
    assert run("check", str(plan)) == 1


def test_no_credentials_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials nothing can be read, and the user is told what to set."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(UsageError, match="no AWS credentials"):
        read_account(Account(endpoint_url="http://127.0.0.1:1"))
