from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.policy.permissions import Permissions, bound_permissions, evaluate_document, join_permissions
from tests.policy.documents import Statement, allow, deny

ROLE = "arn:aws:iam::111122223333:role/app"
ACTIONS = st.sampled_from(
    ["*", "iam:*", "iam:Put*", "iam:PutRolePolicy", "s3:GetObject", "s3:*", "NEW:x", "ec2:Describe*"]
)
RESOURCES = st.sampled_from(["*", "arn:aws:iam::*:role/*", ROLE, "arn:aws:s3:::b/*", "arn:aws:s3:::b/k"])
CONDITIONS = st.sampled_from([{}, {"Bool": {"aws:MultiFactorAuthPresent": "true"}}])


@st.composite
def statements(draw: st.DrawFn, effect: str | None = None) -> Statement:
    """One statement of either effect."""
    return {
        "Effect": effect or draw(st.sampled_from(["Allow", "Deny"])),
        draw(st.sampled_from(["Action", "Action", "NotAction"])): draw(st.lists(ACTIONS, min_size=1, max_size=2)),
        draw(st.sampled_from(["Resource", "Resource", "NotResource"])): draw(
            st.lists(RESOURCES, min_size=1, max_size=2)
        ),
        "Condition": draw(CONDITIONS),
    }


def evaluate(*items: Statement) -> Permissions:
    """Permissions of a document with these statements."""
    return evaluate_document({"Statement": list(items)})


@pytest.mark.parametrize(
    ("items", "action", "resource", "allowed"),
    [
        ([allow("iam:Put????Policy")], "iam:PutRolePolicy", None, True),
        ([allow("iam:Put????Policy")], "iam:PutGroupPolicy", None, False),
        ([allow("S3:GETOBJECT", "arn:aws:s3:::b/*")], "s3:GetObject", "arn:aws:s3:::b/k", True),
        ([allow("s3:GetObject", "arn:aws:s3:::b/*")], "s3:GetObject", "arn:aws:s3:::c/k", False),
        ([allow("s3:GetObject", "arn:aws:s3:::b/*")], "s3:GetObject", None, True),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], "s3:GetObject", None, True),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], "iam:PutRolePolicy", None, False),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], "new:Thing", None, True),
        ([{"Effect": "Allow", "Action": "iam:*", "NotResource": ROLE}], "iam:PutRolePolicy", ROLE, False),
        ([{"Effect": "Allow", "Action": "iam:*", "NotResource": ROLE}], "iam:PutRolePolicy", ROLE + "2", True),
        ([allow("*"), deny("iam:*")], "iam:PutRolePolicy", None, False),
        ([allow("*"), deny("iam:*", ROLE)], "iam:PutRolePolicy", None, True),
        ([allow("*"), deny("iam:*", ROLE)], "iam:PutRolePolicy", ROLE, False),
        ([allow("*"), deny("iam:*", Condition={"Bool": {"aws:x": "true"}})], "iam:PutRolePolicy", ROLE, True),
        ([allow("*"), deny("iam:*", Condition={"StringLike": {"aws:PrincipalArn": "*"}})], "iam:GetUser", None, False),
        ([allow("new:*"), deny("new:Bad")], "new:Bad", None, False),
        ([allow("new:*"), deny("new:Bad")], "new:Good", None, True),
        ([allow("iam:GetUser", "arn:aws:iam::*:user/${aws:username}")], "iam:GetUser", "arn:aws:iam::1:user/bob", True),
        ([deny("*")], "s3:GetObject", None, False),
    ],
)
def test_allows(items: list[Statement], action: str, resource: str | None, allowed: bool) -> None:
    """Allow, Deny, their negations, wildcards, conditions and variables decide as IAM would, in doubt for "allowed"."""
    assert evaluate(*items).allows(action, resource) is allowed


@pytest.mark.parametrize(
    ("items", "flags"),
    [
        ([allow("s3:GetObject")], set()),
        ([allow("s3:Get*")], set()),
        ([allow("s3:G*t")], {"wildcard_in_name"}),
        ([allow("iam:Put????Policy")], {"wildcard_in_name"}),
        ([allow("IAM:putrolepolicy")], {"unusual_case"}),
        ([allow("nope:Thing")], {"unknown_action"}),
        ([{"Effect": "Allow", "NotAction": "iam:*", "NotResource": ROLE}], {"not_action", "not_resource"}),
        ([allow("s3:*", Condition={"Bool": {"aws:x": "true"}})], {"conditional"}),
        ([deny("s3:*", Condition={"Bool": {"aws:x": "true"}})], {"conditional_deny"}),
        ([allow("s3:*", Condition={"StringLike": {"aws:PrincipalArn": "*"}})], {"vacuous_condition"}),
        ([allow("s3:*", "arn:aws:s3:::${aws:username}")], {"policy_variable"}),
        (
            [allow("s3:*", Condition={"ForAllValues:StringEquals": {"aws:TagKeys": "a"}})],
            {"conditional", "for_all_values"},
        ),
    ],
)
def test_flags_name_what_is_odd(items: list[Statement], flags: set[str]) -> None:
    """Each way of hiding or loosening a grant has its word; an ordinary statement has none."""
    assert evaluate(*items).flags == flags


def test_a_boundary_leaves_what_both_allow() -> None:
    """Administration inside a boundary is the boundary; a Deny in the boundary counts; a deny-all leaves nothing."""
    admin = evaluate(allow("*"))
    inside = bound_permissions(admin, evaluate(allow(["s3:*", "iam:GetUser"]), deny("s3:DeleteBucket")))
    assert inside.allows("s3:GetObject")
    assert not inside.allows("s3:DeleteBucket")
    assert not inside.allows("iam:PutRolePolicy")
    assert bound_permissions(admin, evaluate(deny("*"))).allowed == 0
    narrow = bound_permissions(
        evaluate(allow("s3:*", "arn:aws:s3:::a-*")), evaluate(allow("s3:*", "arn:aws:s3:::a-b/*"))
    )
    assert narrow.grants[0].resources == ("arn:aws:s3:::a-b/*",)


def test_a_right_on_oneself_is_found() -> None:
    """By one's own ARN, or by ${aws:username}; not by another's ARN."""
    bit = evaluate().catalogue.find_actions("iam:PutRolePolicy").actions
    assert evaluate(allow("iam:PutRolePolicy", ROLE)).find_self(ROLE) & bit
    assert not evaluate(allow("iam:PutRolePolicy", ROLE + "2")).find_self(ROLE) & bit
    user = evaluate(allow("iam:PutUserPolicy", "arn:aws:iam::*:user/${aws:username}"))
    assert user.find_self(None) == user.catalogue.find_actions("iam:PutUserPolicy").actions


def test_patterns_made_to_be_slow_are_not() -> None:
    """A document of a hundred patterns that touch every kind of resource costs seconds at most."""
    started = time.process_time()
    resources = [f"arn:aws:*:*:*:*{number}{'?a*b' * 100}c" for number in range(100)]
    evaluate(allow([f"*{number}:*?{'*a' * 50}" for number in range(100)], resources))
    assert time.process_time() - started < 60


@settings(deadline=None)
@given(st.lists(statements(), max_size=4), st.randoms())
def test_the_order_of_statements_is_irrelevant(items: list[Any], random: Any) -> None:
    """Shuffled statements grant the same."""
    shuffled = items[:]
    random.shuffle(shuffled)
    one, other = evaluate(*items), evaluate(*shuffled)
    assert (one.allowed, one.wide, one.unknown_allowed) == (other.allowed, other.wide, other.unknown_allowed)


@settings(deadline=None)
@given(st.lists(statements(), max_size=3), statements("Allow"), statements("Deny"))
def test_an_allow_never_takes_and_a_deny_never_gives(items: list[Any], more: Any, less: Any) -> None:
    """Monotonicity of every set, joined from two documents or written in one."""
    base, wider, tighter = evaluate(*items), evaluate(*items, more), evaluate(*items, less)
    for name in ("allowed", "wide"):
        assert getattr(base, name) & ~getattr(wider, name) == 0, json.dumps(more)
        assert getattr(tighter, name) & ~getattr(base, name) == 0, json.dumps(less)
    joined = join_permissions([base, evaluate(more)], base.catalogue)
    assert (joined.allowed, joined.wide) == (wider.allowed, wider.wide)
