"""What was planted: ``labels.json`` (``policytrail.labels/1``).

What enters: facts from scenarios. What leaves: frozen labels and their JSON. Only ``simulate`` and the evaluation read
them; the pipeline under test must never.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

LABELS_SCHEMA = "policytrail.labels/1"


@dataclass(frozen=True, slots=True)
class Edge:
    """One true step of a chain; its ends are ARNs or access key ids, as in findings.json, and "" is any."""

    source: str
    target: str
    edge: str
    event_id: str
    copies: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the members as findings.json names them, and ``copies``: ids of the same call in other accounts."""
        return {
            "from": self.source,
            "to": self.target,
            "edge": self.edge,
            "event_id": self.event_id,
            "copies": list(self.copies),
        }


@dataclass(frozen=True, slots=True)
class Label:
    """One planted instance and what a right tool says about it.

    ``expected_class`` is the strict answer ("" for none), ``accepted_classes`` the loose ones. ``grant_event_ids`` are
    the permission changes (or denied attempts) that the claim is about; ``context_event_ids`` are earlier changes that
    the story needs and that a tool may report or not; ``side_event_ids`` are the attack's other acts, which a tool may
    report as findings of their own; ``lineage_event_ids`` are all events of the instance.
    ``chain`` must be found; ``true_edges`` are right as well but not demanded. ``entities`` are the ARNs and keys that
    take part, ``key_owners`` says whose each key is.
    """

    scenario: str
    family: str
    instance: str
    account_id: str
    expected_class: str
    accepted_classes: tuple[str, ...]
    is_quiet: bool
    grant_event_ids: tuple[str, ...]
    use_event_ids: tuple[str, ...]
    context_event_ids: tuple[str, ...]
    side_event_ids: tuple[str, ...]
    lineage_event_ids: tuple[str, ...]
    entities: tuple[str, ...]
    key_owners: Mapping[str, str]
    root_principals: tuple[str, ...]
    target_arn: str
    chain: tuple[Edge, ...]
    true_edges: tuple[Edge, ...]
    started_at: str

    def to_json(self) -> dict[str, Any]:
        """Return the published form."""
        out = asdict(self)
        out["chain"] = [edge.to_json() for edge in self.chain]
        out["true_edges"] = [edge.to_json() for edge in self.true_edges]
        out["key_owners"] = dict(sorted(self.key_owners.items()))
        return {key: list(value) if isinstance(value, tuple) else value for key, value in out.items()}


def read_label(data: Mapping[str, Any]) -> Label:
    """Return the label that ``to_json`` wrote."""
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in data.items()
        if name not in ("chain", "true_edges")
    }
    return Label(**known, chain=_read_edges(data["chain"]), true_edges=_read_edges(data["true_edges"]))


def _read_edges(items: Sequence[Mapping[str, Any]]) -> tuple[Edge, ...]:
    return tuple(
        Edge(item["from"], item["to"], item["edge"], item["event_id"], tuple(item["copies"])) for item in items
    )
