from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.policy.evaluator import Evaluator
from pipeline.policy.order import order_writes
from pipeline.policy.replay import replay_writes
from tests.policy.documents import Log, allow, document

VERBS = st.lists(st.tuples(st.sampled_from(["create", "delete", "put"]), st.integers(1, 3)), max_size=8)


def test_within_a_second_creation_comes_first_and_deletion_last(evaluator: Evaluator) -> None:
    """A policy put on a role before its CreateRole, by event id, is still put on a new role: known, not a bound."""
    log = Log()
    log.write("lifecycle", "delete", "role", "brief", event_time=1)
    log.put(document(allow("s3:*")), event_time=1)
    log.create_role(event_time=1)
    log.create_role("brief", event_time=1)
    rows = replay_writes(log.rows, evaluator=evaluator).rows
    assert [(row["event_id"], row["state"]) for row in rows] == [
        ("e3", "known"),
        ("e4", "known"),
        ("e2", "known"),
        ("e1", "known"),
    ]


def test_a_role_that_existed_was_recreated(evaluator: Evaluator) -> None:
    """Deleted and created in one second: the deletion comes first if the role was there before."""
    log = Log()
    log.create_role(event_time=1)
    log.put(document(allow("*")), event_time=1)
    log.create_role(event_time=2)
    log.write("lifecycle", "delete", "role", "app", event_time=2)
    log.put(document(allow("*")), event_time=3)
    rows = replay_writes(log.rows, evaluator=evaluator).rows
    assert [row["event_id"] for row in rows] == ["e1", "e2", "e4", "e3", "e5"]
    assert (rows[4]["state"], rows[4]["tier"]) == ("known", "T4")


@settings(deadline=None)
@given(steps=VERBS)
def test_every_write_comes_once_and_in_its_second(steps: list[tuple[str, int]]) -> None:
    """Only writes of one second change places."""
    log = Log()
    for verb, time in sorted(steps, key=lambda step: step[1]):
        log.write("inline" if verb == "put" else "lifecycle", verb, "role", "app", event_time=time)
    ordered = list(order_writes(log.rows, lambda *_: False))
    assert sorted(row["event_id"] for row in ordered) == sorted(row["event_id"] for row in log.rows)
    assert [row["event_time"] for row in ordered] == [row["event_time"] for row in log.rows]
