"""Mart rows to ``Finding`` objects.

What enters: the four finding relations as Arrow tables. What leaves: findings in the public order, each with its
evidence, reasons and chain in theirs. This module must never drop a row: a child row without its finding is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import pyarrow as pa

from pipeline.errors import ModelError
from pipeline.finding import ChainEdge, DeltaSummary, Evidence, Finding, Principal, Reason, Target
from pipeline.findings.sentences import printable, write_summary, write_title

REASON_LIMIT = 1_000
"""Longest text of one reason: a reason names at most a handful of things from the log."""

Child = TypeVar("Child", Evidence, Reason, ChainEdge)


def collect_findings(findings: pa.Table, evidence: pa.Table, reasons: pa.Table, edges: pa.Table) -> list[Finding]:
    """Collect the findings of one build.

    Args:
        findings: ``fct_findings``.
        evidence: ``fct_finding_evidence``.
        reasons: ``fct_finding_reasons``.
        edges: ``fct_escalation_chains``; rows whose ``row_kind`` is ``chain`` are summaries and left aside.

    Returns:
        One ``Finding`` per row of ``findings``, by score (descending), first event and id.

    Raises:
        ModelError: a row of evidence, reason or edge names a finding that is not there, or ids repeat.
    """
    rows = findings.to_pylist()
    ids = [row["finding_id"] for row in rows]
    if len(set(ids)) < len(ids):
        raise ModelError("fct_findings holds the same finding_id twice")
    steps = [row for row in edges.to_pylist() if row["row_kind"] == "edge"]
    proofs = _group(evidence.to_pylist(), ids, _evidence, ("event_time", "recipient_account_id", "event_id", "role"))
    texts = _group(reasons.to_pylist(), ids, _reason, ("position", "code"))
    chains = _group(steps, ids, _edge, ("position", "edge", "event_id"))
    found = [_finding(row, proofs, texts, chains) for row in rows]
    return sorted(found, key=Finding.sort_key)


def _group(
    rows: Sequence[Mapping[str, Any]],
    ids: Sequence[str],
    make: Callable[[Mapping[str, Any]], Child],
    order: tuple[str, ...],
) -> dict[str, tuple[Child, ...]]:
    grouped: dict[str, list[Mapping[str, Any]]] = {finding_id: [] for finding_id in ids}
    for row in rows:
        if row["finding_id"] not in grouped:
            raise ModelError(f"a row belongs to finding {row['finding_id']!r}, which fct_findings does not have")
        grouped[row["finding_id"]].append(row)
    return {
        finding_id: tuple(make(row) for row in sorted(own, key=lambda row: tuple(row[name] for name in order)))
        for finding_id, own in grouped.items()
    }


def _finding(
    row: Mapping[str, Any],
    proofs: Mapping[str, tuple[Evidence, ...]],
    texts: Mapping[str, tuple[Reason, ...]],
    chains: Mapping[str, tuple[ChainEdge, ...]],
) -> Finding:
    finding_id = row["finding_id"]
    return Finding(
        finding_id=finding_id,
        finding_class=row["class"],
        status=row["status"],
        severity=row["severity"],
        score=row["score"],
        title=write_title(row),
        summary=write_summary(row),
        principal=Principal(row["principal_arn"], row["principal_account_id"], row["actor_arn"]),
        target=Target(row["target_arn"], row["target_account_id"]),
        first_event_time=row["first_event_time"],
        last_event_time=row["last_event_time"],
        delta=DeltaSummary(
            tier=row["delta_tier"],
            state=row["delta_state"],
            actions_added=tuple(row["actions_added"]),
            actions_added_count=row["actions_added_count"],
            denies_removed=tuple(row["denies_removed"]),
            conditions_dropped=tuple(row["conditions_dropped"]),
        ),
        supersedes=tuple(row["supersedes"]),
        path_ids=tuple(row["path_ids"]),
        reasons=texts[finding_id],
        evidence=proofs[finding_id],
        chain=chains[finding_id],
        remediation=tuple(row["remediation"]),
    )


def _evidence(row: Mapping[str, Any]) -> Evidence:
    return Evidence(
        event_id=row["event_id"],
        recipient_account_id=row["recipient_account_id"],
        event_time=row["event_time"],
        event_name=row["event_name"],
        role=row["role"],
        archive_uri=row["archive_uri"],
        record_index=row["record_index"],
        verification=row["verification"],
    )


def _reason(row: Mapping[str, Any]) -> Reason:
    return Reason(code=row["code"], text=printable(row["text"], REASON_LIMIT), points=row["points"])


def _edge(row: Mapping[str, Any]) -> ChainEdge:
    return ChainEdge(
        source=row["source"],
        target=row["target"],
        edge=row["edge"],
        confidence=row["confidence"],
        event_id=row["event_id"],
    )
