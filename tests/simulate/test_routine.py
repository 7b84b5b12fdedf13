"""Routine changes of permissions: plenty, narrow, by those who always make them."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from pipeline.simulate.cast import Cast
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.organisation import build_organisation
from pipeline.simulate.routine import play_routine
from pipeline.simulate.stage import DAY, Stage

MONDAY = 1_740_960_000.0


@pytest.fixture(scope="module")
def records() -> list[dict]:  # type: ignore[type-arg]
    """Two weeks of routine."""
    stage = Stage(Cast(build_organisation(2)), Entropy(2, "routine"), MONDAY, 14)
    play_routine(stage)
    assert all(MONDAY <= event.time < MONDAY + 14 * DAY for event in stage.events)
    return [json.loads(event.text) for event in stage.events]


def test_the_week_has_writes_of_every_routine_kind(records: list[dict]) -> None:  # type: ignore[type-arg]
    """Puts, attachments, roles, stacks, functions, newcomers' keys, refusals."""
    names = Counter(record["eventName"] for record in records if "errorCode" not in record)
    wanted = {
        "PutRolePolicy", "AttachRolePolicy", "CreateRole", "CreateStack", "CreateFunction20150331", "CreateUser",
        "CreateAccessKey", "AddUserToGroup", "DeleteAccessKey",
    }  # fmt: skip
    assert wanted <= names.keys()
    assert names["PutRolePolicy"] > 60
    assert any(record.get("errorCode") == "AccessDenied" for record in records)
    assert any(record["userIdentity"].get("invokedBy") == "cloudformation.amazonaws.com" for record in records)


def test_no_successful_routine_put_is_broad(records: list[dict]) -> None:  # type: ignore[type-arg]
    """Nothing in the routine grants a wildcard action."""
    for record in records:
        if record["eventName"] == "PutRolePolicy" and "errorCode" not in record:
            for statement in json.loads(record["requestParameters"]["policyDocument"])["Statement"]:
                assert "*" not in json.dumps(statement["Action"])
