"""remediation: a finding becomes a plan that can be checked, applied and rolled back; an account its posture.

What enters: findings, the account's live state, and ``policy``'s evaluation as an argument. What leaves: plans, their
journal, posture checks. This room is the only door to IAM and CloudTrail calls that write, and must never make one
that nobody asked for.

The names below are public; docs/remediation.md shows their use:

    account = Account(profile="audit")
    plan = plan_findings([finding], {}, account_id=account.account_id(), account=account, now=datetime.now(UTC))
    Path("plan.json").write_text(json.dumps(plan.to_json()))
    outcomes = apply_plan(plan, account, Journal(Path("plan.json.journal")))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.remediation.account_state import AccountState, read_account, read_saved
    from pipeline.remediation.apply import Outcome, apply_plan, check_plan, rollback_plan
    from pipeline.remediation.change import Change
    from pipeline.remediation.clients import Account, DeniedError, GoneError
    from pipeline.remediation.finding_plan import plan_entries, plan_findings
    from pipeline.remediation.journal import Journal, OwnCall, request_ids
    from pipeline.remediation.plan_page import render_plan
    from pipeline.remediation.posture import Check, JudgeRole, check_posture, render_posture
    from pipeline.remediation.posture_plan import plan_posture
    from pipeline.remediation.steps import Plan, Refusal, Step, read_plan

_HOMES = {
    "Account": "clients",
    "AccountState": "account_state",
    "Change": "change",
    "Check": "posture",
    "DeniedError": "clients",
    "GoneError": "clients",
    "Journal": "journal",
    "JudgeRole": "posture",
    "Outcome": "apply",
    "OwnCall": "journal",
    "Plan": "steps",
    "Refusal": "steps",
    "Step": "steps",
    "apply_plan": "apply",
    "check_plan": "apply",
    "check_posture": "posture",
    "plan_entries": "finding_plan",
    "plan_findings": "finding_plan",
    "plan_posture": "posture_plan",
    "read_account": "account_state",
    "read_plan": "steps",
    "read_saved": "account_state",
    "render_plan": "plan_page",
    "render_posture": "posture",
    "request_ids": "journal",
    "rollback_plan": "apply",
}

__all__ = [
    "Account",
    "AccountState",
    "Change",
    "Check",
    "DeniedError",
    "GoneError",
    "Journal",
    "JudgeRole",
    "Outcome",
    "OwnCall",
    "Plan",
    "Refusal",
    "Step",
    "apply_plan",
    "check_plan",
    "check_posture",
    "plan_entries",
    "plan_findings",
    "plan_posture",
    "read_account",
    "read_plan",
    "read_saved",
    "render_plan",
    "render_posture",
    "request_ids",
    "rollback_plan",
]


def __getattr__(name: str) -> Any:
    # Lazy: boto3 costs a third of a second, and a report needs none of it.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
