from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pyarrow as pa
from model_files import SmallLake, event

from pipeline import schema
from pipeline.jobs.build_extensions import PolicyStages, policy_extensions
from pipeline.models.folder import seed_files, sql_folder
from pipeline.models.params import model_params
from pipeline.settings import DetectionSettings
from tests.hostile_values import HOSTILE

CALLS = (
    ("iam.amazonaws.com", "PutRolePolicy"),
    ("iam.amazonaws.com", "CreateAccessKey"),
    ("iam.amazonaws.com", "UpdateAssumeRolePolicy"),
    ("sts.amazonaws.com", "AssumeRole"),
    ("sso.amazonaws.com", "PutInlinePolicyToPermissionSet"),
    ("lambda.amazonaws.com", "CreateFunction20150331"),
)
BROKEN_JSON = {
    "lone_surrogate": '{"roleName": "\\ud800", "sub": "\\udfff"}',
    "cut": '{"roleName": "x',
    "deep": "[" * 600,
    "not_json": "roleName=x",
    "big_number": '{"maxResults": 1' + "0" * 400 + "}",
    "duplicates": '{"a": 1, "a": {"a": 2}, "A": [null]}',
    "nan": '{"a": NaN}',
    "empty": "",
}
FIXED = {"event_id", "recipient_account_id", "event_source", "event_name", "archive_uri", "archive_version"}
TEXT_COLUMNS = [field.name for field in schema.EVENTS if pa.types.is_string(field.type) and field.name not in FIXED]


def hostile_rows() -> list[dict[str, Any]]:
    """One event per value and call, the value in every text column."""
    values = {**{name: str(value) for name, value in HOSTILE.items() if isinstance(value, str)}, **BROKEN_JSON}
    rows = []
    for number, ((name, value), (source, call)) in enumerate(product(sorted(values.items()), CALLS)):
        at = datetime(2024, 3, 1 + number % 3, 12, tzinfo=UTC) + timedelta(seconds=number)
        text = value.encode("utf-8", "replace").decode()
        row = event(at.day, f"{name}-{call}", **dict.fromkeys(TEXT_COLUMNS, text))
        rows.append(
            row
            | {"event_time": at, "event_source": source, "event_name": call, "record_index": number}
            | {"error_code": None if number % 4 else "AccessDenied", "is_denied": number % 4 == 0}
            | {"session_creation_at": at if number % 2 else None}
        )
    return rows


def test_no_value_in_any_column_stops_the_build() -> None:
    """Every model is built over values an attacker wrote, broken JSON among them; no event is lost on the way."""
    lake = SmallLake(sql_folder())
    rows = hostile_rows()
    lake.commit(*rows)
    extensions = policy_extensions(lake.store, PolicyStages(seed_files(sql_folder())))
    lake.build(params=model_params(DetectionSettings()), extensions=extensions)
    built = {row["event_id"] for row in lake.rows("int_identity_events")}
    assert built == {row["event_id"] for row in rows if row["event_source"] != "lambda.amazonaws.com"} | {
        row["event_id"] for row in rows if row["passed_role_arn"] is not None
    }
    assert sum(row["event_count"] for row in lake.rows("int_session_days")) == len(rows)
    writes = {row["event_id"] for row in lake.rows("int_policy_writes")}
    assert writes == {
        row["event_id"] for row in rows if row["event_source"] in ("iam.amazonaws.com", "sso.amazonaws.com")
    }
