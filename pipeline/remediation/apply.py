"""Apply a plan, check it, roll it back; each call stands in the journal before it is made.

What enters: a plan, a journal file, the account. What leaves: one outcome per step. This module must never make a call
whose live state is not the one that was planned for, and never one that cannot be undone without its own confirmation.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import RemediationError, UsageError
from pipeline.remediation.clients import Account
from pipeline.remediation.live_state import is_reached, read_state
from pipeline.remediation.steps import Plan, Step, hash_state


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step: done, already, refused, unconfirmed, manual, failed, holds, differs, rolled_back."""

    step_id: str
    result: str
    detail: str = ""


class Journal:
    """Append-only JSON lines; each line is on disk before the next call."""

    def __init__(self, path: Path) -> None:
        """Name the file; it is made with the first line."""
        self.path = path

    def entries(self) -> list[dict[str, Any]]:
        """All lines so far; a last line that a crash cut short is left out.

        Raises:
            UsageError: the file is no journal.
        """
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").split("\n")
        try:
            return [json.loads(line) for line in lines[:-1]]
        except ValueError as error:
            raise UsageError(f"{self.path} is no journal: {error}") from error

    def add(self, plan: Plan, step: Step, phase: str, **more: Any) -> None:
        """Write one line and wait until it is on disk."""
        line = {"at": datetime.now(UTC).isoformat(), "plan_id": plan.plan_id, "step_id": step.id, "phase": phase}
        handle = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600)
        with os.fdopen(handle, "rb+") as stream:
            # A line that a crash cut short would swallow this one.
            kept = stream.read().rfind(b"\n") + 1
            stream.seek(kept)
            stream.truncate()
            stream.write(json.dumps(line | more, sort_keys=True).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def phases(self, plan: Plan) -> dict[str, str]:
        """The last phase of each step of the plan, in the order in which the steps were begun."""
        found: dict[str, str] = {}
        for entry in self.entries():
            if entry["plan_id"] == plan.plan_id:
                found[entry["step_id"]] = entry["phase"]
        return found


def request_ids(journal: Journal) -> frozenset[str]:
    """The ``requestID`` of every call that the journal says was made: what marks own actions in later logs."""
    return frozenset(entry["request_id"] for entry in journal.entries() if entry.get("request_id"))


def apply_plan(plan: Plan, account: Account, journal: Journal, *, confirmed: Iterable[str] = ()) -> list[Outcome]:
    """Make the plan's calls in order; stop at the first that is refused or fails.

    Args:
        plan: as read from its file.
        account: must be the plan's.
        journal: written before and after each call.
        confirmed: ids of steps without an inverse that may be made.

    Returns:
        One outcome per step that was looked at.

    Raises:
        UsageError: the credentials are another account's, or a confirmed id is no step.
    """
    _require_account(plan, account)
    allowed = frozenset(confirmed)
    unknown = allowed - {step.id for step in plan.steps}
    if unknown:
        raise UsageError(f"--confirm names no step of this plan: {', '.join(sorted(unknown))}")
    outcomes, phases = [], journal.phases(plan)
    for step in plan.steps:
        outcomes.append(_apply_step(plan, step, account, journal, phases.get(step.id, ""), step.id in allowed))
        if outcomes[-1].result in ("failed", "refused"):
            break
    return outcomes


def _require_account(plan: Plan, account: Account) -> None:
    live = account.account_id()
    if live != plan.account_id:
        raise UsageError(f"the plan is for account {plan.account_id}, the credentials are of {live}")


def _apply_step(plan: Plan, step: Step, account: Account, journal: Journal, phase: str, is_confirmed: bool) -> Outcome:
    if step.is_manual:
        return Outcome(step.id, "manual", "a person does this one")
    if phase == "done":
        return Outcome(step.id, "already", "the journal says it is done")
    try:
        state = read_state(account, step.service, step.operation, step.parameters)
    except RemediationError as error:
        return Outcome(step.id, "failed", str(error))
    if is_reached(step.operation, step.parameters, state):
        if phase == "begin":
            journal.add(plan, step, "done", note="a call cut short had reached the account")
        return Outcome(step.id, "already", "the account is in this state")
    if hash_state(state) != step.precondition_sha256:
        return Outcome(step.id, "refused", "the account changed since the plan was made: make it again")
    if step.inverse is None and not is_confirmed:
        return Outcome(step.id, "unconfirmed", f"it cannot be undone: --confirm {step.id}")
    return _make_call(plan, step, account, journal)


def _make_call(plan: Plan, step: Step, account: Account, journal: Journal) -> Outcome:
    journal.add(plan, step, "begin", operation=step.operation, parameters=dict(step.parameters))
    handle = _open_secret(step)
    try:
        answer = account.call(step.service, step.operation, **step.parameters)
    except RemediationError as error:
        journal.add(plan, step, "failed", detail=str(error))
        if handle is not None:
            os.close(handle)
            Path(step.secret_file).unlink()
        return Outcome(step.id, "failed", str(error))
    if handle is not None:
        _hand_over(answer, handle)
    journal.add(plan, step, "done", request_id=answer["ResponseMetadata"].get("RequestId", ""))
    return Outcome(step.id, "done", f"the secret is in {step.secret_file}" if step.secret_file else "")


def _open_secret(step: Step) -> int | None:
    """Make the user's file before the call: a secret that has nowhere to go would be lost."""
    if not step.secret_file:
        return None
    try:
        return os.open(step.secret_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise UsageError(f"cannot make {step.secret_file} for the secret: {error.strerror}") from error


def _hand_over(answer: Mapping[str, Any], handle: int) -> None:
    secrets = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        json.dump(secrets, stream, default=_as_text)
        stream.write("\n")


def _as_text(item: object) -> str:
    if not isinstance(item, bytes):
        return str(item)
    # The seed is ASCII; the picture of it is not.
    return item.decode("ascii") if item.isascii() else base64.b64encode(item).decode("ascii")


def check_plan(plan: Plan, account: Account, journal: Journal) -> list[Outcome]:
    """Say of each step whether the account is as it leaves it; writes nothing."""
    _require_account(plan, account)
    outcomes, phases = [], journal.phases(plan)
    for step in plan.steps:
        if step.is_manual:
            outcomes.append(Outcome(step.id, "manual", "not checked"))
            continue
        state = read_state(account, step.service, step.operation, step.parameters)
        made = step.operation == "CreateAccessKey" and phases.get(step.id) == "done"
        is_held = made or is_reached(step.operation, step.parameters, state)
        outcomes.append(Outcome(step.id, "holds" if is_held else "differs"))
    return outcomes


def rollback_plan(plan: Plan, account: Account, journal: Journal) -> list[Outcome]:
    """Undo what the journal says was begun or done, last first; stop at the first that is refused or fails."""
    _require_account(plan, account)
    steps = {step.id: step for step in plan.steps}
    begun = [name for name, phase in journal.phases(plan).items() if phase in ("begin", "done", "rollback_begin")]
    outcomes = []
    for name in reversed(begun):
        outcomes.append(_undo_step(plan, steps[name], account, journal))
        if outcomes[-1].result in ("failed", "refused"):
            break
    return outcomes


def _undo_step(plan: Plan, step: Step, account: Account, journal: Journal) -> Outcome:
    if step.inverse is None:
        return Outcome(step.id, "unconfirmed", "it cannot be undone")
    try:
        state = read_state(account, step.service, step.operation, step.parameters)
        if hash_state(state) == step.precondition_sha256:
            journal.add(plan, step, "rolled_back", note="the account was in the earlier state")
            return Outcome(step.id, "already", "the account is in the earlier state")
        if not is_reached(step.operation, step.parameters, state):
            return Outcome(step.id, "refused", "the account changed since the step was applied")
        inverse = step.inverse
        journal.add(plan, step, "rollback_begin", operation=inverse["operation"])
        answer = account.call(inverse["service"], inverse["operation"], **inverse["parameters"])
    except RemediationError as error:
        return Outcome(step.id, "failed", str(error))
    journal.add(plan, step, "rolled_back", request_id=answer["ResponseMetadata"].get("RequestId", ""))
    return Outcome(step.id, "rolled_back")
