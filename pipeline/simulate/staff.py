"""Who works in the organisation: the background's actors.

What enters: an organisation. What leaves: ``Actor`` values: people with federated sessions, IAM users, CI runs,
auditors that cross accounts, compute of every kind, AWS services. This module must never give an actor a bad habit.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from pipeline.simulate.background import Actor, Opening, always, office_hours
from pipeline.simulate.cast import Cast
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.federation import oidc_session, saml_session
from pipeline.simulate.issuance import (
    Issued,
    assume_role,
    console_login,
    service_assume,
)
from pipeline.simulate.organisation import (
    ACTIONS_AGENT,
    LAMBDA_AGENT,
    REGIONS,
    SDK_AGENT,
    TERRAFORM,
    Organisation,
    Person,
    app_name,
    cloud_address,
    new_role,
    new_user,
)
from pipeline.simulate.session import Role, Session, User, role_session, user_session

_SSO_PATH = "/aws-reserved/sso.amazonaws.com/eu-west-1/"
_SETS = ("DeveloperAccess", "DeveloperAccess", "ReadOnlyAccess")
_SERVICE_ROLES = (
    ("config.amazonaws.com", "AWSServiceRoleForConfig", "AWSConfig-Describe", "auditor"),
    ("access-analyzer.amazonaws.com", "AWSServiceRoleForAccessAnalyzer", "access-analyzer", "operator"),
    ("autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling", "AutoScaling", "scaling"),
)
_VERSIONS = ("1.08", "1.09", "1.10", "1.10", "1.11", "1.11", "1.11")
_TRAVEL = 0.02
"""One session in fifty comes from a train, a hotel, a new flat: novelty alone is nothing."""


class Staff:
    """Builds the background's actors."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self.org = cast.org
        self._ids = cast.org.ids.branch("staff")

    def actors(self) -> list[Actor]:
        """Return everybody."""
        return [
            *self._people(),
            *self._users(),
            *self._pipelines(),
            *self._auditors(),
            *self._compute(),
            *self._services(),
        ]

    def _actor(
        self, name: str, weight: float, hours: tuple[float, ...], burst: int, profile: str, place: tuple[str, str],
        begin: Opening, *, spacing: float = 3.0, denials: float = 0.0,
    ) -> Actor:  # fmt: skip
        # Which version of the record a service writes changes over the years; a trail holds several at a time.
        version = self._ids.pick(_VERSIONS)

        def dated(ids: Entropy, time: float) -> Issued:
            issued = begin(ids, time)
            return replace(issued, session=replace(issued.session, version=version))

        return Actor(name, weight, hours, burst, self._cast.bodies(profile, *place), dated, spacing, denials)

    def _people(self) -> list[Actor]:
        ids, actors = self._ids.branch("people"), []
        sets = {
            (kind, name): new_role(ids, self.org.account(kind), f"AWSReservedSSO_{name}_{ids.hex(16)}", _SSO_PATH)
            for kind in ("prod", "staging", "dev", "shared", "security")
            for name in ("DeveloperAccess", "ReadOnlyAccess", "PlatformAdmin")
        }
        for number in range(40):
            person, region = self.org.new_person(ids), ids.pick(REGIONS)
            name = "PlatformAdmin" if number % 9 == 0 else ids.pick(_SETS)
            role = sets[ids.pick(("prod", "staging", "dev", "dev", "shared")), name]
            begin = partial(_sign_in, self.org, person, role, region, ids.chance(0.4), ids.random.uniform(0.1, 0.7))
            profile = "operator" if name == "PlatformAdmin" else "developer"
            place = (role.account_id, region)
            hours = office_hours(person.utc_offset)
            actors.append(self._actor(person.name, 2.5, hours, 6, profile, place, begin, spacing=20.0, denials=0.01))
        return actors

    def _users(self) -> list[Actor]:
        ids, actors = self._ids.branch("users"), []
        for number in range(10):
            person = self.org.new_person(ids)
            user = new_user(ids, self.org.account(ids.pick(("dev", "prod", "staging"))), person.name)
            begin = partial(_open_console if number % 3 == 0 else _open_shell, person, user)
            place, hours = (user.account_id, ids.pick(REGIONS)), office_hours(person.utc_offset)
            actors.append(self._actor(user.name, 2.0, hours, 6, "developer", place, begin, spacing=15.0, denials=0.01))
        return actors

    def _pipelines(self) -> list[Actor]:
        ids, actors = self._ids.branch("pipelines"), []
        for kind in ("prod", "staging", "dev"):
            for repository in ("web", "platform"):
                role = new_role(ids, self.org.account(kind), f"github-{repository}-deploy")
                begin = partial(_run_pipeline, self.org, role, f"{self.org.saml_name.lower()}/{repository}")
                place = (role.account_id, "eu-west-1")
                actors.append(self._actor(f"{role.name}-{kind}", 1.2, office_hours(0), 14, "deploy", place, begin))
        return actors

    def _auditors(self) -> list[Actor]:
        ids, actors = self._ids.branch("auditors"), []
        scanner = new_role(ids, self.org.account("security"), "posture-scanner")
        instance, address = f"i-0{ids.hex(16)}", cloud_address(ids)
        for kind in ("prod", "staging", "dev", "shared", "management"):
            role = new_role(ids, self.org.account(kind), "security-audit")
            begin = partial(_cross_accounts, self.org, scanner, instance, address, role)
            place = (role.account_id, "us-east-1")
            actors.append(self._actor(f"audit-{kind}", 0.8, always(), 25, "auditor", place, begin, spacing=1.0))
        return actors

    def _compute(self) -> list[Actor]:
        ids, actors = self._ids.branch("compute"), []
        for number in range(30):
            account = self.org.account(ids.pick(("prod", "prod", "prod", "staging", "dev")))
            app, region = app_name(ids), ids.pick(REGIONS)
            role = new_role(ids, account, f"{app}-role")
            if number % 3:
                service, name, agent = "lambda.amazonaws.com", app, LAMBDA_AGENT
            else:
                service, name, agent = "ec2.amazonaws.com", f"i-0{ids.hex(16)}", SDK_AGENT
            begin = partial(_start_compute, service, role, name, region, cloud_address(ids), agent)
            actors.append(self._actor(app, 1.3, always(), 12, "workload", (account, region), begin, denials=0.001))
        return actors

    def _services(self) -> list[Actor]:
        ids, actors = self._ids.branch("services"), []
        for kind in ("prod", "staging", "dev", "security", "shared"):
            for service, name, session_name, profile in _SERVICE_ROLES:
                role = new_role(ids, self.org.account(kind), name, f"/aws-service-role/{service}/")
                begin = partial(_act_by_itself, role, session_name, service)
                place = (role.account_id, "us-east-1")
                actors.append(self._actor(f"{name}-{kind}", 0.5, always(), 10, profile, place, begin, spacing=1.0))
        return actors


def _sign_in(
    org: Organisation, person: Person, role: Role, region: str, in_console: bool, home: float, ids: Entropy, time: float
) -> Issued:
    who = replace(person, home=org.new_person(ids).home) if ids.chance(_TRAVEL) else person
    return saml_session(ids, org, who, role, time, region, at_home=ids.chance(home), in_console=in_console)


def _open_console(person: Person, user: User, ids: Entropy, time: float) -> Issued:
    return console_login(ids, user, time, person.address(ids.chance(0.5)), person.browser, mfa=True)


def _open_shell(person: Person, user: User, ids: Entropy, time: float) -> Issued:
    return _unissued(user_session(user, person.address(ids.chance(0.5)), person.cli), time + 9 * 3600)


def _run_pipeline(org: Organisation, role: Role, repository: str, ids: Entropy, time: float) -> Issued:
    return oidc_session(ids, org, role, repository, time, "eu-west-1", agent=TERRAFORM, login_agent=ACTIONS_AGENT)


def _cross_accounts(
    org: Organisation, scanner: Role, instance: str, address: str, role: Role, ids: Entropy, time: float
) -> Issued:
    shift = time // 21_600 * 21_600  # the instance's own credentials last six hours
    key = org.ids.branch("scanner", int(shift)).unique_id("ASIA")
    caller = role_session(scanner, instance, key, shift, address, SDK_AGENT, seconds=21_600, ec2_delivery="2.0")
    return assume_role(ids, caller, role, "posture-scan", time, "eu-west-1")


def _start_compute(
    service: str, role: Role, name: str, region: str, address: str, agent: str, ids: Entropy, time: float
) -> Issued:
    return service_assume(ids, service, role, name, time, region, address=address, agent=agent)


def _act_by_itself(role: Role, session_name: str, service: str, ids: Entropy, time: float) -> Issued:
    key = ids.unique_id("ASIA")
    return _unissued(role_session(role, session_name, key, time, service, service, invoked_by=service), time + 3600)


def _unissued(session: Session, expires: float) -> Issued:
    """Return a session whose beginning leaves no event: a long-lived key, a service-linked role."""
    return Issued(replace(session, expires=expires), [], "", session.arn)
