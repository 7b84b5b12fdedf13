"""What a search without understanding would find: two rules that many trails are watched with.

What enters: successful permission writes as rows, labels. What leaves: recall, precision and alarms a day of "every
PutRolePolicy" and "every * action". Pure: no file, no lake.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pipeline.simulate import Label

_DOCUMENT_WRITES = frozenset(
    {"PutRolePolicy", "PutUserPolicy", "PutGroupPolicy", "CreatePolicy", "CreatePolicyVersion"}
)


@dataclass(slots=True)
class Baseline:
    """Counts of one rule; an alarm is an event."""

    attacks: int = 0
    attacks_found: int = 0
    alarms: int = 0
    right_alarms: int = 0
    days: int = 0

    def to_json(self) -> dict[str, float]:
        """Return the ratios as the last line of an evaluation holds them."""
        return {
            "recall": round(self.attacks_found / self.attacks, 4) if self.attacks else 1.0,
            "precision": round(self.right_alarms / self.alarms, 4) if self.alarms else 1.0,
            "false_alarms_per_day": round((self.alarms - self.right_alarms) / self.days, 4) if self.days else 0.0,
        }


def names_star(document: str | None) -> bool:
    """Return whether a document allows ``*`` or ``service:*`` by a literal reading, as a text rule would."""
    if not document:
        return False
    try:
        parsed = json.loads(unquote(document))
    except ValueError:
        return False
    statements = parsed.get("Statement", []) if isinstance(parsed, dict) else []
    for statement in statements if isinstance(statements, list) else [statements]:
        actions = statement.get("Action", []) if isinstance(statement, dict) else []
        if isinstance(statement, dict) and statement.get("Effect") == "Allow":
            wanted = [actions] if isinstance(actions, str) else actions
            if any(action == "*" or action.endswith(":*") for action in wanted):
                return True
    return False


def count_baselines(
    baselines: Mapping[str, Baseline], writes: Iterable[Mapping[str, Any]], labels: Sequence[Label], *, days: int
) -> None:
    """Add one corpus.

    Args:
        baselines: ``every_put_role_policy`` and ``every_star_action``; added to.
        writes: ``event_id``, ``event_name``, ``policy_document`` of successful calls.
        labels: of the corpus.
        days: its length.
    """
    attacks = [label for label in labels if not label.is_quiet]
    alarms: dict[str, set[str]] = {name: set() for name in baselines}
    for row in writes:
        if row["event_name"] == "PutRolePolicy":
            alarms["every_put_role_policy"].add(row["event_id"])
        if row["event_name"] in _DOCUMENT_WRITES and names_star(row["policy_document"]):
            alarms["every_star_action"].add(row["event_id"])
    true = {event for label in attacks for event in label.grant_event_ids}
    for name, baseline in baselines.items():
        baseline.days += days
        baseline.attacks += len(attacks)
        baseline.attacks_found += sum(not alarms[name].isdisjoint(label.grant_event_ids) for label in attacks)
        baseline.alarms += len(alarms[name])
        baseline.right_alarms += len(alarms[name] & true)
