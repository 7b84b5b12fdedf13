"""timeline.csv and scores.csv: exact columns, exact cells, nothing that runs."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ReportError
from pipeline.report import SCORE_COLUMNS, TIMELINE_COLUMNS, clean_cell, render_scores, render_timeline
from tests.hostile_values import FORMULAS, HOSTILE, has_utf8_form
from tests.report.samples import ACCOUNT, ARCHIVE, ROLE, ROOT, SCORE_SCHEMA, SESSION, TIMELINE_SCHEMA, make_timeline

TEXT_COLUMNS = [field.name for field in TIMELINE_SCHEMA if pa.types.is_string(field.type)]


def read_csv(data: bytes) -> list[list[str]]:
    """The cells as a CSV reader finds them."""
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True))


def make_row(**changes: object) -> dict[str, object]:
    """One attempt."""
    row = make_timeline(1).to_pylist()[0]
    return row | changes


def test_the_timeline_is_written_column_for_column() -> None:
    """A row becomes the published columns in order: times with Z, booleans as words, null as nothing."""
    rows = [make_row(), make_row(event_id="e2", root_principal_arn=None, is_denied=True, anomaly_score=None)]
    table = pa.Table.from_pylist(rows, schema=TIMELINE_SCHEMA)
    start = ["2024-03-05T10:09:00Z"]
    end = ["198.51.100.23", "Boto3/1.34.2 Botocore/1.34.2", ARCHIVE, "9"]
    event_id = rows[0]["event_id"]
    assert read_csv(render_timeline(table)) == [
        list(TIMELINE_COLUMNS),
        [*start, event_id, ACCOUNT, SESSION, ROOT, ROLE, "tmp-admin", "false", "T4", "612", "false", "99.7", *end],
        [*start, "e2", ACCOUNT, SESSION, "", ROLE, "tmp-admin", "true", "T4", "612", "false", "", *end],
    ]


def test_equal_numbers_of_another_sign_are_written_apart() -> None:
    """Minus zero equals zero and is another number; repeated values are written as they stand."""
    rows = [make_row(anomaly_score=score) for score in (0.0, -0.0, 0.0, 1e-07)]
    cells = read_csv(render_timeline(pa.Table.from_pylist(rows, schema=TIMELINE_SCHEMA)))
    assert [row[TIMELINE_COLUMNS.index("anomaly_score")] for row in cells[1:]] == ["0.0", "-0.0", "0.0", "1e-07"]


def test_scores_are_written_column_for_column() -> None:
    """A principal-day keeps its numbers; its reasons share one cell."""
    row = {
        "event_date": date(2024, 3, 5),
        "recipient_account_id": "000011112222",
        "principal_arn": ROOT,
        "anomaly_score": 97.25,
        "surprise_bits": 14.125,
        "frequency_bin": "RARE",
        "event_count": 12,
        "policy_write_count": 1,
        "denied_count": 0,
        "first_seen_count": 3,
        "baseline_event_count": 840,
        "reasons": ["action iam:PutRolePolicy: 9.1 bits", "hour 03: 5.0 bits"],
    }
    expected = ["2024-03-05", "000011112222", ROOT, "97.25", "14.125", "RARE", "12", "1", "0", "3", "840"]
    table = pa.Table.from_pylist([row], schema=SCORE_SCHEMA)
    assert read_csv(render_scores(table)) == [
        list(SCORE_COLUMNS),
        [*expected, "action iam:PutRolePolicy: 9.1 bits; hour 03: 5.0 bits"],
    ]


def test_dictionary_columns_and_more_columns_are_fine() -> None:
    """What the lake dictionary-encodes gives the same cells, and a column nobody asked for is left out."""
    table = make_timeline(40)
    encoded = table.set_column(3, "principal_arn", table["principal_arn"].dictionary_encode())
    encoded = encoded.append_column("before_document", pa.array(["{}"] * 40))
    assert render_timeline(encoded) == render_timeline(table)


def test_a_missing_column_is_named() -> None:
    """A mart without a published column is an error that names it, not a file with a hole."""
    with pytest.raises(ReportError, match=r"fct_role_policy_timeline lacks the column user_agent$"):
        render_timeline(make_timeline(2).drop_columns(["user_agent"]))


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_a_formula_in_any_text_column_is_neutralised(name: str) -> None:
    """A formula stays in its one cell and does not begin it, in every column that comes from a log."""
    row = make_row(**dict.fromkeys(TEXT_COLUMNS, FORMULAS[name]))
    header, cells = read_csv(render_timeline(pa.Table.from_pylist([row], schema=TIMELINE_SCHEMA)))
    by_name = dict(zip(header, cells, strict=True))
    assert {by_name[column] for column in TEXT_COLUMNS} == {clean_cell(FORMULAS[name])}
    assert not by_name["user_agent"].lstrip().startswith(("=", "+", "-", "@"))


def test_a_score_below_zero_stays_a_number() -> None:
    """Only text can be a formula: a typed number is not quoted into text."""
    row = make_row(anomaly_score=-1.5)
    assert read_csv(render_timeline(pa.Table.from_pylist([row], schema=TIMELINE_SCHEMA)))[1][11] == "-1.5"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), min_size=1, max_size=5))
def test_any_text_reads_back_as_its_cleaned_self(values: list[str]) -> None:
    """Whatever a user agent holds, a CSV reader finds the same rows and the cleaned text in them."""
    rows = [make_row(user_agent=value) for value in values]
    data = render_timeline(pa.Table.from_pylist(rows, schema=TIMELINE_SCHEMA))
    assert [row[13] for row in read_csv(data)[1:]] == [clean_cell(value) for value in values]
    assert data.count(b"\n") == len(values) + 1


def test_hostile_values_leave_no_control_character_in_the_file() -> None:
    """The file as a whole holds no control but its own line feeds, so that printing it is harmless."""
    rows = [make_row(**dict.fromkeys(TEXT_COLUMNS, value)) for value in HOSTILE.values() if has_utf8_form(value)]
    text = render_timeline(pa.Table.from_pylist(rows, schema=TIMELINE_SCHEMA)).decode("utf-8")
    assert len(rows) > 80
    assert {character for character in text if ord(character) < 32 or 127 <= ord(character) < 160} == {"\n"}
    assert not set("\u202e\u200b\u2028\ufeff\U000e0061") & set(text)


def test_microseconds_are_kept() -> None:
    """A time with a fraction is written with it."""
    row = make_row(event_time=datetime(2024, 3, 5, 10, 9, 0, 120, tzinfo=UTC))
    assert read_csv(render_timeline(pa.Table.from_pylist([row], schema=TIMELINE_SCHEMA)))[1][0] == (
        "2024-03-05T10:09:00.000120Z"
    )
