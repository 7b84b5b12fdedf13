"""The page's head says what was looked at before it says what was found."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.report import build_coverage
from pipeline.report.overview_view import Part, view_overview
from tests.report.samples import make_attempt, make_finding, make_misuse, make_run
from tests.report.test_coverage import make_account


def make_run_of(region: str | None, verification: dict[str, int] | None = None) -> dict[str, Any]:
    """A run over one region."""
    return make_run(coverage=build_coverage([make_account(region=region)], verification=verification))


@pytest.mark.parametrize(
    ("region", "headline"),
    [
        ("us-east-1", "No findings in what was looked at"),
        ("eu-west-1", "No findings, but IAM activity was not seen"),
        (None, "No findings, and it is unknown whether IAM activity was seen"),
    ],
)
def test_no_findings_is_never_said_alone(region: str | None, headline: str) -> None:
    """The headline depends on whether IAM could be seen at all."""
    assert view_overview([], make_run_of(region)).headline == headline


def test_what_is_not_visible_is_a_sentence_of_its_own() -> None:
    """The banner's sentence does not repeat the banner's words."""
    view = view_overview([], make_run_of("eu-west-1"))
    sentence = "IAM events of partition aws are delivered in us-east-1, and only eu-west-1 was read."
    assert view.invisible == (("aws", sentence),)
    assert (view.uncertain, view.visible) == ((), ())


def test_findings_are_counted_by_severity() -> None:
    """Worst first, severities without a finding left out."""
    view = view_overview([make_attempt(), make_finding(), make_misuse(), make_finding()], make_run())
    assert view.headline == "4 findings"
    assert view.severities == (("critical", 2), ("medium", 1), ("low", 1))


def test_shares_add_up_to_the_whole() -> None:
    """Each outcome has its share of the bar, in order, side by side."""
    run = make_run(archives={"listed": 8, "committed": 4, "empty": 2, "failed": 2})
    assert view_overview([], run).archives == (
        Part("committed", 4, 0.0, 50.0),
        Part("empty", 2, 50.0, 25.0),
        Part("quarantined", 0, 75.0, 0.0),
        Part("skipped", 0, 75.0, 0.0),
        Part("failed", 2, 75.0, 25.0),
        Part("unchanged", 0, 100.0, 0.0),
    )


@pytest.mark.parametrize(
    ("verification", "state", "words"),
    [
        (None, "unknown", "Not verified: no signed digests were checked, so whether archives were changed is unknown."),
        ({}, "unknown", "Not verified yet: no object has a digest that vouches for it."),
        ({"pending": 3}, "unknown", "Not verified yet: no object has a digest that vouches for it."),
        ({"verified": 9}, "good", "Verified: 9 objects agree with the signed digests."),
        (
            {"verified": 9, "pending": 2},
            "good",
            "Verified: 9 objects agree with the signed digests. 2 are too new to have a digest.",
        ),
        (
            {"verified": 9, "mismatch": 1, "no_digest": 2},
            "doubt",
            "In doubt: 1 mismatch, 2 no digest. Findings that rest on these archives say so.",
        ),
    ],
)
def test_verification_is_said_in_words(verification: dict[str, int] | None, state: str, words: str) -> None:
    """Unchecked, pending, good and doubtful are four different things."""
    view = view_overview([], make_run_of("us-east-1", verification))
    assert (view.verification_state, view.verification_words) == (state, words)
