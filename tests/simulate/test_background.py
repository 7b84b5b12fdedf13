"""Ordinary activity: how much, when, and by whom."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pipeline.simulate.background import HOUR, Background, always, office_hours, spread_counts
from pipeline.simulate.cast import Cast
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.organisation import build_organisation
from pipeline.simulate.staff import Staff

MONDAY = 1_740_960_000.0


@given(st.lists(st.floats(0, 1_000), max_size=200), st.integers(0, 100_000))
def test_counts_add_up_whatever_the_weights(weights: list[float], total: int) -> None:
    """Every event goes to some hour, none is lost to rounding, none is negative."""
    counts = list(spread_counts(weights, total))
    assert len(counts) == len(weights)
    assert sum(counts) == (total if sum(weights) > 0 else 0)
    assert all(count >= 0 for count in counts)


def test_people_work_by_day_and_machines_always() -> None:
    """Monday noon is busy, Monday night and Saturday are not; a time zone shifts the day; machines never rest."""
    berlin, denver = office_hours(1), office_hours(-7)
    assert berlin[11] > 20 * berlin[2]
    assert berlin[11] > 10 * berlin[5 * 24 + 11]
    assert denver[11 + 8] == berlin[11]
    assert min(always()) > 0.5


def test_an_hour_holds_its_events_in_its_time() -> None:
    """As many as asked (one more at most), all within the hour, all valid JSON with distinct ids."""
    background = Background(Entropy(1), Staff(Cast(build_organisation(1))).actors())
    for hour in range(6, 14):
        start = MONDAY + hour * HOUR
        events = background.hour(start, 300)
        assert 300 <= len(events) <= 301
        assert all(start <= event.time < start + HOUR for event in events)
        records = [json.loads(event.text) for event in events]
        assert len({record["eventID"] for record in records}) == len(events)
        assert [record["eventID"] for record in records] == [event.event_id for event in events]


def test_sessions_go_on_from_hour_to_hour() -> None:
    """Credentials repeat, as in real trails: far fewer keys than events, and few issuances."""
    background = Background(Entropy(1), Staff(Cast(build_organisation(1))).actors())
    records = [json.loads(event.text) for hour in range(24) for event in background.hour(MONDAY + hour * HOUR, 500)]
    keys = Counter(record["userIdentity"].get("accessKeyId") for record in records)
    assert len(keys) < len(records) / 10
    issued = sum(record["eventSource"] == "sts.amazonaws.com" for record in records)
    assert issued < len(records) / 8
