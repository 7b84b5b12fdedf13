"""Subjects of every kind: credentials, roots, an ordinary past."""

from __future__ import annotations

import json

import pytest

from pipeline.simulate.cast import Cast
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.organisation import build_organisation
from pipeline.simulate.subject import DAY, new_subject, provisioner

MONDAY = 1_740_960_000.0
KINDS = {
    "user": ("IAMUser", None),
    "console": ("IAMUser", "ConsoleLogin"),
    "chained": ("AssumedRole", "AssumeRole"),
    "federated": ("AssumedRole", "AssumeRoleWithSAML"),
    "pipeline": ("AssumedRole", "AssumeRoleWithWebIdentity"),
    "instance": ("AssumedRole", "AssumeRole"),
    "function": ("AssumedRole", "AssumeRole"),
}


@pytest.fixture(scope="module")
def cast() -> Cast:
    """One organisation for all."""
    return Cast(build_organisation(9))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_begins_work_in_its_way(cast: Cast, kind: str) -> None:
    """The caller's type and the event of issuance belong to the kind; the session is the subject's own."""
    identity_type, issuance = KINDS[kind]
    account = cast.org.account("dev")
    subject = new_subject(cast, Entropy(1, kind), kind, account)
    issued = subject.begin(Entropy(2), MONDAY)
    assert issued.session.identity["type"] == identity_type
    assert issued.session.version == subject.version
    assert subject.account_id == issued.session.account_id == account
    assert [json.loads(event.text)["eventName"] for event in issued.events] == ([issuance] if issuance else [])
    assert all(account in root or "@" in root or root.startswith("repo:") for root in subject.roots)


@pytest.mark.parametrize("kind", KINDS)
def test_a_past_is_working_days_of_ordinary_calls(cast: Cast, kind: str) -> None:
    """People rest at weekends, machines do not; nothing lies outside the period; enough to be known by."""
    subject = new_subject(cast, Entropy(3, kind), kind, cast.org.account("prod"))
    events = subject.past(Entropy(4), MONDAY, MONDAY + 8 * DAY)
    days = {int(event.time - MONDAY) // DAY for event in events}
    weekend = {5, 6} if kind in ("instance", "function") else set()
    assert days & {5, 6} == weekend
    assert len(events) >= 20
    assert all(MONDAY <= event.time < MONDAY + 8 * DAY for event in events)


def test_the_provisioner_is_always_the_same(cast: Cast) -> None:
    """Every scenario that needs a role made asks the same pipeline of the account."""
    account = cast.org.account("prod")
    assert provisioner(cast, account).own_role == provisioner(cast, account).own_role
    assert provisioner(cast, account).own_role != provisioner(cast, cast.org.account("dev")).own_role
