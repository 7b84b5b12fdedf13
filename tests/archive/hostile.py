"""The hostile corpus: every row of what broken and planted input gets, as bytes with the verdict expected.

``HOSTILE_CASES`` is a list of (name, stored bytes, ``Expected``). An archive either raises with ``reason``, or is of
another ``kind``, or gives ``kept`` rows (by position in Records), ``bad`` (position or ``None``, reason) and
``flags`` by position.
"""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Expected:
    """Verdict on one object."""

    reason: str = ""
    kind: str = "archive"
    kept: tuple[int, ...] = ()
    bad: tuple[tuple[int | None, str], ...] = ()
    flags: dict[int, list[str]] = field(default_factory=dict)


def record(number: int = 0, **members: Any) -> dict[str, Any]:
    """An ordinary record; ``members`` are added or replace its own, ``...`` removes one."""
    made: dict[str, Any] = {
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLE",
            "arn": "arn:aws:iam::111122223333:user/ada",
            "accountId": "111122223333",
            "accessKeyId": "AKIAEXAMPLE",
            "userName": "ada",
        },
        "eventTime": f"2024-05-01T10:{number // 60 % 60:02d}:{number % 60:02d}Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "GetUser",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "aws-cli/2.15.0",
        "requestParameters": {"userName": "ada"},
        "responseElements": None,
        "requestID": f"00000000-0000-0000-0000-{number:012d}",
        "eventID": f"10000000-0000-0000-0000-{number:012d}",
        "readOnly": True,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    }
    made.update(members)
    return {key: value for key, value in made.items() if value is not ...}


def text(number: int = 0, **members: Any) -> bytes:
    """An ordinary record as JSON."""
    return json.dumps(record(number, **members), separators=(",", ":")).encode()


def document(*records: bytes) -> bytes:
    """An archive's JSON around raw records."""
    return b'{"Records":[' + b",".join(records) + b"]}"


def zipped(*records: bytes) -> bytes:
    """The same, gzipped."""
    return gzip.compress(document(*records), mtime=0)


def with_value(value: bytes, number: int = 1) -> bytes:
    """A record whose requestParameters.x is ``value``, raw."""
    return text(number).replace(b'{"userName":"ada"}', b'{"x":' + value + b"}")


def _flagged(value: bytes, *flags: str) -> tuple[bytes, Expected]:
    """An odd value between two good records: all three are kept, the middle one flagged."""
    return zipped(text(0), with_value(value), text(2)), Expected(kept=(0, 1, 2), flags={1: sorted(flags)})


def _lost(raw: bytes, reason: str) -> tuple[bytes, Expected]:
    """A bad record between two good ones: it is quarantined, they are not."""
    return zipped(text(0), raw, text(2)), Expected(kept=(0, 2), bad=((1, reason),))


_GOOD = zipped(text(0), text(1))
_TRAILER = struct.Struct("<II")


def _trailer(crc: int, size: int) -> bytes:
    return _GOOD[:-8] + _TRAILER.pack(crc & 0xFFFFFFFF, size & 0xFFFFFFFF)


_PLAIN = gzip.decompress(_GOOD)
_RAISED: dict[str, tuple[bytes, str]] = {
    "zero bytes": (b"", "zero_bytes"),
    "gzip of nothing": (gzip.compress(b"", mtime=0), "zero_bytes"),
    "text": (b"2024-05-01 ELB log line", "not_gzip"),
    "zip file": (b"PK\x03\x04" + bytes(60), "not_gzip"),
    "gzip header cut": (_GOOD[:6], "truncated_gzip"),
    "deflate stream cut": (_GOOD[: len(_GOOD) // 2], "truncated_gzip"),
    "trailer cut": (_GOOD[:-3], "truncated_gzip"),
    "trailer missing": (_GOOD[:-8], "truncated_gzip"),
    "broken deflate": (_GOOD[:12] + b"\xff" * 12 + _GOOD[24:], "corrupt_gzip"),
    "bad crc": (_trailer(zlib.crc32(_PLAIN) ^ 1, len(_PLAIN)), "bad_crc"),
    "bad size": (_trailer(zlib.crc32(_PLAIN), len(_PLAIN) + 1), "bad_length"),
    "trailing bytes": (_GOOD + b"\0", "trailing_bytes"),
    "second member": (_GOOD + zipped(text(9)), "second_member"),
    "bomb by ratio": (gzip.compress(b'{"Records":[]}' + b" " * 40_000_000, mtime=0), "ratio"),
    "flood of empty records": (gzip.compress(document(*[b"{}"] * 1_000_001), mtime=0), "too_many_records"),
    "not json": (gzip.compress(b"hello", mtime=0), "not_json"),
    "a list": (gzip.compress(b"[1]", mtime=0), "no_records"),
    "no Records": (gzip.compress(b'{"a":1}', mtime=0), "no_records"),
    "Records null": (gzip.compress(b'{"Records":null}', mtime=0), "records_not_list"),
    "Records an object": (gzip.compress(b'{"Records":{}}', mtime=0), "records_not_list"),
    "Records text": (gzip.compress(b'{"Records":"x"}', mtime=0), "records_not_list"),
    "cut before Records": (gzip.compress(b'{"Records":', mtime=0), "truncated_json"),
    "utf-16": (gzip.compress('{"Records":[]}'.encode("utf-16"), mtime=0), "not_json"),
}

_JUDGED: dict[str, tuple[bytes, Expected]] = {
    "ordinary": (_GOOD, Expected(kept=(0, 1))),
    "plain json": (_PLAIN, Expected(kept=(0, 1))),
    "empty": (gzip.compress(b'{"Records":[]}', mtime=0), Expected()),
    "pretty printed": (
        gzip.compress(json.dumps({"Records": [record(0), record(1)]}, indent=2).encode(), mtime=0),
        Expected(kept=(0, 1)),
    ),
    "bom": (gzip.compress(b"\xef\xbb\xbf" + _PLAIN, mtime=0), Expected(kept=(0, 1))),
    "other members around": (
        gzip.compress(b'{"a":[{"b":"}"}],' + document(text(0))[1:-1] + b',"z":null}', mtime=0),
        Expected(kept=(0,)),
    ),
    "Records twice": (
        gzip.compress(document(text(0))[:-1] + b"," + document(text(1))[1:], mtime=0),
        Expected(kept=(0, 1)),
    ),
    "escaped Records": (gzip.compress(_PLAIN.replace(b"Records", b"R\\u0065cords"), mtime=0), Expected(kept=(0, 1))),
    "bytes after the document": (
        gzip.compress(_PLAIN + b"junk", mtime=0),
        Expected(kept=(0, 1), bad=((None, "trailing_bytes"),)),
    ),
    "json cut in a record": (
        gzip.compress(_PLAIN[:-40], mtime=0),
        Expected(kept=(0,), bad=((1, "truncated_json"),)),
    ),
    "json cut after a record": (
        gzip.compress(_PLAIN[:-2], mtime=0),
        Expected(kept=(0, 1), bad=((None, "truncated_json"),)),
    ),
    "trailing comma": (
        gzip.compress(_PLAIN[:-2] + b",]}", mtime=0),
        Expected(kept=(0, 1), bad=((None, "malformed_json"),)),
    ),
    "deep nesting": _flagged(b"[" * 100 + b"]" * 100, "deep_nesting"),
    "big integer": _flagged(b"123456789012345678901234567890", "big_integer"),
    "huge integer": _flagged(b"9" * 5000, "big_integer"),
    "number overflow": _flagged(b"1e999", "number_overflow"),
    "nan": _flagged(b"[NaN,-Infinity]", "nan"),
    "invalid utf-8": _flagged(b'"\xff\xfe"', "invalid_utf8"),
    "surrogate in utf-8": _flagged(b'"\xed\xa0\x80"', "invalid_utf8"),
    "lone surrogate": _flagged(b'"\\ud800"', "lone_surrogate"),
    "nul escaped": _flagged(b'"a\\u0000b"', "nul"),
    "control character": _flagged(b'"a\nb"', "control_character"),
    "nul raw": _flagged(b'"a\0b"', "control_character", "nul"),
    "duplicate member": _flagged(b'{"a":1,"a":2}', "duplicate_member"),
    "duplicate by escape": _flagged(b'{"a":1,"\\u0061":2}', "duplicate_member", "escaped_key"),
    "malformed record": _lost(b'{"eventVersion":}', "malformed_json"),
    "record without end": _lost(text(1)[:-1], "malformed_json"),
    "record with an open string": _lost(text(1).replace(b'"GetUser"', b'"GetUser'), "malformed_json"),
    "too deep": _lost(with_value(b"[" * 600 + b"]" * 600), "too_deep"),
    "far too deep": _lost(with_value(b"[" * 200_000 + b"]" * 200_000), "too_deep"),
    "a number": _lost(b"1", "not_object"),
    "null": _lost(b"null", "not_object"),
    "a list in the list": _lost(b"[{}]", "not_object"),
    "no eventTime": _lost(text(1, eventTime=...), "no_event_time"),
    "null eventTime": _lost(text(1, eventTime=None), "no_event_time"),
    "eventTime no time": _lost(text(1, eventTime="yesterday"), "bad_event_time"),
    "eventTime a number": _lost(text(1, eventTime=1714557600), "bad_event_time"),
    "before CloudTrail": _lost(text(1, eventTime="2013-10-31T23:59:59Z"), "absurd_event_date"),
    "over a day past delivery": _lost(text(1, eventTime="2024-05-03T00:00:01Z"), "absurd_event_date"),
    "digest": (gzip.compress(b'{"digestStartTime":"x","digestS3Bucket":"b"}', mtime=0), Expected(kind="digest")),
    "insight": (zipped(text(0, eventCategory="Insight")), Expected(kind="insight")),
    "network activity": (
        zipped(text(0, eventCategory="NetworkActivity", eventType="AwsVpceEvent")),
        Expected(kind="network_activity"),
    ),
    "aggregated": (
        zipped(text(0, eventCategory="Aggregated", eventType="AwsAggregatedEvent")),
        Expected(kind="aggregated"),
    ),
    "config log": (
        gzip.compress(b'{"fileVersion":"1.0","configurationItems":[]}', mtime=0),
        Expected(kind="not_cloudtrail"),
    ),
    "labels of simulate": (
        b'{"schema":"policytrail.labels/1","seed":1,"planned_events":2,"instances":[]}',
        Expected(kind="not_cloudtrail"),
    ),
    "labels beside records": (
        document(text(0))[:-1] + b',"schema":"policytrail.labels/1","seed":1,"planned_events":2,"instances":[]}',
        Expected(kept=(0,)),
    ),
    "an insight record before a real one": (
        zipped(text(0, eventCategory="Insight"), text(1)),
        Expected(kept=(0, 1)),
    ),
}

HOSTILE_CASES: list[tuple[str, bytes, Expected]] = [
    *((name, stored, Expected(reason=reason)) for name, (stored, reason) in _RAISED.items()),
    *((name, stored, expected) for name, (stored, expected) in _JUDGED.items()),
]
