"""What was looked at: "not looked" never reads as "nothing there"."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.report import build_coverage, describe_iam_visibility
from pipeline.report.coverage import find_partition


def make_account(**changes: Any) -> dict[str, Any]:
    """One entry of ``accounts``, without digests."""
    account: dict[str, Any] = {
        "account_id": "111122223333",
        "region": "us-east-1",
        "first_event_time": "2024-03-04T08:00:00Z",
        "last_event_time": "2024-03-05T09:00:00Z",
        "archives": 3,
        "events": 1200,
        "hours_expected": None,
        "hours_seen": 20,
        "missing": None,
        "late": None,
    }
    return account | changes


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-east-1", "aws"), ("cn-northwest-1", "aws-cn"), ("us-gov-east-1", "aws-us-gov"), ("moon-1", "aws")],
)
def test_a_region_tells_its_partition(region: str, partition: str) -> None:
    """China and GovCloud have IAM regions of their own."""
    assert find_partition(region) == partition


def test_iam_is_visible_where_its_region_was_read() -> None:
    """Each partition is judged by its own IAM region."""
    assert describe_iam_visibility(["eu-west-1", "us-east-1", "cn-northwest-1"]) == {
        "aws": {"visible": True, "sentence": "IAM activity is visible: us-east-1 was read."},
        "aws-cn": {
            "visible": False,
            "sentence": (
                "IAM activity is not visible here: IAM events of partition aws-cn are delivered in cn-north-1, "
                "and only cn-northwest-1 was read."
            ),
        },
    }


def test_archives_that_name_no_region_make_it_unknown() -> None:
    """A stripped prefix may hold IAM's events: that is unknown, neither seen nor missing."""
    assert describe_iam_visibility(["eu-west-1", None])["aws"]["visible"] == "unknown"
    assert describe_iam_visibility([None])["aws"]["visible"] == "unknown"
    assert describe_iam_visibility([]) == {
        "aws": {
            "visible": "unknown",
            "sentence": "Whether IAM activity is visible is unknown: nothing that was read names a region.",
        }
    }


def test_without_digests_missing_is_unknown() -> None:
    """Nobody counted the hours, so the statement does not."""
    coverage = build_coverage([make_account()], verification=None)
    assert coverage == {
        "statement": (
            "1 account and 1 region: 3 archives with 1,200 events, "
            "from 2024-03-04 08:00:00 to 2024-03-05 09:00:00 UTC. "
            "IAM activity is visible: us-east-1 was read. "
            "No digests were checked: whether archives are missing or were changed is unknown."
        ),
        "iam_visible": {"aws": {"visible": True, "sentence": "IAM activity is visible: us-east-1 was read."}},
        "verification": None,
        "accounts": [make_account()],
    }


def test_with_digests_gaps_are_counted() -> None:
    """Expected, missing and late hours and what no digest vouches for are said, and problems are listed."""
    problem = {"uri": "s3://b/x", "kind": "archive", "verdict": "missing", "detail": "named by a digest, gone"}
    coverage = build_coverage(
        [make_account(hours_expected=26, missing=2, late=1)],
        verification={"verified": 40, "pending": 1, "missing": 2},
        problems=[problem],
    )
    assert coverage["statement"].endswith(
        "Digests: 40 objects verified, 1 pending, 2 not vouched for; "
        "of 26 account hours expected, 2 are missing and 1 came late."
    )
    assert (coverage["problems"], coverage["problems_total"]) == ([problem], 1)


def test_nothing_read_is_said() -> None:
    """An empty source still gets a statement."""
    assert build_coverage([], verification=None)["statement"].startswith(
        "0 accounts and 0 regions: 0 archives with 0 events. Whether IAM activity is visible is unknown"
    )
