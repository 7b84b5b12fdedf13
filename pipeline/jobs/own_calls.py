"""Which calls were one's own: kept in the lake, so that later builds know remediation when they see it.

What enters: calls of apply journals. What leaves: one small file in the lake, and rows of ``ext_own_calls``. This
module must never know a call by a name or a user agent: anyone can set those, nobody a request id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa

from pipeline.errors import LakeError
from pipeline.lake import Lake
from pipeline.remediation.journal import Journal, OwnCall
from pipeline.schema import EXT_OWN_CALLS

KEPT_AS = "_own_calls.json"


def keep_own_calls(lake: Lake, calls: Iterable[OwnCall]) -> int:
    """Add calls to those that the lake knows; what it knows already is not added again.

    Returns:
        How many were new.

    Raises:
        LakeError: the lake cannot be read or written.
    """
    known = dict.fromkeys(kept_own_calls(lake))
    fresh = [call for call in dict.fromkeys(calls) if call not in known]
    if fresh:
        rows = [asdict(call) for call in [*known, *fresh]]
        lake.location.write_file(KEPT_AS, json.dumps(rows, indent=1).encode())
    return len(fresh)


def kept_own_calls(lake: Lake) -> list[OwnCall]:
    """The calls that the lake knows, in the order in which it learned of them.

    Raises:
        LakeError: the file that keeps them is damaged: nothing may pass for remediation by accident, nor be missed.
    """
    content = lake.location.read_file(KEPT_AS)
    if content is None:
        return []
    try:
        return [OwnCall(**row) for row in json.loads(content)]
    except (ValueError, TypeError) as error:
        raise LakeError(
            f"{lake.location.join(KEPT_AS)} is damaged: {error}",
            hint="delete it, then give `policytrail build --remediation-journal` each journal again",
        ) from error


def read_journals(files: Sequence[Path]) -> list[OwnCall]:
    """The calls of journals that a user gave.

    Raises:
        UsageError: a file cannot be read, or is no journal.
    """
    return [call for file in files for call in Journal(file, must_exist=True).own_calls()]


def tabulate_calls(calls: Iterable[OwnCall]) -> pa.Table:
    """Rows of ``ext_own_calls``: one for each account and request id, the last word on it."""
    rows = {
        (call.account_id, call.request_id): {
            "recipient_account_id": call.account_id,
            "request_id": call.request_id,
            "event_name": call.event_name,
            "plan_id": call.plan_id,
            "step_id": call.step_id,
            "remedied_finding_id": call.finding_id,
            "phase": call.phase,
        }
        for call in calls
    }
    return pa.Table.from_pylist(list(rows.values()), schema=EXT_OWN_CALLS)


def hash_calls(calls: Iterable[OwnCall]) -> str:
    """Identity of a set of calls: another one means building again."""
    return hashlib.sha256(json.dumps([asdict(call) for call in calls]).encode()).hexdigest()
