from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.policy.evaluator import Evaluator
from pipeline.policy.permissions import evaluate_document
from tests.policy.documents import Statement, allow, deny
from tests.policy.test_permissions import statements

MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def tier(evaluator: Evaluator, *items: Statement, arn: str | None = None) -> str:
    """Tier of a document given to somebody who had nothing."""
    return evaluator.judge.standing(evaluate_document({"Statement": list(items)}), arn)


@pytest.mark.parametrize(
    ("expected", "items"),
    [
        ("T4", [allow("*")]),
        ("T4", [allow("*:*")]),
        ("T4", [allow("iam:*")]),
        ("T4", [allow("I*m:*")]),
        ("T4", [allow("*", Condition=MFA)]),
        ("T4", [allow("*"), deny("iam:*", Condition=MFA)]),
        ("T4", [{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}]),
        ("T4", [{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::b"}]),
        ("T4", [allow(["iam:Put*", "iam:Attach*", "iam:Update*", "iam:Create*"], "arn:aws:iam::*:*")]),
        ("T3", [allow("*"), deny("iam:*")]),
        ("T3", [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}]),
        ("T3", [allow("iam:Put????Policy")]),
        ("T3", [allow("iam:*", "arn:aws:iam::*:role/*")]),
        ("T3", [allow(["iam:PassRole", "ec2:RunInstances"])]),
        ("T3", [allow("iam:PutUserPolicy", "arn:aws:iam::*:user/${aws:username}")]),
        ("T2", [allow("s3:*")]),
        ("T2", [allow("*", "arn:aws:s3:::*")]),
        ("T2", [allow("secretsmanager:GetSecretValue")]),
        ("T2", [allow("kms:Decrypt", "arn:aws:kms:*:*:key/*")]),
        ("T2", [allow("sts:AssumeRole")]),
        ("T2", [allow("iam:PassRole")]),
        ("T2", [allow("s3:PutBucketPolicy")]),
        ("T2", [allow("newservice:*")]),
        ("T2", [allow("dynamodb:*"), deny("dynamodb:DeleteTable", "arn:aws:dynamodb:*:*:table/a")]),
        ("T1", [allow("s3:PutObject", "arn:aws:s3:::b/*")]),
        ("T1", [allow("s3:*", "arn:aws:s3:::b/*")]),
        ("T1", [allow("logs:PutLogEvents")]),
        ("T1", [allow("iam:PassRole", "arn:aws:iam::111122223333:role/app")]),
        ("T1", [allow("sts:AssumeRole", "arn:aws:iam::111122223333:role/app")]),
        ("T1", [allow("iam:CreateAccessKey", "arn:aws:iam::*:user/${aws:username}")]),
        ("T1", [allow("newservice:DoIt")]),
        ("T0", [allow("newservice:ListThings")]),
        ("T0", [allow("ec2:Describe*")]),
        ("T0", [allow("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:*:*:secret:app-AbCdEf")]),
        ("T0", [allow("iam:*"), deny("iam:*")]),
        ("T0", [deny("*")]),
        ("T0", []),
    ],
)
def test_tiers(evaluator: Evaluator, expected: str, items: list[Statement]) -> None:
    """Each tier at its edge: the neighbour in the table differs in one pattern."""
    assert tier(evaluator, *items) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AdministratorAccess", "T4"),
        ("IAMFullAccess", "T4"),
        ("PowerUserAccess", "T3"),
        ("AWSLambda_FullAccess", "T3"),
        ("ReadOnlyAccess", "T2"),
        ("AmazonS3ReadOnlyAccess", "T2"),
        ("SecurityAudit", "T1"),
        ("service-role/AWSLambdaBasicExecutionRole", "T1"),
        ("job-function/ViewOnlyAccess", "T0"),
        ("AWSDenyAll", "T0"),
    ],
)
def test_aws_managed_policies(evaluator: Evaluator, name: str, expected: str) -> None:
    """AWS's own policies, in any partition and any case of the name, have the tier of their document."""
    for arn in (f"arn:aws:iam::aws:policy/{name}", f"arn:aws-us-gov:iam::aws:policy/{name.upper()}"):
        held = evaluator.find_managed(arn)
        assert held is not None and held.permissions is not None
        assert evaluator.judge.standing(held.permissions) == expected


def test_a_policy_nobody_knows_is_not_guessed(evaluator: Evaluator) -> None:
    """A customer's policy named like AWS's own, or one that AWS has not, is unknown."""
    assert evaluator.find_managed("arn:aws:iam::111122223333:policy/AdministratorAccess") is None
    assert evaluator.find_managed("arn:aws:iam::aws:policy/NoSuchPolicy") is None
    assert evaluator.find_managed("AdministratorAccess") is None


@settings(deadline=None)
@given(items=st.lists(statements(), max_size=3), more=statements("Allow"), less=statements("Deny"))
def test_an_allow_never_lowers_and_a_deny_never_raises(
    evaluator: Evaluator, items: list[Any], more: Any, less: Any
) -> None:
    """Monotonicity of the tier itself."""
    base = tier(evaluator, *items)
    assert tier(evaluator, *items, less) <= base <= tier(evaluator, *items, more)
