from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.models.changes import (
    EVERYTHING,
    NOTHING,
    Change,
    dates_to_read,
    merge_changes,
    split_dates,
    spread_change,
)
from pipeline.models.header import ALL_DAYS

DAYS = [date(2024, 3, 1) + timedelta(days=number) for number in range(40)]
days = st.sets(st.sampled_from(DAYS))
lookbacks = st.sampled_from([ALL_DAYS, 0, 1, 3, 30])


def test_a_changed_date_reaches_the_dates_that_look_back_at_it() -> None:
    """With two days of look-back, a change rebuilds its own date and the two after it."""
    change = Change(frozenset({DAYS[5]}))
    assert spread_change(change, 2, known_dates=DAYS[:10]) == {DAYS[5], DAYS[6], DAYS[7]}
    assert spread_change(change, 0, known_dates=DAYS[:10]) == {DAYS[5]}
    assert spread_change(change, ALL_DAYS, known_dates=DAYS[:10]) == set(DAYS[5:10])
    assert spread_change(EVERYTHING, 0, known_dates=DAYS[:3]) == set(DAYS[:3])
    assert spread_change(NOTHING, ALL_DAYS, known_dates=DAYS[:3]) == frozenset()


def test_merged_changes_are_all_of_them() -> None:
    """Dates add up; one whole change makes all whole; nothing stays nothing."""
    first, second = Change(frozenset({DAYS[0]})), Change(frozenset({DAYS[1]}))
    assert merge_changes([first, second]) == Change(frozenset({DAYS[0], DAYS[1]}))
    assert merge_changes([first, EVERYTHING]) == EVERYTHING
    assert not merge_changes([NOTHING, NOTHING])


@given(days, days, lookbacks)
def test_a_date_left_alone_reads_no_changed_date(changed: set[date], known: set[date], lookback: int) -> None:
    """Whatever is not rebuilt depends on unchanged dates only: the increment equals the whole."""
    rebuilt = spread_change(Change(frozenset(changed)), lookback, known_dates=known)
    for day in (known | changed) - rebuilt:
        assert not dates_to_read([day], lookback, known_dates=known | changed) & changed


@given(days, st.integers(1, 9))
def test_runs_hold_every_date_once_and_in_order(chosen: set[date], limit: int) -> None:
    """Cutting dates into runs loses none; a run passes the limit only by being one date."""
    weights = {day: index % 5 for index, day in enumerate(DAYS)}
    runs = split_dates(chosen, weights, limit=limit)
    assert [day for run in runs for day in run] == sorted(chosen)
    assert all(len(run) == 1 or sum(weights[day] for day in run) <= limit for run in runs)
