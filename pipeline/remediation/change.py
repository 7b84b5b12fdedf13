"""What one recorded call changed, and the step that a change gives rise to.

What enters: rows of the lake's models. What leaves: ``Change``. This module must never make a call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.remediation.live_state import as_document
from pipeline.remediation.steps import Step

Reader = Callable[[str, Mapping[str, Any]], Any]
"""(operation, parameters) -> the live state that the call would change; ``None`` for nothing."""

Made = list[tuple[Step, Any]]
"""Steps, each with the live state that it will find."""


@dataclass(frozen=True, slots=True)
class Change:
    """What one successful call changed.

    Attributes:
        target_kind: role, user or group.
        state: known, upper_bound or unknown: what is known of the time before.
        before_document: what the slot held before; ``None`` for nothing, where the state is known.
        after_document: what the call wrote.
        issued_key_id: the access key that it handed out, or ``""``.
    """

    event_id: str
    account_id: str
    event_name: str
    target_kind: str
    target_name: str
    target_arn: str = ""
    policy_name: str = ""
    policy_arn: str = ""
    policy_version_id: str = ""
    group_name: str = ""
    state: str = "unknown"
    before_document: str | None = None
    after_document: str | None = None
    issued_key_id: str = ""

    @property
    def slot(self) -> tuple[str, ...]:
        """What the call wrote to; two writes to one slot are undone together."""
        is_policy = self.event_name in ("CreatePolicyVersion", "SetDefaultPolicyVersion")
        kind = "version" if is_policy else self.event_name.removeprefix("Put").removeprefix("Delete")
        return (kind, self.target_kind, self.target_name, self.policy_name, self.policy_arn, self.group_name)

    @property
    def rank(self) -> int:
        """Trust before policies, policies before users that were planted."""
        if self.event_name == "UpdateAssumeRolePolicy":
            return 0
        return 2 if self.event_name in ("CreateUser", "CreateLoginProfile") else 1


def recorded_state(change: Change, operation: str) -> Any:
    """What a recorded call left behind in the slot that ``operation`` would change; ``None`` for nothing."""
    if operation.startswith(("Attach", "Detach", "Add", "Remove")):
        return "recorded" if change.event_name.startswith(("Attach", "Add")) else None
    if operation in ("DeleteLoginProfile", "DeleteUser"):
        return "recorded"
    return None if change.after_document is None else as_document(change.after_document)


def undoing_step(finding_id: str, change: Change, operation: str, parameters: Mapping[str, Any], **more: Any) -> Step:
    """A step that rests on a change, named for the call and for what it is about."""
    kind, name = change.target_kind or "policy", change.target_name or change.policy_arn
    subject = change.policy_name or change.policy_arn.rpartition("/")[2] or change.group_name or kind
    return Step(
        id=f"{finding_id}.{operation}.{name.rpartition('/')[2]}.{subject}",
        finding_id=finding_id,
        why=(change.event_id,),
        service="iam",
        operation=operation,
        parameters=dict(parameters),
        **more,
    )
