"""Calls that hand out credentials: AssumeRole and its federated kinds, console sign-in, keys.

What enters: the caller and the role. What leaves: an ``Issued``: the new session, the events (a copy for each account
of a cross-account call, joined by ``sharedEventID``) and the id of the event that a chain cites.
This module must never decide who assumes what.

Source: AWS "Logging IAM and AWS STS API calls with AWS CloudTrail"; shapes compared with real events.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pipeline.simulate.entropy import Entropy
from pipeline.simulate.organisation import OIDC_ISSUER, Organisation, Person
from pipeline.simulate.record import Event, render_event
from pipeline.simulate.session import (
    Role,
    Session,
    User,
    federated_identity,
    role_session,
    service_session,
    user_console_session,
)

STS = "sts.amazonaws.com"
_STS_FRONT = (
    "aws-internal/3 aws-sdk-java/1.12.777 Linux/5.10.226 OpenJDK_64-Bit_Server_VM/25.432-b06 java/1.8.0_432 vendor/N/A "
    "cfg/retry-mode/standard"
)


@dataclass(frozen=True, slots=True)
class Issued:
    """New credentials and how they came about; ``names`` are what a federated caller may be called."""

    session: Session
    events: list[Event]
    event_id: str
    issuer_arn: str
    names: tuple[str, ...] = ()


def spoken(moment: float) -> str:
    """Return a time as IAM and STS answers write it: ``Jul 10, 2023, 6:30:22 PM``."""
    at = datetime.fromtimestamp(moment, UTC)
    hour = at.hour % 12 or 12
    half = "PM" if at.hour >= 12 else "AM"
    return f"{at.strftime('%b')} {at.day}, {at.year}, {hour}:{at.minute:02d}:{at.second:02d} {half}"


def _answer(ids: Entropy, role: Role, name: str, key: str, expires: float) -> dict[str, Any]:
    return {
        "credentials": {"accessKeyId": key, "sessionToken": ids.token(), "expiration": spoken(expires)},
        "assumedRoleUser": {"assumedRoleId": f"{role.role_id}:{name}", "arn": role.session_arn(name)},
    }


def _role_resource(role: Role) -> list[dict[str, str]]:
    return [{"accountId": role.account_id, "type": "AWS::IAM::Role", "ARN": role.arn}]


def assume_role(
    ids: Entropy,
    caller: Session,
    role: Role,
    name: str,
    time: float,
    region: str,
    *,
    seconds: int = 3600,
    source_identity: str = "",
    address: str = "",
    agent: str = "",
) -> Issued:
    """Have ``caller`` assume ``role``; across accounts, each account gets its copy with its own eventID."""
    key = ids.unique_id("ASIA")
    session = role_session(
        role,
        name,
        key,
        time,
        address or caller.address,
        agent or caller.agent,
        seconds=seconds,
        source_identity=source_identity or caller.identity.get("sessionContext", {}).get("sourceIdentity", ""),
        version=caller.version,
    )
    request: dict[str, Any] = {"roleArn": role.arn, "roleSessionName": name, "durationSeconds": seconds}
    if source_identity:
        request["sourceIdentity"] = source_identity
    shared = ids.uuid()
    response = _answer(ids, role, name, key, time + seconds)
    if source_identity:
        response["sourceIdentity"] = source_identity

    def copy(account_id: str, who: Session) -> Event:
        return render_event(
            ids, who, time, STS, "AssumeRole", region, request=request, response=response, read_only=True,
            resources=_role_resource(role), account_id=account_id, shared_id=shared,
        )  # fmt: skip

    own = copy(role.account_id, caller if caller.account_id == role.account_id else _as_seen_from_outside(caller))
    events = [own] if caller.account_id == role.account_id else [copy(caller.account_id, caller), own]
    return Issued(session, events, events[0].event_id, caller.arn)


def _as_seen_from_outside(caller: Session) -> Session:
    """Return the caller as the other account's copy shows it: an ``AWSAccount`` with the id, no ARN, no key."""
    return replace(
        caller,
        identity={
            "type": "AWSAccount",
            "principalId": caller.identity["principalId"],
            "accountId": caller.account_id,
        },
    )


def service_assume(
    ids: Entropy, service: str, role: Role, name: str, time: float, region: str, *, address: str, agent: str
) -> Issued:
    """Have a service take a role for a compute resource: Lambda for a function, EC2 for an instance."""
    key = ids.unique_id("ASIA")
    seconds = 21_600 if service == "ec2.amazonaws.com" else 43_200
    session = role_session(
        role,
        name,
        key,
        time,
        address,
        agent,
        seconds=seconds,
        ec2_delivery="2.0" if service == "ec2.amazonaws.com" else "",
    )
    event = render_event(
        ids,
        service_session(role.account_id, service),
        time,
        STS,
        "AssumeRole",
        region,
        request={"roleArn": role.arn, "roleSessionName": name},
        response=_answer(ids, role, name, key, time + seconds),
        read_only=True,
        resources=_role_resource(role),
        shared_id=ids.uuid(),
    )
    return Issued(session, [event], event.event_id, service)


def saml_session(
    ids: Entropy,
    org: Organisation,
    person: Person,
    role: Role,
    time: float,
    region: str,
    *,
    at_home: bool,
    in_console: bool,
    seconds: int = 14_400,
) -> Issued:
    """Sign a person in through the identity provider to a session of ``role`` named by e-mail address."""
    key = ids.unique_id("ASIA")
    provider = org.saml_provider(role.account_id)
    address = person.address(at_home)
    session = role_session(
        role,
        person.email,
        key,
        time,
        address,
        person.browser if in_console else person.cli,
        seconds=seconds,
        is_console=in_console,
    )
    who = Session(
        role.account_id,
        federated_identity("SAMLUser", provider, person.email, f"{org.saml_name}:{person.email}", issuer=""),
        address,
        _STS_FRONT,
        provider,
    )
    answer = _answer(ids, role, person.email, key, time + seconds) | {
        "subject": person.email,
        "subjectType": "persistent",
        "issuer": f"https://portal.sso.{region}.amazonaws.com/saml/assertion/{org.organization_id}",
        "audience": "https://signin.aws.amazon.com/saml",
        "nameQualifier": org.ids.branch("qualifier").letters(28) + "=",
    }
    event = render_event(
        ids,
        who,
        time,
        STS,
        "AssumeRoleWithSAML",
        region,
        request={
            "sAMLAssertionID": f"_{ids.uuid()}",
            "roleSessionName": person.email,
            "roleArn": role.arn,
            "principalArn": provider,
            "durationSeconds": seconds,
        },
        response=answer,
        read_only=True,
        resources=[
            *_role_resource(role),
            {"accountId": role.account_id, "type": "AWS::IAM::SAMLProvider", "ARN": provider},
        ],
    )
    names = (f"{provider}|{person.email}", person.email, f"{org.saml_name}:{person.email}")
    return Issued(session, [event], event.event_id, provider, names)


def oidc_session(
    ids: Entropy,
    org: Organisation,
    role: Role,
    repository: str,
    time: float,
    region: str,
    *,
    agent: str,
    login_agent: str,
) -> Issued:
    """Give a CI run a session of ``role``; its name and address change every run."""
    key, name = ids.unique_id("ASIA"), f"GitHubActions-{ids.digits(11)}"
    provider = f"arn:aws:iam::{role.account_id}:oidc-provider/{OIDC_ISSUER}"
    subject = f"repo:{repository}:ref:refs/heads/main"
    address = org.runner_address(ids)
    session = role_session(role, name, key, time, address, agent, web_provider=provider)
    who = Session(
        role.account_id,
        federated_identity(
            "WebIdentityUser", provider, subject, f"{provider}:sts.amazonaws.com:{subject}", issuer=provider
        ),
        address,
        login_agent,
        provider,
    )
    answer = _answer(ids, role, name, key, time + 3600) | {
        "subjectFromWebIdentityToken": subject,
        "provider": provider,
        "audience": "sts.amazonaws.com",
    }
    event = render_event(
        ids, who, time, STS, "AssumeRoleWithWebIdentity", region,
        request={"roleArn": role.arn, "roleSessionName": name, "durationSeconds": 3600},
        response=answer, read_only=True, resources=_role_resource(role),
    )  # fmt: skip
    names = (f"{provider}|{subject}", subject, f"{provider}:sts.amazonaws.com:{subject}")
    return Issued(session, [event], event.event_id, provider, names)


def console_login(
    ids: Entropy, user: User, time: float, address: str, browser: str, *, mfa: bool, region: str = "us-east-1"
) -> Issued:
    """Sign an IAM user in to the console; ``next_console_key`` gives the session's later keys."""
    identity = {
        "type": "IAMUser",
        "principalId": user.user_id,
        "arn": user.arn,
        "accountId": user.account_id,
        "userName": user.name,
    }
    who = Session(user.account_id, identity, address, browser, user.arn)
    event = render_event(
        ids, who, time, "signin.amazonaws.com", "ConsoleLogin", region,
        response={"ConsoleLogin": "Success"},
        additional={
            "LoginTo": f"https://console.aws.amazon.com/console/home?region={region}",
            "MobileVersion": "No",
            "MFAIdentifier": f"arn:aws:iam::{user.account_id}:mfa/{user.name}",
            "MFAUsed": "Yes",
        } if mfa else {
            "LoginTo": f"https://console.aws.amazon.com/console/home?region={region}",
            "MobileVersion": "No",
            "MFAUsed": "No",
        },
        event_type="AwsConsoleSignIn",
    )  # fmt: skip
    session = user_console_session(user, ids.unique_id("ASIA"), time, address, browser, mfa=mfa)
    return Issued(session, [event], event.event_id, user.arn)


def next_console_key(ids: Entropy, session: Session) -> Session:
    """Return the same console session with its next key: creation time and principal stay."""
    key = ids.unique_id("ASIA")
    return replace(session, identity={**session.identity, "accessKeyId": key}, key_id=key)


def created_key(ids: Entropy, caller: Session, owner: User, time: float) -> tuple[User, Event]:
    """Have ``caller`` make a key for ``owner``; returns the owner with the new key."""
    key = ids.unique_id("AKIA")
    answer = {"userName": owner.name, "accessKeyId": key, "status": "Active", "createDate": spoken(time)}
    event = render_event(
        ids, caller, time, "iam.amazonaws.com", "CreateAccessKey", "us-east-1",
        request={"userName": owner.name},
        response={"accessKey": answer},
    )  # fmt: skip
    return replace(owner, key_id=key), event
