"""Plan, apply, check and roll back against moto's IAM, by real calls."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.validate import ParamValidator

from pipeline.finding import DeltaSummary, Evidence, Finding, Principal, Target
from pipeline.remediation.apply import apply_plan, check_plan, rollback_plan
from pipeline.remediation.change import Change
from pipeline.remediation.clients import Account
from pipeline.remediation.finding_plan import plan_entries, plan_findings
from pipeline.remediation.journal import Journal, request_ids
from pipeline.remediation.live_state import read_state
from pipeline.remediation.plan_page import render_plan
from pipeline.remediation.steps import Plan, hash_state, read_plan

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ACCOUNT = "123456789012"
OPEN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
SMALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}


def trust(account_id: str) -> dict[str, Any]:
    """A trust document that lets one account in."""
    statement = {"Effect": "Allow", "Principal": {"AWS": account_id}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def finding_on(arn: str, name: str = "pt-1") -> Finding:
    """A finding with one grant on a principal."""
    grant = Evidence("event-1", ACCOUNT, MOMENT, "PutRolePolicy", "grant", "file:///a", 0)
    return Finding(
        finding_id=name, finding_class="privilege_escalation", status="confirmed", severity="high", score=70,
        title="t", summary="s", principal=Principal(arn, ACCOUNT, arn), target=Target(arn, ACCOUNT),
        first_event_time=MOMENT, last_event_time=MOMENT, delta=DeltaSummary("T4", "known"), evidence=(grant,),
    )  # fmt: skip


def make_plan(account: Account, arn: str, changes: list[Change]) -> Plan:
    """A plan through its own JSON, as a user's second command reads it."""
    made = plan_findings([finding_on(arn)], {"pt-1": changes}, account_id=ACCOUNT, account=account, now=MOMENT)
    return read_plan(json.dumps(made.to_json()), "plan.json")


def abused_role(account: Account, name: str) -> tuple[str, list[Change]]:
    """A role with a policy widened, one planted, and its trust opened; returns what the archives would tell."""
    given = {"RoleName": name}
    account.call("iam", "CreateRole", **given, AssumeRolePolicyDocument=json.dumps(trust(ACCOUNT)))
    for policy in ("app", "planted"):
        account.call("iam", "PutRolePolicy", **given, PolicyName=policy, PolicyDocument=json.dumps(OPEN))
    opened = json.dumps(trust("210987654321"))
    account.call("iam", "UpdateAssumeRolePolicy", **given, PolicyDocument=opened)
    write = {"account_id": ACCOUNT, "target_kind": "role", "target_name": name, "state": "known"}
    put = write | {"event_name": "PutRolePolicy", "after_document": json.dumps(OPEN)}
    changes = [
        Change("event-1", policy_name="app", before_document=json.dumps(SMALL), **put),
        Change("event-2", policy_name="planted", **put),
        Change(
            "event-3", event_name="UpdateAssumeRolePolicy", before_document=json.dumps(trust(ACCOUNT)),
            after_document=opened, **write,
        ),
    ]  # fmt: skip
    return f"arn:aws:iam::{ACCOUNT}:role/{name}", changes


def hash_slots(account: Account, plan: Plan) -> str:
    """Hash of everything that the plan touches."""
    return hash_state([read_state(account, step.service, step.operation, step.parameters) for step in plan.steps])


def results(outcomes: list[Any]) -> list[str]:
    """Results alone."""
    return [item.result for item in outcomes]


def test_a_role_goes_through_plan_apply_check_and_rollback(
    account: Account, unused: Callable[[str], str], sent: list[str], tmp_path: Path
) -> None:
    """Applying twice writes once; rolled back, everything touched has the hash it had before."""
    arn, changes = abused_role(account, unused("role"))
    sent.clear()
    plan, journal = make_plan(account, arn, changes), Journal(tmp_path / "journal")
    assert [step.operation for step in plan.steps] == [
        "PutRolePolicy", "UpdateAssumeRolePolicy", "PutRolePolicy", "DeleteRolePolicy",
    ]  # fmt: skip
    assert {name for name in sent if not name.startswith(("Get", "List"))} == set()
    before = hash_slots(account, plan)
    assert results(check_plan(plan, account, journal)) == ["differs"] * 4
    assert results(apply_plan(plan, account, journal)) == ["done"] * 4
    assert results(check_plan(plan, account, journal)) == ["holds"] * 4
    assert len(request_ids(journal)) == 4
    sent.clear()
    assert results(apply_plan(plan, account, journal)) == ["already"] * 4
    assert results(apply_plan(plan, account, Journal(tmp_path / "another"))) == ["already"] * 4
    assert {name for name in sent if not name.startswith(("Get", "List"))} == set()
    assert results(rollback_plan(plan, account, journal)) == ["rolled_back"] * 4
    assert hash_slots(account, plan) == before


def test_a_stale_plan_is_refused(account: Account, unused: Callable[[str], str], tmp_path: Path) -> None:
    """A policy that someone changed after the plan is left as it is, and the plan stops there."""
    name = unused("role")
    arn, changes = abused_role(account, name)
    plan = make_plan(account, arn, changes[:1])
    slot = {"RoleName": name, "PolicyName": "app"}
    account.call("iam", "PutRolePolicy", **slot, PolicyDocument=json.dumps(SMALL | {"Id": "other"}))
    outcomes = apply_plan(plan, account, Journal(tmp_path / "journal"))
    assert results(outcomes) == ["done", "refused"]
    assert read_state(account, "iam", "PutRolePolicy", slot)["Id"] == "other"


def test_a_planted_user_is_contained_and_deleted_only_when_confirmed(
    account: Account, unused: Callable[[str], str], tmp_path: Path
) -> None:
    """Keys go off at once; what cannot be undone waits for its own confirmation, then leaves no user."""
    name = unused("user")
    account.call("iam", "CreateUser", UserName=name)
    key = account.call("iam", "CreateAccessKey", UserName=name)["AccessKey"]["AccessKeyId"]
    account.call("iam", "CreateLoginProfile", UserName=name, Password="Made-up-1!")
    write = {"account_id": ACCOUNT, "target_kind": "user", "target_name": name, "state": "known"}
    changes = [
        Change("event-1", event_name="CreateUser", **write),
        Change("event-2", event_name="CreateAccessKey", issued_key_id=key, **write),
    ]
    plan = make_plan(account, f"arn:aws:iam::{ACCOUNT}:user/{name}", changes)
    journal = Journal(tmp_path / "journal")
    assert results(apply_plan(plan, account, journal))[:2] == ["done", "done"]
    keys = account.call("iam", "ListAccessKeys", UserName=name)["AccessKeyMetadata"]
    assert [item["Status"] for item in keys] == ["Inactive"]
    final = [step.id for step in plan.steps if step.inverse is None]
    assert {"done", "already"} == set(results(apply_plan(plan, account, journal, confirmed=final)))
    assert read_state(account, "iam", "DeleteUser", {"UserName": name}) is None


def test_what_is_unknown_reserved_or_gone_is_refused(account: Account, unused: Callable[[str], str]) -> None:
    """An earlier state that nobody knows, AWS's own roles and a role that is gone are left alone, each with why."""
    name = unused("role")
    arn, _ = abused_role(account, name)
    lost = Change("event-9", ACCOUNT, "PutRolePolicy", "role", name, policy_name="app", state="unknown")
    plan = make_plan(account, arn, [lost])
    assert [item.reason for item in plan.refused] == ["what it held before is not known: give it with --document"]
    given = {(name, "app"): SMALL}
    findings = [finding_on(arn)]
    told = plan_findings(findings, {"pt-1": [lost]}, account_id=ACCOUNT, account=account, now=MOMENT, documents=given)
    assert [step.operation for step in told.steps] == ["PutRolePolicy", "PutRolePolicy"]
    for role, said in (
        ("aws-service-role/x.amazonaws.com/AWSServiceRoleForX", "service-linked"),
        ("aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1", "Identity Center"),
        (unused("gone"), "cannot be read"),
    ):
        plan = make_plan(account, f"arn:aws:iam::{ACCOUNT}:role/{role}", [])
        assert plan.steps == ()
        assert said in plan.refused[0].reason


def test_every_command_fits_the_service_model_and_every_snippet_runs(
    account: Account, s3_endpoint: str, unused: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CLI words name real operations and parameters that validate; the Python does what the step says."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
    arn, changes = abused_role(account, unused("role"))
    plan = make_plan(account, arn, changes)
    assert arn.rpartition("/")[2] in render_plan(plan)
    for step in plan.to_json()["steps"]:
        check_command(step)
        exec(compile(step["python"], step["id"], "exec"), {})
    assert results(check_plan(plan, account, Journal(Path(os.devnull + "-none")))) == ["holds"] * 4


def check_command(step: dict[str, Any]) -> None:
    """Read a CLI command back and validate it against botocore's model."""
    program, service, operation, *words = shlex.split(step["cli"])
    model = botocore.session.get_session().get_service_model(service)
    spelled = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(spelled[operation]).input_shape
    options = {f"--{xform_name(name, '-')}": name for name in shape.members}
    given = {options[name]: value for name, value in zip(words[::2], words[1::2], strict=True)}
    assert (program, given) == ("aws", step["parameters"])
    assert not ParamValidator().validate(given, shape).has_errors()
    assert step["console"]


def test_the_reports_entries_need_no_account() -> None:
    """A finding alone gives the same containment step each time."""
    finding = finding_on(f"arn:aws:iam::{ACCOUNT}:role/app")
    entries = plan_entries(finding)
    assert [item["id"] for item in entries] == ["pt-1.contain.role.app"]
    assert entries == plan_entries(finding)
