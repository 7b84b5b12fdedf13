"""What keys say, for every layout and for none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.source.keys import (
    ArchiveKey,
    ObjectKind,
    context_of,
    is_delivered_within,
    is_metadata_key,
    parse_key,
    parse_period,
)

A, R, ORG, T = "011122223333", "us-gov-west-1", "o-a1b2c3d4e5", "team_trail.main"
DAY, AT = date(2024, 1, 5), datetime(2024, 1, 5, 0, 10, tzinfo=UTC)
LOG = f"{A}_CloudTrail_{R}_20240105T0010Z_AbCdEfGhIjKlMnOp"
ARCHIVE = ArchiveKey(ObjectKind.ARCHIVE, A, R, None, DAY, AT)
NOTHING = ArchiveKey(ObjectKind.ARCHIVE)


def digest_name(end: str) -> str:
    """A digest's file name with another ending."""
    return f"{A}_CloudTrail-Digest_{R}_{T}_us-east-1_20240105T001000Z{end}"


CASES = {
    "plain trail": (f"AWSLogs/{A}/CloudTrail/{R}/2024/01/05/{LOG}.json.gz", ARCHIVE),
    "prefixed trail": (f"some/prefix/AWSLogs/{A}/CloudTrail/{R}/2024/01/05/{LOG}.json.gz", ARCHIVE),
    "organisation trail": (
        f"AWSLogs/{ORG}/{A}/CloudTrail/{R}/2024/01/05/{LOG}.json.gz",
        ArchiveKey(ObjectKind.ARCHIVE, A, R, ORG, DAY, AT),
    ),
    "unpacked": (f"AWSLogs/{A}/CloudTrail/{R}/2024/01/05/{LOG}.json", ARCHIVE),
    "upper-case ending": (f"AWSLogs/{A}/CloudTrail/{R}/2024/01/05/{LOG}.JSON.GZ", ARCHIVE),
    "stripped to the account": (f"{A}/CloudTrail/{R}/2024/01/05/{LOG}.json.gz", ARCHIVE),
    "stripped to the organisation": (
        f"{ORG}/{A}/CloudTrail/{R}/2024/01/05/{LOG}.json.gz",
        ArchiveKey(ObjectKind.ARCHIVE, A, R, ORG, DAY, AT),
    ),
    "stripped to the kind": (f"CloudTrail/{R}/2024/01/05/{LOG}.json.gz", ARCHIVE),
    "stripped to the region": (f"{R}/2024/01/05/{LOG}.json.gz", ARCHIVE),
    "stripped to the day": (f"2024/01/05/{LOG}.json.gz", ARCHIVE),
    "flat": (f"{LOG}.json.gz", ARCHIVE),
    "flat, named by a person": ("incident.json", NOTHING),
    "flat, named by a person, packed": ("case 7/é \n.json.gz", NOTHING),
    "renamed in its day": (
        f"AWSLogs/{A}/CloudTrail/{R}/2024/01/05/x.json.gz",
        ArchiveKey(ObjectKind.ARCHIVE, A, R, None, DAY),
    ),
    "path's account before the name's": (
        f"AWSLogs/999988887777/CloudTrail/{R}/2024/01/05/{LOG}.json.gz",
        ArchiveKey(ObjectKind.ARCHIVE, "999988887777", R, None, DAY, AT),
    ),
    "no such day in the path": (
        f"AWSLogs/{A}/CloudTrail/{R}/2024/02/31/{LOG}.json.gz",
        ArchiveKey(ObjectKind.ARCHIVE, A, R, None, DAY, AT),
    ),
    "no such time in the name": (
        f"{A}_CloudTrail_{R}_20249905T0010Z_x.json.gz",
        ArchiveKey(ObjectKind.ARCHIVE, A, R),
    ),
    "digest": (
        f"AWSLogs/{A}/CloudTrail-Digest/{R}/2024/01/05/{digest_name('.json.gz')}",
        ArchiveKey(ObjectKind.DIGEST, A, R, None, DAY, AT, T, "us-east-1"),
    ),
    "backfilled digest, flat": (
        digest_name("_backfill.json.gz"),
        ArchiveKey(ObjectKind.DIGEST, A, R, None, DAY, AT, T, "us-east-1", True),
    ),
    "digest's metadata": (digest_name(".json.gz.metadata.json"), ArchiveKey(ObjectKind.OTHER)),
    "insight": (
        f"AWSLogs/{A}/CloudTrail-Insight/{R}/2024/01/05/{LOG.replace('CloudTrail', 'CloudTrail-Insight')}.json.gz",
        ArchiveKey(ObjectKind.INSIGHT, A, R, None, DAY, AT),
    ),
    "network activity, flat": (
        f"{LOG.replace('CloudTrail', 'CloudTrail-NetworkActivity')}.json.gz",
        ArchiveKey(ObjectKind.NETWORK_ACTIVITY, A, R, None, DAY, AT),
    ),
    "aggregated, renamed": (
        f"AWSLogs/{A}/CloudTrail-Aggregated/{R}/2024/01/05/x.json.gz",
        ArchiveKey(ObjectKind.AGGREGATED, A, R, None, DAY),
    ),
    "a kind of tomorrow": (
        f"AWSLogs/{A}/CloudTrail-Tomorrow/{R}/2024/01/05/x.json.gz",
        ArchiveKey(ObjectKind.OTHER, A, R, None, DAY),
    ),
    "load balancer log": (
        f"AWSLogs/{A}/elasticloadbalancing/{R}/2024/01/05/{A}_elasticloadbalancing_{R}_app.x_20240105T0010Z_y.log.gz",
        ArchiveKey(ObjectKind.OTHER, A, R, None, DAY),
    ),
    "config history": (
        f"AWSLogs/{A}/Config/{R}/2024/1/5/ConfigHistory/{A}_Config_{R}_ConfigHistory_20240105T001000Z_1.json.gz",
        ArchiveKey(ObjectKind.OTHER, A),
    ),
    "config history, flat": (f"{A}_Config_{R}_ConfigHistory_x.json.gz", ArchiveKey(ObjectKind.OTHER)),
    "no JSON": (
        f"AWSLogs/{A}/CloudTrail/{R}/2024/01/05/{LOG}.json.gz.bak",
        ArchiveKey(ObjectKind.OTHER, A, R, None, DAY),
    ),
    "path traversal": ("../../etc/x.json", NOTHING),
    "digits of another script": (f"AWSLogs/{chr(0x661) * 12}/CloudTrail/x.json", ArchiveKey(ObjectKind.ARCHIVE)),
    "nothing": ("", ArchiveKey(ObjectKind.OTHER)),
}


@pytest.mark.parametrize(("key", "expected"), CASES.values(), ids=CASES.keys())
def test_each_layout_gives_its_parts(key: str, expected: ArchiveKey) -> None:
    """Every layout of CloudTrail's delivery, users' own layouts and other logs yield exactly their parts."""
    assert parse_key(key) == expected


@given(st.text() | st.text(alphabet="AWSLogs/CloudTrail-Digest_0123o\n\x00.jsongz\ud800é"))
def test_no_key_raises(key: str) -> None:
    """A key is any text: reading one never raises and names a kind."""
    parsed = parse_key(key)
    assert parsed.kind in ObjectKind
    assert is_delivered_within(key, parsed, None, None)
    assert isinstance(is_delivered_within(key, parsed, date(2024, 1, 1), date(2024, 2, 1)), bool)
    assert parse_period(key) is None or parse_period(key)[0] < parse_period(key)[1]  # type: ignore[index]
    assert context_of(key) == "" or key.endswith(context_of(key))


ACCOUNTS = st.text("0123456789", min_size=12, max_size=12)
REGIONS = st.sampled_from(
    ["us-east-1", "eu-central-2", "us-gov-east-1", "us-iso-west-1", "mx-central-1", "ap-central-2r"]
)
_DAYS = st.dates(date(2013, 11, 1), date(2100, 1, 1))
TIMES = st.builds(
    lambda day, minute: datetime(day.year, day.month, day.day, *divmod(minute, 60), tzinfo=UTC),
    _DAYS,
    st.integers(0, 1439),
)


@given(
    ACCOUNTS,
    REGIONS,
    TIMES,
    st.none() | st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=10, max_size=32),
    st.text("abc/ é%\n", max_size=12),
    st.text("ABCabc123", min_size=16, max_size=16),
    st.sampled_from([".json", ".json.gz"]),
)
def test_a_built_key_returns_its_parts(
    account: str, region: str, at: datetime, organization: str | None, prefix: str, unique: str, ending: str
) -> None:
    """A key put together by AWS's rule, below any prefix, is taken apart into the same parts."""
    middle = f"o-{organization}/" if organization else ""
    name = f"{account}_CloudTrail_{region}_{at:%Y%m%dT%H%MZ}_{unique}{ending}"
    key = f"{prefix}/AWSLogs/{middle}{account}/CloudTrail/{region}/{at:%Y/%m/%d}/{name}"
    assert parse_key(key) == ArchiveKey(
        ObjectKind.ARCHIVE,
        account,
        region,
        f"o-{organization}" if organization else None,
        at.date(),
        at,
    )


@given(
    ACCOUNTS,
    REGIONS,
    REGIONS,
    TIMES,
    st.text("abcXYZ019._-", min_size=3, max_size=30).filter(lambda name: not name.startswith("_")),
    st.booleans(),
)
def test_a_built_digest_key_returns_its_parts(
    account: str, region: str, home: str, at: datetime, trail: str, is_backfill: bool
) -> None:
    """A trail's name may hold underscores, dots and dashes; the home region behind it is still told apart."""
    end = "_backfill.json.gz" if is_backfill else ".json.gz"
    key = f"{account}_CloudTrail-Digest_{region}_{trail}_{home}_{at:%Y%m%dT%H%M%SZ}{end}"
    assert parse_key(key) == ArchiveKey(
        ObjectKind.DIGEST, account, region, None, at.date(), at, trail, home, is_backfill
    )


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("AWSLogs/1/CloudTrail/us-east-1/2024/", (date(2024, 1, 1), date(2025, 1, 1))),
        ("AWSLogs/1/CloudTrail/us-east-1/2024/12/", (date(2024, 12, 1), date(2025, 1, 1))),
        ("AWSLogs/1/CloudTrail/us-east-1/2024/02/29/", (date(2024, 2, 29), date(2024, 3, 1))),
        ("CloudTrail-Digest/2024/02/", (date(2024, 2, 1), date(2024, 3, 1))),
        ("AWSLogs/1/CloudTrail/us-east-1/2024/13/", (date(2024, 1, 1), date(2025, 1, 1))),
        ("AWSLogs/1/CloudTrail/us-east-1/", None),
        ("exports/2024/01/05/", None),
        ("AWSLogs/1/CloudTrail/us-east-1/0000/", None),
    ],
)
def test_only_a_dated_folder_below_the_kind_has_a_period(folder: str, expected: tuple[date, date] | None) -> None:
    """What a listing may leave out whole is only what cannot hold another date."""
    assert parse_period(folder) == expected


@given(st.sampled_from(sorted(CASES)), st.dates(date(2023, 12, 1), date(2024, 2, 1)), st.integers(0, 40))
def test_a_pruned_folder_holds_nothing_wanted(case: str, since: date, days: int) -> None:
    """Where the period of any folder above a key is outside the bounds, the key itself is outside them."""
    key, parsed = CASES[case]
    until = since + timedelta(days=days)
    for at in [at for at, letter in enumerate(key) if letter == "/"]:
        period = parse_period(key[: at + 1])
        if period is not None and (period[1] <= since or until <= period[0]):
            assert not is_delivered_within(key, parsed, since, until)


def test_bounds_take_in_the_first_day_and_leave_out_the_last() -> None:
    """``since`` is inclusive, ``until`` exclusive; a key without a date is always in."""
    key, parsed = CASES["plain trail"]
    assert is_delivered_within(key, parsed, DAY, DAY + timedelta(days=1))
    assert not is_delivered_within(key, parsed, DAY + timedelta(days=1), None)
    assert not is_delivered_within(key, parsed, None, DAY)
    assert is_delivered_within("incident.json", NOTHING, DAY, DAY)


def test_metadata_is_only_what_lies_beside_a_digest() -> None:
    """``*.metadata.json`` is no object of its own beside a digest; another file of that ending is one."""
    assert is_metadata_key(f"x/{digest_name('.json.gz')}.metadata.json")
    assert not is_metadata_key("x/incident.metadata.json")
    assert not is_metadata_key(f"x/{LOG}.json.gz.metadata.json")


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        (f"/copies/AWSLogs/{A}/CloudTrail/{R}/", f"AWSLogs/{A}/CloudTrail/{R}/"),
        (f"/copies/{ORG}/{A}/CloudTrail/{R}/2024/", f"{ORG}/{A}/CloudTrail/{R}/2024/"),
        ("/home/me/cloudtrail-logs/", ""),
    ],
)
def test_a_source_below_the_root_keeps_what_its_path_says(folder: str, expected: str) -> None:
    """A folder given from the middle of a tree still tells account, region and day."""
    assert context_of(folder) == expected
