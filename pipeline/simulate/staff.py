"""Who works in the organisation: the background's actors.

What enters: an organisation. What leaves: ``Actor`` values: people with federated sessions, IAM users, CI runs,
auditors that cross accounts, compute of every kind, AWS services. This module must never give an actor a bad habit.
"""

from __future__ import annotations

from pipeline.simulate.background import Actor, Opening, always, office_hours
from pipeline.simulate.cast import Cast
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.issuance import Issued, assume_role, console_login, oidc_session, saml_session, service_assume
from pipeline.simulate.organisation import (
    ACTIONS_AGENT,
    LAMBDA_AGENT,
    REGIONS,
    SDK_AGENT,
    TERRAFORM,
    app_name,
    new_role,
    new_user,
)
from pipeline.simulate.session import Role, Session, User, role_session, user_session
from pipeline.simulate.workload import Body

_SERVICE_ROLES = (
    ("config.amazonaws.com", "AWSServiceRoleForConfig", "AWSConfig-Describe", "auditor"),
    ("access-analyzer.amazonaws.com", "AWSServiceRoleForAccessAnalyzer", "access-analyzer", "operator"),
    ("autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling", "AutoScaling", "workload"),
)


class Staff:
    """Builds the background's actors."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self.org = cast.org
        self._ids = cast.org.ids.branch("staff")

    def bodies(self, profile: str, account_id: str, region: str) -> list[tuple[str, Body]]:
        """Return a profile's bodies in one place."""
        return self._cast.bodies(profile, account_id, region)

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

    def _people(self) -> list[Actor]:
        ids, actors = self._ids.branch("people"), []
        sets = {}
        for kind in ("prod", "staging", "dev", "shared", "security"):
            for name in ("DeveloperAccess", "ReadOnlyAccess", "PlatformAdmin"):
                path = "/aws-reserved/sso.amazonaws.com/eu-west-1/"
                sets[kind, name] = new_role(ids, self.org.account(kind), f"AWSReservedSSO_{name}_{ids.hex(16)}", path)
        for number in range(36):
            person = self.org.new_person(ids)
            name = (
                "PlatformAdmin"
                if number % 9 == 0
                else ids.pick(("DeveloperAccess", "DeveloperAccess", "ReadOnlyAccess"))
            )
            role = sets[ids.pick(("prod", "staging", "dev", "dev", "shared")), name]
            region = ids.pick(REGIONS)
            in_console = ids.chance(0.4)
            home = ids.random.uniform(0.1, 0.7)

            def begin(
                ids: Entropy, time: float, person=person, role=role, region=region, in_console=in_console, home=home
            ) -> Issued:  # type: ignore[no-untyped-def]
                # One session in fifty is from a train, a hotel, a new flat: novelty alone is nothing.
                traveller = self.org.new_person(ids).home if ids.chance(0.02) else person.home
                from dataclasses import replace

                who = replace(person, home=traveller)
                return saml_session(
                    ids, self.org, who, role, time, region, at_home=ids.chance(home), in_console=in_console
                )

            profile = "operator" if name == "PlatformAdmin" else "developer"
            actors.append(
                Actor(
                    person.name,
                    1.0,
                    office_hours(person.utc_offset),
                    6,
                    self.bodies(profile, role.account_id, region),
                    begin,
                    20.0,
                    0.01,
                )
            )
        return actors

    def _users(self) -> list[Actor]:
        ids, actors = self._ids.branch("users"), []
        for number in range(10):
            person = self.org.new_person(ids)
            account = self.org.account(ids.pick(("dev", "prod", "staging")))
            user = new_user(ids, account, person.name)
            region = ids.pick(REGIONS)
            begin: Opening
            if number % 3 == 0:

                def begin(ids: Entropy, time: float, user: User = user, person=person) -> Issued:  # type: ignore[no-untyped-def,misc]
                    return console_login(ids, user, time, person.address(ids.chance(0.5)), person.browser, mfa=True)
            else:

                def begin(ids: Entropy, time: float, user: User = user, person=person) -> Issued:  # type: ignore[no-untyped-def,misc]
                    session = user_session(user, person.address(ids.chance(0.5)), person.cli)
                    return _unissued(session, time + 9 * 3600)

            actors.append(
                Actor(
                    user.name,
                    0.8,
                    office_hours(person.utc_offset),
                    6,
                    self.bodies("developer", account, region),
                    begin,
                    15.0,
                    0.01,
                )
            )
        return actors

    def _pipelines(self) -> list[Actor]:
        ids, actors = self._ids.branch("pipelines"), []
        for kind in ("prod", "staging", "dev"):
            for repository in ("web", "platform"):
                role = new_role(ids, self.org.account(kind), f"github-{repository}-deploy")
                name = f"{self.org.saml_name.lower()}/{repository}"

                def begin(ids: Entropy, time: float, role: Role = role, name: str = name) -> Issued:
                    return oidc_session(
                        ids, self.org, role, name, time, "eu-west-1", agent=TERRAFORM, login_agent=ACTIONS_AGENT
                    )

                actors.append(
                    Actor(
                        role.name,
                        1.2,
                        office_hours(0),
                        14,
                        self.bodies("deploy", role.account_id, "eu-west-1"),
                        begin,
                        2.0,
                    )
                )
        return actors

    def _auditors(self) -> list[Actor]:
        ids, actors = self._ids.branch("auditors"), []
        home = new_role(ids, self.org.account("security"), "posture-scanner")
        address = f"10.40.{ids.between(0, 255)}.{ids.between(2, 250)}"
        for kind in ("prod", "staging", "dev", "shared", "management"):
            role = new_role(ids, self.org.account(kind), "security-audit")

            def begin(ids: Entropy, time: float, role: Role = role) -> Issued:
                instance = "i-0" + self.org.ids.branch("scanner").hex(16)
                caller = role_session(
                    home,
                    instance,
                    self.org.ids.branch("scanner", int(time) // 21_600).unique_id("ASIA"),
                    time // 21_600 * 21_600,
                    address,
                    SDK_AGENT,
                    seconds=21_600,
                    ec2_delivery="2.0",
                )
                return assume_role(ids, caller, role, "posture-scan", time, "eu-west-1")

            actors.append(
                Actor(
                    f"audit-{kind}", 1.0, always(), 25, self.bodies("auditor", role.account_id, "us-east-1"), begin, 1.0
                )
            )
        return actors

    def _compute(self) -> list[Actor]:
        ids, actors = self._ids.branch("compute"), []
        for number in range(30):
            account = self.org.account(ids.pick(("prod", "prod", "prod", "staging", "dev")))
            app, region = app_name(ids), ids.pick(REGIONS)
            role = new_role(ids, account, f"{app}-role")
            service, name = ("lambda.amazonaws.com", app) if number % 3 else ("ec2.amazonaws.com", f"i-0{ids.hex(16)}")
            address = (
                f"{ids.pick((3, 18, 34, 52, 54))}.{ids.between(1, 250)}.{ids.between(1, 250)}.{ids.between(2, 250)}"
            )
            agent = LAMBDA_AGENT if service.startswith("lambda") else SDK_AGENT

            def begin(ids: Entropy, time: float, place=(service, role, name, region, address, agent)) -> Issued:  # type: ignore[no-untyped-def]
                service, role, name, region, address, agent = place
                return service_assume(ids, service, role, name, time, region, address=address, agent=agent)

            actors.append(Actor(app, 1.6, always(), 12, self.bodies("workload", account, region), begin, 3.0, 0.001))
        return actors

    def _services(self) -> list[Actor]:
        ids, actors = self._ids.branch("services"), []
        for kind in ("prod", "staging", "dev", "security", "shared"):
            for service, name, session_name, profile in _SERVICE_ROLES:
                role = new_role(ids, self.org.account(kind), name, f"/aws-service-role/{service}/")

                def begin(ids: Entropy, time: float, place=(role, session_name, service)) -> Issued:  # type: ignore[no-untyped-def]
                    role, session_name, service = place
                    key = ids.unique_id("ASIA")
                    return _unissued(
                        role_session(role, session_name, key, time, service, service, invoked_by=service), time + 3600
                    )

                actors.append(
                    Actor(
                        f"{name}-{kind}",
                        0.5,
                        always(),
                        10,
                        self.bodies(profile, role.account_id, "us-east-1"),
                        begin,
                        1.0,
                        0.0,
                    )
                )
        return actors


def _unissued(session: Session, expires: float) -> Issued:
    """Return a session whose beginning leaves no event: a long-lived key, a service-linked role."""
    from dataclasses import replace

    return Issued(replace(session, expires=expires), [], "", session.arn)
