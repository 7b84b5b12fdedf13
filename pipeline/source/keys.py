"""What an object's key says, before anything is read: its kind, account, region, and when it was delivered.

What enters: a key, any text at all (attackers and users name objects). What leaves: an ``ArchiveKey``, or the period of
time that a folder covers. This module must never raise on a key, nor touch a disk or a network; content has the last
word on what an object is.

Source: AWS CloudTrail user guide, "Finding your CloudTrail log files", "CloudTrail log file name format",
"CloudTrail digest file structure".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache


class ObjectKind(StrEnum):
    """What an object is by its key. ``ARCHIVE`` is a candidate until its content confirms it."""

    ARCHIVE = "archive"
    DIGEST = "digest"
    INSIGHT = "insight"
    NETWORK_ACTIVITY = "network_activity"
    AGGREGATED = "aggregated"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ArchiveKey:
    """The parts of a key; ``None`` where the key does not say.

    Attributes:
        kind: what the object is by its key.
        account_id: account of the path, else of the file name; text, leading zeros kept.
        region: region of the path, else of the file name.
        organization_id: ``o-...`` of an organisation trail.
        delivery_date: day of the path, else of the file name. When it was delivered, not when it happened.
        delivered_at: time in the file name, UTC.
        trail_name: of a digest.
        home_region: of a digest's trail; with account, region and trail it names one chain of digests.
        is_backfill: a digest that CloudTrail wrote later than its hour.
    """

    kind: ObjectKind
    account_id: str | None = None
    region: str | None = None
    organization_id: str | None = None
    delivery_date: date | None = None
    delivered_at: datetime | None = None
    trail_name: str | None = None
    home_region: str | None = None
    is_backfill: bool = False


METADATA_SUFFIX = ".metadata.json"
"""In a folder, a digest's object metadata stands beside it under this suffix."""

_KINDS = {
    "CloudTrail": ObjectKind.ARCHIVE,
    "CloudTrail-Digest": ObjectKind.DIGEST,
    "CloudTrail-Insight": ObjectKind.INSIGHT,
    "CloudTrail-NetworkActivity": ObjectKind.NETWORK_ACTIVITY,
    "CloudTrail-Aggregated": ObjectKind.AGGREGATED,
}
# [0-9], never \d: a key may hold digits of any script, and int() would take them.
_REGION = r"[a-z]{2,}(?:-[a-z]+)+-[0-9]+[a-z]?"
_MARKER = r"(?P<marker>CloudTrail(?:-[A-Za-z]+)?)"
_LOG_NAME = re.compile(
    rf"(?P<account>[0-9]{{12}})_{_MARKER}_(?P<region>{_REGION})_(?P<time>[0-9]{{8}}T[0-9]{{4,6}}Z)_[^/]*"
)
_DIGEST_NAME = re.compile(
    rf"(?P<account>[0-9]{{12}})_CloudTrail-Digest_(?P<region>{_REGION})_(?P<trail>.+)_(?P<home>{_REGION})"
    r"_(?P<time>[0-9]{8}T[0-9]{4,6}Z)(?P<backfill>_backfill)?\.json(?:\.gz)?",
    re.IGNORECASE | re.DOTALL,
)
_OTHER_SERVICE_NAME = re.compile(rf"[0-9]{{12}}_(?!CloudTrail[_-])[A-Za-z0-9-]+_{_REGION}[_.]")
_CANDIDATE_NAME = re.compile(r"\.json(?:\.gz)?\Z", re.IGNORECASE)
_ROOT = re.compile(
    r"(?:^|/)AWSLogs/(?:(?P<organization>o-[a-z0-9]{4,32})/)?(?P<account>[0-9]{12})/(?P<service>[^/]+)/", re.DOTALL
)
_STRIPPED_ROOT = re.compile(
    rf"(?:(?:^|/)(?P<organization>o-[a-z0-9]{{4,32}}))?(?:(?:^|/)(?P<account>[0-9]{{12}}))?(?:^|/){_MARKER}/"
)
_PERIOD = re.compile(
    rf"(?:^|/)CloudTrail(?:-[A-Za-z]+)?/(?:(?P<region>{_REGION})/)?"
    r"(?P<year>[0-9]{4})/(?:(?P<month>[0-9]{2})/(?:(?P<day>[0-9]{2})/)?)?"
)
_TAIL_DAY = re.compile(r"(?:^|/)(?P<year>[0-9]{4})/(?P<month>[0-9]{2})/(?P<day>[0-9]{2})/\Z")
_TAIL_REGION = re.compile(rf"(?:^|/)(?P<region>{_REGION})/[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}}/\Z")
_CONTEXT = re.compile(
    r"(?:^|/)(AWSLogs/.*|(?:o-[a-z0-9]{4,32}/)?(?:[0-9]{12}/)?CloudTrail(?:-[A-Za-z]+)?/.*)\Z", re.DOTALL
)


def parse_key(key: str) -> ArchiveKey:
    """Read a key of any layout: organisation trail or not, stripped prefix, flat folder, ``.json`` or ``.json.gz``.

    Args:
        key: the whole key in the bucket, or the path of a file below a folder; any text.

    Returns:
        Its parts. A name that ends in neither ``.json`` nor ``.json.gz``, or that is another service's log, is
        ``OTHER``; a ``.json`` file that says nothing about itself is a candidate ``ARCHIVE``.

    Source:
        AWS CloudTrail user guide, "CloudTrail log file name format" and "Digest file location".
    """
    slash = key.rfind("/") + 1
    folder, name = key[:slash], key[slash:]
    path = _parse_folder(folder)
    if _CANDIDATE_NAME.search(name) is None or is_metadata_key(key):
        return _merge(path, ObjectKind.OTHER, None)
    digest = _DIGEST_NAME.fullmatch(name)
    if digest is not None:
        return _merge(path, ObjectKind.DIGEST, digest)
    log = _LOG_NAME.fullmatch(name)
    if log is not None:
        return _merge(path, _KINDS.get(log["marker"], ObjectKind.OTHER), log)
    if _OTHER_SERVICE_NAME.match(name) is not None:
        return _merge(path, ObjectKind.OTHER, None)
    return _merge(path, path.kind, None)


def context_of(folder: str) -> str:
    """What a folder's own path adds to the keys below it: from ``AWSLogs/`` (or ``CloudTrail*/``) on, else "".

    So ``/copies/AWSLogs/111122223333/CloudTrail/us-east-1`` given as SOURCE still tells account and region.
    """
    found = _CONTEXT.search(folder)
    return "" if found is None else found[1]


def is_metadata_key(key: str) -> bool:
    """Whether a key is a digest's metadata kept beside it (``<digest>.metadata.json``), no object of its own."""
    if not key.endswith(METADATA_SUFFIX):
        return False
    return _DIGEST_NAME.fullmatch(key[key.rfind("/") + 1 : -len(METADATA_SUFFIX)]) is not None


def parse_period(folder: str) -> tuple[date, date] | None:
    """The days that everything below ``folder`` was delivered on, half-open, or ``None`` where it does not say.

    Only a year, month or day right below ``CloudTrail*/REGION/`` (or ``CloudTrail*/``) counts: what lies deeper
    cannot have another date, so a listing may leave the whole folder out.
    """
    found = _PERIOD.search(folder)
    return None if found is None else _span(found["year"], found["month"], found["day"])


def is_delivered_within(key: str, parsed: ArchiveKey, since: date | None, until: date | None) -> bool:
    """Whether an object falls into ``since`` (inclusive) to ``until`` (exclusive), by its delivery date.

    An object whose key tells no date is always in: what cannot be dated is never left out.
    """
    if since is None and until is None:
        return True
    period = parse_period(key[: key.rfind("/") + 1])
    if period is None:
        if parsed.delivery_date is None:
            return True
        period = (parsed.delivery_date, parsed.delivery_date + timedelta(days=1))
    return does_overlap(period, since, until)


def does_overlap(period: tuple[date, date], since: date | None, until: date | None) -> bool:
    """Whether a half-open period shares a day with ``since`` (inclusive) to ``until`` (exclusive)."""
    return (since is None or since < period[1]) and (until is None or period[0] < until)


@lru_cache(maxsize=4096)
def _parse_folder(folder: str) -> ArchiveKey:
    """What the folder says for every object in it; cached, because a day's objects share it."""
    kind, account, organization, region = ObjectKind.ARCHIVE, None, None, None
    root = _ROOT.search(folder)
    if root is not None:
        kind = _KINDS.get(root["service"], ObjectKind.OTHER)
    else:
        root = _STRIPPED_ROOT.search(folder)
        if root is not None:
            kind = _KINDS.get(root["marker"], ObjectKind.OTHER)
    if root is not None:
        account, organization = root["account"], root["organization"]
    period = _PERIOD.search(folder)
    if period is not None:
        region, day = period["region"], _day(period)
    else:
        tail = _TAIL_DAY.search(folder)
        day = None if tail is None else _day(tail)
    if region is None:
        near = _TAIL_REGION.search(folder)
        region = None if near is None else near["region"]
    return ArchiveKey(kind, account, region, organization, day)


def _merge(path: ArchiveKey, kind: ObjectKind, name: re.Match[str] | None) -> ArchiveKey:
    if name is None:
        return ArchiveKey(kind, path.account_id, path.region, path.organization_id, path.delivery_date)
    parts = name.groupdict()
    at = _instant(name["time"])
    return ArchiveKey(
        kind=kind,
        account_id=path.account_id or parts["account"],
        region=path.region or parts["region"],
        organization_id=path.organization_id,
        delivery_date=path.delivery_date or (at.date() if at is not None else None),
        delivered_at=at,
        trail_name=parts.get("trail"),
        home_region=parts.get("home"),
        is_backfill=parts.get("backfill") is not None,
    )


@lru_cache(maxsize=4096)
def _instant(text: str) -> datetime | None:
    """``20240105T0010Z`` or ``20240105T001000Z``; ``None`` for a time that no calendar has."""
    if len(text) not in (14, 16):
        return None
    try:
        return datetime(
            int(text[:4]),
            int(text[4:6]),
            int(text[6:8]),
            int(text[9:11]),
            int(text[11:13]),
            int(text[13:15]) if len(text) == 16 else 0,
            tzinfo=UTC,
        )
    except ValueError:
        return None


def _day(found: re.Match[str]) -> date | None:
    if found["day"] is None:
        return None
    span = _span(found["year"], found["month"], found["day"])
    return span[0] if span is not None and span[1] - span[0] == timedelta(days=1) else None


def _span(year: str, month: str | None, day: str | None) -> tuple[date, date] | None:
    """First day and day after the last; a part that no calendar has is left out with those below it."""
    if not 1 <= int(year) <= 9998:
        return None
    if month is None or not 1 <= int(month) <= 12:
        return date(int(year), 1, 1), date(int(year) + 1, 1, 1)
    first = date(int(year), int(month), 1)
    if day is not None:
        try:
            start = first.replace(day=int(day))
        except ValueError:
            day = None
        else:
            return start, start + timedelta(days=1)
    return first, (first + timedelta(days=32)).replace(day=1)
