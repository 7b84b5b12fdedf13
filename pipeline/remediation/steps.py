"""Steps and plans, and their JSON form (``policytrail.plan/1``).

What enters: a service, an operation and its parameters; or a plan file's text. What leaves: ``Step`` and ``Plan``. This
module must never make a call.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pipeline.errors import UsageError
from pipeline.remediation.call_text import write_cli, write_python

PLAN_SCHEMA = "policytrail.plan/1"


def hash_state(state: object) -> str:
    """SHA-256 of a JSON-like value in canonical form."""
    text = json.dumps(state, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Step:
    """One API call of a plan.

    Attributes:
        id: unique within the plan.
        finding_id: whose step it is; ``""`` for a posture item.
        why: event ids.
        precondition_sha256: hash of the live state that the step was planned for; ``""`` where none was read.
        inverse: the call that undoes it, or ``None``: such a step is confirmed by itself.
        is_manual: a person must do it (it needs codes of a device, or a name that only the user knows); never applied.
        secret_file: where an answer's secret goes, or the generated one, readable by its owner alone.
        generated: a parameter whose value is made when the call is made, and written to ``secret_file``.
        region: where the call must go; ``""`` for the caller's own.
        after: id of the step that must be done first; ``""`` for none.
        wait_days: whole days that must have passed since then.
    """

    id: str
    finding_id: str
    why: tuple[str, ...]
    service: str
    operation: str
    parameters: Mapping[str, Any]
    console: tuple[str, ...]
    changes: str
    warning: str = ""
    precondition_sha256: str = ""
    inverse: Mapping[str, Any] | None = None
    is_manual: bool = False
    secret_file: str = ""
    generated: str = ""
    region: str = ""
    after: str = ""
    wait_days: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the published form, with the call as CLI command and as Python; it shares the step's parameters."""
        out = {member.name: getattr(self, member.name) for member in fields(self)}
        out |= {"why": list(self.why), "console": list(self.console)}
        extra = {"region": self.region, "generated": self.generated, "secret_file": self.secret_file}
        out["cli"] = write_cli(self.service, self.operation, self.parameters, **extra)
        out["python"] = write_python(self.service, self.operation, self.parameters, **extra)
        return out


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the plan leaves alone, and why."""

    finding_id: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in the order in which they are to be done.

    Attributes:
        refused: what was left alone.
        survives: sentences on what the steps do not end.
        lake: where the calls are registered as one's own, for later runs; ``""`` where the plan came from no lake.
    """

    account_id: str
    steps: tuple[Step, ...]
    refused: tuple[Refusal, ...] = ()
    survives: tuple[str, ...] = field(default=())
    lake: str = ""

    @property
    def plan_id(self) -> str:
        """Hash of what the plan does."""
        return "plan-" + hash_state([self.account_id, [step.to_json() for step in self.steps]])[:16]

    def to_json(self) -> dict[str, Any]:
        """Return the published form."""
        return {
            "schema": PLAN_SCHEMA,
            "plan_id": self.plan_id,
            "account_id": self.account_id,
            "steps": [step.to_json() for step in self.steps],
            "refused": [asdict(item) for item in self.refused],
            "survives": list(self.survives),
            "lake": self.lake,
        }


def read_plan(text: str, origin: str) -> Plan:
    """Read a plan file back.

    Raises:
        UsageError: it is no plan, or was edited after it was made.
    """
    try:
        data = json.loads(text)
        if data["schema"] != PLAN_SCHEMA:
            raise ValueError(f"schema {data['schema']!r}")
        plan = Plan(
            data["account_id"],
            tuple(_read_step(item) for item in data["steps"]),
            tuple(Refusal(**item) for item in data["refused"]),
            tuple(data["survives"]),
            data["lake"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{origin} is no plan: {error}", hint="remediate plan --out FILE makes one") from error
    if plan.plan_id != data["plan_id"]:
        raise UsageError(f"{origin} was changed after it was made", hint="make the plan again")
    return plan


def _read_step(item: Mapping[str, Any]) -> Step:
    values = {one.name: item[one.name] for one in fields(Step)}
    return Step(**values | {"why": tuple(item["why"]), "console": tuple(item["console"])})
