from __future__ import annotations

from typing import Any

import pytest

from pipeline.policy.conditions import Condition, are_weaker, parse_conditions


@pytest.mark.parametrize(
    ("condition", "restricts"),
    [
        ({"StringLike": {"aws:PrincipalArn": "*"}}, False),
        ({"StringLike": {"aws:PrincipalArn": "arn:*"}}, True),
        ({"StringLike": {"aws:SourceVpce": "*"}}, True),
        ({"StringLikeIfExists": {"aws:SourceVpce": "*"}}, False),
        ({"ArnLike": {"AWS:principalarn": ["*"]}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"Bool": {"aws:SecureTransport": True}}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, True),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": ["true", "false"]}}, False),
        ({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}, False),
        ({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1", "128.0.0.0/1"]}}, False),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2001-01-01T00:00:00Z"}}, False),
        ({"DateLessThan": {"aws:CurrentTime": "2024-01-01T00:00:00Z"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2999-01-01T00:00:00Z"}}, False),
        ({"DateLessThan": {"aws:TokenIssueTime": "2999-01-01T00:00:00Z"}}, True),
        ({"Null": {"aws:PrincipalArn": "false"}}, False),
        ({"Null": {"aws:TokenIssueTime": "true"}}, True),
        ({}, False),
        (None, False),
        ("nonsense", True),
        ({"StringEquals": "nonsense"}, True),
    ],
)
def test_only_conditions_that_some_request_fails_restrict(condition: Any, restricts: bool) -> None:
    """A condition that always holds is set apart; one that might not hold stays."""
    assert bool(parse_conditions(condition)[0]) is restricts


def one(operator: str, *values: str) -> tuple[Condition, ...]:
    """One condition on one key."""
    return (Condition(operator, "aws:sourceip", values),)


@pytest.mark.parametrize(
    ("old", "new", "weaker"),
    [
        ((), one("stringequals", "a"), True),
        (one("stringequals", "a"), (), False),
        (one("stringequals", "a", "b"), one("stringequals", "a"), True),
        (one("stringequals", "a"), one("stringequals", "a", "b"), False),
        (one("stringnotequals", "a"), one("stringnotequals", "a", "b"), True),
        (one("stringnotequals", "a", "b"), one("stringnotequals", "a"), False),
        (one("stringequals", "a"), one("stringlike", "a"), False),
        (one("forallvalues:stringequals", "a", "b"), one("forallvalues:stringequals", "a"), False),
    ],
)
def test_weaker_means_that_nothing_was_loosened(
    old: tuple[Condition, ...], new: tuple[Condition, ...], weaker: bool
) -> None:
    """More values loosen a positive operator and tighten a negated one; another operator is another condition."""
    assert are_weaker(old, new) is weaker
