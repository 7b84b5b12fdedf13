"""What digests say of archives: hours covered, two trails, pending and overdue."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline.archive.digest import Digest, LogFile
from pipeline.archive.verify_archives import ArchivePlace, DigestIndex
from pipeline.archive.verify_types import Chain, DigestObject, Place

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACCOUNT, REGION = "111122223333", "us-east-1"


def digest(
    hour: int, *, trail: str = "t", named: tuple[str, ...] = (), problem: str = "", first: bool = False
) -> DigestObject:
    """A digest of an hour; ``first`` says that it names no predecessor."""
    end = START + (hour + 1) * HOUR
    key = f"{end:%Y/%m/%d}/{ACCOUNT}_CloudTrail-Digest_{REGION}_{trail}_{REGION}_{end:%Y%m%dT%H%M%SZ}.json.gz"
    logs = tuple(LogFile("b", name, "aa") for name in named)
    previous = None if first else "earlier"
    body = Digest(end - HOUR, end, "", "b", key, "f", previous, previous, previous, previous, logs, "")
    return DigestObject(
        f"uri-{trail}-{hour}", Place("b", key), Chain(ACCOUNT, REGION, "", trail, REGION), end, body, "s", problem
    )


def archive(minutes: int | None, *, name: str = "x", day: date | None = None, account: str = ACCOUNT) -> ArchivePlace:
    """An archive delivered some minutes after the start."""
    at = None if minutes is None else START + timedelta(minutes=minutes)
    return ArchivePlace(Place("b", name), account, REGION if account else "", at, day)


@pytest.mark.parametrize(
    ("minutes", "verdict"),
    [
        (-1, "no_digest"),
        (0, "unlisted"),
        (59, "unlisted"),
        (60, "no_digest"),
        (119, "no_digest"),
        (120, "unlisted"),
        (179, "unlisted"),
        (180, "pending"),
        (299, "pending"),
        (300, "no_digest"),
    ],
)
def test_the_hour_decides_what_nobody_names(minutes: int, verdict: str) -> None:
    """Hours 0 and 2 have good digests, hour 1 a forged one; up to two hours after the newest are pending."""
    index = DigestIndex([digest(0), digest(1, problem="forged"), digest(2)])
    assert str(index.judge(archive(minutes), "aa").verdict) == verdict


def test_a_forged_newest_digest_does_not_make_archives_pending() -> None:
    """The hour of a digest that is there but not signed has no digest; it is not waiting for one."""
    index = DigestIndex([digest(0), digest(1, problem="forged")])
    assert str(index.judge(archive(70), None).verdict) == "no_digest"


@pytest.mark.parametrize(("sha256", "verdict"), [("aa", "verified"), ("bb", "mismatch"), (None, "mismatch")])
def test_bytes_decide_what_a_digest_names(sha256: str | None, verdict: str) -> None:
    """The same hash verifies, another or none does not, and the digest is told either way."""
    index = DigestIndex([digest(0, named=("x",))])
    judgement = index.judge(archive(5), sha256)
    assert (str(judgement.verdict), judgement.digest and judgement.digest.uri) == (verdict, "uri-t-0")


def test_a_forged_digest_names_nothing() -> None:
    """What only a bad digest names is no_digest, and what only it names is not missing."""
    index = DigestIndex([digest(0, named=("x", "y"), problem="forged")])
    assert str(index.judge(archive(5), "aa").verdict) == "no_digest"
    assert list(index.list_gone(set(), lambda _: True)) == []


def test_every_trail_present_is_asked() -> None:
    """Of two trails, the one whose digest is gone may have named it; a trail that began later was not there."""
    whole = [digest(hour, trail="a", first=hour == 0) for hour in range(4)]
    holed = [digest(hour, trail="b", first=hour == 0) for hour in (0, 1, 3)]
    later = [digest(hour, trail="c", first=hour == 2) for hour in (2, 3)]
    index = DigestIndex([*whole, *holed, *later])
    verdicts = [str(index.judge(archive(60 * hour + 30), None).verdict) for hour in range(4)]
    assert verdicts == ["unlisted", "unlisted", "no_digest", "unlisted"]


def test_keys_that_do_not_tell_the_hour() -> None:
    """A day is covered as a whole or not at all; a key that tells nothing is not one of CloudTrail's."""
    index = DigestIndex([digest(hour) for hour in range(24)])
    assert str(index.judge(archive(None, day=date(2026, 3, 1)), None).verdict) == "unlisted"
    assert str(index.judge(archive(None, day=date(2026, 3, 2)), None).verdict) == "pending"
    assert str(index.judge(archive(None, account=""), None).verdict) == "unlisted"
    assert str(DigestIndex([]).judge(archive(None, account=""), None).verdict) == "no_digest"


def test_gone_and_overdue() -> None:
    """Named archives that are not there, among what was listed; digests that other chains have passed by an hour."""
    index = DigestIndex([digest(0, named=("x", "y", "z")), digest(9, trail="b")])
    gone = index.list_gone({Place("b", "x")}, lambda place: place.key != "z")
    assert [log_file.key for log_file, _ in gone] == ["y"]
    overdue = index.list_overdue([archive(65), archive(130), archive(5), archive(9 * 60 + 5)])
    assert [(item.chain.trail_name, item.end_at) for item in overdue] == [
        ("t", START + 2 * HOUR),
        ("t", START + 3 * HOUR),
    ]
