"""Ordinary calls: rendered bodies join to valid records."""

from __future__ import annotations

import json

import pytest

from pipeline.simulate.background import Actor, always, ordinary_calls
from pipeline.simulate.cast import Cast
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.issuance import Issued
from pipeline.simulate.organisation import build_organisation
from pipeline.simulate.record import Event
from pipeline.simulate.session import Session, User, user_console_session, user_session
from pipeline.simulate.workload import PROFILES

USER = User("111122223333", "ana", "AIDAANA", "AKIAANA")
MONDAY = 1_740_960_000.0


def _never(ids: Entropy, time: float) -> Issued:
    raise AssertionError("nobody asks for a new session here")


def _calls(profile: str, session: Session, *, denials: float = 0.0) -> list[dict]:  # type: ignore[type-arg]
    bodies = Cast(build_organisation(1)).bodies(profile, "111122223333", "eu-west-1")
    actor = Actor("ana", 1.0, always(), 5, bodies, _never, denial_ratio=denials)
    actor.use(session)
    events: list[Event] = []
    ordinary_calls(Entropy(1), actor, MONDAY, MONDAY + 900, 200, events)
    return [json.loads(event.text) for event in events]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_renders_valid_records(profile: str) -> None:
    """Each call of a profile appears, in its own region, by the session that made it, in order of time."""
    session = user_session(USER, "81.1.2.3", "aws-cli/2")
    records = _calls(profile, session)
    assert {record["eventName"] for record in records} == {call[1] for call in PROFILES[profile]}
    assert all(record["userIdentity"] == session.identity for record in records)
    assert [record["eventTime"] for record in records] == sorted(record["eventTime"] for record in records)
    for record in records:
        is_global = record["eventSource"] in ("iam.amazonaws.com", "organizations.amazonaws.com")
        assert record["awsRegion"] == ("us-east-1" if is_global else "eu-west-1")
        assert record["tlsDetails"]["tlsVersion"] == "TLSv1.3"


def test_denials_hide_parameters_and_name_the_caller() -> None:
    """A denied call of the background is shaped as any denial."""
    denied = [
        record for record in _calls("developer", user_session(USER, "a", "b"), denials=1.0) if "errorCode" in record
    ]
    assert len(denied) > 50
    for record in denied:
        assert record["errorMessage"].startswith(f"User: {USER.arn} is not authorized to perform: ")
        assert record["requestParameters"] is None


def test_console_calls_say_so() -> None:
    """``sessionCredentialFromConsole`` is the last member of a console session's records."""
    session = user_console_session(USER, "ASIA1", MONDAY, "81.1.2.3", "Mozilla/5.0", mfa=True)
    assert {list(record)[-1] for record in _calls("developer", session)} == {"sessionCredentialFromConsole"}


def test_bodies_are_rendered_once_per_place() -> None:
    """The cast gives the very same list again."""
    cast = Cast(build_organisation(1))
    assert cast.bodies("deploy", "1" * 12, "eu-west-1") is cast.bodies("deploy", "1" * 12, "eu-west-1")
