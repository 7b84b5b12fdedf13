from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.policy.delta import Delta, compare_permissions
from pipeline.policy.evaluator import Evaluator
from pipeline.policy.permissions import evaluate_document
from tests.policy.documents import Statement, allow, deny
from tests.policy.test_permissions import statements

MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
IP = {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8"]}}
WIDER_IP = {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.0.2.0/24"]}}
BUCKET = "arn:aws:s3:::app/*"


def compare(evaluator: Evaluator, before: list[Statement], after: list[Statement]) -> Delta:
    """Delta of two documents."""
    held = [evaluate_document({"Statement": items}) for items in (before, after)]
    return compare_permissions(held[0], held[1], evaluator.judge)


def summary(delta: Delta) -> dict[str, Any]:
    """What is not empty in a delta, sets of bits aside."""
    names = (
        "tier",
        "actions_added",
        "resources_widened",
        "conditions_dropped",
        "denies_removed",
        "primitives",
        "is_noop",
    )
    return {name: getattr(delta, name) for name in names if getattr(delta, name) not in ((), False)}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [allow("s3:PutObject", BUCKET)], {"tier": "T1", "actions_added": ("s3:PutObject",)}),
        ([allow("s3:*")], [allow("s3:GetObject", BUCKET)], {"tier": "T0", "is_noop": True}),
        ([allow("s3:*")], [allow("S3:*", Sid="other")], {"tier": "T0", "is_noop": True}),
        ([allow("s3:*")], [deny("s3:*")], {"tier": "T0", "is_noop": True}),
        ([], [deny("*")], {"tier": "T0", "is_noop": True}),
        (
            [allow("s3:GetObject", BUCKET)],
            [allow("s3:GetObject", "*")],
            {"tier": "T2", "actions_added": ("s3:GetObject",), "resources_widened": ("*",)},
        ),
        (
            [allow("s3:PutObject", "arn:aws:s3:::a/*")],
            [allow("s3:PutObject", ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"])],
            {"tier": "T1", "actions_added": ("s3:PutObject",), "resources_widened": ("arn:aws:s3:::b/*",)},
        ),
        (
            [allow("iam:*", Condition=MFA)],
            [allow("iam:*")],
            {"tier": "T4", "actions_added": ("iam:*",), "conditions_dropped": ("aws:multifactorauthpresent",)},
        ),
        ([allow("s3:*", Condition=MFA)], [allow("s3:*", Condition=MFA)], {"tier": "T0", "is_noop": True}),
        ([allow("s3:*", Condition=WIDER_IP)], [allow("s3:*", Condition=IP)], {"tier": "T0", "is_noop": True}),
        (
            [allow("s3:*", Condition=IP)],
            [allow("s3:*", Condition=WIDER_IP)],
            {"tier": "T2", "actions_added": ("s3:*",), "conditions_dropped": ("aws:sourceip",)},
        ),
        (
            [allow("s3:*", Condition=MFA)],
            [allow("s3:*", Condition={"StringLike": {"aws:PrincipalArn": "*"}})],
            {"tier": "T2", "actions_added": ("s3:*",), "conditions_dropped": ("aws:multifactorauthpresent",)},
        ),
        (
            [allow("*"), deny("iam:*")],
            [allow("*")],
            {"tier": "T4", "actions_added": ("*",), "denies_removed": ("iam:*",)},
        ),
        (
            [allow("secretsmanager:*"), deny("secretsmanager:*", Condition=MFA)],
            [allow("secretsmanager:*")],
            {"tier": "T2", "actions_added": ("secretsmanager:*",), "denies_removed": ("secretsmanager:*",)},
        ),
        ([allow("*")], [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], {"tier": "T0", "is_noop": True}),
        ([allow("new:*")], [allow("new:Thing")], {"tier": "T0", "is_noop": True}),
        ([allow("new:Thing")], [allow("new:*")], {"tier": "T2", "actions_added": ("new:*",)}),
        ([allow("*")], [allow("iam:PutRolePolicy")], {"tier": "T0", "is_noop": True}),
    ],
)
def test_delta(evaluator: Evaluator, before: list[Statement], after: list[Statement], expected: dict[str, Any]) -> None:
    """What was added, widened, dropped or removed, and its tier; what was held already adds nothing."""
    found = summary(compare(evaluator, before, after))
    found.pop("primitives", None)
    assert found == expected


def test_the_last_piece_of_a_path_makes_it_complete(evaluator: Evaluator) -> None:
    """RunInstances beside a PassRole held before completes ec2-001; beside a narrow one it is an ordinary write."""
    run = allow("ec2:RunInstances")
    wide = compare(evaluator, [allow("iam:PassRole")], [allow("iam:PassRole"), run])
    narrow = allow("iam:PassRole", "arn:aws:iam::111122223333:role/app")
    assert (wide.tier, wide.primitives) == ("T3", ("ec2-001",))
    assert compare(evaluator, [narrow], [narrow, run]).tier == "T1"


@settings(deadline=None)
@given(before=st.lists(statements(), max_size=3), after=st.lists(statements(), max_size=3), seed=st.integers(0, 99))
def test_what_was_already_granted_is_no_gain(
    evaluator: Evaluator, before: list[Any], after: list[Any], seed: int
) -> None:
    """The same document in any order, or a part of its Allow statements, is a no-op; order never matters."""
    shuffled = before[:]
    random.Random(seed).shuffle(shuffled)
    assert compare(evaluator, before, shuffled).is_noop
    denies = [item for item in before if item["Effect"] == "Deny"]
    assert compare(evaluator, before, [*denies, *[item for item in shuffled if item["Effect"] == "Allow"][1:]]).is_noop
    assert compare(evaluator, before, after).tier == compare(evaluator, shuffled, after).tier


@settings(deadline=None)
@given(before=st.lists(statements(), max_size=3), after=st.lists(statements(), max_size=3), more=statements("Allow"))
def test_a_gain_is_never_more_than_what_is_held_after(
    evaluator: Evaluator, before: list[Any], after: list[Any], more: Any
) -> None:
    """A delta grades at most like the whole, and one more Allow never lowers it."""
    delta = compare(evaluator, before, after)
    standing = evaluator.judge.standing(evaluate_document({"Statement": after}))
    assert delta.tier <= standing
    assert delta.is_noop == (delta.tier == "T0" and delta.actions_added_count == 0)
    assert delta.tier <= compare(evaluator, before, [*after, more]).tier
