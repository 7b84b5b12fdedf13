import hashlib
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from pipeline.archive import split_records
from pipeline.flatten import ArchiveRef, flatten_archive
from pipeline.flatten.members import KNOWN_MEMBERS
from pipeline.flatten.session_ids import Caller, name_session
from pipeline.schema import EVENTS
from pipeline.settings import Caps
from tests.archive.hostile import document
from tests.flatten.fixtures import FIXTURES, compact

_ARCHIVE = ArchiveRef("s3://b/k.json.gz", "etag", "cd" * 32, "111122223333", datetime(2024, 5, 1, 10, 5, tzinfo=UTC))


def _flatten(record: dict[str, Any]) -> dict[str, Any]:
    buffer = document(compact(record).encode())
    spans = split_records(buffer, Caps())
    flat = flatten_archive(buffer, spans.starts, spans.ends, is_strict=spans.is_strict, archive=_ARCHIVE)
    row: dict[str, Any] = pa.Table.from_batches([flat.batch]).cast(EVENTS).to_pylist()[0]
    return {column: value for column, value in row.items() if value is not None}


def _stamped(row: dict[str, Any]) -> dict[str, Any]:
    start = row.get("session_creation_at")
    return row if start is None else row | {"session_creation_at": int(start.timestamp() * 1_000_000)}


@pytest.mark.parametrize(("record", "expected"), [case[1:] for case in FIXTURES], ids=[case[0] for case in FIXTURES])
def test_each_version_and_identity_becomes_its_whole_row(record: dict[str, Any], expected: dict[str, Any]) -> None:
    """Every column of the row is as expected; those not named are null."""
    digest = hashlib.sha256(compact(record).encode()).hexdigest()
    provenance = {
        "archive_uri": "s3://b/k.json.gz",
        "archive_version": "etag",
        "archive_sha256": "cd" * 32,
        "record_index": 0,
        "record_sha256": digest,
    }
    if expected.get("event_id") is ...:
        expected = expected | {"event_id": f"sha256:{digest}"}
    row = _flatten(record)
    caller = Caller(**{name: _stamped(row).get(name) for name in Caller._fields})
    session = {"session_id": name_session(caller, row.get("shared_event_id"))}
    assert row == expected | provenance | session


def test_every_column_is_filled_by_some_fixture() -> None:
    """A misspelt member would be a silent null column: each one is non-null in at least one fixture."""
    filled = {column for _, record, _ in FIXTURES for column in _flatten(record)}
    assert set(EVENTS.names) - filled == set()


def test_every_version_and_identity_type_has_a_fixture() -> None:
    """1.0 to 1.11, and each type of the user guide."""
    versions = {record["eventVersion"] for _, record, _ in FIXTURES}
    assert versions >= {"1.0", *(f"1.{minor:02d}" for minor in range(1, 12))}
    types = {record.get("userIdentity", {}).get("type") for _, record, _ in FIXTURES}
    assert types >= {
        "Root", "IAMUser", "AssumedRole", "Role", "FederatedUser", "SAMLUser", "WebIdentityUser", "AWSAccount",
        "AWSService", "Directory", "IdentityCenterUser", "Unknown", None,
    }  # fmt: skip


def test_every_documented_member_has_a_column() -> None:
    """The members of a record as the user guide lists them, 1.11."""
    documented = {
        "eventTime", "eventVersion", "userIdentity", "eventSource", "eventName", "awsRegion", "sourceIPAddress",
        "userAgent", "errorCode", "errorMessage", "requestParameters", "responseElements", "additionalEventData",
        "requestID", "eventID", "eventType", "apiVersion", "managementEvent", "readOnly", "resources",
        "recipientAccountId", "serviceEventDetails", "sharedEventID", "vpcEndpointId", "vpcEndpointAccountId",
        "eventCategory", "addendum", "sessionCredentialFromConsole", "eventContext", "edgeDeviceDetails", "tlsDetails",
    }  # fmt: skip
    assert documented - KNOWN_MEMBERS == set()
