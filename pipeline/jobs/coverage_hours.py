"""The state of each hour, from the digests that speak of it.

What enters: rows of ``digest_hours``. What leaves: what is known of each account, region and hour. This module must
never take the absence of a digest for the absence of archives.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from pipeline.archive import Verdict

HourKey = tuple[str | None, str | None, datetime]

_GOOD = (str(Verdict.VERIFIED), str(Verdict.BROKEN_CHAIN))
"""A digest whose link is broken still vouches, by its own signature, for what it names."""


@dataclass
class Hour:
    """What digests say of one account, region and hour.

    Attributes:
        named_count: archives that good digests name.
        is_missing: a digest of it, or an archive that one names, is gone.
        is_late: its digest was written later than its hour, or it brought events over an hour old.
        is_unknown: its digest is there, and its signature does not hold.
    """

    named_count: int = 0
    is_missing: bool = False
    is_late: bool = False
    is_unknown: bool = False

    def state(self, archive_count: int) -> str:
        """The word of the coverage map; the worst that applies.

        Args:
            archive_count: archives of the hour that were read.
        """
        if self.is_missing:
            return "missing"
        if self.is_unknown:
            return "unknown"
        if self.is_late:
            return "late"
        return "seen" if archive_count or self.named_count else "empty"


def judge_hours(hours: pa.Table) -> dict[HourKey, Hour]:
    """Gather the digests of all trails by account, region and hour.

    Args:
        hours: rows of ``digest_hours``.

    Returns:
        One entry per hour, by the hour in which it began.
    """
    judged: dict[HourKey, Hour] = {}
    names = (
        "account_id",
        "region",
        "start_at",
        "verdict",
        "is_backfill",
        "archive_count",
        "missing_archives",
        "late_archive_count",
    )
    columns = [hours.column(name).to_pylist() for name in names]
    for account, region, start, verdict, is_backfill, count, gone, late in zip(*columns, strict=True):
        if start is None:
            continue
        hour = judged.setdefault((account, region, start.replace(minute=0, second=0, microsecond=0)), Hour())
        hour.named_count += count or 0
        hour.is_missing |= verdict == str(Verdict.MISSING) or bool(gone)
        hour.is_unknown |= verdict not in _GOOD and verdict != str(Verdict.MISSING)
        hour.is_late |= verdict in _GOOD and (bool(is_backfill) or bool(late))
    return judged
