"""Quiet: routine that looks like the rest, and must not be found at medium or above.

What enters: a stage. What leaves: a label whose ``is_quiet`` is true; its grants are what a tool must stay calm about.
"""

from __future__ import annotations

from pipeline.simulate.calls import (
    Call,
    allow,
    attach_role_policy,
    create_role,
    document,
    put_role_policy,
    trust_of,
)
from pipeline.simulate.documents import (
    NARROW_MANAGED,
    admin_document,
    narrow_document,
    policy_name,
    revoke_sessions,
)
from pipeline.simulate.labels import Label
from pipeline.simulate.organisation import app_name, new_role
from pipeline.simulate.scenarios_escalation import enter
from pipeline.simulate.scenarios_misuse import administrator
from pipeline.simulate.session import Role, Session, forwarded, iso, role_session, service_session
from pipeline.simulate.stage import Stage
from pipeline.simulate.subject import Subject

FAMILY = "quiet"


def _narrow_put(stage: Stage, session: Session) -> Role:
    role = stage.app_role(session.account_id)
    policy = narrow_document(stage.ids, session.account_id)
    stage.grant(session, put_role_policy(stage.ids, role, policy_name(stage.ids), policy), role.arn)
    return role


def pipeline_grants(stage: Stage, number: int) -> Label:
    """A pipeline's narrow grants, as every day."""
    pipeline = administrator(stage, "pipeline")
    session = stage.begin(pipeline)
    roles = [_narrow_put(stage, session) for _ in range(stage.ids.between(3, 8))]
    return stage.label("pipeline_grants", FAMILY, number, pipeline, roles[0].arn, "")


def identical_put(stage: Stage, number: int) -> Label:
    """A developer writes again what the platform's pipeline wrote: broad, but nothing new."""
    actor, session = enter(stage, "user", "chained")
    role, name = stage.app_role(actor.account_id), policy_name(stage.ids)
    policy = document(allow(stage.ids.pick(("s3:*", "dynamodb:*", ["logs:*", "s3:*"]))))
    stage.provision(role, policies={name: policy}, is_context=True)
    stage.grant(session, put_role_policy(stage.ids, role, name, policy), role.arn)
    return stage.label("identical_put", FAMILY, number, actor, role.arn, "")


def session_revocation(stage: Stage, number: int) -> Label:
    """A responder revokes a role's sessions; the policy only denies."""
    responder = stage.subject("federated", profile="operator")
    stage.set_day(responder)
    stage.past(responder)
    session, role = stage.begin(responder), stage.app_role(responder.account_id)
    policy = revoke_sessions(iso(stage.now).replace("Z", ".000Z"))
    stage.grant(session, put_role_policy(stage.ids, role, "AWSRevokeOlderSessions", policy), role.arn)
    return stage.label("session_revocation", FAMILY, number, responder, role.arn, "")


def service_activity(stage: Stage, number: int) -> Label:
    """A service makes its service-linked role, acts through it, and acts for a caller."""
    admin = administrator(stage, "federated")
    session, ids = stage.begin(admin), stage.ids
    service, name = ids.pick(
        (
            ("autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling"),
            ("ecs.amazonaws.com", "AWSServiceRoleForECS"),
            ("elasticloadbalancing.amazonaws.com", "AWSServiceRoleForElasticLoadBalancing"),
        )
    )
    role = new_role(ids, admin.account_id, name, f"/aws-service-role/{service}/")
    trust = trust_of({"Service": service})
    made = create_role(ids, role, trust, stage.now)
    stage.grant(
        forwarded(session, service),
        Call("iam", "CreateServiceLinkedRole", {"aWSServiceName": service}, made.response),
        role.arn,
    )
    linked = role_session(role, "service", ids.unique_id("ASIA"), stage.now, service, service, invoked_by=service)
    for _ in range(4):
        stage.call(linked, Call("ec2", "DescribeInstances", {"instancesSet": {}}, read_only=True))
    stage.call(
        service_session(admin.account_id, service),
        Call("kms", "GenerateDataKey", {"keySpec": "AES_256"}, read_only=True),
    )
    return stage.label("service_activity", FAMILY, number, admin, role.arn, "")


def duplicate_delivery(stage: Stage, number: int) -> Label:
    """An administrator's narrow grant, delivered in two archives."""
    admin = administrator(stage, "federated", "user")
    session = stage.begin(admin)
    role = _narrow_put(stage, session)
    stage.repeats.append(next(event for event in stage.events if event.event_id == stage.grants[0]))
    return stage.label("duplicate_delivery", FAMILY, number, admin, role.arn, "")


def denied_put(stage: Stage, number: int) -> Label:
    """One denied attempt: low by itself."""
    actor, session = enter(stage, "user", "chained", "federated")
    role = actor.own_role if actor.role and stage.ids.chance(0.5) else stage.app_role(actor.account_id)
    call = put_role_policy(stage.ids, role, policy_name(stage.ids), admin_document(stage.ids))
    stage.grants.append(stage.denied(session, call).event_id)
    return stage.label("denied_put", FAMILY, number, actor, role.arn, "attempt")


def admin_narrow_grants(stage: Stage, number: int) -> Label:
    """A known administrator's narrow grants to named resources."""
    admin = administrator(stage, "user", "chained", "federated")
    session = stage.begin(admin)
    roles = [_narrow_put(stage, session) for _ in range(stage.ids.between(1, 3))]
    return stage.label("admin_narrow_grants", FAMILY, number, admin, roles[0].arn, "")


def make_stack_roles(stage: Stage, session: Session, count: int) -> list[Role]:
    """Have CloudFormation make roles for its caller: create, attach, put, each with ``invokedBy``."""
    ids, made = stage.ids, []
    stack = app_name(ids)
    arn = f"arn:aws:cloudformation:eu-west-1:{session.account_id}:stack/{stack}/{ids.uuid()}"
    create = Call(
        "cloudformation", "CreateStack", {"stackName": stack, "capabilities": ["CAPABILITY_IAM"]}, {"stackId": arn}
    )
    stage.call(session, create, region="eu-west-1")
    stage.wait(5, 20)
    inner = forwarded(session, "cloudformation.amazonaws.com")
    for part in ("Handler", "Worker", "Api")[:count]:
        role = new_role(ids, session.account_id, f"{stack}-{part}Role-{ids.letters(12).upper()}")
        stage.call(inner, create_role(ids, role, trust_of({"Service": "lambda.amazonaws.com"}), stage.now))
        stage.grant(inner, attach_role_policy(role, NARROW_MANAGED[0]), role.arn)
        policy = narrow_document(ids, session.account_id)
        stage.grant(inner, put_role_policy(ids, role, f"{part}RoleDefaultPolicy{ids.hex(8).upper()}", policy), role.arn)
        made.append(role)
    return made


def stack_roles(stage: Stage, number: int) -> Label:
    """A stack's roles, made by CloudFormation for the pipeline that deploys it."""
    pipeline: Subject = administrator(stage, "pipeline")
    session = stage.begin(pipeline)
    roles = make_stack_roles(stage, session, stage.ids.between(1, 3))
    return stage.label("stack_roles", FAMILY, number, pipeline, roles[0].arn, "")


SCENARIOS = {
    function.__name__: function
    for function in (
        pipeline_grants,
        identical_put,
        session_revocation,
        service_activity,
        duplicate_delivery,
        denied_put,
        admin_narrow_grants,
        stack_roles,
    )
}
