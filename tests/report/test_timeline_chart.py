"""The timeline's chart counts every attempt."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pyarrow as pa

from pipeline.report.timeline_chart import MAX_ROWS, Mark, draw_timeline, mark_cited
from tests.report.samples import START, TIMELINE_SCHEMA, make_finding, make_timeline


def make_table(rows: list[tuple[str, int, str | None, bool]]) -> pa.Table:
    """Attempts as (principal, minute, tier, denied)."""
    first = make_timeline(1).to_pylist()[0]
    made = [
        first
        | {
            "root_principal_arn": None,
            "principal_arn": f"arn:aws:iam::1:user/{who}",
            "event_id": f"e{index}",
            "event_time": START + timedelta(minutes=minute),
            "delta_tier": tier,
            "is_denied": denied,
        }
        for index, (who, minute, tier, denied) in enumerate(rows)
    ]
    return pa.Table.from_pylist(made, schema=TIMELINE_SCHEMA)


def test_nothing_to_draw_is_no_chart() -> None:
    """Without an attempt the page says so in words."""
    assert draw_timeline(TIMELINE_SCHEMA.empty_table(), set()) is None


def test_attempts_become_marks() -> None:
    """Close ones share a mark, a denial has its own, the cited principal comes first and is ringed."""
    table = make_table([("b", 0, "T1", False), ("b", 0, "T3", False), ("b", 0, None, True), ("a", 600, "T0", False)])
    chart = draw_timeline(table, {"e3"})
    assert chart is not None
    assert [(row.label.name, row.count) for row in chart.rows] == [("a", 1), ("b", 3)]
    left, right = chart.left + 12, 1024 - 40
    assert chart.rows[0].marks == [
        Mark(right, 27, 4.5, 0, False, True, "1 attempt made, tier T0, 2024-03-04T18:00:00Z"),
    ]
    assert chart.rows[1].marks == [
        Mark(left, 57, 5.6, 3, False, False, "2 attempts made, up to tier T3, 2024-03-04T08:00:00Z"),
        Mark(left, 57, 4.5, -1, True, False, "1 attempt denied, 2024-03-04T08:00:00Z"),
    ]
    assert (chart.attempt_count, chart.principal_count, chart.drawn_count) == (4, 2, 4)


def test_the_root_principal_is_the_line() -> None:
    """Who was behind it counts, not the session the record names."""
    chart = draw_timeline(make_timeline(1), set())
    assert chart is not None
    assert chart.rows[0].label.full == make_finding().principal.arn


def test_many_principals_are_cut_and_counted() -> None:
    """Attempts that are not drawn are counted; those drawn add up to the marks' own counts."""
    table = make_timeline(5000, people=90)
    cited = {make_finding().evidence[2].event_id}
    chart = draw_timeline(table, cited)
    assert chart is not None
    roots, arns = (table[name].to_pylist() for name in ("root_principal_arn", "principal_arn"))
    who = Counter(root or arn for root, arn in zip(roots, arns, strict=True))
    assert (len(chart.rows), chart.principal_count, chart.attempt_count) == (MAX_ROWS, len(who), 5000)
    assert chart.rows[0].label.full == make_finding().principal.arn
    assert chart.drawn_count == sum(who[row.label.full] for row in chart.rows)
    counted = [sum(int(mark.text.split()[0].replace(",", "")) for mark in row.marks) for row in chart.rows]
    assert counted == [row.count for row in chart.rows]
    assert sum(len(row.marks) for row in chart.rows) <= MAX_ROWS * 202


def test_the_order_of_rows_does_not_matter() -> None:
    """The same attempts in another order give the same chart."""
    table = make_timeline(300)
    assert draw_timeline(table, set()) == draw_timeline(table.take(list(range(299, -1, -1))), set())


def test_a_cited_id_with_a_lone_surrogate_matches_nothing() -> None:
    """An id that Arrow cannot hold is no error."""
    assert mark_cited(make_timeline(2), {"\ud800", "e-000001"}).to_pylist().count(True) == 1
