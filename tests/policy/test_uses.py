from __future__ import annotations

import pyarrow as pa

from pipeline import schema
from pipeline.policy.evaluator import Evaluator
from pipeline.policy.replay import replay_writes
from pipeline.policy.uses import judge_uses
from tests.policy.documents import ACCOUNT, Log, allow, document, trust

ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"


def verdicts(evaluator: Evaluator, log: Log, *uses: tuple[str, str]) -> list[tuple[bool, bool | None]]:
    """Verdict on each (event id, action)."""
    result = replay_writes(log.rows, evaluator=evaluator)
    candidates = [
        {"recipient_account_id": ACCOUNT, "event_id": event, "target_arn": ROLE, "iam_action": action}
        for event, action in uses
    ]
    rows = list(judge_uses(candidates, result))
    assert pa.Table.from_pylist(rows, schema=schema.EXT_USE_VERDICTS).num_rows == len(candidates)
    return [(row["is_allowed_by_delta"], row["was_allowed_before"]) for row in rows]


def test_a_use_is_judged_against_the_delta_and_the_state_before(evaluator: Evaluator) -> None:
    """New and not held before; held before and so not gained; outside the delta; in no catalogue."""
    log = Log()
    log.create_role()
    log.put(document(allow("s3:GetObject")))
    grant = log.put(document(allow(["s3:*", "new:*"])), policy="q")
    actions = ["s3:DeleteBucket", "s3:GetObject", "iam:CreateUser", "NEW:Thing", "new2:Thing"]
    assert verdicts(evaluator, log, *[(grant, action) for action in actions]) == [
        (True, False),
        (False, True),
        (False, False),
        (True, False),
        (False, False),
    ]


def test_what_an_unknown_role_held_before_is_not_known(evaluator: Evaluator) -> None:
    """A role never seen created: neither yes nor no, unless a known policy of it allowed the call."""
    log = Log()
    log.put(document(allow("s3:GetObject")))
    grant = log.put(document(allow("*")), policy="q")
    assert verdicts(evaluator, log, (grant, "iam:CreateUser"), (grant, "s3:GetObject")) == [(True, None), (False, True)]


def test_who_is_let_in_gains_all_that_the_role_may_do(evaluator: Evaluator) -> None:
    """After its trust was widened, a call in the role's session is a use of that grant."""
    log = Log()
    log.create_role()
    log.put(document(allow("s3:*")))
    grant = log.write("trust", "update", "role", "app", policy_document=trust("arn:aws:iam::999999999999:root"))
    assert verdicts(evaluator, log, (grant, "s3:GetObject")) == [(True, False)]


def test_a_grant_that_was_not_replayed_allows_nothing(evaluator: Evaluator) -> None:
    """A candidate of another event is answered, with what is known: nothing."""
    assert verdicts(evaluator, Log(), ("e9", "s3:GetObject")) == [(False, None)]
