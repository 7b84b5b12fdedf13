"""A plan in the making: steps so far, what was refused, and how live state is read.

What enters: steps with the state they find. What leaves: the steps with its hash. This module must never make a call
that writes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.errors import RemediationError
from pipeline.remediation.change import Change, Reader, recorded_state
from pipeline.remediation.clients import Account
from pipeline.remediation.live_state import as_document, read_state
from pipeline.remediation.steps import Refusal, Step, hash_state


@dataclass(slots=True)
class Draft:
    """A plan in the making.

    Attributes:
        account: ``None`` for entries made from findings alone.
        now: end of the sessions that are revoked.
        secrets: folder of new secrets.
        documents: (target name, policy name or ``""`` for trust) -> the earlier state that the user gave.
    """

    account_id: str
    account: Account | None
    now: datetime
    secrets: Path
    documents: Mapping[tuple[str, str], Any]
    steps: list[Step] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def read(self, operation: str, parameters: Mapping[str, Any]) -> Any:
        """Live state that a call would change; ``None`` without an account."""
        return None if self.account is None else read_state(self.account, "iam", operation, parameters)

    def reader(self, change: Change) -> Reader:
        """What reads the live state of a change: the account, or what the recorded call left behind."""
        return self.read if self.account is not None else lambda operation, _: recorded_state(change, operation)

    def refuse(self, finding_id: str, subject: str, reason: str) -> None:
        """Leave a subject alone, and say why."""
        item = Refusal(finding_id, subject, reason)
        if item not in self.refused:
            self.refused.append(item)

    @contextmanager
    def refusing(self, finding_id: str, subject: str) -> Iterator[None]:
        """Refuse a subject whose state cannot be read, or whose change cannot be undone; the plan goes on."""
        try:
            yield
        except RemediationError as error:
            self.refuse(finding_id, subject, str(error))

    def add(self, step: Step, state: Any) -> None:
        """Append a step unless another one makes the same call."""
        if all((step.operation, step.parameters) != (done.operation, done.parameters) for done in self.steps):
            for earlier in self.steps:
                state = _after(earlier, step, state)
            digest = "" if self.account is None else hash_state(state)
            self.steps.append(replace(step, precondition_sha256=digest))


def _after(earlier: Step, step: Step, state: Any) -> Any:
    """What a step will find where an earlier one of the plan has written to the same slot."""
    if (earlier.operation, step.operation) == ("UpdateAccessKey", "DeleteAccessKey"):
        is_same = earlier.parameters["AccessKeyId"] == step.parameters["AccessKeyId"]
        return earlier.parameters["Status"] if is_same else state
    if (earlier.operation, step.operation) == ("PutUserPolicy", "DeleteUserPolicy"):
        is_same = all(earlier.parameters[name] == step.parameters[name] for name in ("UserName", "PolicyName"))
        return as_document(earlier.parameters["PolicyDocument"]) if is_same else state
    return state
