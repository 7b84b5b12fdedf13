"""Tables of the page show what matters, and say of how much."""

from __future__ import annotations

import pyarrow as pa

from pipeline.report.table_view import MAX_TABLE_ROWS, MAX_TIMELINE_ROWS, choose_timeline, view_table
from tests.report.samples import TIMELINE_SCHEMA, make_principals, make_timeline


def test_a_short_timeline_is_shown_whole_in_time_order() -> None:
    """The table is ordered by time, whatever the mart's order."""
    table = make_timeline(30)
    view = choose_timeline(table, set())
    assert (view.total, view.columns) == (30, tuple(TIMELINE_SCHEMA.names))
    assert view.rows == sorted(table.to_pylist(), key=lambda row: (row["event_time"], row["event_id"]))


def test_of_a_long_timeline_the_rows_that_matter_are_shown() -> None:
    """Cited rows first, then tiers from the top, then scores; shown in order of time."""
    table = make_timeline(3000)
    rows = table.to_pylist()
    cited = {row["event_id"] for row in rows if row["delta_tier"] is None}
    cited = set(sorted(cited)[:40])
    view = choose_timeline(table, cited)
    order = ["T0", "T1", "T2", "T3", "T4"]

    def rank(row: dict[str, object]) -> tuple[object, ...]:
        tier = -1 if row["delta_tier"] is None else order.index(str(row["delta_tier"]))
        score = -1.0 if row["anomaly_score"] is None else row["anomaly_score"]
        return (row["event_id"] not in cited, -tier, -float(str(score)))

    expected = sorted(rows, key=rank)[:MAX_TIMELINE_ROWS]
    assert view.rows == sorted(expected, key=lambda row: (row["event_time"], row["event_id"]))
    assert view.total == 3000


def test_known_columns_are_shown_as_far_as_they_are_there() -> None:
    """An unknown column is left out, a missing one is no error, every one has a heading."""
    table = make_principals().drop_columns(["denied_count"]).append_column("odd", pa.array([1, 2]))
    view = view_table(table, "principals")
    assert view is not None
    assert [view.heading(column) for column in view.columns] == [
        "Principal", "Account", "Kind", "First event", "Last event", "Events", "Policy writes", "Highest score",
    ]  # fmt: skip
    assert [view.is_number(column) for column in view.columns] == [False] * 5 + [True] * 3
    assert view.rows[1]["max_anomaly_score"] is None


def test_a_table_that_was_not_given_is_left_out() -> None:
    """None stays None; a long table is cut with its total kept."""
    assert view_table(None, "principals") is None
    view = view_table(pa.table({"archive_uri": ["x"] * 500}), "quarantine")
    assert view is not None
    assert (len(view.rows), view.total) == (MAX_TABLE_ROWS, 500)
