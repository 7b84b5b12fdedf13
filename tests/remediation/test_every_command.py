"""Every command and snippet that a plan can contain is run, as a user would, and does what the step says."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import awscli
import botocore.session
import pytest
from awscli.clidriver import create_clidriver
from botocore import xform_name
from botocore.validate import ParamValidator

from pipeline.jobs.posture import make_judge
from pipeline.remediation import (
    Account,
    Journal,
    Plan,
    check_plan,
    check_posture,
    plan_findings,
    plan_posture,
    read_account,
    render_plan,
)
from tests.remediation.every_operation import ACCOUNT, MOMENT, Victim
from tests.servers import ApiLog, make_test_client

OF_FINDINGS = {
    "UpdateAccessKey", "DeleteAccessKey", "CreateAccessKey", "UpdateLoginProfile", "DeleteLoginProfile", "DeleteUser",
    "UpdateAssumeRolePolicy", "SetDefaultPolicyVersion", "AddUserToGroup", "RemoveUserFromGroup", "DeactivateMFADevice",
    *(f"{verb}{kind}Policy" for verb in ("Put", "Delete", "Attach", "Detach") for kind in ("Role", "User", "Group")),
}  # fmt: skip
OF_POSTURE = {
    "UpdateAccountPasswordPolicy", "CreateVirtualMFADevice", "EnableMFADevice", "CreateAccessKey", "UpdateAccessKey",
    "DeleteAccessKey", "UpdateLoginProfile", "CreateTrail", "StartLogging", "UpdateTrail",
}  # fmt: skip
_NUMBERS = itertools.count()
LATER = datetime.now(UTC) + timedelta(days=100)


@pytest.fixture
def fresh_endpoint(s3_endpoint: str) -> Iterator[str]:
    """An account of the test's own: its password policy and its trails are nobody else's."""
    with ApiLog(s3_endpoint, account_id=f"6000000001{next(_NUMBERS):02d}") as log:
        yield log.url


class UsedOften(Account):
    """moto dates no use of a key: here the user ``rotated-...`` has used his a moment before ``LATER``."""

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """As the server answers, but for that."""
        answer = super().call(service, operation, **parameters)
        if operation == "GetAccessKeyLastUsed" and answer["UserName"].startswith("rotated"):
            answer["AccessKeyLastUsed"] |= {"LastUsedDate": LATER}
        return answer


def weak_account(endpoint: str, unused: Callable[[str], str], *, has_trail: bool) -> Account:
    """A user without MFA whose password nobody used, an unused key, an old one; a weak trail or none."""
    account = UsedOften(endpoint_url=endpoint)
    for kind in ("console", "unused", "rotated"):
        account.call("iam", "CreateUser", UserName=(name := unused(kind)))
        if kind == "console":
            account.call("iam", "CreateLoginProfile", UserName=name, Password="Made-up-1!")
        else:
            account.call("iam", "CreateAccessKey", UserName=name)
    bucket = make_test_client(endpoint)
    bucket.create_bucket(Bucket=(name := unused("trail")))
    bucket.close()
    for trail in account.call("cloudtrail", "DescribeTrails")["trailList"]:
        account.call("cloudtrail", "DeleteTrail", Name=trail["Name"])
    if has_trail:
        account.call("cloudtrail", "CreateTrail", Name=name, S3BucketName=name, IncludeGlobalServiceEvents=False)
    return account


def plan_weak(account: Account, folder: Path, *, bucket: str = "") -> Plan:
    """The plan for an account's posture, as seen 100 days from now."""
    state = read_account(account, pause=lambda _: None)
    checks = check_posture(state, now=LATER, judge=make_judge())
    return plan_posture(checks, account, account_id=state.account_id, secrets=folder, trail_bucket=bucket, now=LATER)


@cache
def driver() -> Any:
    """The CLI; made once, since making it takes longer than a call."""
    return create_clidriver()


def by_cli(step: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """Run a step's command with the AWS CLI itself."""
    program, *words = shlex.split(step["cli"])
    assert program == "aws"
    code = driver().main(words)
    assert code == 0, (step["cli"], capsys.readouterr().err)


def by_python(step: dict[str, Any], _: pytest.CaptureFixture[str]) -> None:
    """Run a step's snippet."""
    exec(compile(step["python"], step["id"], "exec"), {})


RUNNERS = {"cli": by_cli, "python": by_python}


def run_all(plan: Plan, runner: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run all steps in their order; a password stands in its file first, as the step's warning says."""
    for step in plan.to_json()["steps"]:
        validate(step)
        if step["generated"]:
            Path(step["secret_file"]).write_text("Another-made-up-1!")
        RUNNERS[runner](step, capsys)


def validate(step: dict[str, Any]) -> None:
    """Parameters of a step and of its inverse fit botocore's model of the service; console steps are there."""
    calls = [step, step["inverse"]] if step["inverse"] else [step]
    for call in calls:
        model = botocore.session.get_session().get_service_model(call["service"])
        shape = model.operation_model(call["operation"]).input_shape
        errors = ParamValidator().validate(call["parameters"], shape)
        assert not errors.has_errors(), errors.generate_report()
        assert set(call["parameters"]) <= set(shape.members)
    program, service, operation = shlex.split(step["cli"])[:3]
    assert (program, service, operation) == ("aws", step["service"], xform_name(step["operation"], "-"))
    assert step["console"]
    assert all(step["console"])


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Points the CLI and the snippets at a server."""

    # The CLI sets this when it is imported; the tests' own environment takes every AWS_ variable away.
    monkeypatch.setenv("AWS_DATA_PATH", str(Path(awscli.__file__).parent / "data"))

    def point(endpoint: str) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)

    return point


@pytest.mark.parametrize("runner", RUNNERS)
def test_the_steps_of_findings_do_what_they_say(
    runner: str,
    s3_endpoint: str,
    environment: Callable[[str], None],
    unused: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Run by hand in their order, the steps leave the account as the plan's check wants it."""
    environment(s3_endpoint)
    account = Account(endpoint_url=s3_endpoint)
    victim = Victim(account, unused)
    plan = plan_findings(
        [victim.finding], {"pt-1": victim.changes}, account_id=ACCOUNT, account=account, now=MOMENT,
        keys={"pt-1": victim.keys}, secrets=tmp_path,
    )  # fmt: skip
    assert plan.refused == ()
    assert {step.operation for step in plan.steps} == OF_FINDINGS
    assert {step.id for step in plan.steps if f"Step `{step.id}`" not in render_plan(plan).replace("\\", "")} == set()
    run_all(plan, runner, capsys)
    outcomes = check_plan(plan, account, Journal(tmp_path / "none"))
    by_journal = {step.id for step in plan.steps if step.operation in ("CreateAccessKey", "UpdateLoginProfile")}
    assert {item.step_id for item in outcomes if item.result != "holds"} == by_journal


@pytest.mark.parametrize("runner", RUNNERS)
def test_the_steps_of_posture_do_what_they_say(
    runner: str,
    fresh_endpoint: str,
    environment: Callable[[str], None],
    unused: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A weak trail is mended, a missing one made; MFA, passwords and keys are seen to."""
    environment(fresh_endpoint)
    Account(endpoint_url=fresh_endpoint).call("iam", "UpdateAccountPasswordPolicy", MinimumPasswordLength=8)
    seen = set()
    for has_trail in (True, False):
        account = weak_account(fresh_endpoint, unused, has_trail=has_trail)
        bucket = "" if has_trail else "policytrail-" + unused("bucket")
        folder = tmp_path / str(has_trail)
        folder.mkdir()
        if bucket:
            client = make_test_client(fresh_endpoint)
            client.create_bucket(Bucket=bucket)
            client.close()
        plan = plan_weak(account, folder, bucket=bucket)
        seen |= {step.operation for step in plan.steps}
        run_all(plan, runner, capsys)
        outcomes = check_plan(plan, account, Journal(folder / "none"))
        manual = {step.id for step in plan.steps if step.is_manual}
        by_journal = {step.id for step in plan.steps if step.operation in ("CreateAccessKey", "UpdateLoginProfile")}
        assert {item.step_id for item in outcomes if item.result != "holds"} == manual | by_journal
    assert seen == OF_POSTURE
    (status,) = account.call("cloudtrail", "DescribeTrails")["trailList"]
    assert (status["IsMultiRegionTrail"], status["LogFileValidationEnabled"]) == (True, True)
    assert json.loads(json.dumps(plan.to_json()))["steps"]
