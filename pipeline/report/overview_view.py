"""The head of the page: what was looked at, and how it adds up.

What enters: the run's dictionary and the findings. What leaves: plain values for the template. This module must never
let "No findings" stand without what was looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.finding import SEVERITIES, Finding
from pipeline.report.run_file import ARCHIVE_COUNTS

_DOUBTFUL = ("mismatch", "missing", "unlisted", "no_digest", "bad_signature", "broken_chain")
_OUTCOMES = ARCHIVE_COUNTS[1:]


@dataclass(frozen=True, slots=True)
class Part:
    """One share of a total; ``width`` is its percentage."""

    name: str
    count: int
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the head shows."""

    headline: str
    severities: tuple[tuple[str, int], ...]
    invisible: tuple[tuple[str, str], ...]
    uncertain: tuple[str, ...]
    visible: tuple[str, ...]
    statement: str
    first_event: str
    last_event: str
    account_ids: tuple[str, ...]
    is_after_reading: bool
    archives: tuple[Part, ...]
    records: tuple[Part, ...]
    verification_state: str
    verification_words: str
    verification: tuple[tuple[str, int], ...]
    problems: tuple[Mapping[str, Any], ...]
    problem_count: int


def view_overview(findings: Sequence[Finding], run: Mapping[str, Any]) -> Overview:
    """Prepare the head of the page.

    Args:
        findings: all of them.
        run: a checked ``policytrail.run/1`` dictionary.

    Returns:
        Counts, shares and sentences.
    """
    coverage = run["coverage"]
    counts = Counter(finding.severity for finding in findings)
    severities = tuple((name, counts[name]) for name in reversed(SEVERITIES) if counts[name])
    partitions = list(coverage["iam_visible"].items())
    said = {state: [one["sentence"] for _, one in partitions if one["visible"] == state] for state in (True, "unknown")}
    invisible = [(name, _end_sentence(one["sentence"])) for name, one in partitions if one["visible"] is False]
    starts = [row["first_event_time"] for row in coverage["accounts"] if row["first_event_time"]]
    ends = [row["last_event_time"] for row in coverage["accounts"] if row["last_event_time"]]
    state, words = _judge_verification(coverage["verification"])
    problems = coverage.get("problems", ())
    return Overview(
        headline=_headline(findings, {one["visible"] for _, one in partitions}),
        severities=severities,
        invisible=tuple(invisible),
        uncertain=tuple(said["unknown"]),
        visible=tuple(said[True]),
        statement=coverage["statement"],
        first_event=min(starts, default=""),
        last_event=max(ends, default=""),
        account_ids=tuple(sorted({row["account_id"] for row in coverage["accounts"] if row["account_id"]})),
        is_after_reading=bool(run["sources"]) or run["archives"]["listed"] > 0,
        archives=_shares([(name, run["archives"][name]) for name in _OUTCOMES]),
        records=_shares([(name, run["records"][name]) for name in ("distinct", "duplicates", "quarantined")]),
        verification_state=state,
        verification_words=words,
        verification=tuple((coverage["verification"] or {}).items()),
        problems=tuple(problems[:50]),
        problem_count=coverage.get("problems_total", len(problems)),
    )


def _headline(findings: Sequence[Finding], visibility: set[Any]) -> str:
    if findings:
        return f"{len(findings):,} finding{'' if len(findings) == 1 else 's'}"
    if True in visibility:
        return "No findings in what was looked at"
    if "unknown" in visibility:
        return "No findings, and it is unknown whether IAM activity was seen"
    return "No findings, but IAM activity was not seen"


def _end_sentence(sentence: str) -> str:
    """What follows the banner's own words, which the sentence of run.json begins with."""
    rest = sentence.removeprefix("IAM activity is not visible here: ")
    return rest[:1].upper() + rest[1:]


def _shares(counts: Sequence[tuple[str, int]]) -> tuple[Part, ...]:
    total = sum(count for _, count in counts) or 1
    out: list[Part] = []
    x = 0.0
    for name, count in counts:
        width = round(100 * count / total, 3)
        out.append(Part(name, count, round(x, 3), width))
        x += width
    return tuple(out)


def _judge_verification(verification: Mapping[str, int] | None) -> tuple[str, str]:
    """State (good, doubt, unknown) and its sentence."""
    if verification is None:
        return "unknown", "Not verified: no signed digests were checked, so whether archives were changed is unknown."
    bad = {name: verification[name] for name in _DOUBTFUL if verification.get(name)}
    if bad:
        named = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in bad.items())
        return "doubt", f"In doubt: {named}. Findings that rest on these archives say so."
    if not verification.get("verified"):
        return "unknown", "Not verified yet: no object has a digest that vouches for it."
    pending = verification.get("pending", 0)
    more = f" {pending:,} are too new to have a digest." if pending else ""
    return "good", f"Verified: {verification['verified']:,} objects agree with the signed digests.{more}"
