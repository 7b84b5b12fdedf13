"""``userIdentity`` of every kind of caller, member for member."""

from __future__ import annotations

import json

import pytest

from pipeline.simulate.session import (
    Role,
    User,
    federated_identity,
    forwarded,
    iso,
    role_session,
    service_session,
    user_console_session,
    user_session,
)

ROLE = Role("012345678901", "app", "AROAROLE", "/team/")
USER = User("012345678901", "ana", "AIDAANA", "AKIAANA")
START = 1_741_000_000.7


def test_a_users_key() -> None:
    """A long-lived key shows the user, and no session."""
    session = user_session(USER, "81.1.2.3", "aws-cli/2")
    assert session.identity == {
        "type": "IAMUser",
        "principalId": "AIDAANA",
        "arn": "arn:aws:iam::012345678901:user/ana",
        "accountId": "012345678901",
        "accessKeyId": "AKIAANA",
        "userName": "ana",
    }
    assert not session.is_console


def test_a_users_console_session() -> None:
    """A console session has its start and second factor, and may change keys."""
    session = user_console_session(USER, "ASIA1", START, "81.1.2.3", "Mozilla/5.0", mfa=True)
    assert session.identity["sessionContext"] == {
        "attributes": {"creationDate": "2025-03-03T11:06:40Z", "mfaAuthenticated": "true"}
    }
    assert session.is_console


def test_a_role_session_names_issuer_and_session() -> None:
    """The session's ARN has no path, the issuer's has; provider, source identity and IMDS version appear if given."""
    session = role_session(
        ROLE, "work", "ASIA2", START, "81.1.2.3", "aws-cli/2",
        source_identity="ana", web_provider="arn:aws:iam::012345678901:oidc-provider/x", ec2_delivery="2.0",
    )  # fmt: skip
    assert session.identity == {
        "type": "AssumedRole",
        "principalId": "AROAROLE:work",
        "arn": "arn:aws:sts::012345678901:assumed-role/app/work",
        "accountId": "012345678901",
        "accessKeyId": "ASIA2",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": "AROAROLE",
                "arn": "arn:aws:iam::012345678901:role/team/app",
                "accountId": "012345678901",
                "userName": "app",
            },
            "attributes": {"creationDate": "2025-03-03T11:06:40Z", "mfaAuthenticated": "false"},
            "webIdFederationData": {
                "federatedProvider": "arn:aws:iam::012345678901:oidc-provider/x",
                "attributes": {},
            },
            "sourceIdentity": "ana",
            "ec2RoleDelivery": "2.0",
        },
    }


def test_a_forwarded_session_is_the_callers_with_the_service_beside_it() -> None:
    """``invokedBy`` is added; address and agent are the service's; no TLS details."""
    session = user_session(USER, "81.1.2.3", "aws-cli/2")
    inner = forwarded(session, "cloudformation.amazonaws.com")
    assert inner.identity == session.identity | {"invokedBy": "cloudformation.amazonaws.com"}
    assert (inner.address, inner.agent, inner.has_tls) == (*["cloudformation.amazonaws.com"] * 2, False)
    assert "invokedBy" not in session.identity


def test_a_service_by_itself_has_no_arn() -> None:
    """AWSService shows only who invoked."""
    assert service_session("012345678901", "ec2.amazonaws.com").identity == {
        "type": "AWSService",
        "invokedBy": "ec2.amazonaws.com",
    }


@pytest.mark.parametrize(("kind", "provider"), [("SAMLUser", "arn:p"), ("WebIdentityUser", "issuer")])
def test_federated_callers_name_their_provider(kind: str, provider: str) -> None:
    """SAML names the provider's ARN, a web identity its issuer."""
    assert federated_identity(kind, "arn:p", "ana", "id:ana", issuer="issuer") == {
        "type": kind,
        "principalId": "id:ana",
        "userName": "ana",
        "identityProvider": provider,
    }


def test_the_opening_is_the_records_beginning() -> None:
    """A session's opening, closed after a time, is JSON with version and identity."""
    session = user_session(USER, "81.1.2.3", "aws-cli/2", version="1.09")
    record = json.loads(session.opening() + iso(START) + '"}')
    assert record == {
        "eventVersion": "1.09",
        "userIdentity": session.identity,
        "eventTime": "2025-03-03T11:06:40Z",
    }
