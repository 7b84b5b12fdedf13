"""Rows of the four finding relations, as the marts hold them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

WHEN = datetime(2024, 3, 12, 9, tzinfo=UTC)
ALICE = "arn:aws:iam::111122223333:user/alice"
APP = "arn:aws:iam::111122223333:role/app"


def finding_row(**members: Any) -> dict[str, Any]:
    """One row of ``fct_findings``: alice grants role/app everything, assumes it and creates a user."""
    row = {
        "finding_id": "pt-0000000000000001",
        "class": "privilege_escalation",
        "status": "confirmed",
        "severity": "critical",
        "score": 90,
        "principal_arn": ALICE,
        "principal_account_id": "111122223333",
        "actor_arn": ALICE,
        "target_arn": APP,
        "target_account_id": "111122223333",
        "target_kind": "role",
        "target_count": 1,
        "first_event_time": WHEN,
        "last_event_time": WHEN,
        "supersedes": [],
        "path_ids": ["iam-017"],
        "delta_tier": "T4",
        "delta_state": "known",
        "actions_added": ["*"],
        "actions_added_count": 20455,
        "denies_removed": [],
        "conditions_dropped": [],
        "trust_added": [],
        "event_names": ["PutRolePolicy"],
        "grant_count": 1,
        "denied_count": 0,
        "authorised": "no",
        "compromise": "none",
        "beneficiary": "assumed",
        "used_actions": ["iam:CreateUser"],
        "used_action_count": 1,
        "is_denied_first": False,
        "is_remediation": False,
        "remediation": [],
    }
    assert set(members) <= set(row), "a misspelt column"
    return {**row, **members}


def evidence_row(**members: Any) -> dict[str, Any]:
    """One row of ``fct_finding_evidence``."""
    row = {
        "finding_id": "pt-0000000000000001",
        "event_id": "e1",
        "recipient_account_id": "111122223333",
        "event_time": WHEN,
        "event_name": "PutRolePolicy",
        "role": "grant",
        "archive_uri": "file:///a.json.gz",
        "record_index": 7,
        "verification": None,
    }
    return {**row, **members}


def reason_row(**members: Any) -> dict[str, Any]:
    """One row of ``fct_finding_reasons``."""
    row = {
        "finding_id": "pt-0000000000000001",
        "position": 1,
        "code": "impact_t4",
        "text": "The grant reaches administrator rights",
        "points": 60,
    }
    return {**row, **members}


def edge_row(**members: Any) -> dict[str, Any]:
    """One row of ``fct_escalation_chains``."""
    row = {
        "finding_id": "pt-0000000000000001",
        "row_kind": "edge",
        "position": 1,
        "edge": "grant",
        "source": ALICE,
        "target": APP,
        "confidence": 1.0,
        "event_id": "e1",
    }
    return {**row, **members}


def table(rows: list[dict[str, Any]], example: dict[str, Any]) -> pa.Table:
    """Return rows as a table that has its columns even without rows."""
    whole = pa.Table.from_pylist([*rows, example])
    return whole.slice(0, len(rows))
