"""The heat maps: unknown never looks like nothing, gaps are seen."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pytest

from pipeline.errors import ReportError
from pipeline.report.heat_maps import MAX_COLUMNS, MAX_ROWS, draw_coverage, draw_scores
from tests.report.samples import COVERAGE_SCHEMA, SCORE_SCHEMA, START, make_coverage_table, make_scores


def make_score_table(rows: list[tuple[str, int, float | None]]) -> pa.Table:
    """Principal-days as (name, day, score)."""
    first = make_scores(1, people=9).to_pylist()[0]
    made = [
        first
        | {
            "principal_arn": f"arn:aws:iam::1:user/{who}",
            "event_date": date(2024, 3, 1) + timedelta(days=day),
            "anomaly_score": score,
            "surprise_bits": 3.25,
            "frequency_bin": "RARE",
            "event_count": 1200,
        }
        for who, day, score in rows
    ]
    return pa.Table.from_pylist(made, schema=SCORE_SCHEMA)


def make_hours(rows: list[tuple[str, int, int, str]]) -> pa.Table:
    """Coverage as (region, hour, events, state)."""
    made = [
        {
            "account_id": "1", "region": region, "hour_at": START + timedelta(hours=hour), "archive_count": 1,
            "event_count": events, "state": state,
        }
        for region, hour, events, state in rows
    ]  # fmt: skip
    return pa.Table.from_pylist(made, schema=COVERAGE_SCHEMA)


def test_nothing_scored_is_no_map() -> None:
    """Empty tables give no empty frame."""
    assert draw_scores(SCORE_SCHEMA.empty_table()) is None
    assert draw_coverage(COVERAGE_SCHEMA.empty_table()) is None


def test_days_are_cells_and_the_highest_principal_is_first() -> None:
    """A day without a score has its own shade and says why; the rest follow the score."""
    drawn = draw_scores(make_score_table([("b", 0, None), ("b", 2, 85.0), ("a", 0, 99.9), ("a", 2, 10.0)]))
    assert drawn is not None
    assert [row.label.name for row in drawn.rows] == ["a", "b"]
    left, step = drawn.left, 34.0
    tail = ", 3.2 bits of surprise, RARE, 1,200 events"
    assert [(cell.x, cell.y, cell.shade, cell.text) for cell in drawn.cells] == [
        (left, 6, "s5", f"2024-03-01: score 99.9 of 100{tail}"),
        (left + step, 6, "s0", f"2024-03-03: score 10.0 of 100{tail}"),
        (left, 28, "none", f"2024-03-01: not scored: too little history{tail}"),
        (left + step, 28, "s2", f"2024-03-03: score 85.0 of 100{tail}"),
    ]
    assert (drawn.row_count, drawn.column_count, drawn.unit) == (2, 2, "day")


@pytest.mark.parametrize(
    ("score", "shade"),
    [(0.0, "s0"), (49.9, "s0"), (50.0, "s1"), (80.0, "s2"), (90.0, "s3"), (97.0, "s4"), (100.0, "s5")],
)
def test_shades_follow_the_legend(score: float, shade: str) -> None:
    """The steps are those that the legend names."""
    drawn = draw_scores(make_score_table([("a", 0, score)]))
    assert drawn is not None
    assert drawn.cells[0].shade == shade


def test_a_large_table_is_cut_and_counted() -> None:
    """The highest principals and the last days are drawn; how many there are is kept."""
    table = make_scores(200, people=60)
    drawn = draw_scores(table)
    assert drawn is not None
    assert (len(drawn.rows), drawn.row_count, drawn.column_count) == (MAX_ROWS, 60, 200)
    assert len({cell.x for cell in drawn.cells}) == MAX_COLUMNS
    assert max(cell.x + drawn.cell_width for cell in drawn.cells) <= drawn.width


def test_hours_are_drawn_by_their_state() -> None:
    """Each state has its shade; seen hours are shaded by events; gaps without a row stay empty columns."""
    rows = [("eu-west-1", 0, 5, "seen"), ("eu-west-1", 1, 0, "empty"), ("eu-west-1", 4, 0, "missing")]
    rows += [("us-east-1", 0, 900, "seen"), ("us-east-1", 1, 3, "late"), ("us-east-1", 2, 3, "odd word")]
    drawn = draw_coverage(make_hours(rows))
    assert drawn is not None
    cells: dict[Any, Any] = {(cell.y, round((cell.x - drawn.left) / 34)): cell.shade for cell in drawn.cells}
    assert [row.label.name for row in drawn.rows] == ["1 eu-west-1", "1 us-east-1"]
    assert cells == {
        (6, 0): "c0", (6, 1): "empty", (6, 4): "missing", (28, 0): "c3", (28, 1): "late", (28, 2): "unknown",
    }  # fmt: skip
    assert (drawn.unit, drawn.column_count) == ("hour", 5)


def test_long_periods_are_drawn_by_day_with_the_worst_state() -> None:
    """One missing hour of a day is not hidden by the other twenty-three."""
    rows = [("us-east-1", hour, 10, "missing" if hour == 30 else "seen") for hour in range(24 * 6)]
    drawn = draw_coverage(make_hours(rows))
    assert drawn is not None
    assert (drawn.unit, drawn.column_count) == ("day", 7)
    assert [cell.shade for cell in drawn.cells] == ["c2", "missing", "c3", "c3", "c3", "c3", "c1"]
    assert drawn.cells[1].text == "2024-03-05: 24 archives, 240 events; hours: 1 missing, 23 seen"


def test_one_odd_date_does_not_push_the_rest_off_the_map() -> None:
    """Of a time too long to draw, the stretch with the most archives is drawn, and the map says that it is cut."""
    rows = [("us-east-1", hour, 10, "seen") for hour in range(24 * 5)] + [("eu-west-1", 24 * 600, 1, "seen")]
    drawn = draw_coverage(make_hours(rows))
    assert drawn is not None
    assert ([row.label.name for row in drawn.rows], drawn.is_cut) == (["1 us-east-1"], True)
    assert (drawn.column_count, drawn.ticks[0].label) == (6, "04 Mar 2024")
    whole = draw_coverage(make_coverage_table())
    assert whole is not None
    assert not whole.is_cut


def test_rows_without_an_hour_are_left_out_of_the_map() -> None:
    """They have no place in it; where there is nothing else, there is no map."""
    table = make_hours([("us-east-1", 0, 10, "seen")])
    empty = table.set_column(
        2, COVERAGE_SCHEMA.field("hour_at"), pa.array([None], COVERAGE_SCHEMA.field("hour_at").type)
    )
    assert draw_coverage(empty) is None
    drawn = draw_coverage(pa.concat_tables([table, empty]))
    assert drawn is not None
    assert (len(drawn.cells), drawn.is_cut) == (1, True)


def test_lines_with_gaps_come_first() -> None:
    """What is missing is at the top."""
    drawn = draw_coverage(make_coverage_table())
    assert drawn is not None
    assert drawn.rows[0].label.name == "111122223333 eu-west-1"


def test_a_missing_column_is_named() -> None:
    """A coverage table of another shape is an error, not a blank map."""
    with pytest.raises(ReportError, match="coverage lacks the column state"):
        draw_coverage(make_coverage_table().drop_columns(["state"]))
