"""Findings name the steps that apply to them; attempts need none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from pipeline.finding import ChainEdge, DeltaSummary, Finding, FindingClass, Principal, Target
from pipeline.jobs.finding_changes import FindingChanges
from pipeline.jobs.finding_steps import add_steps
from pipeline.remediation import Change

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
KEY = "AKIAEXAMPLEEXAMPLE01"
NOTHING = FindingChanges({}, {})
SMALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}


def make(finding_id: str, finding_class: FindingClass, **more: Any) -> Finding:
    """A finding on one role."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return Finding(
        finding_id, finding_class, "confirmed", "high", 80, "t", "s", Principal(ROLE, ACCOUNT, ROLE),
        Target(ROLE, ACCOUNT), moment, moment, DeltaSummary("T4", "known"), **more,
    )  # fmt: skip


def test_each_step_named_has_its_entry() -> None:
    """A grant's role is to be contained; a denied attempt granted nothing, so nothing applies."""
    findings, steps = add_steps([make("pt-1", "privilege_escalation"), make("pt-2", "attempt")], NOTHING)
    assert [item.remediation for item in findings] == [("pt-1.contain.role.app",), ()]
    assert list(steps) == ["pt-1.contain.role.app"]
    step = steps["pt-1.contain.role.app"]
    assert (step["finding_id"], step["service"], step["operation"]) == ("pt-1", "iam", "PutRolePolicy")
    assert "2026-01-02T03:04:06Z" in step["cli"]


def test_what_the_lake_knows_of_keys_and_policies_becomes_steps() -> None:
    """The chain's key is switched off and renewed, the policy goes back to what it held, a new one is deleted."""
    write = {"event_name": "PutRolePolicy", "target_kind": "role", "target_name": "app", "target_arn": ROLE}
    changes = (
        Change("e1", ACCOUNT, **write, policy_name="runtime", state="known", before_document=json.dumps(SMALL)),
        Change("e2", ACCOUNT, **write, policy_name="planted", state="known", after_document=json.dumps(SMALL)),
        Change("e3", ACCOUNT, **write, policy_name="lost", state="unknown"),
    )
    chain = (ChainEdge(KEY, ROLE, "assumed_role_id", 1.0, "e0"),)
    known = FindingChanges({"pt-1": changes}, {"pt-1": {KEY: "ann"}})
    findings, steps = add_steps([make("pt-1", "unauthorized_access", chain=chain)], known)
    assert [(steps[name]["operation"], steps[name]["why"]) for name in findings[0].remediation] == [
        ("UpdateAccessKey", []), ("PutRolePolicy", []), ("PutRolePolicy", ["e1"]), ("DeleteRolePolicy", ["e2"]),
        ("CreateAccessKey", []), ("DeleteAccessKey", []),
    ]  # fmt: skip
    restore = steps["pt-1.PutRolePolicy.app.runtime"]
    assert json.loads(restore["parameters"]["PolicyDocument"]) == SMALL
    assert "Made from the finding alone" in restore["warning"]
