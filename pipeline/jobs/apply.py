"""Carry a plan out, check it or roll it back, and tell the lake which calls were one's own.

What enters: a plan file, how to reach the account. What leaves: outcomes; the journal beside the plan; request ids in
the lake. This job must never make a call that writes for ``check``, and never fail because the lake is elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pipeline.errors import PipelineError
from pipeline.jobs.lake_access import open_job_lake
from pipeline.jobs.own_calls import keep_own_calls
from pipeline.jobs.posture import open_account
from pipeline.jobs.remediate import load_plan
from pipeline.remediation.apply import Outcome, apply_plan, check_plan, rollback_plan
from pipeline.remediation.journal import Journal
from pipeline.settings import Settings

Verb = Literal["apply", "check", "rollback"]


def carry_out(
    verb: Verb,
    path: Path,
    settings: Settings,
    *,
    lake: str | None = None,
    confirmed: Sequence[str] = (),
    skipped: Sequence[str] = (),
) -> tuple[list[Outcome], str]:
    """Apply, check or roll back a plan.

    Args:
        verb: which of the three.
        path: the plan; ``PATH.journal`` beside it is its journal.
        settings: how to reach the account.
        lake: where the calls are registered; ``None`` for the plan's own.
        confirmed: ids of steps without an inverse that may be made.
        skipped: ids of steps that are left out.

    Returns:
        One outcome per step that was looked at, and a sentence where the lake could not learn of the calls, or ``""``.

    Raises:
        UsageError: no plan, no credentials, another account's credentials.
    """
    plan, journal = load_plan(path), Journal(Path(f"{path}.journal"))
    note = ""
    try:
        account = open_account(settings)
        if verb == "apply":
            outcomes = apply_plan(plan, account, journal, confirmed=confirmed, skipped=skipped)
        else:
            outcomes = (check_plan if verb == "check" else rollback_plan)(plan, account, journal)
    finally:
        # Also after a stop half way: what was called is one's own, whatever came of the rest.
        note = _register(plan.lake if lake is None else lake, journal, settings)
    return outcomes, note


def _register(lake: str, journal: Journal, settings: Settings) -> str:
    calls = list(journal.own_calls())
    if not calls:
        return ""
    advice = f"later runs will not know these calls as yours; `policytrail build --remediation-journal {journal.path}`"
    if not lake:
        return f"the plan names no lake: {advice}"
    try:
        keep_own_calls(open_job_lake(lake, settings), calls)
    except PipelineError as error:
        return f"{error.message}: {advice}"
    return ""
