"""Escalation: a lineage gives itself more than it had, and uses it.

What enters: a stage. What leaves: a label. Each function is one scenario; every instance draws its own principals,
hours, names and documents. Expected: privilege_escalation.
"""

from __future__ import annotations

from pipeline.simulate.calls import (
    Call,
    Document,
    allow,
    document,
    harmful_uses,
    put_role_policy,
)
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.labels import Label
from pipeline.simulate.session import Session
from pipeline.simulate.stage import Stage
from pipeline.simulate.subject import ROLE_KINDS

FAMILY = "escalation"
EXPECTED = "privilege_escalation"
_NAMES = ("inline", "app-access", "extra", "team-policy", "default", "temp-fix", "deploy-access", "s3-read")


def admin_document(ids: Entropy) -> Document:
    """Return a document that amounts to administration, written one of several ways."""
    return ids.pick(
        (
            document(allow("*")),
            document(allow(["*"], ["*"])),
            document(allow(["iam:*", "sts:*", "secretsmanager:*", "rds:*", "ec2:*", "s3:*", "kms:*", "dynamodb:*"])),
            document(allow("*:*")),
            document(allow("ec2:Describe*"), allow("*", "*", Sid="Admin")),
        )
    )


def policy_name(ids: Entropy) -> str:
    """Return a name as harmless as any."""
    return f"{ids.pick(_NAMES)}-{ids.hex(3)}"


def use_gain(stage: Stage, session: Session, count: int) -> None:
    """Use the new permission ``count`` times, minutes after the grant: IAM takes seconds to apply it."""
    stage.wait(20, 240)
    calls: list[Call] = stage.ids.sample(harmful_uses(stage.ids, session), count)
    for call in calls:
        stage.use(session, call)


def own_role_to_admin(stage: Stage, number: int) -> Label:
    """A role session puts an administrator's policy on its own role, then uses it."""
    actor = stage.subject(stage.ids.pick(ROLE_KINDS))
    stage.set_day(actor)
    stage.past(actor)
    session = stage.begin(actor, is_demanded=actor.kind == "chained")
    role = actor.own_role
    stage.grant(session, put_role_policy(stage.ids, role, policy_name(stage.ids), admin_document(stage.ids)), role.arn)
    use_gain(stage, session, 4)
    return stage.label("own_role_to_admin", FAMILY, number, actor, role.arn, EXPECTED)


SCENARIOS = {"own_role_to_admin": own_role_to_admin}
