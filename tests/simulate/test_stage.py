"""The stage: time, calls, and the label that grows with them."""

from __future__ import annotations

import json

import pytest

from pipeline.simulate.calls import Call, allow, document, put_role_policy
from pipeline.simulate.cast import Cast
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.labels import Edge
from pipeline.simulate.organisation import build_organisation
from pipeline.simulate.stage import DAY, Stage

MONDAY = 1_740_960_000.0


@pytest.fixture
def stage() -> Stage:
    """An empty stage of two weeks."""
    return Stage(Cast(build_organisation(6)), Entropy(6, "stage"), MONDAY, 14)


def test_a_short_play_makes_events_and_a_label(stage: Stage) -> None:
    """Grant and use become evidence and chain; the second use of a call is right but not demanded."""
    actor = stage.subject("chained", "dev")
    stage.set_day(actor)
    stage.past(actor)
    session = stage.begin(actor, is_demanded=True)
    put = put_role_policy(stage.ids, actor.own_role, "p", document(allow("*")))
    granted = stage.grant(session, put, actor.own_role.arn)
    uses = [stage.use(session, Call("iam", "ListUsers", read_only=True)) for _ in range(2)]
    label = stage.label("play", "escalation", 1, actor, actor.own_role.arn, "privilege_escalation")
    assert label.instance == "play-1"
    assert label.grant_event_ids == (granted.event_id,)
    assert label.use_event_ids == tuple(event.event_id for event in uses)
    issued = next(edge for edge in label.chain if edge.edge == "issued_key")
    assert (issued.source, issued.target) == (actor.own_user.arn, session.key_id)
    assert label.chain[1:] == (
        Edge(session.arn, actor.own_role.arn, "grant", granted.event_id),
        Edge(session.arn, "", "use", uses[0].event_id),
    )
    assert Edge(session.arn, "", "use", uses[1].event_id) in label.true_edges
    assert label.key_owners[session.key_id] == session.arn
    assert {session.arn, actor.own_user.arn, actor.own_role.arn} <= set(label.entities)
    assert set(label.lineage_event_ids) == {event.event_id for event in stage.events}


def test_the_act_comes_after_a_week_and_within_the_corpus(stage: Stage) -> None:
    """Day eight at the earliest, the last day but one at the latest, mostly on working days."""
    actor = stage.subject("user")
    weekend = 0
    for _ in range(300):
        stage.set_day(actor)
        day = (stage.now - MONDAY) // DAY
        assert 8 <= day <= 12
        weekend += day % 7 >= 5
    assert 0 < weekend < 60


def test_a_denial_names_caller_action_and_target(stage: Stage) -> None:
    """The message is AWS's; parameters are hidden; nothing enters the label."""
    actor = stage.subject("user", "dev")
    session = actor.begin(stage.ids, MONDAY).session
    event = stage.denied(session, put_role_policy(stage.ids, stage.app_role(actor.account_id, name="app"), "p", {}))
    record = json.loads(event.text)
    assert record["errorMessage"] == (
        f"User: {session.arn} is not authorized to perform: iam:PutRolePolicy on resource: role app "
        "because no identity-based policy allows the iam:PutRolePolicy action"
    )
    assert (record["errorCode"], record["requestParameters"]) == ("AccessDenied", None)
    assert stage.grants == []


def test_provisioning_happens_early_and_leaves_the_clock(stage: Stage) -> None:
    """The pipeline makes the role in the first two days; broad grants may be marked as context."""
    stage.now = MONDAY + 9 * DAY
    role = stage.app_role(stage.org.account("prod"))
    stage.provision(
        role, policies={"runtime": document(allow("s3:*"))}, managed=("arn:aws:iam::aws:policy/x",), is_context=True
    )
    assert stage.now == MONDAY + 9 * DAY
    assert all(event.time < MONDAY + 2 * DAY for event in stage.events)
    names = [json.loads(event.text)["eventName"] for event in stage.events]
    assert names == ["AssumeRoleWithWebIdentity", "CreateRole", "PutRolePolicy", "AttachRolePolicy"]
    assert stage.context == [event.event_id for event in stage.events[2:]]


def test_iam_calls_are_recorded_in_the_iam_region(stage: Stage) -> None:
    """Whatever region a scenario names, IAM is in us-east-1; others go where they are made."""
    session = stage.subject("user").begin(stage.ids, MONDAY).session
    assert stage.call(session, Call("iam", "ListUsers"), region="eu-west-1").region == "us-east-1"
    assert stage.call(session, Call("kms", "ListKeys"), region="eu-west-1").region == "eu-west-1"
