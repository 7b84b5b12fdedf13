from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from pipeline.archive import split_records
from pipeline.flatten import ArchiveRef, flatten_archives
from pipeline.flatten.outcome import ArchiveRecords
from pipeline.settings import Caps
from tests.archive.hostile import document
from tests.flatten.fixtures import compact

_ARCHIVE = ArchiveRef("s3://b/k.json.gz", "etag", "cd" * 32, "111122223333", datetime(2024, 5, 1, 10, 5, tzinfo=UTC))
ASSUMED = {
    "type": "AssumedRole",
    "principalId": "AROAEXAMPLE:ci",
    "arn": "arn:aws:sts::111122223333:assumed-role/ci/ci",
    "accountId": "111122223333",
    "accessKeyId": "ASIAEXAMPLE1",
    "sessionContext": {"attributes": {"creationDate": "2024-05-01T09:00:00Z", "mfaAuthenticated": "false"}},
}
KEYED = {"type": "IAMUser", "principalId": "AIDAEXAMPLE", "accountId": "111122223333", "accessKeyId": "AKIAEXAMPLE1"}
FOREIGN = {"type": "AWSAccount", "principalId": "AROAOTHER:x", "accountId": "444455556666"}
STARTED = {"sessionContext": {"attributes": {"creationDate": "2024-05-01T09:00:01Z", "mfaAuthenticated": "false"}}}


def _record(identity: dict[str, Any] | None, **members: Any) -> dict[str, Any]:
    record = {
        "eventVersion": "1.09",
        "eventTime": "2024-05-01T10:00:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "ListRoles",
        "awsRegion": "us-east-1",
        "recipientAccountId": "111122223333",
        **members,
    }
    return record if identity is None else record | {"userIdentity": identity}


def _sessions(*records: dict[str, Any], is_strict: bool = True) -> list[str]:
    """Session of each record, in their order."""
    texts = [compact({**record, "eventID": f"{place:04d}"}) for place, record in enumerate(records)]
    buffer = document(",".join(texts).encode())
    spans = split_records(buffer, Caps())
    strict = spans.strict if is_strict else spans.strict & False
    flat = flatten_archives([ArchiveRecords(buffer, spans.starts, spans.ends, spans.indexes, strict, _ARCHIVE)])
    rows = flat.batch.select(["event_id", "session_id"]).to_pylist()
    return [row["session_id"] for row in sorted(rows, key=lambda row: row["event_id"])]


@pytest.mark.parametrize("is_strict", [True, False], ids=["compiled", "exact"])
@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        (_record(ASSUMED), _record(ASSUMED, eventName="GetRole", sourceIPAddress="192.0.2.1"), True),
        (_record(ASSUMED), _record(ASSUMED | {"accessKeyId": "ASIAEXAMPLE2"}), False),
        (_record(ASSUMED), _record(ASSUMED | STARTED), False),
        (_record(ASSUMED), _record(ASSUMED | {"principalId": "AROAEXAMPLE:other"}), False),
        (_record(ASSUMED), _record(ASSUMED | {"accountId": "444455556666"}), False),
        (_record(KEYED), _record(KEYED | STARTED | {"invokedBy": "cloudformation.amazonaws.com"}), True),
        (_record(KEYED), _record(KEYED | {"accessKeyId": "AKIAEXAMPLE2"}), False),
        (_record(FOREIGN, sharedEventID="a"), _record(FOREIGN, sharedEventID="a"), True),
        (_record(FOREIGN, sharedEventID="a"), _record(FOREIGN, sharedEventID="b"), False),
        (_record(FOREIGN, sharedEventID="a"), _record(FOREIGN), False),
        (_record(FOREIGN), _record(FOREIGN, sharedEventID="a"), False),
        (_record(ASSUMED, sharedEventID="a"), _record(ASSUMED, sharedEventID="b"), True),
        (_record(None), _record(None), True),
        (_record(None), _record(None, recipientAccountId="444455556666"), False),
        (_record({"invokedBy": "ec2.amazonaws.com"}), _record({"invokedBy": "ecs.amazonaws.com"}), False),
    ],
)
def test_events_of_one_session_share_its_id(
    first: dict[str, Any], second: dict[str, Any], is_same: bool, is_strict: bool
) -> None:
    """Account, principal, start and key make a session; each near miss differs in one of them."""
    one, other = _sessions(first, second, is_strict=is_strict)
    assert (one == other) is is_same


def test_both_paths_name_a_session_alike() -> None:
    """What the compiled path read and what the exact path read is one session."""
    records = [_record(identity) for identity in (ASSUMED, KEYED, FOREIGN, None)]
    assert _sessions(*records) == _sessions(*records, is_strict=False)


def test_parts_of_a_caller_cannot_run_into_each_other() -> None:
    """A name that holds what another caller's parts look like joined is still another caller."""
    first = KEYED | {"principalId": "AIDA|", "accessKeyId": "ASIA1"}
    second = KEYED | {"principalId": "AIDA", "accessKeyId": "|ASIA1"}
    assert len(set(_sessions(_record(first), _record(second)))) == 2
