from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from pipeline.errors import PolicyError
from pipeline.policy.evaluator import Evaluator
from pipeline.policy.replay import replay_writes
from pipeline.policy.snapshot import load_snapshot
from tests.policy.documents import ACCOUNT, Log, allow, document, trust

READ = document(allow("s3:GetObject", "arn:aws:s3:::app/*"))
MINE = f"arn:aws:iam::{ACCOUNT}:policy/team/mine"
SNAPSHOT: dict[str, Any] = {
    "UserDetailList": [
        {
            "Arn": f"arn:aws:iam::{ACCOUNT}:user/bob",
            "UserName": "bob",
            "GroupList": ["ops"],
            "AttachedManagedPolicies": [],
        }
    ],
    "GroupDetailList": [
        {
            "Arn": f"arn:aws:iam::{ACCOUNT}:group/ops",
            "GroupName": "ops",
            "GroupPolicyList": [{"PolicyName": "p", "PolicyDocument": quote(READ)}],
        }
    ],
    "RoleDetailList": [
        {
            "Arn": f"arn:aws:iam::{ACCOUNT}:role/team/app",
            "RoleName": "app",
            "AssumeRolePolicyDocument": json.loads(trust(f"arn:aws:iam::{ACCOUNT}:root")),
            "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": quote(READ)}],
            "AttachedManagedPolicies": [{"PolicyName": "mine", "PolicyArn": MINE}],
            "PermissionsBoundary": {
                "PermissionsBoundaryType": "Policy",
                "PermissionsBoundaryArn": "arn:aws:iam::aws:policy/PowerUserAccess",
            },
        }
    ],
    "Policies": [
        {
            "Arn": MINE,
            "DefaultVersionId": "v3",
            "PolicyVersionList": [
                {"VersionId": "v3", "Document": quote(document(allow("iam:*")))},
                {"VersionId": "v2", "Document": quote(READ)},
            ],
        }
    ],
}


def test_a_snapshot_makes_the_first_sight_known(evaluator: Evaluator) -> None:
    """Inline policy, customer-managed policy, group, boundary and trust: each is judged against the saved state."""
    log = Log()
    log.put(READ)
    log.put(document(allow("iam:*")), policy="q")
    log.write("boundary", "delete", "role", "app")
    log.write("inline", "put", "group", "ops", policy_name="q", policy_document=document(allow("s3:*")))
    log.write("trust", "update", "role", "app", policy_document=trust("arn:aws:iam::999999999999:root"))
    rows = replay_writes(log.rows, evaluator=evaluator, snapshot=json.dumps(SNAPSHOT)).rows
    assert [(row["event_id"], row["target_name"], row["state"], row["tier"], row["is_noop"]) for row in rows] == [
        ("e1", "app", "known", "T0", True),
        ("e2", "app", "known", "T0", True),
        ("e3", "app", "known", "T4", False),
        ("e4", "ops", "known", "T2", False),
        ("e4", "bob", "known", "T2", False),
        ("e5", "app", "known", "T4", False),
    ]


def test_pages_joined_by_an_empty_list_are_fine(evaluator: Evaluator) -> None:
    """Lists may be empty or absent."""
    assert load_snapshot({"RoleDetailList": []}, evaluator).accounts == {}


@pytest.mark.parametrize(
    ("snapshot", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not an answer"),
        ("{}", "not an answer"),
        ({**SNAPSHOT, "IsTruncated": True}, "one page"),
        ({"RoleDetailList": [{"RoleName": "x"}]}, "another form"),
        ({"RoleDetailList": ["x"]}, "another form"),
        ({"RoleDetailList": [{"RoleName": "x", "Arn": "nonsense"}]}, "no IAM principal"),
    ],
)
def test_another_file_is_refused(evaluator: Evaluator, snapshot: Any, said: str) -> None:
    """What is not that answer is an error, never half a state."""
    with pytest.raises(PolicyError, match=said):
        load_snapshot(snapshot, evaluator)
