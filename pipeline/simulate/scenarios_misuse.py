"""Misuse: somebody authorised to grant, who grants too much.

What enters: a stage. What leaves: a label. Each actor has a past of narrow grants on several days. Expected:
resource_misuse.
"""

from __future__ import annotations

from pipeline.simulate.calls import (
    Document,
    allow,
    delete_role_policy,
    deny,
    document,
    put_role_policy,
)
from pipeline.simulate.documents import ADMINISTRATOR, admin_document, narrow_document, policy_name, with_condition
from pipeline.simulate.labels import Label
from pipeline.simulate.session import Role, Session
from pipeline.simulate.stage import Stage
from pipeline.simulate.subject import Subject

FAMILY = "misuse"
EXPECTED = "resource_misuse"
_POWER_USER = "arn:aws:iam::aws:policy/PowerUserAccess"


def routine_grant(stage: Stage, session: Session) -> None:
    """Put a narrow policy on some workload's role."""
    role = stage.app_role(session.account_id)
    policy = narrow_document(stage.ids, session.account_id)
    stage.call(session, put_role_policy(stage.ids, role, policy_name(stage.ids), policy))


def administrator(stage: Stage, *kinds: str) -> Subject:
    """Bring on somebody known to grant."""
    admin = stage.subject(stage.ids.pick(kinds), profile="operator")
    stage.set_day(admin)
    stage.past(admin)
    stage.authorise(admin, routine_grant)
    return admin


def admin_grants_everything(stage: Stage, number: int) -> Label:
    """A known administrator puts an administrator's policy on a workload's role."""
    admin = administrator(stage, "user", "chained", "federated")
    session, role = stage.begin(admin), stage.app_role(admin.account_id)
    stage.grant(session, put_role_policy(stage.ids, role, policy_name(stage.ids), admin_document(stage.ids)), role.arn)
    return stage.label("admin_grants_everything", FAMILY, number, admin, role.arn, EXPECTED)


def pipeline_widens(stage: Stage, number: int) -> Label:
    """A pipeline that grants narrowly every day gives a role all of a service."""
    pipeline = administrator(stage, "pipeline")
    session, role = stage.begin(pipeline), stage.app_role(pipeline.account_id)
    name = policy_name(stage.ids)
    if stage.ids.chance(0.5):
        narrow = document(allow(["s3:GetObject", "s3:PutObject"], f"arn:aws:s3:::{stage.ids.letters(6).lower()}/*"))
        stage.provision(role, policies={name: narrow})
    wide = stage.ids.pick(("s3:*", "dynamodb:*", ["s3:*", "logs:*"]))
    stage.grant(session, put_role_policy(stage.ids, role, name, document(allow(wide))), role.arn)
    return stage.label("pipeline_widens", FAMILY, number, pipeline, role.arn, EXPECTED)


def _second_act(stage: Stage, admin: Subject, role: Role, name: str, policy: Document) -> None:
    session = stage.begin(admin)
    stage.grant(session, put_role_policy(stage.ids, role, name, policy), role.arn)


def condition_dropped(stage: Stage, number: int) -> Label:
    """A broad statement was bound to a second factor; an administrator drops the condition."""
    admin = administrator(stage, "user", "chained", "federated")
    role, name = stage.app_role(admin.account_id), policy_name(stage.ids)
    actions = stage.ids.pick(("*", "s3:*", ["secretsmanager:*", "kms:Decrypt"]))
    stage.provision(role, policies={name: document(with_condition(allow(actions)))}, is_context=True)
    _second_act(stage, admin, role, name, document(allow(actions)))
    return stage.label("condition_dropped", FAMILY, number, admin, role.arn, EXPECTED)


def deny_removed(stage: Stage, number: int) -> Label:
    """A guardrail denied what a broad policy allows; an administrator removes it."""
    admin = administrator(stage, "user", "chained", "federated")
    role, name = stage.app_role(admin.account_id), "guardrail"
    broad = stage.ids.pick((_POWER_USER, ADMINISTRATOR))
    fences = [["s3:*", "kms:*"], ["secretsmanager:*"]]
    if broad == ADMINISTRATOR:  # a power user has no IAM to be denied
        fences.append(["iam:*", "organizations:*"])
    fence = document(deny(stage.ids.pick(fences)))
    stage.provision(role, policies={name: fence}, managed=(broad,), is_context=True)
    session = stage.begin(admin)
    if stage.ids.chance(0.5):
        stage.grant(session, delete_role_policy(role, name), role.arn)
    else:
        harmless = document(deny("account:CloseAccount"))
        stage.grant(session, put_role_policy(stage.ids, role, name, harmless), role.arn)
    return stage.label("deny_removed", FAMILY, number, admin, role.arn, EXPECTED)


SCENARIOS = {
    function.__name__: function
    for function in (admin_grants_everything, pipeline_widens, condition_dropped, deny_removed)
}
