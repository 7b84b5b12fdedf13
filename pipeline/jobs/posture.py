"""The posture job: read the account or its saved answers, judge it with the policy evaluator.

What enters: how to reach the account, or a folder of saved answers. What leaves: the state and its checks. This job
must never make a call that writes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import UsageError
from pipeline.models import seed_files, sql_folder
from pipeline.policy import SEEDS, load_evaluator
from pipeline.remediation.account_state import AccountState, read_account, read_saved
from pipeline.remediation.clients import Account
from pipeline.remediation.posture import Check, JudgeRole, check_posture, render_posture
from pipeline.report import render_posture_page
from pipeline.settings import Settings


def open_account(settings: Settings) -> Account:
    """The account that the settings' endpoint, region, profile and role reach."""
    s3 = settings.s3
    return Account(endpoint_url=s3.endpoint_url, region=s3.region, profile=s3.profile, role_arn=s3.role_arn)


def make_judge() -> JudgeRole:
    """A role's inline documents -> the tier of all that they allow together; ``""`` where one cannot be read."""
    files = seed_files(sql_folder())
    evaluator = load_evaluator({name: files[f"seed_{name}"].read_text(encoding="utf-8") for name in SEEDS})

    def judge(documents: Mapping[str, Any], arn: str) -> str:
        read = [evaluator.read(json.dumps(document)).permissions for document in documents.values()]
        known = tuple(item for item in read if item is not None)
        if len(known) < len(read):
            return ""
        return evaluator.standing_tier(evaluator.effective(known, None), arn)

    return judge


def judge_account(
    settings: Settings, *, saved: Path | None = None, save: Path | None = None, now: datetime | None = None
) -> tuple[AccountState, list[Check]]:
    """Read and judge an account.

    Args:
        settings: how to reach it.
        saved: a folder of earlier answers to judge instead; no call is made then.
        save: a folder to write the answers to.
        now: ages count up to it.

    Returns:
        What was read, and the checks.

    Raises:
        UsageError: no credentials, or a folder that cannot be read or written.
    """
    state = read_saved(saved) if saved is not None else read_account(open_account(settings))
    if save is not None:
        try:
            save.mkdir(parents=True, exist_ok=True)
            (save / "account.json").write_text(json.dumps(state.to_json(), default=str), encoding="utf-8")
        except OSError as error:
            raise UsageError(f"cannot write to {save}: {error.strerror}") from error
    return state, check_posture(state, now=now or datetime.now(UTC), judge=make_judge())


def write_page(state: AccountState, checks: list[Check], out: Path) -> None:
    """Write the page for people; ``UsageError`` where the file cannot be written."""
    page = render_posture_page(render_posture(state, checks))
    try:
        out.write_bytes(page)
    except OSError as error:
        raise UsageError(f"cannot write the page to {out}: {error.strerror}", hint="--html names a file") from error
