"""A finding as a responder reads it: who, what was granted, what came of it, why, where the proof lies.

What enters: one ``Finding`` and the plan entries of its remediation. What leaves: plain values for the template. This
module must never add a claim: every sentence counts what the finding holds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.finding import DeltaSummary, Evidence, Finding, Reason
from pipeline.report.chain_drawing import EDGE_WORDS, ChainDrawing, draw_chain
from pipeline.report.principal_label import PrincipalLabel, label_principal

MAX_EVIDENCE = 40
MAX_ACTIONS = 50

CLASS_WORDS = {
    "privilege_escalation": "Privilege escalation",
    "unauthorized_access": "Unauthorized access",
    "resource_misuse": "Resource misuse",
    "indeterminate": "Indeterminate",
    "attempt": "Attempt",
}
TIER_WORDS = {
    "T4": "administrator, or a way to become one",
    "T3": "a complete path to escalate",
    "T2": "secrets, data or whole services on wide resources",
    "T1": "other writes",
    "T0": "nothing new, or listing and reading",
}
STATE_WORDS = {
    "known": "the permissions before are known",
    "upper_bound": "the permissions before are not known: this is the most it can have added",
    "unknown": "what was written is not known",
}
_TRUSTED = (None, "verified", "pending")
"""Verdicts that raise no doubt: not checked at all is said once, at the top of the page."""
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,79}")


@dataclass(frozen=True, slots=True)
class StepView:
    """A remediation step; ``known`` is false where the plan was not handed over."""

    step_id: str
    known: bool
    what: str
    console: tuple[str, ...]
    cli: tuple[str, ...]
    python: tuple[str, ...]
    warning: str
    reversible: bool
    changes: str = ""


@dataclass(frozen=True, slots=True)
class ReasonView:
    """A reason and how wide its bar is, 0 to 100."""

    reason: Reason
    width: int


@dataclass(frozen=True, slots=True)
class FindingView:
    """One card."""

    anchor: str
    finding: Finding
    class_words: str
    root: PrincipalLabel
    actor: PrincipalLabel | None
    target: PrincipalLabel
    tier_words: str
    state_words: str
    outcomes: tuple[str, ...]
    reasons: tuple[ReasonView, ...]
    evidence: tuple[Evidence, ...]
    evidence_omitted: int
    has_verification: bool
    doubtful_count: int
    actions: tuple[str, ...]
    actions_omitted: int
    chain: ChainDrawing | None
    chain_words: tuple[tuple[str, str, str, float, str], ...]
    steps: tuple[StepView, ...]


def view_finding(
    finding: Finding, number: int, steps: Mapping[str, Mapping[str, Any]], *, show_keys: bool = False
) -> FindingView:
    """Prepare one card.

    Args:
        finding: the claim.
        number: its place in the report, from 1; its anchor where the id cannot be one.
        steps: remediation step id -> plan entry.
        show_keys: show access key ids in full.

    Returns:
        All that the template prints.
    """
    root = label_principal(finding.principal.arn, width=64, show_keys=show_keys)
    actor = label_principal(finding.principal.actor_arn, width=64, show_keys=show_keys)
    target = label_principal(finding.target.arn, width=64, show_keys=show_keys)
    most = max((abs(reason.points) for reason in finding.reasons), default=0) or 1
    actions = finding.delta.actions_added
    return FindingView(
        anchor=anchor_finding(finding, number),
        finding=finding,
        class_words=CLASS_WORDS[finding.finding_class],
        root=root,
        actor=None if actor.full == root.full else actor,
        target=target,
        tier_words=TIER_WORDS[finding.delta.tier],
        state_words=STATE_WORDS[finding.delta.state],
        outcomes=describe_outcome(finding.evidence, finding.delta),
        reasons=tuple(ReasonView(reason, round(100 * abs(reason.points) / most)) for reason in finding.reasons),
        evidence=finding.evidence[:MAX_EVIDENCE],
        evidence_omitted=max(0, len(finding.evidence) - MAX_EVIDENCE),
        has_verification=any(item.verification is not None for item in finding.evidence),
        doubtful_count=sum(item.verification not in _TRUSTED for item in finding.evidence),
        actions=actions[:MAX_ACTIONS],
        actions_omitted=max(0, finding.delta.actions_added_count - len(actions[:MAX_ACTIONS])),
        chain=draw_chain(
            finding.chain, root_arn=finding.principal.arn, target_arn=finding.target.arn, show_keys=show_keys
        ),
        chain_words=tuple(
            (edge.source, edge.target, EDGE_WORDS.get(edge.edge, edge.edge), edge.confidence, edge.event_id)
            for edge in finding.chain[:MAX_EVIDENCE]
        ),
        steps=tuple(_view_step(step_id, steps.get(step_id)) for step_id in finding.remediation),
    )


def anchor_finding(finding: Finding, number: int) -> str:
    """Return the fragment by which a card is linked: its id where that is a plain word, else its number."""
    return f"finding-{finding.finding_id}" if _SAFE_ID.fullmatch(finding.finding_id) else f"finding-no-{number}"


def describe_outcome(evidence: Sequence[Evidence], delta: DeltaSummary) -> tuple[str, ...]:
    """Say what came of a grant, from the events the finding cites.

    Args:
        evidence: the finding's events.
        delta: what the grant added.

    Returns:
        Sentences with counts and times; one that says so where no use was seen.
    """
    by_role: dict[str, list[Evidence]] = {}
    for item in evidence:
        by_role.setdefault(item.role, []).append(item)
    out: list[str] = []
    grants = sorted(item.event_time for item in by_role.get("grant", ()))
    denied = by_role.get("denied", [])
    if denied:
        out.append(f"{_count(denied, 'call was', 'calls were')} denied: {_name_calls(denied)}.")
    assumed = by_role.get("assume", [])
    if assumed:
        out.append(f"{_count(assumed, 'assumption', 'assumptions')} of a role on the way: {_name_calls(assumed)}.")
    uses = by_role.get("use", [])
    if uses:
        first = min(item.event_time for item in uses)
        after = f", first {_span(grants[0], first)} after the grant" if grants and first >= grants[0] else ""
        out.append(f"The grant was used in {_count(uses, 'call', 'calls')}: {_name_calls(uses)}{after}.")
    elif grants:
        out.append("No use of the new permission is among the events that were read.")
    if not grants:
        out.append("No grant succeeded.")
    if delta.state == "unknown" and grants:
        out.append("The record does not say what was written.")
    return tuple(out)


def _count(items: Sequence[Evidence], one: str, many: str) -> str:
    return f"{len(items):,} {one if len(items) == 1 else many}"


def _name_calls(items: Sequence[Evidence]) -> str:
    counts = sorted(Counter(item.event_name for item in items).items(), key=lambda pair: (-pair[1], pair[0]))
    named = [f"{name[:80]} \u00d7 {count}" if count > 1 else name[:80] for name, count in counts[:6]]
    rest = len(counts) - len(named)
    return ", ".join(named) + (f" and {rest} more kinds" if rest else "")


def _span(start: datetime, end: datetime) -> str:
    seconds = int((end - start).total_seconds())
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}s"
    return f"{seconds} second{'' if seconds == 1 else 's'}"


def _lines(value: Any) -> tuple[str, ...]:
    """A plan's text or list of texts, as the lines to print."""
    parts = [value] if isinstance(value, str) and value else list(value or ())
    return tuple(line for part in parts for line in str(part).split("\n"))


def _view_step(step_id: str, entry: Mapping[str, Any] | None) -> StepView:
    if entry is None:
        return StepView(step_id, False, "", (), (), (), "", False)
    what = f"{entry.get('service', '')}:{entry.get('operation', '')}".strip(":")
    return StepView(
        step_id,
        True,
        what,
        _lines(entry.get("console")),
        _lines(entry.get("cli")),
        _lines(entry.get("python")),
        str(entry.get("warning") or ""),
        entry.get("inverse") is not None,
        str(entry.get("changes") or ""),
    )
