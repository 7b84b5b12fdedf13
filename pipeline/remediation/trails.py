"""Steps on trails: make one where there is none, switch on what is off.

What enters: a trail's ARN or the bucket of a new one. What leaves: steps with the live state that they are planned
for. This module must never choose a bucket.

Source: CloudTrail API reference, CreateTrail, UpdateTrail (only in the trail's home region), StartLogging.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipeline.errors import RemediationError
from pipeline.remediation.clients import Account
from pipeline.remediation.live_state import read_state
from pipeline.remediation.steps import Step

NEW_TRAIL = "policytrail"
NO_BUCKET = "name-of-your-bucket"
_WHOLE = {"IncludeGlobalServiceEvents": True, "IsMultiRegionTrail": True, "EnableLogFileValidation": True}


def create_trail(account: Account, bucket: str) -> list[tuple[Step, Any]]:
    """A trail of every region with log file validation, then its logging; by hand where no bucket was named."""
    given = {"Name": NEW_TRAIL, "S3BucketName": bucket or NO_BUCKET, **_WHOLE}
    state = read_state(account, "cloudtrail", "CreateTrail", given)
    warning = (
        "The bucket must let CloudTrail write (its bucket policy), and should be another account's."
        if bucket
        else "No bucket was named: give remediate plan --trail-bucket BUCKET, or put its name into the command."
    )
    made = Step(
        id="posture.create-trail",
        finding_id="",
        why=(),
        service="cloudtrail",
        operation="CreateTrail",
        parameters=given,
        console=(
            "CloudTrail > Trails > Create trail: name, existing bucket, log file validation enabled",
            "Management events: read and write; all regions",
        ),
        changes=f"Make a trail of every region with log file validation, into bucket {bucket or 'of your choice'}",
        warning=warning,
        inverse={"service": "cloudtrail", "operation": "DeleteTrail", "parameters": {"Name": NEW_TRAIL}},
        is_manual=not bucket,
    )
    start, is_logging = start_trail(NEW_TRAIL)
    return [(made, state), (replace(start, is_manual=not bucket, after=made.id), is_logging)]


def start_trail(name: str) -> tuple[Step, Any]:
    """Switch a trail's logging on; planned for one that is off."""
    given = {"Name": name}
    step = Step(
        id=f"posture.start-logging.{name.rpartition('/')[2]}",
        finding_id="",
        why=(),
        service="cloudtrail",
        operation="StartLogging",
        parameters=given,
        console=(f"CloudTrail > Trails > {name}", "Start logging"),
        changes=f"Switch logging on: trail {name}",
        warning="Ask who switched it off: calls made since then are in no log.",
        inverse={"service": "cloudtrail", "operation": "StopLogging", "parameters": given},
        region=_region_of(name),
    )
    return step, False


def mend_trail(account: Account, arn: str) -> tuple[Step, Any]:
    """Make a trail take every region and global events, with log file validation.

    Raises:
        RemediationError: the trail is gone, or cannot be read.
    """
    given = {"Name": arn, **_WHOLE}
    region = _region_of(arn)
    before = read_state(account.at(region), "cloudtrail", "UpdateTrail", given)
    if before is None:
        raise RemediationError("the trail is gone")
    step = Step(
        id=f"posture.mend-trail.{arn.rpartition('/')[2]}",
        finding_id="",
        why=(),
        service="cloudtrail",
        operation="UpdateTrail",
        parameters=given,
        console=(f"CloudTrail > Trails > {arn} > Edit", "All regions; log file validation enabled"),
        changes=f"Take every region and global events, with log file validation: trail {arn}",
        inverse={"service": "cloudtrail", "operation": "UpdateTrail", "parameters": {"Name": arn, **before}},
        region=region,
    )
    return step, before


def _region_of(name: str) -> str:
    """The home region that a trail's ARN names; ``""`` of a bare name."""
    return name.split(":")[3] if name.startswith("arn:") else ""
