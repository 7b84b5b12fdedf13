from __future__ import annotations

import re
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.policy.patterns import covers_pattern, match_pattern, overlaps_pattern

PATTERNS = st.text("ab*?", max_size=6)
TEXTS = st.text("ab", max_size=6)


def reference(pattern: str, text: str) -> bool:
    """IAM's wildcards by way of a regular expression: fit for tests only."""
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


@settings(deadline=None)
@given(PATTERNS, TEXTS)
def test_match_equals_a_reference_implementation(pattern: str, text: str) -> None:
    """Every pattern matches exactly what the same pattern written as a regular expression matches."""
    assert match_pattern(pattern, text) == reference(pattern, text)


@settings(deadline=None)
@given(PATTERNS, PATTERNS, TEXTS)
def test_a_covered_pattern_matches_nothing_more(wider: str, narrower: str, text: str) -> None:
    """Where one pattern is said to cover another, no text is in the second and not in the first."""
    if covers_pattern(wider, narrower) and reference(narrower, text):
        assert reference(wider, text)


@settings(deadline=None)
@given(PATTERNS, PATTERNS, TEXTS)
def test_patterns_that_share_a_text_overlap(left: str, right: str, text: str) -> None:
    """Overlap is never missed, and does not depend on the order."""
    if reference(left, text) and reference(right, text):
        assert overlaps_pattern(left, right)
    assert overlaps_pattern(left, right) == overlaps_pattern(right, left)


def test_patterns_that_differ_at_an_end_do_not_overlap() -> None:
    """Plain text before the first or after the last wildcard decides at once."""
    cases = [("role/a*", "role/b*", False), ("*-a", "*-b", False), ("a*c", "ab*", True), ("a?", "a", False)]
    assert [overlaps_pattern(left, right) for left, right, _ in cases] == [answer for *_, answer in cases]


def test_a_pattern_made_to_backtrack_is_answered_at_once() -> None:
    """What would cost a regular expression years costs milliseconds; the bound leaves room for a busy machine."""
    started = time.process_time()
    assert not match_pattern("*a" * 200 + "b", "a" * 2_000)
    assert overlaps_pattern("*a" * 1_000 + "*", "*b" * 1_000 + "*")
    assert time.process_time() - started < 20
