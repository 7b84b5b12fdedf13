"""What kind of CloudTrail object the content shows: keys lie, or say nothing in a flat folder.

What enters: member names, or a buffer with spans. What leaves: a word of ``RecordSpans.kind``. This module must
never call an object something to be skipped unless all of it is: a planted first record hides nothing.

Source: AWS CloudTrail user guide, "CloudTrail digest file structure", "CloudTrail record contents for Insights
events" and "for network activity events".
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from pipeline.archive.spans import RecordSpans

_DIGEST_MEMBERS = {"digestStartTime", "digestS3Bucket", "digestS3Object", "logFiles"}
_OTHER_LOG_MEMBERS = {
    "configurationItems": "AWS Config",
    "configSnapshotId": "AWS Config",
    "logEvents": "CloudWatch Logs",
    "messageType": "CloudWatch Logs",
}
_LABELS_MEMBERS = {"schema", "seed", "planned_events", "instances"}
"""Of the file that ``policytrail simulate`` writes beside its archives."""
_HINTS = (b"Insight", b"NetworkActivity", b"AwsVpceEvent", b"Aggregated", b'"eventId"')


def kind_by_members(members: Sequence[str]) -> str:
    """Kind of a document without ``Records``, by its other members; ``archive`` if they say nothing."""
    names = set(members)
    if len(names & _DIGEST_MEMBERS) >= 2:
        return "digest"
    is_other = names & _OTHER_LOG_MEMBERS.keys() or names >= _LABELS_MEMBERS
    return "not_cloudtrail" if is_other else "archive"


def kind_by_records(buffer: bytes | bytearray, spans: RecordSpans) -> str:
    """Kind of a list of records: another than ``archive`` only if every record is of that kind."""
    if not len(spans) or spans.bad:
        return "archive"
    kind = ""
    for start, end in zip(spans.starts, spans.ends, strict=True):
        found = _record_kind(bytes(buffer[start:end]))
        if found == "archive" or (kind and found != kind):
            return "archive"
        kind = found
    return kind


def _record_kind(raw: bytes) -> str:
    for hint in _HINTS:
        if hint in raw:
            break
    else:
        return "archive"  # nearly every record of nearly every object
    try:
        record = json.loads(raw.decode("utf-8", "replace"), strict=False, parse_int=str)
    except (json.JSONDecodeError, RecursionError):
        return "archive"
    category, kind = record.get("eventCategory"), record.get("eventType")
    if category == "Insight" or kind == "AwsCloudTrailInsight":
        return "insight"
    if category == "NetworkActivity" or kind == "AwsVpceEvent":
        return "network_activity"
    if category == "Aggregated" or kind == "AwsAggregatedEvent" or ("eventId" in record and "eventID" not in record):
        return "aggregated"
    return "archive"
