from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.models.header import ALL_DAYS, Header, parse_header

WHOLE = """\
-- model:   fct_role_policy_timeline
-- purpose: Every PutRolePolicy attempt, in order,
--          per principal.
-- grain:   one row per (recipient_account_id, event_id)
-- order:   principal_arn, event_time, event_id
-- inputs:  stg_events, dim_principals
-- params:  $start_at, $end_at   UTC, half-open
-- stored:  by event_date, lookback 30 days
-- columns: seconds_since_previous  s; NULL on a
--                                  principal's first row
--          gap_count               gaps
-- source:  IAM API Reference, PutRolePolicy

select 1
"""
LEAST = "-- model: stg_x\n-- purpose: P.\n-- grain: one row per id\n-- order: id\n-- inputs: none\nselect 1"


def test_a_whole_header_is_read() -> None:
    """Every key of the form is read, continued lines included."""
    assert parse_header(WHOLE, uri="file:///m.sql") == Header(
        name="fct_role_policy_timeline",
        purpose="Every PutRolePolicy attempt, in order, per principal.",
        grain=("recipient_account_id", "event_id"),
        order=("principal_arn", "event_time", "event_id"),
        inputs=("stg_events", "dim_principals"),
        params=("start_at", "end_at"),
        stored="by event_date",
        lookback_days=30,
        columns={"seconds_since_previous": "s; NULL on a principal's first row", "gap_count": "gaps"},
        source="IAM API Reference, PutRolePolicy",
    )


def test_what_is_not_said_has_a_default() -> None:
    """The least header is a view without inputs, parameters or described columns."""
    assert parse_header(LEAST, uri="file:///m.sql") == Header(
        name="stg_x", purpose="P.", grain=("id",), order=("id",), inputs=()
    )


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("no", ("no", 0)),
        ("full", ("full", 0)),
        ("by event_date", ("by event_date", 0)),
        ("by event_date, lookback 1 day", ("by event_date", 1)),
        ("by event_date, lookback all", ("by event_date", ALL_DAYS)),
    ],
)
def test_each_way_of_storing_is_read(stored: str, expected: tuple[str, int]) -> None:
    """``stored`` and its look-back become two values."""
    header = parse_header(f"-- stored: {stored}\n{LEAST}", uri="file:///m.sql")
    assert (header.stored, header.lookback_days) == expected


@pytest.mark.parametrize(
    ("text", "words", "line"),
    [
        (LEAST.replace("-- order: id\n", ""), "no '-- order:' line", 1),
        (LEAST.replace("-- purpose: P.", "-- purpose:"), "'-- purpose:' is empty", 2),
        (LEAST.replace("-- purpose: P.", "-- purpos: P."), "unknown header key 'purpos'", 2),
        (LEAST.replace("-- order: id", "-- order: id\n-- order: id"), "appears twice", 5),
        (LEAST.replace("one row per id", "one row per event"), "", 0),
        (LEAST.replace("one row per id", "one event each"), "one row per (column, column)", 3),
        (LEAST.replace("one row per id", "one row per (id, Bad Name)"), "no column list", 3),
        (LEAST.replace("-- inputs: none", "-- inputs: a, a"), "names something twice", 5),
        (LEAST.replace("-- inputs: none", "-- inputs: a; b"), "comma list of names", 5),
        ("-- stored: sometimes\n" + LEAST, "'-- stored:' is", 1),
        ("-- stored: full, lookback 3 days\n" + LEAST, "'-- stored:' is", 1),
        ("-- params: $x\n" + LEAST, "a view cannot keep parameters", 1),
        ("-- columns: no two spaces\n" + LEAST, "two spaces between", 1),
        ("-- columns: a  x\n--          a  y\n" + LEAST, "column a is described twice", 2),
        ("-- model stg_x\n" + LEAST, "a header line is", 1),
    ],
)
def test_a_malformed_header_is_refused_with_its_line(text: str, words: str, line: int) -> None:
    """Each mistake is named with file and line; a plain word is a column list of one."""
    if not words:
        assert parse_header(text, uri="file:///m.sql").grain == ("event",)
        return
    with pytest.raises(ModelError) as caught:
        parse_header(text, uri="file:///m.sql")
    assert words in str(caught.value)
    assert f"(line {line})" in str(caught.value)
    assert "file:///m.sql" in str(caught.value)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the parser fail in another way than by its own error."""
    try:
        header = parse_header(text, uri="file:///m.sql")
    except ModelError:
        return
    assert header.name
    assert header.grain
