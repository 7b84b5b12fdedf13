"""Escalation: a lineage gives itself more than it had, and uses it.

What enters: a stage. What leaves: a label. Each function is one scenario; every instance draws its own principals,
hours, names and documents. Expected: privilege_escalation.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.simulate.calls import (
    Call,
    allow,
    attach_role_policy,
    create_access_key_for,
    create_function,
    create_policy,
    create_policy_version,
    document,
    harmful_uses,
    put_role_policy,
    put_user_policy,
    set_default_version,
    trust_of,
    update_trust,
)
from pipeline.simulate.documents import ADMINISTRATOR, admin_document, narrow_document, policy_name
from pipeline.simulate.issuance import assume_role, service_assume
from pipeline.simulate.labels import Edge, Label
from pipeline.simulate.organisation import LAMBDA_AGENT, app_name, new_role, new_user
from pipeline.simulate.session import Role, Session
from pipeline.simulate.stage import Stage
from pipeline.simulate.subject import ROLE_KINDS, Subject, provisioner

FAMILY = "escalation"
EXPECTED = "privilege_escalation"


def enter(stage: Stage, *kinds: str, account: str = "") -> tuple[Subject, Session]:
    """Bring on a principal with an ordinary past and sign it in; a chained session's issuance belongs to the chain."""
    actor = stage.subject(stage.ids.pick(kinds), account)
    stage.set_day(actor)
    stage.past(actor)
    return actor, stage.begin(actor, is_demanded=actor.kind == "chained")


def use_gain(stage: Stage, session: Session, count: int = 4) -> None:
    """Use the new permission, some time after the grant: IAM takes seconds to apply it."""
    stage.wait(20, 240)
    for call in stage.ids.sample(harmful_uses(stage.ids, session), count):
        stage.use(session, call)


def put_admin(stage: Stage, session: Session, role: Role) -> None:
    """Put an administrator's policy on a role."""
    stage.grant(session, put_role_policy(stage.ids, role, policy_name(stage.ids), admin_document(stage.ids)), role.arn)


def hop(stage: Stage, session: Session, role: Role, *, is_demanded: bool = True) -> Session:
    """Assume a role from a session."""
    name = stage.ids.pick(("session", "work", "cli", "tmp")) + "-" + stage.ids.hex(4)
    issued = assume_role(stage.ids, session, role, name, stage.now, "us-east-1")
    stage.wait(3, 40)
    new = stage.issue(issued, is_demanded=is_demanded)
    if len(issued.events) > 1:
        stage.true_edges += [Edge(session.arn, new.arn, "shared_event", event.event_id) for event in issued.events]
    return new


def own_role_to_admin(stage: Stage, number: int) -> Label:
    """A role session puts an administrator's policy on its own role, then uses it."""
    actor, session = enter(stage, *ROLE_KINDS)
    put_admin(stage, session, actor.own_role)
    use_gain(stage, session)
    return stage.label("own_role_to_admin", FAMILY, number, actor, actor.own_role.arn, EXPECTED)


def other_role_then_assume(stage: Stage, number: int) -> Label:
    """A principal makes another role an administrator, assumes it, uses it."""
    actor, session = enter(stage, "user", "chained", "federated")
    target = stage.app_role(actor.account_id)
    if stage.ids.chance(0.5):
        trust = trust_of({"AWS": f"arn:aws:iam::{actor.account_id}:root"})
        stage.provision(target, trust=trust, policies={"runtime": narrow_document(stage.ids, actor.account_id)})
    put_admin(stage, session, target)
    stage.wait(10, 200)
    use_gain(stage, hop(stage, session, target))
    return stage.label("other_role_then_assume", FAMILY, number, actor, target.arn, EXPECTED)


def trust_then_assume(stage: Stage, number: int) -> Label:
    """As before, and the role's trust had to be opened first: PutRolePolicy, UpdateAssumeRolePolicy, AssumeRole."""
    actor, session = enter(stage, "user", "chained")
    target = stage.app_role(actor.account_id)
    stage.provision(target, policies={"runtime": narrow_document(stage.ids, actor.account_id)})
    insider = actor.own_role.arn if actor.role else actor.own_user.arn
    trust = trust_of({"AWS": insider})

    def open_trust() -> None:
        stage.grant(session, update_trust(stage.ids, target, trust), target.arn)

    acts = [lambda: put_admin(stage, session, target), open_trust]
    for act in acts if stage.ids.chance(0.5) else reversed(acts):
        act()
        stage.wait(5, 60)
    use_gain(stage, hop(stage, session, target))
    return stage.label("trust_then_assume", FAMILY, number, actor, target.arn, EXPECTED)


def cross_account(stage: Stage, number: int) -> Label:
    """A user of one account works through a role in another, and makes that role an administrator."""
    home, away = stage.ids.sample(("prod", "staging", "dev", "shared"), 2)
    actor, session = enter(stage, "user", account=home)
    role = new_role(stage.ids, stage.org.account(away), f"cross-{app_name(stage.ids)}")
    inside = hop(stage, session, role)
    stage.events += replace(actor, role=role).ordinary(stage.ids, inside, stage.now, 4)
    stage.wait(200, 400)
    put_admin(stage, inside, role)
    use_gain(stage, inside)
    label = stage.label("cross_account", FAMILY, number, actor, role.arn, EXPECTED)
    return replace(label, account_id=role.account_id)


def three_hops(stage: Stage, number: int) -> Label:
    """Three roles one after the other; the last one makes itself an administrator."""
    actor, session = enter(stage, "user")
    roles = [new_role(stage.ids, actor.account_id, f"{kind}-{stage.ids.hex(5)}") for kind in ("jump", "ops", "batch")]
    for role in roles:
        session = hop(stage, session, role)
    put_admin(stage, session, roles[-1])
    use_gain(stage, session)
    return stage.label("three_hops", FAMILY, number, actor, roles[-1].arn, EXPECTED)


def pass_role_lambda(stage: Stage, number: int) -> Label:
    """A role is made an administrator and passed to a new function, whose session makes a user and a key."""
    actor, session = enter(stage, "user", "chained", "federated")
    ids, target = stage.ids, stage.app_role(actor.account_id)
    name = app_name(ids)
    put_admin(stage, session, target)
    stage.wait(20, 120)
    passed = stage.call(session, create_function(ids, target, name, actor.region), region=actor.region)
    stage.chain.append(Edge(session.arn, target.arn, "pass_role", passed.event_id))
    stage.entities |= {f"arn:aws:lambda:{actor.region}:{actor.account_id}:function:{name}"}
    stage.wait(30, 120)
    address = f"{ids.pick((3, 18, 34, 52))}.{ids.between(1, 250)}.{ids.between(1, 250)}.{ids.between(2, 250)}"
    issued = service_assume(
        ids, "lambda.amazonaws.com", target, name, stage.now, actor.region, address=address, agent=LAMBDA_AGENT
    )
    inside = stage.issue(issued, is_demanded=False)
    stage.wait(2, 10)
    helper = new_user(ids, actor.account_id, f"svc-{ids.hex(5)}")
    for call in create_access_key_for(ids, helper, stage.now):
        stage.use(inside, call)
    use_gain(stage, inside, 2)
    return stage.label("pass_role_lambda", FAMILY, number, actor, target.arn, EXPECTED)


def denied_granted_used(stage: Stage, number: int) -> Label:
    """Denied a secret, it grants its own role just that, and reads it."""
    actor, session = enter(stage, *ROLE_KINDS)
    ids = stage.ids
    secret = Call("secretsmanager", "GetSecretValue", {"secretId": f"prod/{ids.letters(6).lower()}"}, read_only=True)
    cipher = Call("kms", "Decrypt", {"keyId": f"alias/{ids.letters(5)}"}, read_only=True)
    # A workload decrypts every day: for it, only the secret is new.
    wanted = ids.pick((secret, cipher)) if actor.profile == "developer" else secret
    for _ in range(ids.between(1, 3)):
        stage.denied(session, wanted)
    stage.wait(20, 200)
    policy = document(allow(ids.pick((wanted.action, f"{wanted.service}:*", [wanted.action]))))
    role = actor.own_role
    stage.grant(session, put_role_policy(ids, role, policy_name(ids), policy), role.arn)
    stage.wait(15, 120)
    for _ in range(ids.between(2, 4)):
        stage.use(session, wanted)
    return stage.label("denied_granted_used", FAMILY, number, actor, role.arn, EXPECTED)


def user_policy_on_self(stage: Stage, number: int) -> Label:
    """A user puts an administrator's policy on itself."""
    actor, session = enter(stage, "user", "console")
    user = actor.own_user
    stage.grant(session, put_user_policy(stage.ids, user, policy_name(stage.ids), admin_document(stage.ids)), user.arn)
    use_gain(stage, session)
    return stage.label("user_policy_on_self", FAMILY, number, actor, user.arn, EXPECTED)


def policy_version(stage: Stage, number: int) -> Label:
    """A new default version of the managed policy attached to one's own role."""
    actor, session = enter(stage, "chained", "federated")
    ids, role = stage.ids, actor.own_role
    name = f"team-{ids.hex(5)}"
    arn = f"arn:aws:iam::{actor.account_id}:policy/{name}"
    then, stage.now = stage.now, stage.start + ids.random.uniform(0.3, 0.9) * 86_400
    pipeline = provisioner(stage.cast, actor.account_id)
    builder = stage.issue(pipeline.begin(ids, stage.now), is_demanded=False)
    stage.call(builder, create_policy(ids, actor.account_id, name, narrow_document(ids, actor.account_id), stage.now))
    stage.call(builder, attach_role_policy(role, arn))
    stage.now = then
    stage.entities.add(arn)
    is_default = ids.chance(0.5)
    version = create_policy_version(ids, arn, admin_document(ids), "v2", stage.now, is_default=is_default)
    if is_default:
        stage.grant(session, version, role.arn)
    else:
        stage.call(session, version)
        stage.wait(5, 60)
        stage.grant(session, set_default_version(arn, "v2"), role.arn)
    use_gain(stage, session)
    return stage.label("policy_version", FAMILY, number, actor, role.arn, EXPECTED)


def attach_to_own_role(stage: Stage, number: int) -> Label:
    """A managed administrator's policy attached to one's own role."""
    actor, session = enter(stage, *ROLE_KINDS)
    role = actor.own_role
    policy = stage.ids.pick((ADMINISTRATOR, "arn:aws:iam::aws:policy/IAMFullAccess"))
    stage.grant(session, attach_role_policy(role, policy), role.arn)
    if policy == ADMINISTRATOR:
        use_gain(stage, session)
    else:
        stage.wait(20, 200)
        for call in harmful_uses(stage.ids, session):
            if call.service == "iam":
                stage.use(session, call)
    return stage.label("attach_to_own_role", FAMILY, number, actor, role.arn, EXPECTED)


SCENARIOS = {
    function.__name__: function
    for function in (
        own_role_to_admin,
        other_role_then_assume,
        trust_then_assume,
        cross_account,
        three_hops,
        pass_role_lambda,
        denied_granted_used,
        user_policy_on_self,
        policy_version,
        attach_to_own_role,
    )
}
