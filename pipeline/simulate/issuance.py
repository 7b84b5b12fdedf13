"""Calls that hand out credentials: AssumeRole, console sign-in, keys; sign-in through a provider is ``federation``.

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
from pipeline.simulate.record import Entry, Event, render_event
from pipeline.simulate.session import (
    Role,
    Session,
    User,
    role_session,
    service_session,
    user_console_session,
)

STS = "sts.amazonaws.com"


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


def answer(ids: Entropy, role: Role, name: str, key: str, expires: float) -> dict[str, Any]:
    """Return what STS answers: the key, a token, the session's names."""
    return {
        "credentials": {"accessKeyId": key, "sessionToken": ids.token(), "expiration": spoken(expires)},
        "assumedRoleUser": {"assumedRoleId": f"{role.role_id}:{name}", "arn": role.session_arn(name)},
    }


def role_resource(role: Role) -> list[dict[str, str]]:
    """Return the ``resources`` member of a call that assumes a role."""
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
    key, inherited = ids.unique_id("ASIA"), caller.identity.get("sessionContext", {}).get("sourceIdentity", "")
    session = role_session(
        role, name, key, time, address or caller.address, agent or caller.agent,
        seconds=seconds, source_identity=source_identity or inherited, version=caller.version,
    )  # fmt: skip
    named = {"sourceIdentity": source_identity} if source_identity else {}
    request = {"roleArn": role.arn, "roleSessionName": name, "durationSeconds": seconds, **named}
    shared = ids.uuid()
    response = answer(ids, role, name, key, time + seconds) | named

    def copy(account_id: str, who: Session) -> Event:
        entry = Entry(STS, "AssumeRole", region, request, response, True, None, role_resource(role))
        return render_event(ids, who, time, replace(entry, account_id=account_id, shared_id=shared))

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
    caller, request = service_session(role.account_id, service), {"roleArn": role.arn, "roleSessionName": name}
    response = answer(ids, role, name, key, time + seconds)
    entry = Entry(STS, "AssumeRole", region, request, response, True, None, role_resource(role), shared_id=ids.uuid())
    event = render_event(ids, caller, time, entry)
    return Issued(session, [event], event.event_id, service)


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
    device = {"MFAIdentifier": f"arn:aws:iam::{user.account_id}:mfa/{user.name}"} if mfa else {}
    login = {"LoginTo": f"https://console.aws.amazon.com/console/home?region={region}", "MobileVersion": "No"}
    entry = Entry(
        "signin.amazonaws.com",
        "ConsoleLogin",
        region,
        response={"ConsoleLogin": "Success"},
        additional=login | device | {"MFAUsed": "Yes" if mfa else "No"},
        event_type="AwsConsoleSignIn",
    )
    event = render_event(ids, who, time, entry)
    session = user_console_session(user, ids.unique_id("ASIA"), time, address, browser, mfa=mfa)
    return Issued(session, [event], event.event_id, user.arn)


def next_console_key(ids: Entropy, session: Session) -> Session:
    """Return the same console session with its next key: creation time and principal stay."""
    key = ids.unique_id("ASIA")
    return replace(session, identity={**session.identity, "accessKeyId": key}, key_id=key)


def created_key(ids: Entropy, caller: Session, owner: User, time: float) -> tuple[User, Event]:
    """Have ``caller`` make a key for ``owner``; returns the owner with the new key."""
    key = ids.unique_id("AKIA")
    made = {"userName": owner.name, "accessKeyId": key, "status": "Active", "createDate": spoken(time)}
    request, response = {"userName": owner.name}, {"accessKey": made}
    entry = Entry("iam.amazonaws.com", "CreateAccessKey", "us-east-1", request, response)
    event = render_event(ids, caller, time, entry)
    return replace(owner, key_id=key), event
