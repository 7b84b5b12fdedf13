"""IAM calls with their true parameters and answers."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest

from pipeline.simulate import calls
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.session import Role, User, user_session

ROLE = Role("111122223333", "app", "AROAAPP", "/team/")
USER = User("111122223333", "ana", "AIDAANA", "AKIAANA")
POLICY = calls.document(calls.allow("s3:GetObject", "arn:aws:s3:::x/*"), calls.deny(["iam:*"]))
POLICY_ARN = "arn:aws:iam::111122223333:policy/team"
NOON = 1_741_003_200


def test_documents_are_plain_policy_json() -> None:
    """A document is what IAM takes; written by any tool it parses to the same."""
    assert POLICY == {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::x/*"},
            {"Effect": "Deny", "Action": ["iam:*"], "Resource": "*"},
        ],
    }
    texts = {calls.written(Entropy(seed), POLICY) for seed in range(12)}
    assert len(texts) > 1
    assert all(json.loads(text) == POLICY for text in texts)


@pytest.mark.parametrize(
    ("call", "request_members", "denied_on"),
    [
        (
            calls.put_role_policy(Entropy(1), ROLE, "p", POLICY),
            {"roleName", "policyName", "policyDocument"},
            "role app",
        ),
        (
            calls.put_user_policy(Entropy(1), USER, "p", POLICY),
            {"userName", "policyName", "policyDocument"},
            "user ana",
        ),
        (calls.delete_role_policy(ROLE, "p"), {"roleName", "policyName"}, "role app"),
        (calls.attach_role_policy(ROLE, POLICY_ARN), {"roleName", "policyArn"}, "role app"),
        (calls.update_trust(Entropy(1), ROLE, POLICY), {"roleName", "policyDocument"}, "role app"),
        (calls.delete_role(ROLE), {"roleName"}, "role app"),
        (calls.set_default_version(POLICY_ARN, "v2"), {"policyArn", "versionId"}, f"policy {POLICY_ARN}"),
    ],
    ids=lambda value: value.name if isinstance(value, calls.Call) else "",
)
def test_changes_answer_null(call: calls.Call, request_members: set[str], denied_on: str) -> None:
    """These calls answer nothing on success; a denial names their target."""
    assert call.response is None
    assert set(call.request) == request_members
    assert call.denied_on == denied_on
    assert call.action == f"iam:{call.name}"


def test_create_role_answers_with_the_document_url_encoded() -> None:
    """The answer bears the unique id, the ARN with its path, and the trust policy encoded."""
    trust = calls.trust_of({"Service": "ec2.amazonaws.com"})
    call = calls.create_role(Entropy(1), ROLE, trust, NOON, boundary=POLICY_ARN)
    answer = call.response["role"]
    assert (answer["roleId"], answer["arn"]) == ("AROAAPP", "arn:aws:iam::111122223333:role/team/app")
    assert json.loads(unquote(answer["assumeRolePolicyDocument"])) == trust
    assert unquote(answer["assumeRolePolicyDocument"]) == call.request["assumeRolePolicyDocument"]
    assert call.request["permissionsBoundary"] == POLICY_ARN


def test_policies_and_versions_answer_with_what_was_made() -> None:
    """CreatePolicy makes v1 the default; a later version says whether it is."""
    made = calls.create_policy(Entropy(1), "111122223333", "team", POLICY, NOON).response["policy"]
    assert (made["arn"], made["defaultVersionId"]) == (POLICY_ARN, "v1")
    version = calls.create_policy_version(Entropy(1), POLICY_ARN, POLICY, "v2", NOON, is_default=False)
    assert version.request["setAsDefault"] is False
    assert version.response["policyVersion"]["isDefaultVersion"] is False


def test_function_names_and_suffixes() -> None:
    """CreateFunction carries its suffix as an event, none as an action, and the role it passes."""
    call = calls.create_function(Entropy(1), ROLE, "fn", "eu-west-1")
    assert (call.name, call.action) == ("CreateFunction20150331", "lambda:CreateFunction")
    assert call.request["role"] == call.response["role"] == ROLE.arn


def test_an_omitted_call_keeps_nothing_but_its_size() -> None:
    """Names are hidden with the rest."""
    call = calls.omitted(calls.put_role_policy(Entropy(1), ROLE, "p", POLICY), 120_000)
    assert call.request == {"omitted": True, "originalSize": 120_000, "reason": "requestParameters too large"}


def test_a_foothold_is_a_user_and_its_key() -> None:
    """CreateUser, then CreateAccessKey with the key in its answer."""
    user, key = calls.create_access_key_for(Entropy(1), USER, NOON)
    assert user.response["user"]["userId"] == "AIDAANA"
    assert key.response["accessKey"]["accessKeyId"] == "AKIAANA"


def test_harmful_uses_are_no_developers_day() -> None:
    """None of them is among the ordinary calls of a developer or a workload."""
    from pipeline.simulate.workload import PROFILES

    names = {call.name for call in calls.harmful_uses(Entropy(1), user_session(USER, "a", "b"))}
    ordinary = {call[1] for profile in ("developer", "workload", "operator", "deploy") for call in PROFILES[profile]}
    assert names.isdisjoint(ordinary)
