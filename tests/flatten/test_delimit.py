"""Spans found without proof: believed only where splitting would prove the same, and ordinary archives are believed."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.flatten import delimit_archives
from tests.archive.hostile import HOSTILE_CASES, document, record, text, with_value
from tests.flatten.generated import mutated_records, records
from tests.fuzz.ingest import check_delimited

_BUCKET = Path(__file__).parents[3] / "shared" / "data" / "bucket"
_QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
_SEAM = b'},{"eventVersion"'

WELL_FORMED = {
    "numbers": b"[0,-0,10,-1.50,0.5,123456789012345678]",
    "long number": b"123456789012345678901234567890",
    "exponent": b"[1e5,1E-5,1.5e+300]",
    "words": b"[true,false,null]",
    "empty": b'[{},[],"",{"":""}]',
    "nested": b'{"a":[{"b":[[[{"c":1}]]]}]}',
    "white space": b' { "a" :\t[ 1 ,\r\n2 ] , "b" : { } } ',
    "escapes": rb'"\"\\\/\b\f\n\r\t\u00e9\u4e2d\u001f"',
    "surrogates": rb'"\ud83d\ude00"',
    "odd escapes": rb'"\u0074oken \u0000 \u002d"',
    "beyond ascii": '"é 中 😀 \u2028 \x7f"'.encode(),
    "repeated key": b'{"a":1,"a":2}',
    "policy": rb'"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\"}]}"',
    "seam in text": rb'"},{\"eventVersion\":\"1.08\""',
}
BROKEN = {
    "leading zero": b"01",
    "minus alone": b"-",
    "minus zero digit": b"-01",
    "plus": b"+1",
    "no fraction": b"1.",
    "no whole": b".5",
    "two points": b"1.2.3",
    "hex": b"0x1",
    "letters": b"12ab",
    "not a number": b"NaN",
    "infinity": b"-Infinity",
    "true cut": b"tru",
    "true long": b"truex",
    "false typo": b"falze",
    "null upper": b"NULL",
    "word": b"nope",
    "no value": b"",
    "trailing comma in list": b"[1,]",
    "trailing comma in object": b'{"a":1,}',
    "leading comma in list": b"[,1]",
    "leading comma in object": b'{,"a":1}',
    "two commas": b"[1,,2]",
    "no comma in list": b"[1 2]",
    "no comma between texts": b'["a""b"]',
    "no comma in object": b'{"a":1"b":2}',
    "no colon": b'{"a"1}',
    "comma for colon": b'{"a",1}',
    "two colons": b'{"a"::1}',
    "key without value": b'{"a":}',
    "key alone": b'{"a"}',
    "bare key": b"{a:1}",
    "number key": b"{1:1}",
    "single quotes": b"{'a':1}",
    "object closed as list": b'{"a":1]',
    "list closed as object": b"[1}",
    "not closed": b'{"a":1',
    "closed twice": b'{"a":1}}',
    "comment": b"1/*x*/",
    "control in text": b'"a\x01b"',
    "line in text": b'"a\nb"',
    "nul in text": b'"a\0b"',
    "control in key": b'{"a\tb":1}',
    "nul as space": b"\x001",
    "vertical tab as space": b"\x0b1",
    "form feed as space": b"1\x0c",
    "no-break space": "\u00a01".encode(),
    "escape of a letter": rb'"\a"',
    "escape of a quote only": rb'"\'"',
    "escape short": rb'"\u12"',
    "escape no hex": rb'"\u12g4"',
    "escape at the end": b'"\\"',
    "upper u": rb'"\U0041"',
    "no utf-8": b'"\xff"',
    "overlong": b'"\xc0\xaf"',
    "surrogate bytes": b'"\xed\xa0\x80"',
    "not closed text": b'"abc',
    "seam": b'[{"a":1},{"eventVersion":"1.08"}]',
    "seam twice": b'[{"a":1},{"eventVersion":"1.08"},{"eventVersion":"1.08"}]',
    "seam breaks out": b'1},{"eventVersion":"1.08"},{"eventVersion":{"a":1',
}
"""Values of a member: no JSON, or such that a nested list looks like records."""


@pytest.mark.parametrize("name", WELL_FORMED)
def test_ordinary_and_odd_values_are_believed(name: str) -> None:
    """What any JSON writer writes needs no second reading."""
    assert check_delimited(document(text(0), with_value(WELL_FORMED[name]), text(2)))


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_record_is_not_believed(name: str, place: int) -> None:
    """One broken value anywhere, and splitting has the word."""
    raw = [text(number) for number in range(3)]
    raw[place] = with_value(BROKEN[name], place)
    assert not check_delimited(document(*raw))


_CALLER = json.dumps(record()["userIdentity"], separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"eventVersion":"', b'"eventVersion":"1\\","userIdentity":{"a":"'),
        (b'"eventVersion":"1.08"', b'"eventVersion":"1\\"'),
        (_CALLER, _CALLER + b"}"),
        (_CALLER + b",", _CALLER),
        (_CALLER, _CALLER[:-1]),
        (_CALLER, _CALLER + b":"),
        (b'"userIdentity":{', b'"userIdentity":{{'),
    ],
)
def test_a_known_caller_in_a_broken_record_is_not_believed(old: bytes, new: bytes) -> None:
    """What is passed over unread proves nothing about what stands around it."""
    broken = text(1).replace(old, new, 1)
    assert broken != text(1)
    assert not check_delimited(document(text(0), broken, text(2)))


_AGENT, _ID = b'"userAgent":"aws-cli/2.15.0"', b'"eventID":"10000000-0000-0000-0000-000000000003"'
_PARAMETERS = b'"requestParameters":{"userName":"ada"}'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (_AGENT + b",", _AGENT),
        (_AGENT, _AGENT + b"}"),
        (_AGENT, _AGENT + b","),
        (_AGENT, _AGENT + b":1"),
        (_ID, _ID + b"}"),
        (_ID, _ID + b","),
        (_ID, _ID + b":1"),
        (_ID, _ID[:-1]),
        (_ID, b"{" + _ID),
        (_ID, b'"a":{' + _ID),
        (_ID, b'"a":[' + _ID[10:]),
        (_PARAMETERS, b'"requestParameters":{"userName":"ada"'),
        (_PARAMETERS, b'"requestParameters":{"userName":"ada}'),
        (_PARAMETERS, b'"requestParameters":{"userName":"ada"}}'),
        (_PARAMETERS, b'"requestParameters":'),
        (_PARAMETERS, b'"requestParameters":"'),
        (_PARAMETERS, b'"requestParameters'),
        (_PARAMETERS, b'"requestParameters":1.'),
        (b'"Management"}', b'"Management"}}'),
        (b'"Management"}', b'"Management"'),
        (b'"Management"}', b'"Management",}'),
    ],
)
def test_a_known_run_or_ending_in_a_broken_record_is_not_believed(old: bytes, new: bytes) -> None:
    """What is passed over unread proves nothing about what stands before, between and behind it."""
    broken = text(3).replace(old, new, 1)
    assert broken != text(3)
    assert not check_delimited(document(text(0), text(1), text(2), broken, text(4)))


@pytest.mark.parametrize(
    "buffer",
    [
        b"",
        b'{"Records":[]}',
        b'{"Records":[{"eventVersion"}]}',
        b'{"Records":[{"eventVersion":1}]}}',
        document(text()) + b"\n",
        document(text())[:-1],
        document(text()).replace(b'"Records":', b'"Records": '),
        document(text().replace(b'"eventVersion"', b'"EventVersion"')),
        document(text(), b"", text(2)),
        document(text(), b"1", text(2)),
        document(text(0), text(1)).replace(_SEAM, b',{"eventVersion"'),
        document(text(0), text(1)).replace(_SEAM, b'}{"eventVersion"'),
        document(text(0), text(1)).replace(_SEAM, b'}],"More":[{"eventVersion"'),
    ],
)
def test_another_document_is_not_believed(buffer: bytes) -> None:
    """Another frame, or a seam that is none."""
    assert not check_delimited(buffer)


def test_a_flood_of_seams_has_room() -> None:
    """The tightest that seams can stand, well-formed or not: each has a place, and none is believed."""
    flood = b'{"Records":[' + b",".join([b'{"eventVersion"}'] * 50_000) + b"]}"
    [found] = delimit_archives([flood])
    assert found is not None
    assert len(found.starts) == 50_000
    assert not check_delimited(flood[: 10_000 - 10_000 % 17 + len(b'{"Records":[') - 1] + b"]}")


@pytest.mark.parametrize("between", [b", ", b" ,", b"\n,\n"])
def test_space_between_records_is_left_to_splitting(between: bytes) -> None:
    """Without the plain seam two records look like one, which is no value."""
    assert not check_delimited(b'{"Records":[' + between.join([text(0), text(1)]) + b"]}")


@settings(max_examples=150, deadline=None, suppress_health_check=_QUIET)
@given(st.lists(st.one_of(records(), mutated_records()), min_size=1, max_size=4))
def test_generated_archives_are_believed_only_with_proof(raw: list[bytes]) -> None:
    """Whatever the records are: believed spans and rows are those that splitting proves."""
    check_delimited(document(*raw))


@settings(max_examples=300, deadline=None, suppress_health_check=_QUIET)
@given(
    at=st.integers(0, 3_000),
    length=st.integers(0, 12),
    piece=st.sampled_from(
        [b"", b'"', b"\\", b"}", b"]", b",", b"{", b":", b" ", b"\0", b"\xc3", _SEAM, b'{"eventVersion"']
    ),
)
def test_a_damaged_archive_is_believed_only_with_proof(at: int, length: int, piece: bytes) -> None:
    """One piece cut out or put in, anywhere in four records, what is known of them, and what stands around them."""
    whole = document(text(0), with_value(b'[{"a":1},{"b":[2]}]'), text(2), text(3))
    at %= len(whole)
    check_delimited(whole[:at] + piece + whole[at + length :])


@pytest.mark.parametrize("case", [case for case in HOSTILE_CASES if len(case[1]) < 1 << 20], ids=lambda case: case[0])
def test_the_hostile_corpus_is_believed_only_with_proof(case: tuple[str, bytes, object]) -> None:
    """Each stored object, where it inflates, and each as plain JSON."""
    stored = case[1]
    try:
        check_delimited(gzip.decompress(stored))
    except (OSError, EOFError, zlib.error):
        check_delimited(stored)


def test_real_archives_are_believed() -> None:
    """Archives with members in the order in which AWS writes them take the short way; some sets were sorted since."""
    inflated = [gzip.decompress(path.read_bytes()) for path in sorted(_BUCKET.rglob("*.json.gz"))]
    as_written = [buffer for buffer in inflated if buffer.startswith(b'{"Records":[{"eventVersion"')]
    assert len(as_written) >= 20
    assert all(map(check_delimited, as_written))
