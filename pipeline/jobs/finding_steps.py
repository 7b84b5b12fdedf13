"""What to do about a finding, as far as the lake tells: step ids on it, and the steps themselves.

What enters: findings, and what their grants changed. What leaves: the same findings with the ids of their steps, and
the plan entries by id. This job must never read an account: ``policytrail remediate plan`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipeline.finding import Finding
from pipeline.jobs.finding_changes import FindingChanges
from pipeline.remediation.finding_plan import plan_entries


def add_steps(findings: Sequence[Finding], known: FindingChanges) -> tuple[list[Finding], dict[str, dict[str, Any]]]:
    """Name the remediation steps of findings.

    Args:
        findings: as collected; an attempt needs no containment, since nothing was granted, and one's own
            remediation none at all.
        known: what their grants changed, and whose their keys are.

    Returns:
        The findings in the same order with ``remediation`` filled, and step id -> plan entry (``policytrail.plan/1``).
    """
    named: list[Finding] = []
    steps: dict[str, dict[str, Any]] = {}
    for finding in findings:
        entries = _entries(finding, known)
        steps.update((entry["id"], entry) for entry in entries)
        named.append(replace(finding, remediation=tuple(entry["id"] for entry in entries)))
    return named, steps


def _entries(finding: Finding, known: FindingChanges) -> list[dict[str, Any]]:
    if finding.finding_class == "attempt" or any(reason.code == "remediation" for reason in finding.reasons):
        return []
    return plan_entries(finding, known.changes.get(finding.finding_id, ()), known.keys.get(finding.finding_id))
