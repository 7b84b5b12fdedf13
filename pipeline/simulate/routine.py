"""Routine changes of permissions: what goes on every week and is worth no finding.

What enters: a stage that spans the corpus. What leaves: its events, without a label: a finding at medium or above that
rests on them is a false alarm. Known administrators and pipelines grant narrowly, stacks make roles, newcomers get
keys, functions get roles, keys are rotated, now and then somebody is denied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from pipeline.simulate.calls import (
    Call,
    attach_role_policy,
    create_access_key_for,
    create_function,
    create_role,
    delete_role_policy,
    put_role_policy,
    trust_of,
    update_trust,
)
from pipeline.simulate.documents import NARROW_MANAGED, admin_document, narrow_document, policy_name
from pipeline.simulate.issuance import created_key, service_assume
from pipeline.simulate.organisation import LAMBDA_AGENT, app_name, cloud_address, new_user
from pipeline.simulate.scenarios_quiet import make_stack_roles
from pipeline.simulate.session import Role, Session
from pipeline.simulate.stage import Stage
from pipeline.simulate.subject import Subject, provisioner

DAY = 86_400
_KINDS = ("prod", "staging", "dev")


@dataclass(slots=True)
class Cycle:
    """Who takes part in an account's routine, and the roles that exist there."""

    stage: Stage
    account_id: str
    admins: list[Subject]
    deployer: Subject
    developer: Subject
    roles: list[Role]

    def begin(self, subject: Subject, day: float) -> Session:
        """Sign somebody in on a day and let him do ordinary work."""
        self.stage.now = day + subject.day_start(self.stage.ids)
        return self.stage.begin(subject)

    def put_narrow(self, session: Session) -> None:
        """Put a narrow policy on one of the account's roles; a name may be written again."""
        role, ids = self.stage.ids.pick(self.roles), self.stage.ids
        name = ids.pick(("runtime", "app-access", policy_name(ids)))
        self.stage.call(session, put_role_policy(ids, role, name, narrow_document(ids, self.account_id)))


def admin_day(cycle: Cycle, day: float) -> None:
    """An administrator tends a few roles by hand."""
    session, stage = cycle.begin(cycle.stage.ids.pick(cycle.admins), day), cycle.stage
    for _ in range(stage.ids.between(1, 2)):
        cycle.put_narrow(session)
        stage.wait(30, 600)
    role = stage.ids.pick(cycle.roles)
    if stage.ids.chance(0.2):
        stage.call(session, delete_role_policy(role, policy_name(stage.ids)))
    if stage.ids.chance(0.3):
        stage.call(
            session, Call("iam", "TagRole", {"roleName": role.name, "tags": [{"key": "owner", "value": "core"}]})
        )


def pipeline_run(cycle: Cycle, day: float) -> None:
    """The platform's pipeline makes a role with its trust and narrow policies, and touches others."""
    stage, ids = cycle.stage, cycle.stage.ids
    session = cycle.begin(provisioner(stage.cast, cycle.account_id), day)
    if ids.chance(0.4):
        role = stage.app_role(cycle.account_id)
        stage.call(session, create_role(ids, role, trust_of({"Service": "lambda.amazonaws.com"}), stage.now))
        stage.call(session, attach_role_policy(role, ids.pick(NARROW_MANAGED)))
        stage.call(session, put_role_policy(ids, role, "runtime", narrow_document(ids, cycle.account_id)))
        if ids.chance(0.3):
            services = {"Service": ["lambda.amazonaws.com", "edgelambda.amazonaws.com"]}
            stage.call(session, update_trust(ids, role, trust_of(services)))
        cycle.roles.append(role)
    for _ in range(ids.between(1, 4)):
        cycle.put_narrow(session)


def stack_run(cycle: Cycle, day: float) -> None:
    """A stack is deployed: CloudFormation makes its roles for the caller."""
    make_stack_roles(cycle.stage, cycle.begin(cycle.deployer, day), cycle.stage.ids.between(1, 2))


def function_run(cycle: Cycle, day: float) -> None:
    """A developer deploys a function with an existing role; its session then does what workloads do."""
    stage, ids, who = cycle.stage, cycle.stage.ids, cycle.developer
    session, role, name = cycle.begin(who, day), ids.pick(cycle.roles), app_name(ids)
    stage.call(session, create_function(ids, role, name, who.region), region=who.region)
    stage.wait(60, 600)
    issued = service_assume(
        ids, "lambda.amazonaws.com", role, name, stage.now, who.region, address=cloud_address(ids), agent=LAMBDA_AGENT
    )
    inside = stage.issue(issued, is_demanded=False)
    workload = replace(who, kind="function", role=role, user=None, profile="workload")
    stage.events += workload.ordinary(ids, inside, stage.now + 3, 8)


def newcomer(cycle: Cycle, day: float) -> None:
    """An administrator makes a user and a key and hands them over; the newcomer works from his own network."""
    stage, ids = cycle.stage, cycle.stage.ids
    session = cycle.begin(ids.pick(cycle.admins), day)
    subject = stage.subject("user")
    user = new_user(ids, cycle.account_id, subject.person.name)
    subject.user = user
    for call in create_access_key_for(ids, user, stage.now):
        stage.call(session, call)
    stage.call(session, Call("iam", "AddUserToGroup", {"groupName": "developers", "userName": user.name}))
    for later in range(1, 4):
        cycle.begin(subject, day + later * DAY)


def rotation(cycle: Cycle, day: float) -> None:
    """Somebody rotates his own key: a new one, used, the old one deleted."""
    stage = cycle.stage
    subject = stage.subject("user")
    subject.user = replace(subject.own_user, account_id=cycle.account_id)
    session = cycle.begin(subject, day)
    old = session.key_id
    subject.user, event = created_key(stage.ids, session, subject.own_user, stage.now)
    stage.events.append(event)
    stage.wait(60, 900)
    fresh = stage.issue(subject.begin(stage.ids, stage.now))
    stage.call(fresh, Call("sts", "GetCallerIdentity", read_only=True))
    stage.call(fresh, Call("iam", "DeleteAccessKey", {"userName": subject.own_user.name, "accessKeyId": old}))


def refusal(cycle: Cycle, day: float) -> None:
    """A developer tries what is not his to do, once."""
    stage, session = cycle.stage, cycle.begin(cycle.developer, day)
    role = stage.ids.pick(cycle.roles)
    policy = admin_document(stage.ids) if stage.ids.chance(0.3) else narrow_document(stage.ids, cycle.account_id)
    stage.denied(session, put_role_policy(stage.ids, role, policy_name(stage.ids), policy))


_HABITS: tuple[tuple[Callable[[Cycle, float], None], float], ...] = (
    (admin_day, 0.7),
    (pipeline_run, 1.4),
    (stack_run, 0.4),
    (function_run, 0.4),
    (newcomer, 0.05),
    (rotation, 0.05),
    (refusal, 0.1),
)
"""What happens, and how often on a working day in each account."""


def play_routine(stage: Stage) -> None:
    """Play the routine of every working day in three accounts."""
    for kind in _KINDS:
        account_id = stage.org.account(kind)
        developer = stage.subject("chained", kind)
        cycle = Cycle(
            stage,
            account_id,
            [stage.subject("federated", kind, profile="operator") for _ in range(2)],
            stage.subject("pipeline", kind),
            developer,
            [stage.app_role(account_id) for _ in range(12)],
        )
        for day in range(stage.days):
            start = stage.start + day * DAY
            if (start // DAY + 3) % 7 < 5:
                _play_day(cycle, start)
    last = stage.start + stage.days * DAY
    stage.events = [event for event in stage.events if event.time < last]


def _play_day(cycle: Cycle, start: float) -> None:
    for habit, rate in _HABITS:
        times = int(rate) + cycle.stage.ids.chance(rate - int(rate))
        for _ in range(times):
            habit(cycle, start)
