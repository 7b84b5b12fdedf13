"""Findings name the steps that apply to them; attempts need none."""

from __future__ import annotations

from datetime import UTC, datetime

from pipeline.finding import DeltaSummary, Finding, FindingClass, Principal, Target
from pipeline.jobs.finding_steps import add_steps

ROLE = "arn:aws:iam::111122223333:role/app"


def make(finding_id: str, finding_class: FindingClass) -> Finding:
    """A finding on one role."""
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return Finding(
        finding_id, finding_class, "confirmed", "high", 80, "t", "s", Principal(ROLE, "111122223333", ROLE),
        Target(ROLE, "111122223333"), moment, moment, DeltaSummary("T4", "known"),
    )  # fmt: skip


def test_each_step_named_has_its_entry() -> None:
    """A grant's role is to be contained; a denied attempt granted nothing, so nothing applies."""
    findings, steps = add_steps([make("pt-1", "privilege_escalation"), make("pt-2", "attempt")])
    assert [item.remediation for item in findings] == [("pt-1.contain.role.app",), ()]
    assert list(steps) == ["pt-1.contain.role.app"]
    step = steps["pt-1.contain.role.app"]
    assert (step["finding_id"], step["service"], step["operation"]) == ("pt-1", "iam", "PutRolePolicy")
    assert "2026-01-02T03:04:06Z" in step["cli"]
