"""The apply journal: what was about to be called, what was called, and the request id of each call.

What enters: plan, step, phase. What leaves: append-only JSON lines, each on disk before the next call. This module must
never hold a secret.

Source: AWS "CloudTrail record contents": ``requestID`` is made by the service called, so nobody else can choose it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.remediation.steps import Plan, Step


@dataclass(frozen=True, slots=True)
class OwnCall:
    """A call that the journal says was made.

    Attributes:
        request_id: CloudTrail's ``requestID`` of it.
        event_name: CloudTrail's ``eventName``: the operation.
        phase: done, or rolled_back for the call that undid the step.
    """

    account_id: str
    request_id: str
    event_name: str
    plan_id: str
    step_id: str
    finding_id: str
    phase: str


class Journal:
    """Append-only JSON lines; each line is on disk before the next call."""

    def __init__(self, path: Path, *, must_exist: bool = False) -> None:
        """Name the file; it is made with the first line. ``must_exist``: reading an absent one is wrong use."""
        self.path, self._must_exist = path, must_exist

    def entries(self) -> list[dict[str, Any]]:
        """All lines so far; a last line that a crash cut short is left out.

        Raises:
            UsageError: the file cannot be read, or is no journal.
        """
        if not self.path.exists() and not self._must_exist:
            return []
        try:
            entries = [json.loads(line) for line in self.path.read_text(encoding="utf-8").split("\n")[:-1]]
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.path} is no journal: {error}") from error
        if not all(
            isinstance(entry, dict) and {"plan_id", "step_id", "phase", "at"} <= set(entry) for entry in entries
        ):
            raise UsageError(f"{self.path} is no journal: a line lacks plan_id, step_id, phase or at")
        return entries

    def add(self, plan: Plan, step: Step, phase: str, **more: Any) -> None:
        """Write one line and wait until it is on disk.

        Raises:
            UsageError: the file cannot be written; the call that it announces must not be made then.
        """
        line = {
            "at": datetime.now(UTC).isoformat(),
            "plan_id": plan.plan_id,
            "step_id": step.id,
            "finding_id": step.finding_id,
            "account_id": plan.account_id,
            "phase": phase,
        }
        try:
            handle = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600)
            with os.fdopen(handle, "rb+") as stream:
                # A line that a crash cut short would swallow this one.
                kept = stream.read().rfind(b"\n") + 1
                stream.seek(kept)
                stream.truncate()
                stream.write(json.dumps(line | more, sort_keys=True).encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise UsageError(f"cannot write the journal {self.path}: {error.strerror}") from error

    def phases(self, plan: Plan) -> dict[str, str]:
        """The last phase of each step of the plan, in the order in which the steps were last begun."""
        return {step_id: entry["phase"] for step_id, entry in self._latest(plan).items()}

    def done_at(self, plan: Plan) -> dict[str, datetime]:
        """When each step that is done now was done."""
        latest = self._latest(plan)
        return {
            step_id: datetime.fromisoformat(entry["at"])
            for step_id, entry in latest.items()
            if entry["phase"] == "done"
        }

    def own_calls(self) -> Iterator[OwnCall]:
        """Every call that was made and answered: what marks own actions in later logs."""
        for entry in self.entries():
            if entry.get("request_id"):
                yield _own_call(entry)

    def _latest(self, plan: Plan) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        for entry in self.entries():
            if entry["plan_id"] == plan.plan_id:
                found[entry["step_id"]] = entry
        return found


def _own_call(entry: Mapping[str, Any]) -> OwnCall:
    return OwnCall(
        account_id=entry.get("account_id", ""),
        request_id=entry["request_id"],
        event_name=entry.get("operation", ""),
        plan_id=entry["plan_id"],
        step_id=entry["step_id"],
        finding_id=entry.get("finding_id", ""),
        phase=entry["phase"],
    )


def request_ids(journal: Journal) -> frozenset[str]:
    """The ``requestID`` of every call that the journal says was made."""
    return frozenset(call.request_id for call in journal.own_calls())
