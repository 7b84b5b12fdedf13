"""Sign-in through a provider: people by SAML, CI runs by OIDC.

What enters: a person or a repository, a role. What leaves: ``Issued``, as ``issuance`` has it. This module must never
decide who signs in.

Source: AWS "Logging IAM and AWS STS API calls with AWS CloudTrail", AssumeRoleWithSAML and AssumeRoleWithWebIdentity.
"""

from __future__ import annotations

from pipeline.simulate.entropy import Entropy
from pipeline.simulate.issuance import STS, Issued, answer, role_resource
from pipeline.simulate.organisation import OIDC_ISSUER, Organisation, Person
from pipeline.simulate.record import Entry, render_event
from pipeline.simulate.session import Role, Session, federated_identity, role_session

_STS_FRONT = (
    "aws-internal/3 aws-sdk-java/1.12.777 Linux/5.10.226 OpenJDK_64-Bit_Server_VM/25.432-b06 java/1.8.0_432 vendor/N/A "
    "cfg/retry-mode/standard"
)


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
    response = answer(ids, role, person.email, key, time + seconds) | _assertion(org, person, region)
    request = {
        "sAMLAssertionID": f"_{ids.uuid()}",
        "roleSessionName": person.email,
        "roleArn": role.arn,
        "principalArn": provider,
        "durationSeconds": seconds,
    }
    resources = [
        *role_resource(role),
        {"accountId": role.account_id, "type": "AWS::IAM::SAMLProvider", "ARN": provider},
    ]
    entry = Entry(STS, "AssumeRoleWithSAML", region, request, response, True, None, resources)
    event = render_event(ids, who, time, entry)
    names = (f"{provider}|{person.email}", person.email, f"{org.saml_name}:{person.email}")
    return Issued(session, [event], event.event_id, provider, names)


def _assertion(org: Organisation, person: Person, region: str) -> dict[str, str]:
    return {
        "subject": person.email,
        "subjectType": "persistent",
        "issuer": f"https://portal.sso.{region}.amazonaws.com/saml/assertion/{org.organization_id}",
        "audience": "https://signin.aws.amazon.com/saml",
        "nameQualifier": org.ids.branch("qualifier").letters(28) + "=",
    }


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
    response = answer(ids, role, name, key, time + 3600) | {
        "subjectFromWebIdentityToken": subject,
        "provider": provider,
        "audience": "sts.amazonaws.com",
    }
    request = {"roleArn": role.arn, "roleSessionName": name, "durationSeconds": 3600}
    entry = Entry(STS, "AssumeRoleWithWebIdentity", region, request, response, True, None, role_resource(role))
    event = render_event(ids, who, time, entry)
    names = (f"{provider}|{subject}", subject, f"{provider}:sts.amazonaws.com:{subject}")
    return Issued(session, [event], event.event_id, provider, names)
