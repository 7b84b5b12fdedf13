"""Steps and plans, and how one API call is written for the command line, for Python and for the console.

What enters: a service, an operation and its parameters. What leaves: ``Step`` and ``Plan`` and their JSON form
(``policytrail.plan/1``). This module must never make a call.
"""

from __future__ import annotations

import hashlib
import json
import pprint
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from botocore import xform_name

from pipeline.errors import UsageError

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
        is_manual: a person must do it (it needs codes of a device, or a hand-over first); never applied.
        secret_file: where an answer's secret goes, readable by its owner alone.
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

    def to_json(self) -> dict[str, Any]:
        """Return the published form, with the call as CLI command and as Python."""
        out = asdict(self)
        out |= {"why": list(self.why), "console": list(self.console)}
        out["cli"] = write_cli(self.service, self.operation, self.parameters)
        out["python"] = write_python(self.service, self.operation, self.parameters)
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
    """

    account_id: str
    steps: tuple[Step, ...]
    refused: tuple[Refusal, ...] = ()
    survives: tuple[str, ...] = field(default=())

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
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{origin} is no plan: {error}", hint="remediate plan --out FILE makes one") from error
    if plan.plan_id != data["plan_id"]:
        raise UsageError(f"{origin} was changed after it was made", hint="make the plan again")
    return plan


def _read_step(item: Mapping[str, Any]) -> Step:
    values = {one.name: item[one.name] for one in fields(Step)}
    return Step(**values | {"why": tuple(item["why"]), "console": tuple(item["console"])})


def write_cli(service: str, operation: str, parameters: Mapping[str, Any]) -> str:
    """The call as an AWS CLI command, quoted for a POSIX shell."""
    words = ["aws", service, xform_name(operation, "-")]
    for name, value in parameters.items():
        option = xform_name(name, "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words += [f"--{option}", json.dumps(value) if isinstance(value, (list, dict)) else str(value)]
    return shlex.join(words)


def write_python(service: str, operation: str, parameters: Mapping[str, Any]) -> str:
    """The call as Python with boto3."""
    arguments = pprint.pformat(dict(parameters), width=100, sort_dicts=False)
    return f'import boto3\n\nclient = boto3.client("{service}")\nclient.{xform_name(operation)}(**{arguments})\n'


def render_plan(plan: Plan) -> str:
    """The plan as Markdown for people; strings of the account stand in code blocks that they cannot close."""
    lines = [f"# Plan {plan.plan_id}", "", f"Account {plan.account_id}. IAM changes take seconds to apply everywhere."]
    for number, step in enumerate(plan.steps, start=1):
        lines += ["", f"## {number}. {_flat(step.changes)}", "", f"Step `{_flat(step.id)}`"]
        lines += [f"Because of events: {_flat(', '.join(step.why))}"] if step.why else []
        lines += [f"**{_flat(step.warning)}**"] if step.warning else []
        if step.is_manual:
            lines.append("Done by a person; `apply` leaves it out.")
        elif step.inverse is None:
            lines.append("Cannot be undone: `apply` needs `--confirm` with its id.")
        lines += ["", *(f"1. {_flat(text)}" for text in step.console), "", *_block(step.to_json()["cli"])]
        lines += ["", *_block(step.to_json()["python"])]
    lines += _list("Left alone", [f"{item.subject}: {item.reason}" for item in plan.refused])
    lines += _list("What survives", plan.survives)
    return "\n".join(lines) + "\n"


def _list(title: str, items: Sequence[str]) -> list[str]:
    return ["", f"## {title}", "", *(f"- {_flat(item)}" for item in items)] if items else []


def _flat(text: str) -> str:
    """One line without markup: control characters go, what starts markup is escaped."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return "".join(f"\\{character}" if character in "\\`*<>[]" else character for character in plain)


def _block(text: str) -> list[str]:
    fence = "`" * 3
    while fence in text:
        fence += "`"
    return [fence, *text.rstrip("\n").splitlines(), fence]
