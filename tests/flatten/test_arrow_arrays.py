"""Strings by address as Arrow arrays: copied in any order, and each distinct one once."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.flatten.arrow_arrays import Places, dictionary_array, encode_places
from pipeline.flatten.memory import address

TEXTS = st.lists(st.none() | st.text(st.sampled_from('ab"\\\n\u00e9\U0001f600'), max_size=9), max_size=40)


def places_of(texts: list[str | None]) -> tuple[Places, object]:
    """Texts as they stand in JSON, with what keeps them alive."""
    written = [None if text is None else json.dumps(text, ensure_ascii=False)[1:-1].encode() for text in texts]
    data = np.frombuffer(b"".join(text or b"" for text in written) + b"\0", dtype=np.uint8)
    ends = np.cumsum([len(text or b"") for text in written], dtype=np.int64)
    metas = [0 if text is None else len(text) * 4 + 2 * (b"\\" in text) + 1 for text in written]
    starts = ends - np.array([len(text or b"") for text in written], dtype=np.int64)
    return Places(starts + address(data), np.array(metas, dtype=np.int64)), data


@settings(deadline=None)  # the first one loads the compiled code
@given(TEXTS)
def test_all_places_are_copied_in_their_order(texts: list[str | None]) -> None:
    """Without an order all are copied, as they lie."""
    places, _alive = places_of(texts)
    assert places.gather().to_pylist() == texts


@settings(deadline=None)  # the first one loads the compiled code
@given(TEXTS, st.data())
def test_places_are_copied_in_any_order(texts: list[str | None], data: st.DataObject) -> None:
    """An order leaves out and turns round."""
    places, _alive = places_of(texts)
    order = data.draw(st.permutations(range(len(texts))))
    order = order[: data.draw(st.integers(0, len(order)))]
    assert places.gather(np.array(order, dtype=np.int64)).to_pylist() == [texts[row] for row in order]


@settings(deadline=None)  # the first one loads the compiled code
@given(TEXTS, TEXTS)
def test_distinct_strings_stand_once_in_the_order_they_came(texts: list[str | None], extra: list[str | None]) -> None:
    """Whether compared by bytes or as texts, values are numbered alike."""
    places, _alive = places_of(texts)
    dictionary, numbers = encode_places(places, extra)
    distinct = list(dict.fromkeys(text for text in [*texts, *extra] if text is not None))
    assert dictionary.to_pylist() == distinct
    assert numbers.dtype == np.int32
    assert numbers.tolist() == [-1 if text is None else distinct.index(text) for text in [*texts, *extra]]


@pytest.mark.parametrize("length", range(80))
def test_a_value_is_the_same_whatever_stands_behind_it(length: int) -> None:
    """Equal texts are one value: hashing one must not read past its end."""
    text = "".join(chr(ord("a") + place % 23) for place in range(length))
    places, _alive = places_of([text, "one", text, "another", text])
    dictionary, numbers = encode_places(places)
    assert (dictionary.to_pylist(), numbers.tolist()) == ([text, "one", "another"], [0, 1, 0, 2, 0])


def test_one_text_written_in_two_ways_is_one_value() -> None:
    """Escapes make two spellings of one value: bytes alone would tell them apart."""
    data = np.frombuffer(rb"a\u0062ab" + b"\0", dtype=np.uint8)
    at, meta = address(data) + np.array([0, 7]), np.array([7 * 4 + 3, 2 * 4 + 1])
    dictionary, numbers = encode_places(Places(at, meta))
    assert (dictionary.to_pylist(), numbers.tolist()) == (["ab"], [0, 0])


@settings(deadline=None)  # the first one loads the compiled code
@given(TEXTS, st.data())
def test_codes_become_a_dictionary_array(texts: list[str | None], data: st.DataObject) -> None:
    """Each row of an order refers to its value; null stays null."""
    places, _alive = places_of(texts)
    dictionary, numbers = encode_places(places)
    rows = data.draw(st.permutations(range(len(texts))))
    codes = np.arange(len(texts), dtype=np.int32)
    for order in (None, np.array(rows, dtype=np.int64)):
        made = dictionary_array(codes, order, numbers, dictionary)
        assert made.type == pa.dictionary(pa.int32(), pa.string())
        assert made.to_pylist() == (texts if order is None else [texts[row] for row in rows])
