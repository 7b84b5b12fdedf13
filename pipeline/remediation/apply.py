"""Apply a plan, check it, roll it back; each call stands in the journal before it is made.

What enters: a plan, a journal file, the account. What leaves: one outcome per step. This module must never make a call
whose live state is not the one that was planned for, and never one that cannot be undone without its own confirmation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pipeline.errors import RemediationError, UsageError
from pipeline.remediation.clients import Account, failed_request_id, request_id_of
from pipeline.remediation.journal import Journal
from pipeline.remediation.live_state import is_reached, makes_new, read_state
from pipeline.remediation.secret_files import SecretFile
from pipeline.remediation.steps import Plan, Step, hash_state

STOPS = ("failed", "refused")
"""Results after which the steps that follow are not looked at."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step.

    Attributes:
        step_id: of the plan.
        result: done, already, refused, unconfirmed, waiting, manual, skipped, failed; of a check holds, differs,
            manual, failed; of a rollback rolled_back, already, refused, unconfirmed, failed.
        detail: a sentence, or ``""``.
    """

    step_id: str
    result: str
    detail: str = ""


def apply_plan(
    plan: Plan,
    account: Account,
    journal: Journal,
    *,
    confirmed: Iterable[str] = (),
    skipped: Iterable[str] = (),
    now: datetime | None = None,
) -> list[Outcome]:
    """Make the plan's calls in order; stop at the first that is refused or fails.

    Args:
        plan: as read from its file.
        account: must be the plan's.
        journal: written before and after each call.
        confirmed: ids of steps without an inverse that may be made.
        skipped: ids of steps that are left out.
        now: UTC; days of grace count up to it.

    Returns:
        One outcome per step that was looked at.

    Raises:
        UsageError: the credentials are another account's, a confirmed or skipped id is no step, or the journal cannot
            be written.
    """
    _require_account(plan, account)
    allowed, left_out = frozenset(confirmed), frozenset(skipped)
    unknown = (allowed | left_out) - {step.id for step in plan.steps}
    if unknown:
        raise UsageError(f"--confirm and --skip name no step of this plan: {', '.join(sorted(unknown))}")
    run = _Run(plan, account, journal, allowed, now or datetime.now(UTC))
    outcomes = []
    for step in plan.steps:
        outcomes.append(Outcome(step.id, "skipped") if step.id in left_out else run.apply(step))
        if outcomes[-1].result in STOPS:
            break
    return outcomes


def _require_account(plan: Plan, account: Account) -> None:
    live = account.account_id()
    if live != plan.account_id:
        raise UsageError(f"the plan is for account {plan.account_id}, the credentials are of {live}")


@dataclass(frozen=True, slots=True)
class _Run:
    plan: Plan
    account: Account
    journal: Journal
    confirmed: frozenset[str]
    now: datetime

    def apply(self, step: Step) -> Outcome:
        phase = self.journal.phases(self.plan).get(step.id, "")
        if step.is_manual:
            return Outcome(step.id, "manual", "a person does this one")
        if phase == "done":
            return Outcome(step.id, "already", "the journal says it is done")
        if waits := self._wait_for(step):
            return Outcome(step.id, "waiting", waits)
        try:
            state = _read(self.account, step)
        except RemediationError as error:
            return Outcome(step.id, "failed", str(error))
        if is_reached(step.operation, step.parameters, state):
            if phase == "begin":
                self.journal.add(self.plan, step, "done", note="a call cut short had reached the account")
            return Outcome(step.id, "already", "the account is in this state")
        if hash_state(state) != step.precondition_sha256:
            return Outcome(step.id, "refused", "the account changed since the plan was made: make it again")
        if step.inverse is None and step.id not in self.confirmed:
            return Outcome(step.id, "unconfirmed", f"it cannot be undone: --confirm {step.id}")
        return self._make_call(step)

    def _wait_for(self, step: Step) -> str:
        if not step.after:
            return ""
        done = self.journal.done_at(self.plan).get(step.after)
        if done is None:
            return f"it comes after step {step.after}, which is not done"
        until = done + timedelta(days=step.wait_days)
        # Without days of grace the other step may have been done a moment ago, in this very run.
        return (
            ""
            if not step.wait_days or self.now >= until
            else f"days of grace end at {until:%Y-%m-%d %H:%M} UTC: apply again then"
        )

    def _make_call(self, step: Step) -> Outcome:
        call = {"service": step.service, "operation": step.operation}
        try:
            with SecretFile(step) as secret:
                self.journal.add(self.plan, step, "begin", **call, parameters=dict(step.parameters))
                parameters = {**step.parameters, **secret.make_parameters()}
                answer = self.account.at(step.region).call(step.service, step.operation, **parameters)
                secret.keep(answer)
        except RemediationError as error:
            self.journal.add(self.plan, step, "failed", **call, detail=str(error), request_id=failed_request_id(error))
            return Outcome(step.id, "failed", str(error))
        self.journal.add(self.plan, step, "done", **call, request_id=request_id_of(answer))
        return Outcome(step.id, "done", f"the secret is in {step.secret_file}" if step.secret_file else "")


def _read(account: Account, step: Step) -> Any:
    return read_state(account.at(step.region), step.service, step.operation, step.parameters)


def check_plan(plan: Plan, account: Account, journal: Journal) -> list[Outcome]:
    """Say of each step whether the account is as it leaves it; writes nothing.

    Returns:
        One outcome per step: holds, differs, manual, or failed where the state could not be read.

    Raises:
        UsageError: the credentials are another account's.
    """
    _require_account(plan, account)
    phases = journal.phases(plan)
    outcomes = {step.id: _check_step(step, account, phases.get(step.id, "")) for step in plan.steps}
    for number, step in enumerate(plan.steps):
        removed = [later.id for later in plan.steps[number + 1 :] if _removes(later, step)]
        if outcomes[step.id].result == "differs" and any(outcomes[name].result == "holds" for name in removed):
            outcomes[step.id] = Outcome(step.id, "holds", "a later step removed it")
    return list(outcomes.values())


def _removes(later: Step, step: Step) -> bool:
    """Whether a later step takes away what a step has set: the user, the key or the policy itself."""
    return later.operation.startswith("Delete") and later.parameters.items() <= step.parameters.items()


def _check_step(step: Step, account: Account, phase: str) -> Outcome:
    if step.is_manual:
        return Outcome(step.id, "manual", "not checked")
    if makes_new(step.operation):
        # Nothing in the account tells this call's key or password from an earlier one: the journal does.
        return Outcome(step.id, "holds" if phase == "done" else "differs", "by the journal")
    try:
        state = _read(account, step)
    except RemediationError as error:
        return Outcome(step.id, "failed", str(error))
    return Outcome(step.id, "holds" if is_reached(step.operation, step.parameters, state) else "differs")


def rollback_plan(plan: Plan, account: Account, journal: Journal) -> list[Outcome]:
    """Undo what the journal says was begun or done, last first; stop at the first that is refused or fails.

    A step that failed is looked at too: a call whose answer was lost may have reached the account.

    Returns:
        One outcome per step that was looked at.

    Raises:
        UsageError: the credentials are another account's, or the journal cannot be written.
    """
    _require_account(plan, account)
    steps = {step.id: step for step in plan.steps}
    begun = [
        name
        for name, phase in journal.phases(plan).items()
        if phase in ("begin", "done", "rollback_begin") or (phase == "failed" and steps[name].inverse is not None)
    ]
    outcomes = []
    for name in reversed(begun):
        outcomes.append(_undo_step(plan, steps[name], account, journal))
        if outcomes[-1].result in STOPS:
            break
    return outcomes


def _undo_step(plan: Plan, step: Step, account: Account, journal: Journal) -> Outcome:
    if step.inverse is None:
        return Outcome(step.id, "unconfirmed", "it cannot be undone")
    inverse: Mapping[str, Any] = step.inverse
    call = {"service": inverse["service"], "operation": inverse["operation"]}
    try:
        state = _read(account, step)
        if hash_state(state) == step.precondition_sha256:
            journal.add(plan, step, "rolled_back", note="the account was in the earlier state")
            return Outcome(step.id, "already", "the account is in the earlier state")
        if not is_reached(step.operation, step.parameters, state):
            return Outcome(step.id, "refused", "the account changed since the step was applied")
        journal.add(plan, step, "rollback_begin", **call)
        answer = account.at(step.region).call(inverse["service"], inverse["operation"], **inverse["parameters"])
    except RemediationError as error:
        return Outcome(step.id, "failed", str(error))
    journal.add(plan, step, "rolled_back", **call, request_id=request_id_of(answer))
    return Outcome(step.id, "rolled_back")
