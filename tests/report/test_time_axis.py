"""The time axis: few ticks, at round instants, inside the axis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.time_axis import Tick, TimeAxis

START = datetime(2024, 3, 4, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "labels"),
    [
        (timedelta(minutes=50), ["4 Mar 2024 08:30", "08:40", "08:50", "09:00", "09:10", "09:20"]),
        (timedelta(hours=20), ["4 Mar 2024 09:00", "12:00", "15:00", "18:00", "21:00", "5 Mar 2024", "03:00"]),
        (timedelta(days=13), ["5 Mar 2024", "7 Mar 2024", "9 Mar 2024", "11 Mar 2024", "13 Mar 2024", "15 Mar 2024",
                              "17 Mar 2024"]),
    ],
)  # fmt: skip
def test_ticks_lie_at_round_instants(span: timedelta, labels: list[str]) -> None:
    """The step grows with the span; midnight is written as its day."""
    assert [tick.label for tick in TimeAxis(START, START + span, 0, 100).ticks()] == labels


def test_a_single_instant_has_an_axis() -> None:
    """One attempt alone still has a place."""
    axis = TimeAxis(START, START, 10, 100)
    assert (axis.place(START), axis.ticks()) == (10, [Tick(10, "4 Mar 2024 08:30"), Tick(110, "08:31")])


@given(st.integers(0, 10**9), st.integers(0, 4 * 10**8))
def test_every_axis_has_few_ticks_in_its_bounds(offset: int, seconds: int) -> None:
    """From a second to years, there are at most nine ticks, all on the axis, in order."""
    start = datetime(2014, 1, 1, tzinfo=UTC) + timedelta(seconds=offset)
    ticks = TimeAxis(start, start + timedelta(seconds=seconds), 50, 500).ticks()
    assert len(ticks) <= 9
    assert [tick.x for tick in ticks] == sorted({tick.x for tick in ticks})
    assert all(50 <= tick.x <= 550 for tick in ticks)
