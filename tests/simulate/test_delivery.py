"""Delivery: nothing lost, nothing invented, in archives of the layout asked for."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.simulate.delivery import HOUR, LAYOUTS, Archive, Delivery, compress
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.record import Event
from tests.simulate.conftest import make

START = 1_741_003_200


def _event(number: int, hour: int, size: int) -> Event:
    account, region = "111122223333" if number % 2 else "000000000001", "eu-west-1" if number % 3 else "us-east-1"
    text = json.dumps({"eventID": str(number), "pad": "x" * size})
    return Event(START + hour * HOUR + number % HOUR, str(number), account, region, text)


def _ids(archives: list[Archive]) -> Counter[str]:
    return Counter(
        record["eventID"] for item in archives for record in json.loads(gzip.decompress(item.data))["Records"]
    )


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.integers(0, 900), max_size=25), max_size=30),
    st.sampled_from(sorted(LAYOUTS)),
    st.floats(0, 0.5),
    st.floats(0, 0.5),
)
def test_every_event_is_delivered_and_repeats_are_counted(
    hours: list[list[int]], layout: str, late: float, duplicates: float
) -> None:
    """Whatever is late or repeated: each event arrives, once more for each counted repeat, in its account's archive."""
    number, made = 0, []
    for hour, sizes in enumerate(hours):
        events = []
        for size in sizes:
            events.append(_event(number, hour, size))
            number += 1
        made.append((float(START + (hour + 1) * HOUR), events))
    delivery = Delivery(Entropy(1), replace(LAYOUTS[layout], records=7), late_ratio=late, duplicate_ratio=duplicates)
    archives = list(delivery.deliver(made))
    found = _ids(archives)
    assert set(found) == {str(each) for each in range(number)}
    assert sum(found.values()) == number + delivery.duplicate_count == sum(item.record_count for item in archives)
    assert all(item.inflated_bytes == len(gzip.decompress(item.data)) for item in archives)


def test_a_late_event_comes_in_a_later_archive() -> None:
    """With everything late, nothing is delivered with its own hour."""
    delivery = Delivery(Entropy(2), LAYOUTS["typical"], late_ratio=1.0, duplicate_ratio=0.0)
    archives = list(delivery.deliver([(float(START + HOUR), [_event(number, 0, 5) for number in range(9)])]))
    assert delivery.late_count == 9
    assert all(item.delivered_at >= START + 2 * HOUR for item in archives)


@pytest.mark.parametrize(
    ("layout", "most", "least"),
    [("small", 10, 1), ("typical", 5_000, 1), ("large", 10_000, 1)],
)
def test_layouts_bound_their_archives(layout: str, most: int, least: int) -> None:
    """No archive holds more records than its layout allows; small ones inflate to 20 KB at most."""
    made = make(events=8_000, days=1, seed=2, layout=layout)
    counts = [item.record_count for item in made.archives]
    assert max(counts) <= most
    assert min(counts) >= least
    if layout == "small":
        assert max(item.inflated_bytes for item in made.archives) <= 20_000
        assert sum(count == 10 for count in counts) > len(counts) / 2
    if layout == "large":
        assert len(counts) < 60


def test_gzip_members_are_bare() -> None:
    """No time, no name, no system in the header; the standard library reads it."""
    data = compress(b'{"Records":[]}')
    assert data[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
    assert gzip.decompress(data) == b'{"Records":[]}'
