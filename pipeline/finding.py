"""The claim types that cross rooms, and their JSON form (``policytrail.findings/1``).

What enters: plain values. What leaves: frozen dataclasses whose ``to_json`` is INTERFACE-exact: member names and
their order are public. This module must never read a table, a clock or a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Literal

FindingClass = Literal["privilege_escalation", "unauthorized_access", "resource_misuse", "indeterminate", "attempt"]
Status = Literal["confirmed", "suspected"]
Severity = Literal["critical", "high", "medium", "low", "info"]
EvidenceRole = Literal["grant", "assume", "issue", "use", "denied", "context"]
EdgeKind = Literal[
    "issued_key",
    "shared_event",
    "same_session",
    "assumed_role_id",
    "source_identity",
    "pass_role",
    "grant",
    "use",
    "temporal",
]
Tier = Literal["T0", "T1", "T2", "T3", "T4"]
DeltaState = Literal["known", "upper_bound", "unknown"]

FINDINGS_SCHEMA = "policytrail.findings/1"
SEVERITIES: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")
"""Ascending, so that ``index`` compares."""


def format_time(moment: datetime) -> str:
    """Return a UTC instant as AWS writes it: seconds, ``Z``; microseconds only where there are any."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{moment.microsecond:06d}Z" if moment.microsecond else f"{text}Z"


def _members(item: Any) -> dict[str, Any]:
    """Members of a frozen dataclass by name; ``asdict`` would copy every value, and nothing here can change."""
    return {member.name: getattr(item, member.name) for member in fields(item)}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why the finding has its class or score; ``points`` is what it added to the score, 0 if only said."""

    code: str
    text: str
    points: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """One event that the claim rests on, and where its raw record lies."""

    event_id: str
    recipient_account_id: str
    event_time: datetime
    event_name: str
    role: EvidenceRole
    archive_uri: str
    record_index: int
    verification: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the INTERFACE form; ``verification`` appears only where the archive was checked."""
        out = _members(self)
        out["event_time"] = format_time(self.event_time)
        if self.verification is None:
            del out["verification"]
        return out


@dataclass(frozen=True, slots=True)
class ChainEdge:
    """One evidenced step between principals; ``source`` and ``target`` are ARNs or access key ids."""

    source: str
    target: str
    edge: EdgeKind
    confidence: float
    event_id: str

    def to_json(self) -> dict[str, Any]:
        """Return the INTERFACE form, with ``from`` and ``to``."""
        return {
            "from": self.source,
            "to": self.target,
            "edge": self.edge,
            "confidence": self.confidence,
            "event_id": self.event_id,
        }


@dataclass(frozen=True, slots=True)
class DeltaSummary:
    """What the grant added, as the evaluator saw it."""

    tier: Tier
    state: DeltaState
    actions_added: tuple[str, ...] = ()
    actions_added_count: int = 0
    denies_removed: tuple[str, ...] = ()
    conditions_dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Principal:
    """The root principal and, beside it, whom the record names."""

    arn: str
    account_id: str
    actor_arn: str


@dataclass(frozen=True, slots=True)
class Target:
    """Whose permissions changed; empty strings where the record hides it."""

    arn: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A classified chain or grant. Ordered by score (descending), first_event_time, finding_id."""

    finding_id: str
    finding_class: FindingClass
    status: Status
    severity: Severity
    score: int
    title: str
    summary: str
    principal: Principal
    target: Target
    first_event_time: datetime
    last_event_time: datetime
    delta: DeltaSummary
    supersedes: tuple[str, ...] = ()
    path_ids: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    chain: tuple[ChainEdge, ...] = ()
    remediation: tuple[str, ...] = field(default=())

    def sort_key(self) -> tuple[int, datetime, str]:
        """Return the public order's key."""
        return (-self.score, self.first_event_time, self.finding_id)

    def to_json(self) -> dict[str, Any]:
        """Return the object that findings.json holds, members in the published order."""
        return {
            "finding_id": self.finding_id,
            "class": self.finding_class,
            "status": self.status,
            "severity": self.severity,
            "score": self.score,
            "title": self.title,
            "summary": self.summary,
            "principal": _members(self.principal),
            "target": _members(self.target),
            "first_event_time": format_time(self.first_event_time),
            "last_event_time": format_time(self.last_event_time),
            "supersedes": list(self.supersedes),
            "path_ids": list(self.path_ids),
            "delta": {
                name: list(value) if isinstance(value, tuple) else value for name, value in _members(self.delta).items()
            },
            "reasons": [_members(reason) for reason in self.reasons],
            "evidence": [item.to_json() for item in self.evidence],
            "chain": [edge.to_json() for edge in self.chain],
            "remediation": list(self.remediation),
        }
