from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.models.schedule import run_side_by_side

DIAMOND = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}


@pytest.mark.parametrize("lanes", [1, 2, 3])
@settings(max_examples=20, deadline=None)
@given(edges=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_everything_is_done_once_after_what_it_needs(lanes: int, edges: list[tuple[int, int]]) -> None:
    """Whatever the graph and the number of lanes."""
    needs: Mapping[str, list[str]] = {
        str(name): sorted({str(low) for low, high in edges if low < high == name}) for name in range(10)
    }
    done: list[str] = []

    def work(name: str) -> None:
        assert set(needs[name]) <= set(done)
        done.append(name)

    run_side_by_side(needs, work, lanes=lanes, alone={"3", "4", "5"})
    assert sorted(done) == sorted(needs)


def test_one_lane_keeps_the_order_given() -> None:
    """Where there is a choice the earlier name begins."""
    done: list[str] = []
    run_side_by_side(DIAMOND, done.append, lanes=1)
    assert done == ["a", "b", "c", "d"]


def test_what_does_not_need_each_other_runs_at_once() -> None:
    """Both of a pair are at work at one time: each waits for the other."""
    meeting = threading.Barrier(2, timeout=20)
    run_side_by_side(DIAMOND, lambda name: meeting.wait() and None if name in "bc" else None, lanes=2)


def test_those_that_run_alone_never_meet() -> None:
    """Of the names in ``alone`` one is at work, beside others."""
    at_work: list[str] = []
    most: list[int] = []

    def work(name: str) -> None:
        if name.startswith("big"):
            at_work.append(name)
            most.append(len(at_work))
            time.sleep(0.01)
            at_work.remove(name)

    names = [f"big{number}" for number in range(4)] + [f"small{number}" for number in range(4)]
    run_side_by_side(dict.fromkeys(names, ()), work, lanes=3, alone={name for name in names if name[0] == "b"})
    assert set(most) == {1}


def test_a_failure_ends_it_and_the_earliest_name_is_told() -> None:
    """Two that fail at one time: the same one is raised every time; nothing is begun after them."""
    meeting = threading.Barrier(2, timeout=20)
    begun: list[str] = []

    def work(name: str) -> None:
        begun.append(name)
        if name in "bc":
            meeting.wait()
            raise ValueError(f"{name} failed")

    with pytest.raises(ValueError, match="b failed"):
        run_side_by_side(DIAMOND, work, lanes=2)
    assert sorted(begun) == ["a", "b", "c"]
