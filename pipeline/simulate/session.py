"""Who makes a call, and with which credentials: CloudTrail's ``userIdentity``, address and user agent.

What enters: principals of the simulated organisation. What leaves: ``Session`` values with the element exactly as AWS
writes it for that kind of caller. This module must never make an event.

Source: AWS "CloudTrail userIdentity element"; shapes compared with real events.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

_REST_OF_HOUR = tuple(f"{second // 60:02d}:{second % 60:02d}Z" for second in range(3600))


@lru_cache(maxsize=4096)
def _hour_text(hour: int) -> str:
    return datetime.fromtimestamp(hour * 3600, UTC).strftime("%Y-%m-%dT%H:")


def iso(moment: float) -> str:
    """Return epoch seconds as CloudTrail writes times; each event needs one, so the hour's text is kept."""
    second = int(moment)
    return _hour_text(second // 3600) + _REST_OF_HOUR[second % 3600]


def compact(value: object) -> str:
    """Return JSON without spaces, as archives hold it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user and its long-lived key."""

    account_id: str
    name: str
    user_id: str
    key_id: str

    @property
    def arn(self) -> str:
        """The user's ARN."""
        return f"arn:aws:iam::{self.account_id}:user/{self.name}"


@dataclass(frozen=True, slots=True)
class Role:
    """An IAM role; ``path`` ends with a slash."""

    account_id: str
    name: str
    role_id: str
    path: str = "/"

    @property
    def arn(self) -> str:
        """The role's ARN, with its path."""
        return f"arn:aws:iam::{self.account_id}:role{self.path}{self.name}"

    def session_arn(self, session_name: str) -> str:
        """Return the ARN of a session of the role; it has no path."""
        return f"arn:aws:sts::{self.account_id}:assumed-role/{self.name}/{session_name}"


@dataclass(frozen=True, slots=True)
class Session:
    """One set of credentials in use from one place."""

    account_id: str
    identity: dict[str, Any]
    address: str
    agent: str
    arn: str
    key_id: str = ""
    expires: float = float("inf")
    has_tls: bool = True
    is_console: bool = False
    version: str = "1.11"

    def opening(self) -> str:
        """Return the text of a record up to its ``eventTime`` value, rendered once a session."""
        return f'{{"eventVersion":"{self.version}","userIdentity":{compact(self.identity)},"eventTime":"'

    def at(self, address: str, agent: str | None = None) -> Session:
        """Return the same credentials used from elsewhere."""
        return replace(self, address=address, agent=agent or self.agent)


def _attributes(created: float, mfa: bool) -> dict[str, str]:
    return {"creationDate": iso(created), "mfaAuthenticated": "true" if mfa else "false"}


def user_session(user: User, address: str, agent: str, *, version: str = "1.11") -> Session:
    """Return calls signed with a user's long-lived key."""
    identity = {
        "type": "IAMUser",
        "principalId": user.user_id,
        "arn": user.arn,
        "accountId": user.account_id,
        "accessKeyId": user.key_id,
        "userName": user.name,
    }
    return Session(user.account_id, identity, address, agent, user.arn, user.key_id, version=version)


def user_console_session(
    user: User, key_id: str, created: float, address: str, agent: str, *, mfa: bool, version: str = "1.11"
) -> Session:
    """Return one key of a user's console session; the console changes keys, the creation time stays."""
    identity = {
        "type": "IAMUser",
        "principalId": user.user_id,
        "arn": user.arn,
        "accountId": user.account_id,
        "accessKeyId": key_id,
        "userName": user.name,
        "sessionContext": {"attributes": _attributes(created, mfa)},
    }
    return Session(
        user.account_id,
        identity,
        address,
        agent,
        user.arn,
        key_id,
        created + 43_200,
        is_console=True,
        version=version,
    )


def role_session(
    role: Role,
    session_name: str,
    key_id: str,
    created: float,
    address: str,
    agent: str,
    *,
    mfa: bool = False,
    seconds: float = 3600,
    source_identity: str = "",
    web_provider: str = "",
    invoked_by: str = "",
    ec2_delivery: str = "",
    is_console: bool = False,
    version: str = "1.11",
) -> Session:
    """Return a session of a role; what is not given is not in its record."""
    extras: dict[str, Any] = {
        "webIdFederationData": {"federatedProvider": web_provider, "attributes": {}} if web_provider else None,
        "sourceIdentity": source_identity,
        "ec2RoleDelivery": ec2_delivery,
    }
    identity: dict[str, Any] = {
        "type": "AssumedRole",
        "principalId": f"{role.role_id}:{session_name}",
        "arn": role.session_arn(session_name),
        "accountId": role.account_id,
        "accessKeyId": key_id,
        "sessionContext": {
            "sessionIssuer": _issuer(role),
            "attributes": _attributes(created, mfa),
            **{name: value for name, value in extras.items() if value},
        },
    }
    if invoked_by:
        identity["invokedBy"], address, agent = invoked_by, invoked_by, invoked_by
    arn, expires = role.session_arn(session_name), created + seconds
    session = Session(role.account_id, identity, address, agent, arn, key_id, expires, not invoked_by, is_console)
    return replace(session, version=version)


def _issuer(role: Role) -> dict[str, str]:
    return {
        "type": "Role",
        "principalId": role.role_id,
        "arn": role.arn,
        "accountId": role.account_id,
        "userName": role.name,
    }


def forwarded(session: Session, service: str) -> Session:
    """Return the caller's session as a service uses it for him (forward access session): ``invokedBy`` is set."""
    identity = {**session.identity, "invokedBy": service}
    return replace(session, identity=identity, address=service, agent=service, has_tls=False, is_console=False)


def service_session(account_id: str, service: str, *, version: str = "1.11") -> Session:
    """Return a service that acts by itself."""
    return Session(
        account_id,
        {"type": "AWSService", "invokedBy": service},
        service,
        service,
        service,
        has_tls=False,
        version=version,
    )


def federated_identity(kind: str, provider: str, subject: str, principal_id: str, *, issuer: str) -> dict[str, Any]:
    """Return the caller of AssumeRoleWithSAML (``SAMLUser``) or AssumeRoleWithWebIdentity (``WebIdentityUser``)."""
    return {
        "type": kind,
        "principalId": principal_id,
        "userName": subject,
        "identityProvider": provider if kind == "SAMLUser" else issuer,
    }
