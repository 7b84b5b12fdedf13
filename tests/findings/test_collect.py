"""Mart rows become findings in the public order, and none is lost."""

from __future__ import annotations

from typing import Any

import pytest
from finding_rows import ALICE, APP, WHEN, edge_row, evidence_row, finding_row, reason_row, table

from pipeline.errors import ModelError
from pipeline.finding import ChainEdge, DeltaSummary, Evidence, Finding, Principal, Reason, Target
from pipeline.findings import collect_findings

Rows = list[dict[str, Any]]


def collect(findings: Rows, evidence: Rows = [], reasons: Rows = [], edges: Rows = []) -> list[Finding]:  # noqa: B006 - read only
    """Collect from rows."""
    return collect_findings(
        table(findings, finding_row()),
        table(evidence, evidence_row()),
        table(reasons, reason_row()),
        table(edges, edge_row()),
    )


def test_a_row_becomes_a_whole_finding() -> None:
    """Every member of the finding comes from a column, in its published place."""
    assert collect([finding_row()], [evidence_row()], [reason_row()], [edge_row()]) == [
        Finding(
            finding_id="pt-0000000000000001",
            finding_class="privilege_escalation",
            status="confirmed",
            severity="critical",
            score=90,
            title="user/alice granted role/app administrator rights and used them",
            summary=(
                f"The record names {ALICE}. PutRolePolicy on role/app in account 111122223333: 20455 actions added (*);"
                " what the target held before is known. It then used the target's credentials; it called"
                " iam:CreateUser. Confirmed: of the root principal, its past shows no such work."
            ),
            principal=Principal(ALICE, "111122223333", ALICE),
            target=Target(APP, "111122223333"),
            first_event_time=WHEN,
            last_event_time=WHEN,
            delta=DeltaSummary("T4", "known", ("*",), 20455, (), ()),
            supersedes=(),
            path_ids=("iam-017",),
            reasons=(Reason("impact_t4", "The grant reaches administrator rights", 60),),
            evidence=(Evidence("e1", "111122223333", WHEN, "PutRolePolicy", "grant", "file:///a.json.gz", 7),),
            chain=(ChainEdge(ALICE, APP, "grant", 1.0, "e1"),),
            remediation=(),
        )
    ]


def test_findings_come_by_score_then_time_then_id() -> None:
    """The public order does not depend on the order of rows."""
    rows = [finding_row(finding_id=name, score=score) for name, score in (("c", 10), ("b", 90), ("a", 90))]
    assert [item.finding_id for item in collect(rows)] == ["a", "b", "c"]


def test_children_come_in_their_own_order() -> None:
    """Reasons and edges follow their position, evidence its time."""
    reasons = [reason_row(position=20, code="not_authorised"), reason_row()]
    edges = [edge_row(position=2, edge="use"), edge_row(), edge_row(row_kind="chain", position=0, edge=None)]
    (found,) = collect([finding_row()], [], reasons, edges)
    assert [item.code for item in found.reasons] == ["impact_t4", "not_authorised"]
    assert [item.edge for item in found.chain] == ["grant", "use"]


def test_a_child_without_its_finding_is_an_error() -> None:
    """A row that belongs to no finding would be lost silently; it is named instead."""
    with pytest.raises(ModelError, match="'pt-lost'"):
        collect([finding_row()], [evidence_row(finding_id="pt-lost")])


def test_the_same_finding_twice_is_an_error() -> None:
    """Ids are unique; a join gone wrong must not double the report."""
    with pytest.raises(ModelError, match="twice"):
        collect([finding_row(), finding_row()])


def test_verification_is_passed_on() -> None:
    """A checked archive's verdict stands beside the evidence."""
    (found,) = collect([finding_row()], [evidence_row(verification="mismatch")])
    assert found.evidence[0].to_json()["verification"] == "mismatch"
