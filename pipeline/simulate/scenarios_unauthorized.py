"""Unauthorized access: somebody who is not who the record says, or hides what he does, changes permissions.

What enters: a stage. What leaves: a label. Expected: unauthorized_access; where the finding's chain also shows a gain
that was used, privilege_escalation is accepted loosely.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.simulate.calls import Call, harmful_uses, omitted, put_role_policy
from pipeline.simulate.documents import broad_document, policy_name
from pipeline.simulate.issuance import created_key, next_console_key
from pipeline.simulate.labels import Edge, Label
from pipeline.simulate.organisation import public_network
from pipeline.simulate.scenarios_escalation import enter
from pipeline.simulate.session import Role, Session, user_session
from pipeline.simulate.stage import Stage

FAMILY = "unauthorized"
EXPECTED = "unauthorized_access"


def elsewhere(stage: Stage) -> str:
    """Return an address where nobody of the organisation has been."""
    return f"{public_network(stage.ids)}.{stage.ids.between(2, 250)}"


def put_broad(stage: Stage, session: Session, role: Role) -> None:
    """Give a role more than it should have."""
    stage.grant(session, put_role_policy(stage.ids, role, policy_name(stage.ids), broad_document(stage.ids)), role.arn)


def stolen_key(stage: Stage, number: int) -> Label:
    """A user's key, used from a new network with another client (an ordinary one), grants another role."""
    actor = stage.subject("user")
    stage.set_day(actor)
    stage.past(actor)
    other = stage.org.new_person(stage.ids)
    while other.cli.split("/")[0] == actor.person.cli.split("/")[0]:
        other = stage.org.new_person(stage.ids)
    agent = other.cli if stage.ids.chance(0.6) else actor.person.cli
    session = stage.issue(actor.begin(stage.ids, stage.now, address=elsewhere(stage), agent=agent))
    stage.call(session, Call("sts", "GetCallerIdentity", read_only=True))
    for call in stage.ids.sample([call for call in harmful_uses(stage.ids, session) if call.read_only], 2):
        stage.denied(session, call)
    role = stage.app_role(actor.account_id)
    put_broad(stage, session, role)
    return stage.label("stolen_key", FAMILY, number, actor, role.arn, EXPECTED)


def key_for_another_user(stage: Stage, number: int) -> Label:
    """A user makes a key for a colleague, and uses it at once to grant a role something."""
    actor, session = enter(stage, "user")
    victim = replace(stage.subject("user"), person=stage.org.new_person(stage.ids))
    victim.user = replace(victim.own_user, account_id=actor.account_id)
    stage.past(victim)
    owner, event = created_key(stage.ids, session, victim.own_user, stage.now)
    stage.events.append(event)
    stage.side.append(event.event_id)
    stage.entities |= {session.arn, owner.arn, owner.key_id}
    stage.key_owners[owner.key_id] = owner.arn
    stage.chain.append(Edge(session.arn, owner.key_id, "issued_key", event.event_id))
    stage.wait(120, 9000)
    taken = user_session(owner, session.address, session.agent, version=session.version)
    stage.call(taken, Call("sts", "GetCallerIdentity", read_only=True))
    role = stage.app_role(actor.account_id)
    put_broad(stage, taken, role)
    label = stage.label("key_for_another_user", FAMILY, number, actor, role.arn, EXPECTED)
    return replace(label, root_principals=(*label.root_principals, owner.arn))


def rotating_console(stage: Stage, number: int) -> Label:
    """A console session without the usual second factor, from a new network; its keys change from call to call."""
    actor = stage.subject("console")
    stage.set_day(actor)
    stage.past(actor)
    issued = actor.begin(stage.ids, stage.now, address=elsewhere(stage), mfa=False)
    session = stage.issue(issued, is_demanded=False)
    for call in stage.ids.sample([call for call in harmful_uses(stage.ids, session) if call.service == "iam"], 2):
        stage.wait(20, 90)
        session = next_console_key(stage.ids, session)
        stage.call(session, call)
    session = next_console_key(stage.ids, session)
    role = stage.app_role(actor.account_id)
    put_broad(stage, session, role)
    return stage.label("rotating_console", FAMILY, number, actor, role.arn, EXPECTED)


def padded_policy(stage: Stage, number: int) -> Label:
    """A policy padded beyond 100 KB, so that the trail hides the parameters, names included."""
    actor, session = enter(stage, "user", "chained")
    role = stage.app_role(actor.account_id)
    call = put_role_policy(stage.ids, role, policy_name(stage.ids), broad_document(stage.ids))
    event = stage.grant(session, omitted(call, stage.ids.between(102_500, 131_000)), "")
    stage.true_edges.append(Edge(session.arn, role.arn, "grant", event.event_id))
    return stage.label("padded_policy", FAMILY, number, actor, "", EXPECTED)


def logging_stopped(stage: Stage, number: int) -> Label:
    """The trail is stopped or narrowed, then a role is granted something."""
    actor, session = enter(stage, "user", "chained")
    ids = stage.ids
    trail = f"arn:aws:cloudtrail:us-east-1:{actor.account_id}:trail/{ids.pick(('org-trail', 'main', 'audit'))}"
    selectors = [{"readWriteType": "ReadOnly", "includeManagementEvents": True}]
    narrowed = {"trailName": trail, "eventSelectors": selectors}
    tamper = ids.pick(
        (
            Call("cloudtrail", "StopLogging", {"name": trail}),
            Call("cloudtrail", "DeleteTrail", {"name": trail}),
            Call("cloudtrail", "PutEventSelectors", narrowed, {"trailARN": trail, "eventSelectors": selectors}),
        )
    )
    stage.call(session, tamper)
    stage.wait(30, 1200)
    role = stage.app_role(actor.account_id)
    put_broad(stage, session, role)
    return stage.label("logging_stopped", FAMILY, number, actor, role.arn, EXPECTED)


SCENARIOS = {
    function.__name__: function
    for function in (stolen_key, key_for_another_user, rotating_console, padded_policy, logging_stopped)
}
