"""cloudsplaining as a second opinion; where it and this room differ, a test below says why."""

from __future__ import annotations

import random
from typing import Any

import pytest
from cloudsplaining.scan.policy_document import PolicyDocument as Oracle
from cloudsplaining.shared.constants import PRIVILEGE_ESCALATION_PATHFINDING_PATHS

from pipeline.policy.evaluator import Evaluator
from pipeline.policy.permissions import evaluate_document
from tests.policy.documents import Statement, allow, deny

IDS = {name: url.rsplit("/", 1)[1] for name, url in PRIVILEGE_ESCALATION_PATHFINDING_PATHS.items() if url is not None}
OTHER_NEEDS = {
    "ec2instanceconnect-003": "it asks for ec2:DescribeInstances too, needless where the instance is known",
    "datapipeline-001": "it stops at CreatePipeline; nothing runs before the definition is put and activated",
}
NO_MFA = {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
ROLE = "arn:aws:iam::111122223333:role/app"


def second_opinion(*items: Statement) -> set[str]:
    """Path ids that cloudsplaining finds."""
    scan = Oracle({"Statement": list(items)}, flag_conditional_statements=True, flag_resource_arn_statements=True)
    return {IDS[found["type"]] for found in scan.allows_privilege_escalation if found["type"] in IDS} - set(OTHER_NEEDS)


def first_opinion(evaluator: Evaluator, *items: Statement) -> set[str]:
    """Path ids that this room finds, of those that cloudsplaining knows."""
    permissions = evaluate_document({"Statement": list(items)})
    found = {path.path_id for path in evaluator.judge.completed_paths(permissions)}
    return (found & set(IDS.values())) - set(OTHER_NEEDS)


def test_both_know_the_same_paths_by_the_same_ids(evaluator: Evaluator) -> None:
    """Every path that cloudsplaining links to pathfinding.cloud is a row of ours, except plain AssumeRole."""
    assert set(IDS.values()) - {path.path_id for path in evaluator.judge.paths} <= {"sts-001"}


@pytest.mark.parametrize("seed", range(40))
def test_both_find_the_same_paths_on_wide_resources(evaluator: Evaluator, seed: int) -> None:
    """Random handfuls of the paths' permissions, in any case, some with conditions, all on ``*``."""
    chance = random.Random(seed)
    names = sorted({name for path in evaluator.judge.paths for name in path.permissions})
    condition: dict[str, Any] = {"Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}}
    items = [
        allow(
            [chance.choice([name, name.lower()]) for name in chance.sample(names, 15)], **chance.choice([{}, condition])
        )
        for _ in range(2)
    ]
    assert first_opinion(evaluator, *items) == second_opinion(*items)


@pytest.mark.parametrize("name", ["PowerUserAccess", "IAMFullAccess", "AWSLambda_FullAccess", "ReadOnlyAccess"])
def test_we_find_what_it_finds_in_awss_policies(evaluator: Evaluator, name: str) -> None:
    """Nothing that cloudsplaining reports in a managed policy on wide resources is missed."""
    held = evaluator.find_managed(f"arn:aws:iam::aws:policy/{name}")
    assert held is not None and held.document is not None and held.permissions is not None
    statements = [
        {"Effect": "Allow", ("NotAction" if item.is_not_action else "Action"): list(item.actions), "Resource": "*"}
        for item in held.document.statements
        if item.is_allow and item.resources == ("*",)
    ]
    found = {path.path_id for path in evaluator.judge.completed_paths(held.permissions)}
    assert second_opinion(*statements) <= found


@pytest.mark.parametrize(
    ("items", "ours", "theirs"),
    [
        # Question marks inside a name: policy_sentry expands "*" only.
        ([allow("iam:Put????Policy")], {"iam-005", "iam-007"}, set()),
        # A Deny by pattern: it takes away what is named in full, or not at all.
        ([allow("iam:PutRolePolicy"), deny("iam:Put????Policy")], set(), {"iam-005"}),
        # A Deny that binds only without MFA: a note to us, a full Deny to it.
        ([allow("iam:PutRolePolicy"), deny("iam:PutRolePolicy", Condition=NO_MFA)], {"iam-005"}, set()),
        # One named role, not the principal's own as far as known: an ordinary write to us.
        ([allow("iam:PutRolePolicy", ROLE)], set(), {"iam-005"}),
        # A user's key for itself: it does not look at what the resource is.
        ([allow("iam:CreateAccessKey", "arn:aws:iam::*:user/${aws:username}")], set(), {"iam-002"}),
        # The wrong kind of resource: PutRolePolicy cannot act on users.
        ([allow("iam:PutRolePolicy", "arn:aws:iam::*:user/*")], set(), {"iam-005"}),
    ],
)
def test_each_difference(evaluator: Evaluator, items: list[Statement], ours: set[str], theirs: set[str]) -> None:
    """Where the two differ, and why ours is meant."""
    assert (first_opinion(evaluator, *items), second_opinion(*items)) == (ours, theirs)


@pytest.mark.parametrize(
    ("actions", "kind"),
    [
        ("s3:GetObject", "data"),
        ("secretsmanager:GetSecretValue", "data"),
        ("ssm:GetParameters", "data"),
        ("sqs:*", "whole"),
    ],
)
def test_what_it_calls_exfiltration_or_a_service_wildcard_is_tier_2(
    evaluator: Evaluator, actions: str, kind: str
) -> None:
    """Its other findings on ``*`` are at least T2 here."""
    scan = Oracle({"Statement": [allow(actions)]}, flag_conditional_statements=True, flag_resource_arn_statements=True)
    assert scan.allows_data_exfiltration_actions if kind == "data" else scan.service_wildcard
    assert evaluator.judge.standing(evaluate_document({"Statement": [allow(actions)]})) >= "T2"
