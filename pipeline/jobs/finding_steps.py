"""What to do about a finding, as far as the finding alone tells: step ids on it, and the steps themselves.

What enters: findings. What leaves: the same findings with the ids of their steps, and the plan entries by id. This job
must never read an account: ``policytrail remediate plan`` does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pipeline.finding import Finding
from pipeline.remediation.plan_findings import plan_entries


def add_steps(findings: Iterable[Finding]) -> tuple[list[Finding], dict[str, dict[str, Any]]]:
    """Name the remediation steps of findings.

    Args:
        findings: as collected; an attempt needs no containment, since nothing was granted.

    Returns:
        The findings in the same order with ``remediation`` filled, and step id -> plan entry (``policytrail.plan/1``).
    """
    named: list[Finding] = []
    steps: dict[str, dict[str, Any]] = {}
    for finding in findings:
        entries = [] if finding.finding_class == "attempt" else plan_entries(finding)
        steps.update((entry["id"], entry) for entry in entries)
        named.append(replace(finding, remediation=tuple(entry["id"] for entry in entries)))
    return named, steps
