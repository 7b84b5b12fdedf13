"""Ids that look like AWS's and depend on the seed alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.simulate.entropy import Entropy, uuid_of

SHAPES = {
    "event id": (lambda ids: ids.uuid(), r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}"),
    "role id": (lambda ids: ids.unique_id("AROA"), r"AROA[A-Z2-7]{17}"),
    "long-lived key": (lambda ids: ids.unique_id("AKIA"), r"AKIA[A-Z2-7]{16}"),
    "temporary key": (lambda ids: ids.unique_id("ASIA"), r"ASIA[A-Z2-7]{16}"),
    "session token": (lambda ids: ids.token(), r"IQoJb3JpZ2luX2Vj[A-Za-z0-9]{420}=="),
    "account": (lambda ids: ids.digits(12), r"\d{12}"),
}


@pytest.mark.parametrize("name", SHAPES)
@given(seed=st.integers(0, 10_000))
def test_ids_have_aws_shapes(name: str, seed: int) -> None:
    """Each kind of id matches its shape for any seed, and a seed gives the same again."""
    make, shape = SHAPES[name]
    made = make(Entropy(seed, "test"))
    assert re.fullmatch(shape, made)
    assert made == make(Entropy(seed, "test"))


def test_branches_are_independent() -> None:
    """What one branch draws moves no other; the words of a branch tell them apart."""
    one, two = Entropy(1, "a"), Entropy(1, "a")
    one.branch("noise").hex(100)
    assert one.hex(32) == two.hex(32)
    assert Entropy(1, "a").branch("b").hex(32) == Entropy(1, "a", "b").hex(32)
    assert Entropy(1, "a").branch("b").hex(32) != Entropy(1, "a").branch("c").hex(32)
    assert Entropy(2, "a").hex(32) != Entropy(1, "a").hex(32)


def test_draws_stay_in_their_bounds() -> None:
    """``between`` includes both ends; a sample never repeats a position; chance 0 and 1 are certain."""
    ids = Entropy(3)
    assert {ids.between(1, 3) for _ in range(100)} == {1, 2, 3}
    assert sorted(ids.sample("abc", 5)) == ["a", "b", "c"]
    assert not ids.chance(0)
    assert ids.chance(1.0)


def test_uuid_of_marks_version_and_variant() -> None:
    """Any 32 digits become a version 4 UUID."""
    assert uuid_of("0" * 32) == "00000000-0000-4000-a000-000000000000"
