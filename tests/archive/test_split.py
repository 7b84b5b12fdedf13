import itertools
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.archive import BadSpan, split_records
from pipeline.errors import ArchiveError
from pipeline.settings import Caps
from tests.archive.hostile import document, text

_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)
_RECORDS = st.lists(st.dictionaries(st.text(max_size=5), _VALUES, max_size=4), max_size=6)


def _texts(buffer: bytes) -> list[bytes]:
    spans = split_records(buffer, Caps())
    return [buffer[start:end] for start, end in zip(spans.starts, spans.ends, strict=True)]


@settings(max_examples=60, deadline=None)
@given(_RECORDS, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_records_of_well_formed_json_are_delimited_exactly(records: Any, indent: Any, is_ascii: bool) -> None:
    """Each span parses to its record, however the file is laid out, by the plain and by the exact splitter."""
    for members in ({"Records": records}, {"a": "]}", "Records": records, "b": [{"Records": 1}]}):
        made = json.dumps(members, indent=indent, ensure_ascii=is_ascii)
        buffer = made.encode("utf-8", "surrogatepass")
        assert [json.loads(raw.decode("utf-8", "surrogatepass")) for raw in _texts(buffer)] == records


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 4))
def test_any_bytes_keep_order_and_count(junk: bytes, at: int) -> None:
    """Whatever stands between records: spans ascend, do not overlap, and count on without a gap."""
    good = [text(number) for number in range(4)]
    try:
        spans = split_records(document(*good[:at], junk, *good[at:]), Caps())
    except ArchiveError:
        return
    bounds = sorted(
        [*zip(spans.starts.tolist(), spans.ends.tolist(), strict=True), *((bad.start, bad.end) for bad in spans.bad)]
    )
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(bounds))
    indexes = sorted([*spans.indexes.tolist(), *(b.record_index for b in spans.bad if b.record_index is not None)])
    assert indexes == list(range(spans.read_count))


def test_a_bad_span_says_where_it_is() -> None:
    """Offsets are into the inflated bytes."""
    buffer = document(text(0), b'{"a":}', text(2))
    spans = split_records(buffer, Caps())
    start = len(b'{"Records":[') + len(text(0)) + 1
    assert spans.bad == [BadSpan(1, start, start + 6, "malformed_json", "the record is no JSON")]
    assert spans.indexes.tolist() == [0, 2]
    assert spans.strict.tolist() == [True, True]


def test_only_the_odd_record_loses_its_strictness() -> None:
    """Its neighbours keep the fast path."""
    spans = split_records(document(text(0), b'{"a":NaN}', text(2)), Caps())
    assert spans.strict.tolist() == [True, False, True]
    assert not spans.is_strict


def test_oddities_of_the_file_are_noted() -> None:
    """A byte order mark and a repeated Records are told, and cost no record."""
    buffer = b"\xef\xbb\xbf" + document(text(0))[:-1] + b"," + document(text(1))[1:]
    spans = split_records(buffer, Caps())
    assert (len(spans), spans.notes) == (2, ("bom", "repeated_records"))


def test_a_large_archive_is_split_in_pieces() -> None:
    """Seams between pieces lose nothing: 6 MB of records come out as they went in."""
    records = [text(number) for number in range(8_000)]
    assert _texts(document(*records)) == records


@pytest.mark.parametrize(
    "buffer",
    [
        b'{"Records":[' + b'{"eventVersion":"1' * 50_000,
        document(*[b'{"eventVersion":"1.08","x":"y'] * 50_000),
        b'{"Records":[' + b"[" * 1_000_000,
        b'{"Records":[' + b"}" * 1_000_000,
        b'{"Records":[' + b'},{"eventVersion":' * 50_000,
        b'{"Records":["' + b"\\" * 1_000_001,
        b'{"Records":' + b" " * 3_000_000,
        b'{"' * 500_000,
        document(*[b"{]"] * 50_000),
    ],
    ids=["open records", "open strings", "brackets", "closers", "seams", "backslashes", "blanks", "keys", "mismatched"],
)
def test_no_input_takes_quadratic_time(buffer: bytes) -> None:
    """About a megabyte of anything is judged in seconds; quadratic work would take hours."""
    began = time.process_time()
    try:
        spans = split_records(buffer, Caps())
        assert spans.bad
    except ArchiveError as error:
        assert error.reason
    assert time.process_time() - began < 20


def test_too_many_records_are_refused() -> None:
    """By the plain splitter and by the exact one."""
    for extra in (b"", b",null"):
        with pytest.raises(ArchiveError) as caught:
            split_records(document(*[b"{}"] * 11, *([extra[1:]] if extra else [])), Caps(records=10))
        assert caught.value.reason == "too_many_records"
