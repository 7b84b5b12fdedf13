"""Text from logs becomes harmless, and nothing of it disappears."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report import clean_cell, clean_lines, clean_text, mask_key, mask_keys
from pipeline.report.cleaning import present_text
from tests.hostile_values import HOSTILE

ANY_TEXT = st.text(st.characters(), max_size=60)
UNSEEN_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_every_control_and_format_character_of_unicode_is_escaped() -> None:
    """No code point of a controlling or invisible category stays raw, whichever Unicode version Python knows."""
    points = [point for point in range(0x110000) if unicodedata.category(chr(point)) in UNSEEN_CATEGORIES]
    raw = [hex(point) for point in points if clean_text(chr(point)) == chr(point)]
    assert len(points) > 2000
    assert raw == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("arn:aws:iam::1:role/plain", "arn:aws:iam::1:role/plain"),
        ("a\x1b[31mb\n\r\t\0", "a\\x1b[31mb\\n\\r\\t\\x00"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("ad\u200bmin\ufeff", "ad\\u200bmin\\ufeff"),
        ("x\U000e0041", "x\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("שלום", "שלום"),
        (None, ""),
        (7, "7"),
    ],
)
def test_text_is_shown_with_visible_escapes(value: object, expected: str) -> None:
    """Controls become escapes a reader can see; ordinary text of any script stays as it is."""
    assert clean_text(value) == expected


def test_a_limit_says_how_much_it_cut() -> None:
    """Cutting is never silent."""
    assert clean_text("x" * 1500, limit=4) == "xxxx… (1,496 more characters)"
    assert clean_text("xxxx", limit=4) == "xxxx"


@given(ANY_TEXT)
def test_cleaned_text_prints_anywhere_and_cleaning_is_idempotent(value: str) -> None:
    """Cleaned text encodes as UTF-8, has no controlling character, and cleaning it again changes nothing."""
    cleaned = clean_text(value)
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert not {unicodedata.category(character) for character in cleaned} & UNSEEN_CATEGORIES
    assert clean_text(cleaned) == cleaned


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\\t=1"),
        ("\r=1", "'\\r=1"),
        (" =1", "' =1"),
        ("\uff1d1", "'\uff1d1"),
        ("a=1", "a=1"),
        ("\u200b=1", "\\u200b=1"),
        ("", ""),
        (" ", " "),
    ],
)
def test_a_cell_never_begins_a_formula(value: str, expected: str) -> None:
    """A cell that a spreadsheet would compute gets a leading apostrophe; any other stays as it is."""
    assert clean_cell(value) == expected


@given(ANY_TEXT)
def test_no_cell_begins_with_what_a_spreadsheet_computes(value: str) -> None:
    """Whatever the log holds, a cell's first visible character is none of the formula signs."""
    assert not clean_cell(value).lstrip().startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AKIAIOSFODNN7EXAMPLE", "AKIA************MPLE"),
        ("ASIAIOSFODNN7EXAMPLE", "ASIA************MPLE"),
        ("AKIA****", "AKIA****"),
        ("AROAIOSFODNN7EXAMPLE:session", "AROAIOSFODNN7EXAMPLE:session"),
        ("xAKIAIOSFODNN7EXAMPLE", "xAKIAIOSFODNN7EXAMPLE"),
    ],
)
def test_only_access_keys_are_masked(text: str, expected: str) -> None:
    """A key keeps its kind and its last four characters; role ids and longer words are no keys."""
    assert mask_key(text) == expected


def test_keys_inside_a_sentence_are_masked() -> None:
    """Each key of a text is masked, the rest stays."""
    text = "key AKIAIOSFODNN7EXAMPLE, then ASIAABCDEFGHIJKLWXYZ."
    assert mask_keys(text) == "key AKIA************MPLE, then ASIA************WXYZ."


@given(st.one_of(ANY_TEXT, st.text("AKISCBT0 \x1b", max_size=40)), st.booleans())
def test_a_text_is_presented_as_its_steps_would(value: str, show_keys: bool) -> None:
    """The short way that plain texts take says what the long one does: masked, cleaned, cut."""
    for limit in (0, 5, 40, 100):
        masked = (value if show_keys else mask_keys(value))[:limit]
        cut = f"… ({len(value) - limit:,} more characters)" if len(value) > limit else ""
        assert present_text(value, limit=limit, show_keys=show_keys) == clean_text(masked) + cut


def test_a_key_that_crosses_the_cut_is_masked() -> None:
    """Cutting a text in the middle of a key does not unmask its first half."""
    shown = present_text("x" * 90 + " AKIAIOSFODNN7EXAMPLE and more", limit=104)
    assert shown == "x" * 90 + " AKIA*********… (16 more characters)"


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_values_lose_their_controls_only(name: str) -> None:
    """Every hostile value keeps each printable character, in order: nothing is dropped."""
    kept = [character for character in HOSTILE[name] if clean_text(character) == character]
    position = 0
    cleaned = clean_text(HOSTILE[name])
    for character in kept:
        position = cleaned.index(character, position) + 1


def test_lines_stay_lines() -> None:
    """A drawn table keeps its rows; what controls a terminal inside of them does not stay."""
    assert clean_lines("a\x1b[1m\nb\r\n\u202ec") == "a\\x1b[1m\nb\\r\n\\u202ec"
