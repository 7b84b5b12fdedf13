"""The people and machines that scenarios are about, in every kind that the background has too.

What enters: a kind, an account. What leaves: ``Subject``: how it gets credentials, what it is at root, its past. This
module must never decide what a scenario does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.simulate.background import Actor, office_hours, ordinary_calls
from pipeline.simulate.cast import Cast
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.federation import oidc_session, saml_session
from pipeline.simulate.issuance import Issued, assume_role, console_login, service_assume
from pipeline.simulate.organisation import (
    ACTIONS_AGENT,
    LAMBDA_AGENT,
    OIDC_ISSUER,
    SDK_AGENT,
    TERRAFORM,
    Person,
    app_name,
    new_role,
    new_user,
)
from pipeline.simulate.record import Event
from pipeline.simulate.session import Role, Session, User, user_session
from pipeline.simulate.workload import Body

DAY = 86_400

ROLE_KINDS = ("chained", "federated", "instance")
"""Kinds whose calls come from a role: a user that assumes one, a federated person, a virtual machine."""


@dataclass(slots=True)
class Subject:
    """A principal with habits. ``user`` is set for users and chained sessions, ``role`` for what acts as a role."""

    kind: str
    cast: Cast
    person: Person
    region: str
    profile: str
    user: User | None = None
    role: Role | None = None
    name: str = ""
    version: str = "1.11"

    @property
    def account_id(self) -> str:
        """The account it acts in."""
        return self.role.account_id if self.role else self.own_user.account_id

    @property
    def own_user(self) -> User:
        """The IAM user, where the kind has one."""
        assert self.user is not None, f"a {self.kind} subject has no user"
        return self.user

    @property
    def own_role(self) -> Role:
        """The role, where the kind has one."""
        assert self.role is not None, f"a {self.kind} subject has no role"
        return self.role

    @property
    def roots(self) -> tuple[str, ...]:
        """ARNs that name the root principal, any of them right: a federated person is known by session or by role."""
        if self.user is not None:
            return (self.user.arn,)
        role = self.own_role
        roots = [role.arn, role.session_arn(self.name or self.person.email)]
        if self.kind == "federated":
            provider = self.cast.org.saml_provider(role.account_id)
            roots += [provider, self.person.email, f"{provider}|{self.person.email}"]
        if self.kind == "pipeline":
            subject = f"repo:{self.name}:ref:refs/heads/main"
            roots += [subject, f"arn:aws:iam::{role.account_id}:oidc-provider/{OIDC_ISSUER}|{subject}"]
        return tuple(roots)

    def begin(self, ids: Entropy, time: float, *, address: str = "", agent: str = "", mfa: bool = True) -> Issued:
        """Start work: the credentials of a day, with the events of their issuance."""
        issued = self._begin(ids, time, address=address, agent=agent, mfa=mfa)
        return replace(issued, session=replace(issued.session, version=self.version))

    def _begin(self, ids: Entropy, time: float, *, address: str = "", agent: str = "", mfa: bool = True) -> Issued:
        at_home = ids.chance(0.4)
        address = address or self.person.address(at_home)
        if self.kind == "user":
            session = user_session(self.own_user, address, agent or self.person.cli)
            return Issued(session, [], "", session.arn)
        if self.kind == "console":
            return console_login(ids, self.own_user, time, address, agent or self.person.browser, mfa=mfa)
        if self.kind == "chained":
            caller = user_session(self.own_user, address, agent or self.person.cli)
            return assume_role(ids, caller, self.own_role, self.person.name, time, self.region, seconds=14_400)
        if self.kind == "federated":
            return saml_session(
                ids, self.cast.org, self.person, self.own_role, time, self.region, at_home=at_home, in_console=False
            )
        if self.kind == "pipeline":
            return oidc_session(
                ids,
                self.cast.org,
                self.own_role,
                self.name,
                time,
                self.region,
                agent=TERRAFORM,
                login_agent=ACTIONS_AGENT,
            )
        service = "lambda.amazonaws.com" if self.kind == "function" else "ec2.amazonaws.com"
        sdk = LAMBDA_AGENT if self.kind == "function" else SDK_AGENT
        return service_assume(
            ids, service, self.own_role, self.name, time, self.region, address=self.person.address(False), agent=sdk
        )

    def ordinary(self, ids: Entropy, session: Session, time: float, size: int) -> list[Event]:
        """Return ``size`` of its ordinary calls within a few minutes."""
        actor = Actor(self.person.name, 1.0, office_hours(0), 6, self._bodies(), self.begin, 25.0, 0.0)
        actor.use(session)
        events: list[Event] = []
        ordinary_calls(ids, actor, time, time + 40 * size, size, events)
        return events

    def past(self, ids: Entropy, start: float, until: float) -> list[Event]:
        """Return an ordinary past: on each working day before ``until`` a session with some calls."""
        events: list[Event] = []
        day = start
        while day + DAY <= until:
            time = day + self.day_start(ids)
            if (day // DAY + 3) % 7 < 5 or self.kind in ("instance", "function"):  # the epoch began on a Thursday
                issued = self.begin(ids, time)
                events += issued.events
                events += self.ordinary(ids, issued.session, time + ids.between(5, 200), ids.between(4, 9))
            day += DAY
        return events

    def day_start(self, ids: Entropy) -> float:
        """Return seconds after midnight UTC at which a working session of this person may begin."""
        return (ids.random.uniform(8.2, 15.5) - self.person.utc_offset) * 3600 % DAY

    def _bodies(self) -> list[tuple[str, Body]]:
        return self.cast.bodies(self.profile, self.account_id, self.region)


def new_subject(cast: Cast, ids: Entropy, kind: str, account_id: str, *, profile: str = "developer") -> Subject:
    """Return a fresh subject.

    Args:
        cast: shared bodies and the organisation.
        ids: source of draws.
        kind: ``user``, ``console``, ``chained``, ``federated``, ``pipeline``, ``instance`` or ``function``.
        account_id: where it acts.
        profile: what an ordinary day of it looks like.

    Returns:
        The subject, without a past.
    """
    person = cast.org.new_person(ids)
    region = ids.pick(("us-east-1", "eu-west-1", "us-west-2"))
    subject = Subject(kind, cast, person, region, profile, version=ids.pick(("1.08", "1.09", "1.10", "1.11", "1.11")))
    if kind in ("user", "console", "chained"):
        subject.user = new_user(ids, account_id, person.name)
    if kind == "chained":
        subject.role = new_role(ids, account_id, f"{ids.pick(('dev', 'team', 'eng'))}-{app_name(ids)}")
    elif kind == "federated":
        subject.role = new_role(ids, account_id, f"{ids.pick(('sso-dev', 'saml-eng', 'fed-team'))}-{ids.hex(5)}")
    elif kind == "pipeline":
        subject.name = f"{cast.org.saml_name.lower()}/{app_name(ids)}"
        subject.role, subject.profile = new_role(ids, account_id, f"github-{ids.letters(5).lower()}-deploy"), "deploy"
    elif kind in ("instance", "function"):
        app = app_name(ids)
        subject.name = app if kind == "function" else f"i-0{ids.hex(16)}"
        subject.role, subject.profile = new_role(ids, account_id, f"{app}-role"), "workload"
        subject.person = replace(
            person, office=f"{ids.pick((3, 18, 34, 52))}.{ids.between(1, 250)}.{ids.between(1, 250)}"
        )
    return subject


def provisioner(cast: Cast, account_id: str) -> Subject:
    """Return the platform's pipeline of an account: it makes roles, all the time. The same one at each asking."""
    ids = cast.org.ids.branch("provisioner", account_id)
    subject = new_subject(cast, ids, "pipeline", account_id, profile="deploy")
    subject.role = new_role(ids, account_id, "terraform-platform-apply")
    return subject
