"""Calls that hand out credentials, as each account sees them."""

from __future__ import annotations

import json
from typing import Any

from pipeline.simulate.entropy import Entropy
from pipeline.simulate.federation import oidc_session, saml_session
from pipeline.simulate.issuance import (
    assume_role,
    console_login,
    created_key,
    next_console_key,
    service_assume,
    spoken,
)
from pipeline.simulate.organisation import build_organisation
from pipeline.simulate.record import Event
from pipeline.simulate.session import Role, User, user_session

HERE = Role("111122223333", "app", "AROAAPP")
AWAY = Role("444455556666", "away", "AROAAWAY")
USER = User("111122223333", "ana", "AIDAANA", "AKIAANA")
NOON = 1_741_003_200


def _record(event: Event) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(event.text)
    return record


def test_times_in_answers_are_spoken() -> None:
    """STS and IAM answer in English, with a twelve-hour clock."""
    assert spoken(NOON) == "Mar 3, 2025, 12:00:00 PM"
    assert spoken(NOON + 13 * 3600 + 65) == "Mar 4, 2025, 1:01:05 AM"


def test_assume_role_answers_with_the_sessions_key() -> None:
    """The answer's key is the session's; its assumedRoleId is the session's principalId; times agree."""
    issued = assume_role(Entropy(1), user_session(USER, "81.1.2.3", "cli"), HERE, "work", NOON, "eu-west-1")
    (event,) = issued.events
    record = _record(event)
    assert record["requestParameters"] == {"roleArn": HERE.arn, "roleSessionName": "work", "durationSeconds": 3600}
    answer = record["responseElements"]
    assert answer["credentials"]["accessKeyId"] == issued.session.key_id
    assert answer["credentials"]["expiration"] == "Mar 3, 2025, 1:00:00 PM"
    assert answer["assumedRoleUser"] == {"assumedRoleId": "AROAAPP:work", "arn": issued.session.arn}
    assert issued.session.identity["principalId"] == "AROAAPP:work"
    created = issued.session.identity["sessionContext"]["attributes"]["creationDate"]
    assert record["eventTime"] == created == "2025-03-03T12:00:00Z"
    assert record["resources"] == [{"accountId": "111122223333", "type": "AWS::IAM::Role", "ARN": HERE.arn}]


def test_a_cross_account_call_is_recorded_twice() -> None:
    """Caller's account in full, callee's with the account alone; one sharedEventID, the same answer."""
    issued = assume_role(
        Entropy(1), user_session(USER, "81.1.2.3", "cli"), AWAY, "x", NOON, "eu-west-1", source_identity="ana"
    )
    near, far = (_record(event) for event in issued.events)
    assert near["userIdentity"]["arn"] == USER.arn
    assert far["userIdentity"] == {"type": "AWSAccount", "principalId": "AIDAANA", "accountId": "111122223333"}
    assert [near["recipientAccountId"], far["recipientAccountId"]] == ["111122223333", "444455556666"]
    assert near["sharedEventID"] == far["sharedEventID"]
    assert near["eventID"] == issued.event_id != far["eventID"]
    assert near["responseElements"] == far["responseElements"]
    assert near["responseElements"]["sourceIdentity"] == "ana"


def test_the_source_identity_survives_the_next_hop() -> None:
    """Set once, it is in every later session of the chain."""
    first = assume_role(Entropy(1), user_session(USER, "a", "b"), HERE, "x", NOON, "eu-west-1", source_identity="ana")
    second = assume_role(Entropy(2), first.session, AWAY, "y", NOON, "eu-west-1")
    assert second.session.identity["sessionContext"]["sourceIdentity"] == "ana"


def test_federated_sessions_name_provider_and_subject() -> None:
    """SAML names the person, a web identity the repository; runs differ in session name."""
    org = build_organisation(4)
    person = org.new_person(Entropy(5))
    saml = saml_session(Entropy(1), org, person, HERE, NOON, "eu-west-1", at_home=True, in_console=True)
    record = _record(saml.events[0])
    assert record["userIdentity"]["type"] == "SAMLUser"
    assert record["requestParameters"]["roleSessionName"] == record["responseElements"]["subject"] == person.email
    assert record["requestParameters"]["principalArn"] == saml.issuer_arn
    assert saml.session.is_console
    runs = [
        oidc_session(Entropy(seed), org, HERE, "org/web", NOON, "eu-west-1", agent="tf", login_agent="gh")
        for seed in (1, 2)
    ]
    record = _record(runs[0].events[0])
    assert record["userIdentity"]["userName"] == "repo:org/web:ref:refs/heads/main"
    assert record["responseElements"]["subjectFromWebIdentityToken"] == record["userIdentity"]["userName"]
    assert runs[0].session.arn != runs[1].session.arn


def test_compute_gets_its_session_from_its_service() -> None:
    """The service is the caller, the instance the session's name, and EC2 says by which metadata version."""
    issued = service_assume(
        Entropy(1), "ec2.amazonaws.com", HERE, "i-0abc", NOON, "eu-west-1", address="3.1.2.3", agent="sdk"
    )
    record = _record(issued.events[0])
    assert record["userIdentity"] == {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}
    assert issued.session.identity["principalId"] == "AROAAPP:i-0abc"
    assert issued.session.identity["sessionContext"]["ec2RoleDelivery"] == "2.0"


def test_a_console_session_rotates_its_key_and_keeps_its_start() -> None:
    """ConsoleLogin is a sign-in event; later keys belong to the same session."""
    issued = console_login(Entropy(1), USER, NOON, "81.1.2.3", "Mozilla/5.0", mfa=False)
    record = _record(issued.events[0])
    assert (record["eventType"], record["responseElements"]) == ("AwsConsoleSignIn", {"ConsoleLogin": "Success"})
    assert record["additionalEventData"]["MFAUsed"] == "No"
    later = next_console_key(Entropy(2), issued.session)
    assert later.key_id != issued.session.key_id
    assert later.identity["sessionContext"] == issued.session.identity["sessionContext"]


def test_a_new_key_is_answered_and_belongs_to_its_owner() -> None:
    """CreateAccessKey for another user hands back that user with the new key."""
    owner = User("111122223333", "bob", "AIDABOB", "AKIAOLD")
    changed, event = created_key(Entropy(1), user_session(USER, "a", "b"), owner, NOON)
    record = _record(event)
    assert record["requestParameters"] == {"userName": "bob"}
    assert record["responseElements"]["accessKey"]["accessKeyId"] == changed.key_id != "AKIAOLD"
    assert (changed.name, changed.user_id) == ("bob", "AIDABOB")
