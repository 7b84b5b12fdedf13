"""Links between digests, by hand-made chains."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.archive.digest import Digest
from pipeline.archive.verify_chain import HOUR, digest_place, judge_digests, key_time
from pipeline.archive.verify_types import Chain, DigestObject, Place

START = datetime(2026, 3, 1, 0, 1, 31, tzinfo=UTC)
CHAIN = Chain("111122223333", "us-east-1", "", "trail_with_name", "us-east-1")


def place(hour: int) -> Place:
    """The place of an hour's digest."""
    end = START + (hour + 1) * HOUR
    return Place(
        "b", f"p/{end:%Y/%m/%d}/111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_{end:%Y%m%dT%H%M%SZ}.json.gz"
    )


def digest(hour: int, *, problem: str = "", previous: int | None = -1) -> DigestObject:
    """An hour's digest that names the one before; ``previous=None`` starts a chain."""
    earlier = hour - 1 if previous == -1 else previous
    named = None if earlier is None or hour == 0 else place(earlier)
    body = Digest(
        start_at=START + hour * HOUR,
        end_at=START + (hour + 1) * HOUR,
        end_text="",
        bucket="b",
        key=place(hour).key,
        fingerprint="f",
        previous_bucket=None if named is None else named.bucket,
        previous_key=None if named is None else named.key,
        previous_sha256=None if named is None else f"hash-{earlier}",
        previous_signature=None if named is None else f"signature-{earlier}",
        log_files=(),
        sha256=f"hash-{hour}",
    )
    end = START + (hour + 1) * HOUR
    return DigestObject(f"uri-{hour}", place(hour), CHAIN, end, body, f"signature-{hour}", problem)


def judge(found: list[DigestObject]) -> tuple[dict[str, str], list[str]]:
    """Verdicts by URI, and keys of what is missing."""
    verdicts, missing = judge_digests(found, is_within=lambda _: True)
    return {uri: str(item.verdict) for uri, item in verdicts.items()}, [item.place.key for item in missing]


@given(st.integers(2, 60), st.sets(st.integers(0, 59)))
def test_every_inner_hole_is_missing_and_breaks_one_link(hours: int, holes: set[int]) -> None:
    """Whatever digests are deleted: each hole between two that remain is missing, each digest after one is broken."""
    kept = [hour for hour in range(hours) if hour not in holes]
    verdicts, missing = judge([digest(hour) for hour in kept])
    inner = [hour for hour in range(hours) if hour in holes and kept and kept[0] < hour < kept[-1]]
    assert missing == [place(hour).key for hour in inner]
    assert verdicts == {f"uri-{hour}": "broken_chain" if hour - 1 in inner else "verified" for hour in kept}


def test_a_restart_is_no_fault_and_is_said() -> None:
    """A digest without predecessor starts a chain, though older digests are there."""
    verdicts, missing = judge_digests([digest(0), digest(5, previous=None)], is_within=lambda _: True)
    assert [(str(item.verdict), item.detail) for item in verdicts.values()] == [
        ("verified", "it starts a chain: it names no predecessor"),
        ("verified", "it starts a chain: it names no predecessor"),
    ]
    assert missing == []


def test_a_bad_digest_is_believed_in_nothing() -> None:
    """A digest without signature is no predecessor to count hours from, and its own links do not matter."""
    verdicts, missing = judge([digest(0, problem="the signature does not match"), digest(4)])
    assert verdicts == {"uri-0": "bad_signature", "uri-4": "verified"}
    assert missing == []


def test_a_predecessor_outside_of_what_was_listed() -> None:
    """What was not looked at is not missing."""
    verdicts, missing = judge_digests([digest(0), digest(3)], is_within=lambda _: False)
    assert str(verdicts["uri-3"].verdict) == "verified"
    assert "outside" in verdicts["uri-3"].detail
    assert missing == []


def test_places_of_other_hours() -> None:
    """The pattern of a chain's keys gives any hour's key, over midnight too; a key without pattern gives none."""
    assert digest_place(place(0), START + 30 * HOUR) == place(29)
    assert key_time(place(29)) == START + 30 * HOUR
    assert digest_place(Place("b", "digest.json"), START) is None
    assert key_time(Place("b", "x_20261301T000000Z.json.gz")) is None
    flat = Place("b", place(0).key.rpartition("/")[2])
    assert digest_place(flat, START + timedelta(hours=2)) == Place("b", place(1).key.rpartition("/")[2])
