"""Mart rows become claims that people can read, and claims keep their identity as evidence grows.

What enters: the relations ``fct_findings``, ``fct_finding_evidence``, ``fct_finding_reasons`` and
``fct_escalation_chains`` as Arrow tables, and the findings of an earlier build. What leaves: ``Finding`` objects in
the public order, and the table that maps a finding to the id it inherits. This room must never judge: class, status
and score are decided in SQL, from evidence. It opens nothing and knows no clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.findings.collect import collect_findings
    from pipeline.findings.inherit import inherit_ids

__all__ = ["collect_findings", "inherit_ids"]


def __getattr__(name: str) -> Any:
    # Lazy: pyarrow is only loaded by whoever collects.
    if name == "collect_findings":
        from pipeline.findings.collect import collect_findings

        return collect_findings
    if name == "inherit_ids":
        from pipeline.findings.inherit import inherit_ids

        return inherit_ids
    raise AttributeError(f"module 'pipeline.findings' has no attribute {name!r}")
