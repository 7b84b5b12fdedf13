"""Small archives of CloudTrail's shape for the tests of jobs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ACCOUNT = "111122223333"
START = datetime(2024, 5, 1, 9, tzinfo=UTC)


def record(number: int, *, minutes: float | None = None, **members: Any) -> dict[str, Any]:
    """One record; its number decides its id and, unless ``minutes`` does, its time."""
    moment = START + timedelta(minutes=number if minutes is None else minutes)
    return {
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/ana", "accountId": ACCOUNT},
        "eventTime": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "iam.amazonaws.com",
        "eventName": "PutRolePolicy",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.1",
        "requestParameters": {"roleName": f"role-{number}", "policyName": "p"},
        "responseElements": None,
        "eventID": f"00000000-0000-4000-8000-{number:012d}",
        "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT,
        **members,
    }


def archive_key(number: int, *, day: int = 1, region: str = "us-east-1") -> str:
    """Key of an archive as CloudTrail names it."""
    return (
        f"AWSLogs/{ACCOUNT}/CloudTrail/{region}/2024/05/{day:02d}/"
        f"{ACCOUNT}_CloudTrail_{region}_202405{day:02d}T2300Z_{number:016d}.json.gz"
    )


def write_archive(folder: Path, records: Sequence[Any], number: int = 0, **place: Any) -> Path:
    """Write one archive below a folder."""
    path = folder / archive_key(number, **place)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps({"Records": list(records)}).encode(), mtime=0))
    return path


def write_bytes(folder: Path, content: bytes, number: int = 0, **place: Any) -> Path:
    """Write an object of any content under an archive's key."""
    path = folder / archive_key(number, **place)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
