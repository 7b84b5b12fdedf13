"""The policy documents in real events that nobody in this project wrote."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.policy.evaluator import Evaluator
from pipeline.policy.replay import replay_writes

BUCKET = Path(__file__).resolve().parents[2] / "../shared/data/bucket"
CALLS = {
    "PutRolePolicy": ("inline", "put", "role"),
    "AttachRolePolicy": ("managed", "attach", "role"),
    "AttachUserPolicy": ("managed", "attach", "user"),
    "CreateRole": ("lifecycle", "create", "role"),
    "CreateUser": ("lifecycle", "create", "user"),
    "UpdateAssumeRolePolicy": ("trust", "update", "role"),
}


def read_records(source: str) -> list[dict[str, Any]]:
    """All records of one set."""
    found: list[dict[str, Any]] = []
    for path in sorted((BUCKET / source).rglob("*.json.gz")):
        found += json.loads(gzip.decompress(path.read_bytes()))["Records"]
    return found


def as_writes(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of ``int_policy_writes`` for the calls above, in order."""
    rows = []
    for record in records:
        if record["eventSource"] != "iam.amazonaws.com" or record["eventName"] not in CALLS:
            continue
        kind, verb, target = CALLS[record["eventName"]]
        asked = record.get("requestParameters") or {}
        rows.append(
            {
                "recipient_account_id": record["recipientAccountId"],
                "event_id": record["eventID"],
                "event_time": record["eventTime"],
                "event_name": record["eventName"],
                "is_success": "errorCode" not in record,
                "write_kind": kind,
                "write_verb": verb,
                "target_kind": target,
                "target_name": asked.get("roleName") or asked.get("userName"),
                "target_arn": "",
                "policy_name": asked.get("policyName"),
                "policy_arn": asked.get("policyArn"),
                "policy_document": asked.get("policyDocument") or asked.get("assumeRolePolicyDocument"),
                "permissions_boundary_arn": asked.get("permissionsBoundary"),
            }
        )
    return sorted(rows, key=lambda row: (row["recipient_account_id"], row["event_time"], row["event_id"]))


def judged(evaluator: Evaluator, source: str) -> list[tuple[str, str, str, str]]:
    """Event name, target, state and tier of each write of one set, sorted."""
    if not BUCKET.is_dir():
        pytest.skip("the real events (../shared/data) are not beside this checkout")
    writes = as_writes(read_records(source))
    names = {row["event_id"]: row["event_name"] for row in writes}
    rows = replay_writes(writes, evaluator=evaluator)
    return sorted((names[row["event_id"]], row["target_name"] or "", row["state"], row["tier"]) for row in rows)


def test_stratus_red_team(evaluator: Evaluator) -> None:
    """AdministratorAccess under a deny-all boundary is T0, on a user T4, though the log's order has it before the
    role's creation in the same second; a backdoored trust is T3 of an unknown role."""
    assert judged(evaluator, "stratus-red-team") == [
        ("AttachRolePolicy", "stratus-red-team-malicious-iam-role", "known", "T0"),
        ("AttachUserPolicy", "malicious-iam-user", "known", "T4"),
        ("CreateRole", "stratus-red-team-malicious-iam-role", "known", "T0"),
        ("CreateUser", "malicious-iam-user", "known", "T0"),
        ("UpdateAssumeRolePolicy", "stratus-red-team-backdoor-r-role", "upper_bound", "T3"),
    ]


def test_invictus(evaluator: Evaluator) -> None:
    """The two PutRolePolicy of Terraform only describe instances; the SSM core policy reads every parameter."""
    assert judged(evaluator, "invictus-aws_dataset") == [
        ("AttachRolePolicy", "stratus-red-team-ec2-steal-credentials-role", "known", "T2"),
        ("CreateRole", "stratus-red-team-ec2-get-password-data-role", "known", "T0"),
        ("CreateRole", "stratus-red-team-ec2-steal-credentials-role", "known", "T0"),
        ("PutRolePolicy", "stratus-red-team-ec2-get-password-data-role", "known", "T0"),
        ("PutRolePolicy", "stratus-red-team-ec2-steal-credentials-role", "known", "T0"),
    ]


def test_a_denied_call_without_parameters_is_unknown(evaluator: Evaluator) -> None:
    """TrailDiscover's denied calls say nothing of their document: unknown, and nothing else follows from them."""
    rows = judged(evaluator, "traildiscover")
    assert [row for row in rows if row[0] == "PutRolePolicy"] == [("PutRolePolicy", "", "unknown", "T3")]
