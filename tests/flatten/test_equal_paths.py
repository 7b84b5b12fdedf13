"""The compiled path equals the exact path: the property that lets the one be fast and the other be simple."""

import ctypes
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.archive import split_records
from pipeline.errors import ArchiveError, RecordError
from pipeline.flatten import ArchiveRecords, ArchiveRef, flatten_archive
from pipeline.flatten import state as meaning
from pipeline.flatten.compiled_path import RowFiller
from pipeline.flatten.exact import flatten_record
from pipeline.flatten.state import MAX_MARKS
from pipeline.flatten.times import latest_plausible
from pipeline.schema import EVENTS
from pipeline.settings import Caps
from tests.archive.hostile import document, record, text
from tests.flatten.generated import mutated_records, records

_ARCHIVE = ArchiveRef("file:///a.json.gz", "v1", "ab" * 32, "999988887777")


def _by_exact_path(
    buffer: bytes, starts: list[int], ends: list[int], indexes: list[int]
) -> tuple[list[Any], list[Any]]:
    rows, bad = [], []
    for start, end, index in zip(starts, ends, indexes, strict=True):
        try:
            row = flatten_record(
                buffer[start:end], key_account_id=_ARCHIVE.key_account_id, latest=latest_plausible(None)
            )
        except RecordError as error:
            bad.append((index, error.reason))
            continue
        row |= {"archive_uri": _ARCHIVE.uri, "archive_version": _ARCHIVE.version, "archive_sha256": _ARCHIVE.sha256}
        rows.append(row | {"record_index": index})
    rows.sort(key=lambda row: (row["event_time"], row["event_id"]))
    columns = [pa.array([row[field.name] for row in rows], type=field.type) for field in EVENTS]
    return pa.Table.from_arrays(columns, schema=EVENTS).to_pylist(), bad


def _assert_equal_paths(raw: list[bytes]) -> None:
    buffer = document(*raw)
    try:
        spans = split_records(buffer, Caps())
    except ArchiveError:
        return
    flat = flatten_archive(
        buffer, spans.starts, spans.ends, is_strict=spans.strict, archive=_ARCHIVE, indexes=spans.indexes
    )
    table = pa.Table.from_batches([flat.batch]).cast(EVENTS)
    table.validate(full=True)
    rows, bad = _by_exact_path(buffer, spans.starts.tolist(), spans.ends.tolist(), spans.indexes.tolist())
    assert table.to_pylist() == rows
    assert [(record.record_index, record.reason) for record in flat.bad] == bad
    assert table.num_rows + len(flat.bad) == len(spans)


_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


@settings(max_examples=150, deadline=None, suppress_health_check=_QUIET)
@given(st.lists(records(), min_size=1, max_size=4))
def test_generated_records_give_the_same_rows_by_both_paths(raw: list[bytes]) -> None:
    """Whatever values a record holds, the compiled path gives the row that the exact path defines."""
    _assert_equal_paths(raw)


@settings(max_examples=200, deadline=None, suppress_health_check=_QUIET)
@given(st.lists(mutated_records(), min_size=1, max_size=3))
def test_mutated_records_give_the_same_rows_by_both_paths(raw: list[bytes]) -> None:
    """Text broken anywhere, inside or outside strings, never makes the paths differ."""
    _assert_equal_paths(raw)


@pytest.mark.parametrize("value", [[], {}, 5, True, [","], {"u": "\\u00e9"}])
def test_an_odd_value_leaves_nothing_behind_in_an_interned_column(value: Any) -> None:
    """A list or number where text is usual makes its record odd; what was read of it must not reach the column."""
    members = ("sourceIPAddress", "userAgent", "awsRegion", "eventName", "eventVersion", "recipientAccountId")
    _assert_equal_paths([text(0), *(text(1 + place, **{member: value}) for place, member in enumerate(members))])


@pytest.mark.parametrize("piece", ['"', "\\", '\\"', "\n", "é", ""])
def test_strings_end_anywhere_within_a_block(piece: str) -> None:
    """What ends or escapes a string is seen at each place of the vectors that look for it."""
    _assert_equal_paths([text(place, requestParameters={"roleName": "r" * place + piece}) for place in range(140)])


_CALLER = json.dumps(record()["userIdentity"], separators=(",", ":")).encode()
_TOKEN = {"credentials": {"accessKeyId": "ASIAEXAMPLE", "sessionToken": "FwoGZXIvYXdzEXAMPLETOKEN"}}


@pytest.mark.parametrize(
    "variant",
    [
        text(1, responseElements=_TOKEN),
        text(1, userAgent="a session token, and a secret key"),
        text(1, requestParameters={"eventVersion": "1.08", "userIdentity": record()["userIdentity"]}),
        text(1, requestParameters={"text": text(2).decode()}),
        text(1).replace(b'"userIdentity":', b'"userIdentity" :'),
        text(1).replace(_CALLER, _CALLER + b" "),
        text(1).replace(_CALLER, _CALLER[:-1] + b',"sessionToken":"FwoGZXIvYXdzEXAMPLE"}'),
        text(1).replace(_CALLER, _CALLER + b',"userIdentity":' + _CALLER),
        text(1).replace(b'"userIdentity":', b'"userIdentity":null,"userIdentity":'),
        text(1).replace(b'"userIdentity":', b'"apiVersion":"1","userIdentity":'),
        text(1).replace(b'"eventVersion":"', b'"eventVersion":"\\u0031'),
    ],
)
def test_a_caller_seen_before_is_read_as_the_first_time(variant: bytes) -> None:
    """Whatever stands around or within it, and whether or not it may be passed over."""
    assert _CALLER in variant or b"sessionToken" in variant
    _assert_equal_paths([text(0), variant, text(2), variant.replace(b"-000000000001", b"-000000000003"), text(4)])


_AGENT, _ID = b'"userAgent":"aws-cli/2.15.0"', b'"eventID":"10000000-0000-0000-0000-000000000003"'
_ENDING = text(3).partition(_ID)[2]
_RUN = text(3)[text(3).index(b',"eventSource"') : text(3).index(_AGENT) + len(_AGENT)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'111122223333","eventCategory', b'222233334444","eventCategory'),
        (b'"readOnly":true', b'"readOnly":false'),
        (b'"readOnly":true', b'"readOnly":"true"'),
        (b'"eventCategory":"Management"', b'"eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3"}'),
        (b'"eventCategory":"Management"', b'"eventCategory":"Management","note":1'),
        (_AGENT, _AGENT + b',"eventName":"GetRole"'),
        (_AGENT, _AGENT + b',"eventTime":"2024-05-01T10:00:01Z"'),
        (_AGENT, _AGENT + b',"eventVersion":"1.08"'),
        (_AGENT, _AGENT + b" "),
        (_AGENT, _AGENT + b',"errorCode":"AccessDenied","errorMessage":"no"'),
        (_AGENT, b'"userAgent":"aws-cli/2.15.0\\u0041"'),
        (_AGENT, b'"userAgent":5'),
        (_AGENT, b'"userAgent":["aws-cli/2.15.0"]'),
        (_ID, b'"readOnly":true,' + _ID),
        (_ID, _ID + b',"eventID":"10000000-0000-0000-0000-000000000009"'),
        (_ID, _ID + b" "),
        (_ID, b'"eventID":""'),
        (_ID, b'"eventID":7'),
        (_ID, b'"eventID":null'),
        (_ID, b'"eventID":"10000000-0000-0000-0000-00000000000\\u0033"'),
        (_ID + b",", b""),
        (b'{"userName":"ada"}', json.dumps(text(3).decode()).encode()),
        (b'{"userName":"ada"}', b'{"a":1' + _ENDING),
        (b'{"userName":"ada"}', b'{"a":1' + _RUN + b"}"),
        (b'{"userName":"ada"}', b'{"userName":"bob"}'),
        (b'"responseElements":null', b'"responseElements":' + json.dumps(_TOKEN).encode()),
        (b'"responseElements":null', b'"responseElements":"a session token"'),
        (b'"requestParameters":{"userName":"ada"},"responseElements":null,', b""),
        (b"2024-05-01T10:00:03Z", b"2024-05-01T10:00:0xZ"),
        (b"2024-05-01T10:00:03Z", b"2024-05-01T10:00:01.5Z"),
        (b"2024-05-01T10:00:03Z", b"2034-05-01T10:00:01Z"),
        (b'"eventVersion":"1.08"', b'"eventVersion":"1.\\\\"'),
        (b'"eventVersion":"1.08"', b'"eventVersion":"1.09"'),
        (b'"eventVersion":"1.08"', b'"eventVersion":""'),
        (b',"eventSource"', b', "eventSource"'),
    ],
)
def test_what_was_read_before_is_read_as_the_first_time(old: bytes, new: bytes) -> None:
    """Runs of members and endings that stand again byte for byte, with anything before, between and behind them."""
    variant = text(3).replace(old, new, 1)
    assert variant != text(3)
    again = variant.replace(b"-000000000003", b"-000000000006")
    _assert_equal_paths([text(0), text(1), text(2), variant, text(4), text(5), again, again.replace(b"06", b"07")])


@settings(max_examples=300, deadline=None, suppress_health_check=_QUIET)
@given(
    raw=st.one_of(st.just(text(3)), records()),
    at=st.integers(0, 5_000),
    length=st.integers(0, 12),
    piece=st.sampled_from([b"", b'"', b"\\", b"}", b"]", b",", b"{", b":", b" ", b"1", b"\0", b"\xc3", _ENDING, _RUN]),
)
def test_damage_to_what_was_read_before_is_seen(raw: bytes, at: int, length: int, piece: bytes) -> None:
    """One piece cut out or put in, anywhere in a record that stood three times before."""
    at %= len(raw)
    _assert_equal_paths([raw, raw, raw, raw[:at] + piece + raw[at + length :], raw])


def _known_runs(filler: RowFiller) -> list[tuple[bytes, bytes]]:
    """Runs that are kept, and the ending kept with each: where compiled code has them (``kernels.runs``)."""
    heads = filler._held["runs"].reshape(-1, meaning.RUN_WORDS)
    pairs = ((meaning.RUN_AT, meaning.RUN_LENGTH), (meaning.RUN_ENDING_AT, meaning.RUN_ENDING_LENGTH))
    found = heads[heads[:, meaning.RUN_LENGTH] > 0].tolist()
    return [tuple(ctypes.string_at(head[at], head[length]) for at, length in pairs) for head in found]


def test_what_was_read_before_is_passed_over() -> None:
    """The caller is known from the first record, the run and its ending from the third."""
    raw = document(*(text(number) for number in range(4)))
    spans = split_records(raw, Caps())
    filler = RowFiller([ArchiveRecords(raw, spans.starts, spans.ends, spans.indexes, spans.strict, _ARCHIVE)])
    filler.fill()
    assert [(run[: len(_RUN)], ending) for run, ending in _known_runs(filler)] == [(_RUN, _ENDING)]


def test_more_marks_than_compiled_code_has_room_for() -> None:
    """A record of very many strings takes the exact path; its neighbours do not notice."""
    many = text(1, requestParameters={"names": ["n"] * (MAX_MARKS // 2)})
    some = text(2, requestParameters={"names": ["n"] * (MAX_MARKS // 2 - 200)})
    _assert_equal_paths([text(0), many, some, text(3)])


@pytest.mark.soak
@pytest.mark.timeout(3600)
@settings(max_examples=20_000, deadline=None, suppress_health_check=_QUIET)
@given(st.lists(st.one_of(records(), mutated_records()), min_size=1, max_size=5))
def test_many_records_give_the_same_rows_by_both_paths(raw: list[bytes]) -> None:
    """The long form of both."""
    _assert_equal_paths(raw)
