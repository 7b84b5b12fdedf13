"""What was looked at, in numbers and in one sentence: the coverage part of run.json.

What enters: per account and region counts, and the verdicts of the digests. What leaves: the ``coverage`` dictionary.
This module must never let "not looked" read as "nothing there": without digests, missing hours are unknown.

Source: AWS CloudTrail user guide, "Global service events": since 2021-11-22 IAM's events are delivered in us-east-1
(in other partitions in their own IAM region) only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.report.run_file import ACCOUNT_MEMBERS

IAM_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
"""The region in which each partition's IAM events are delivered."""


def find_partition(region: str) -> str:
    """Return the partition of a region by its name; an unknown region counts as the commercial partition."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def describe_iam_visibility(regions: Iterable[str | None]) -> dict[str, dict[str, Any]]:
    """Say for each partition whether IAM calls can be seen in what was read.

    Args:
        regions: regions of the archives' keys, and of the events where a key names none; null where neither says.

    Returns:
        partition -> ``visible`` (true, false or ``"unknown"``) and ``sentence``.
    """
    seen = set(regions)
    named = sorted(region for region in seen if region)
    partitions: dict[str, list[str]] = {}
    for region in named:
        partitions.setdefault(find_partition(region), []).append(region)
    out: dict[str, dict[str, Any]] = {}
    for partition, names in sorted(partitions.items()):
        home = IAM_REGIONS[partition]
        if home in names:
            out[partition] = {"visible": True, "sentence": f"IAM activity is visible: {home} was read."}
        elif None in seen:
            text = f"Whether IAM activity is visible is unknown: some archives name no region, and none names {home}."
            out[partition] = {"visible": "unknown", "sentence": text}
        else:
            text = (
                f"IAM activity is not visible here: IAM events of partition {partition} are delivered in {home}, "
                f"and only {', '.join(names)} was read."
            )
            out[partition] = {"visible": False, "sentence": text}
    if not out:
        text = "Whether IAM activity is visible is unknown: nothing that was read names a region."
        out["aws"] = {"visible": "unknown", "sentence": text}
    return out


def _state_accounts(accounts: Sequence[Mapping[str, Any]]) -> str:
    ids = {row["account_id"] for row in accounts if row["account_id"]}
    regions = {row["region"] for row in accounts if row["region"]}
    starts = [row["first_event_time"] for row in accounts if row["first_event_time"]]
    ends = [row["last_event_time"] for row in accounts if row["last_event_time"]]
    archives, events = (sum(row[name] or 0 for row in accounts) for name in ("archives", "events"))
    text = (
        f"{_count(len(ids), 'account')} and {_count(len(regions), 'region')}: "
        f"{_count(archives, 'archive')} with {_count(events, 'event')}"
    )
    if not starts or not ends:
        return f"{text}."
    first, last = (moment.replace("T", " ", 1).removesuffix("Z") for moment in (min(starts), max(ends)))
    return f"{text}, from {first} to {last} UTC."


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _state_digests(accounts: Sequence[Mapping[str, Any]], verification: Mapping[str, int] | None) -> str:
    if verification is None:
        return "No digests were checked: whether archives are missing or were changed is unknown."
    expected, missing, late = (
        sum(row[name] or 0 for row in accounts) for name in ("hours_expected", "missing", "late")
    )
    bad = sum(count for verdict, count in verification.items() if verdict not in ("verified", "pending"))
    text = f"Digests: {verification.get('verified', 0):,} objects verified, {verification.get('pending', 0):,} pending"
    text += f", {bad:,} not vouched for" if bad else ", none in doubt"
    return f"{text}; of {expected:,} account hours expected, {missing:,} are missing and {late:,} came late."


def build_coverage(
    accounts: Sequence[Mapping[str, Any]],
    *,
    verification: Mapping[str, int] | None,
    regions: Iterable[str | None] | None = None,
    problems: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Build the coverage dictionary of run.json.

    Args:
        accounts: one mapping per account and region, members ``ACCOUNT_MEMBERS``; times as text, null where unknown.
        verification: verdict -> number of archives and digests; ``None`` where nothing was checked.
        regions: regions of what was read; taken from ``accounts`` where not given.
        problems: objects that failed verification (``uri``, ``kind``, ``verdict``, ``detail``); the first 1,000 are
            listed.

    Returns:
        ``statement``, ``iam_visible``, ``verification``, ``accounts`` and, where there are any, ``problems`` with
        ``problems_total``.
    """
    rows = [{name: row.get(name) for name in ACCOUNT_MEMBERS} for row in accounts]
    visibility = describe_iam_visibility(regions if regions is not None else [row["region"] for row in rows])
    sentences = [entry["sentence"] for entry in visibility.values()]
    statement = " ".join([_state_accounts(rows), *sentences, _state_digests(rows, verification)])
    coverage: dict[str, Any] = {
        "statement": statement,
        "iam_visible": visibility,
        "verification": None if verification is None else dict(verification),
        "accounts": rows,
    }
    if problems:
        coverage["problems"] = [dict(item) for item in problems[:1000]]
        coverage["problems_total"] = len(problems)
    return coverage
