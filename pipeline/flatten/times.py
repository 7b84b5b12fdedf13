"""Instants as CloudTrail writes them, to microseconds since 1970 in UTC.

What enters: text. What leaves: an int, or ``None``. This module must never read a clock or assume a local zone.

Source: AWS CloudTrail user guide (ISO 8601 in UTC); STS answers as recorded ("Dec 2, 2021, 11:16:32 PM").
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

FIRST_EVENT_DATE = date(2013, 11, 1)
"""CloudTrail began in November 2013; an older event is a forgery or a broken clock."""

MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})[Tt ]([0-9]{2}):?([0-9]{2}):?([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):?([0-9]{2}))"
)
_RECORDED = re.compile(
    r"([A-Z][a-z]{2}) ([0-9]{1,2}), ([0-9]{4}),? ([0-9]{1,2}):([0-9]{2}):([0-9]{2})[ \u202f\u00a0]([AP])M"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse_time(text: str) -> int | None:
    """Microseconds since 1970 of an instant.

    Args:
        text: RFC 3339 (also its basic form), or the form of recorded STS answers.

    Returns:
        The instant; ``None`` where the text is no instant. Digits beyond microseconds are cut.
    """
    iso = _ISO.fullmatch(text)
    if iso is not None:
        return _from_iso(iso)
    recorded = _RECORDED.fullmatch(text)
    return _from_recorded(recorded) if recorded is not None else None


def _from_iso(match: re.Match[str]) -> int | None:
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction = int((match[7] or "0")[:6].ljust(6, "0"))
    zone = UTC
    if match[8]:
        if int(match[9]) > 23 or int(match[10]) > 59:
            return None
        offset = timedelta(hours=int(match[9]), minutes=int(match[10]))
        zone = timezone(offset if match[8] == "+" else -offset)
    # A leap second is the instant that follows it: 23:59:60 is a valid RFC 3339 time that datetime refuses.
    leap, second = (1, 59) if second == 60 else (0, second)
    try:
        moment = datetime(year, month, day, hour, minute, second, fraction, tzinfo=zone)
        return _microseconds(moment) + leap * MICROSECONDS
    except (ValueError, OverflowError):
        return None


def _from_recorded(match: re.Match[str]) -> int | None:
    if match[1] not in _MONTHS or not 1 <= int(match[4]) <= 12:
        return None
    hour = int(match[4]) % 12 + (12 if match[7] == "P" else 0)
    month = _MONTHS.index(match[1]) + 1
    try:
        moment = datetime(int(match[3]), month, int(match[2]), hour, int(match[5]), int(match[6]), tzinfo=UTC)
    except ValueError:
        return None
    return _microseconds(moment)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def latest_plausible(delivered_at: datetime | None) -> int:
    """Latest instant that an event delivered at ``delivered_at`` may have: a day later; the year 9999 if unknown."""
    if delivered_at is None:
        return _microseconds(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    return _microseconds(delivered_at) + 86_400 * MICROSECONDS


EARLIEST_PLAUSIBLE = _microseconds(datetime(2013, 11, 1, tzinfo=UTC))
"""Midnight of ``FIRST_EVENT_DATE``."""
