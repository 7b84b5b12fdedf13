from __future__ import annotations

import pytest

from pipeline.errors import PolicyError
from pipeline.policy.actions import parse_event_actions
from pipeline.policy.evaluator import Evaluator


@pytest.mark.parametrize(
    ("source", "name", "action"),
    [
        ("iam.amazonaws.com", "PutRolePolicy", "iam:PutRolePolicy"),
        ("lambda.amazonaws.com", "CreateFunction20150331", "lambda:CreateFunction"),
        ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", "lambda:UpdateFunctionCode"),
        ("lambda.amazonaws.com", "Invoke", "lambda:InvokeFunction"),
        ("cloudfront.amazonaws.com", "CreateDistribution2020_05_31", "cloudfront:CreateDistribution"),
        ("s3.amazonaws.com", "ListObjects", "s3:ListBucket"),
        ("s3.amazonaws.com", "ListBuckets", "s3:ListAllMyBuckets"),
        ("s3.amazonaws.com", "GetObject", "s3:GetObject"),
        ("monitoring.amazonaws.com", "PutMetricAlarm", "cloudwatch:PutMetricAlarm"),
        ("email.amazonaws.com", "GetSendQuota", "ses:GetSendQuota"),
        ("sts.amazonaws.com", "GetCallerIdentity", ""),
        ("signin.amazonaws.com", "ConsoleLogin", ""),
        ("nobody.amazonaws.com", "DoIt", "nobody:DoIt"),
        ("", "", ":"),
    ],
)
def test_an_event_is_named_as_a_policy_names_it(evaluator: Evaluator, source: str, name: str, action: str) -> None:
    """Date suffixes go, exceptions come from the table, and a call that needs no permission has no action."""
    assert evaluator.iam_action_of(source, name) == action


def test_every_exception_names_a_catalogue_action(evaluator: Evaluator) -> None:
    """A misspelt exception would never match a grant."""
    actions = [action for action in evaluator.actions.actions.values() if action]
    assert [action for action in actions if evaluator.catalogue.spelling_of(action) != action] == []
    assert set(evaluator.actions.services.values()) <= set(evaluator.catalogue.service_masks)


@pytest.mark.parametrize(
    "text", ["event_source,event_name\na,b\n", "event_source,event_name,iam_action,reference\na,,c,d\n"]
)
def test_a_malformed_table_is_refused(text: str) -> None:
    """A missing column or empty cell is an error that names the row."""
    with pytest.raises(PolicyError, match="row 2"):
        parse_event_actions(text)
