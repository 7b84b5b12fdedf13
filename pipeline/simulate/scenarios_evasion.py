"""Evasion: escalation written so that a search for names misses it.

What enters: a stage. What leaves: a label. Expected: privilege_escalation.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.simulate.calls import (
    Call,
    allow,
    create_role,
    delete_role,
    delete_role_policy,
    document,
    harmful_uses,
    put_role_policy,
    put_user_policy,
    trust_of,
)
from pipeline.simulate.documents import admin_document, narrow_document, odd_case, policy_name
from pipeline.simulate.labels import Label
from pipeline.simulate.organisation import new_role, new_user
from pipeline.simulate.scenarios_escalation import EXPECTED, enter, hop, put_admin, use_gain
from pipeline.simulate.session import Session
from pipeline.simulate.stage import Stage
from pipeline.simulate.subject import ROLE_KINDS

FAMILY = "evasion"


def _use_iam(stage: Stage, session: Session) -> None:
    stage.wait(20, 240)
    for call in harmful_uses(stage.ids, session):
        if call.service == "iam":
            stage.use(session, call)


def wildcard_in_name(stage: Stage, number: int) -> Label:
    """``iam:Put????Policy`` and the like on one's own role."""
    actor, session = enter(stage, *ROLE_KINDS)
    ids, role = stage.ids, actor.own_role
    actions = ids.pick(
        (["iam:Put????Policy", "iam:Create????"], ["i?m:P*Policy", "iam:C*"], ["iam:*Us??Policy", "iam:Create*"])
    )
    stage.grant(session, put_role_policy(ids, role, policy_name(ids), document(allow(actions))), role.arn)
    stage.wait(20, 200)
    user = new_user(ids, actor.account_id, f"svc-{ids.hex(4)}")
    stage.use(session, Call("iam", "CreateUser", {"userName": user.name}))
    stage.use(session, put_user_policy(ids, user, policy_name(ids), admin_document(ids)))
    return stage.label("wildcard_in_name", FAMILY, number, actor, role.arn, EXPECTED)


def not_action(stage: Stage, number: int) -> Label:
    """Everything but something irrelevant, by NotAction."""
    actor, session = enter(stage, *ROLE_KINDS)
    ids, role = stage.ids, actor.own_role
    spared = ids.pick(("s3:DeleteBucket", ["support:*"], ["aws-portal:*", "budgets:*"]))
    policy = document({"Effect": "Allow", "NotAction": spared, "Resource": "*"})
    stage.grant(session, put_role_policy(ids, role, policy_name(ids), policy), role.arn)
    use_gain(stage, session)
    return stage.label("not_action", FAMILY, number, actor, role.arn, EXPECTED)


def mixed_case(stage: Stage, number: int) -> Label:
    """Action names in odd case, which IAM accepts."""
    actor, session = enter(stage, *ROLE_KINDS)
    ids, role = stage.ids, actor.own_role
    policy = document(allow([odd_case(ids, "iam:*"), odd_case(ids, "sts:AssumeRole")]))
    stage.grant(session, put_role_policy(ids, role, policy_name(ids), policy), role.arn)
    _use_iam(stage, session)
    return stage.label("mixed_case", FAMILY, number, actor, role.arn, EXPECTED)


def recreated_role(stage: Stage, number: int) -> Label:
    """A role deleted and made again under its name, open to the actor, powerful; the old one's users are not in it."""
    actor, session = enter(stage, "user", "chained")
    ids, old = stage.ids, stage.app_role(actor.account_id)
    bystander = replace(stage.subject("instance"), role=old)
    stage.provision(
        old,
        trust=trust_of({"Service": "ec2.amazonaws.com"}),
        policies={"runtime": narrow_document(ids, old.account_id)},
    )
    stage.past(bystander)
    stage.call(session, delete_role_policy(old, "runtime"))
    stage.call(session, delete_role(old))
    new = new_role(ids, actor.account_id, old.name)
    insider = actor.own_role.arn if actor.role else actor.own_user.arn
    stage.wait(5, 60)
    stage.call(session, create_role(ids, new, trust_of({"AWS": insider}), stage.now))
    put_admin(stage, session, new)
    stage.wait(10, 60)
    use_gain(stage, hop(stage, session, new))
    return stage.label("recreated_role", FAMILY, number, actor, new.arn, EXPECTED)


def juggling_cycle(stage: Stage, number: int) -> Label:
    """Two roles that assume one another again and again, to stay in; one of them becomes powerful on the way."""
    actor, session = enter(stage, "user")
    pair = [new_role(stage.ids, actor.account_id, f"svc-{stage.ids.hex(5)}") for _ in range(2)]
    turns = stage.ids.between(4, 7)
    for turn in range(turns):
        session = hop(stage, session, pair[turn % 2], is_demanded=True)
        stage.wait(300, 2400)
    current = pair[(turns - 1) % 2]
    put_admin(stage, session, current)
    use_gain(stage, session)
    return stage.label("juggling_cycle", FAMILY, number, actor, current.arn, EXPECTED)


SCENARIOS = {
    function.__name__: function
    for function in (wildcard_in_name, not_action, mixed_case, recreated_role, juggling_cycle)
}
