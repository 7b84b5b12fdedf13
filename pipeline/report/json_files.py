"""findings.json and run.json: the files that scripts read.

What enters: findings, and the run's dictionary. What leaves: ASCII JSON bytes, members in the published order. This
module must never leave out a finding, nor write a run whose counts do not add up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.finding import FINDINGS_SCHEMA, Finding
from pipeline.report.run_file import check_run, order_run


def _write_json(document: Mapping[str, Any]) -> bytes:
    # ASCII only: a bidirectional or C1 control in a log must not act on the terminal that prints this file, and a
    # lone surrogate has no UTF-8 form. NaN is no JSON.
    return json.dumps(document, ensure_ascii=True, allow_nan=False, indent=1).encode("ascii") + b"\n"


def render_findings(findings: Iterable[Finding]) -> bytes:
    """Render findings.json.

    Args:
        findings: in any order.

    Returns:
        ``policytrail.findings/1``, ordered by score (descending), first_event_time, finding_id.
    """
    ordered = sorted(findings, key=Finding.sort_key)
    return _write_json({"schema": FINDINGS_SCHEMA, "findings": [finding.to_json() for finding in ordered]})


def render_run(run: Mapping[str, Any]) -> bytes:
    """Render run.json.

    Args:
        run: as ``build_run`` makes it.

    Returns:
        ``policytrail.run/1``, members in the published order; added members after them.

    Raises:
        ReportError: a member is missing or of another shape, or the counts do not add up.
    """
    check_run(run)
    return _write_json(order_run(run))
