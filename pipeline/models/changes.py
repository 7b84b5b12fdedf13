"""Which dates of a model a build must make again.

What enters: which dates of its inputs changed. What leaves: the dates to rebuild and the dates to read for that.
This module must never look at rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.models.header import ALL_DAYS


@dataclass(frozen=True, slots=True)
class Change:
    """What became different in a relation: some dates, or everything.

    Attributes:
        dates: the changed dates; meaningless where ``is_whole``.
        is_whole: nothing is known about dates, so every row may differ.
    """

    dates: frozenset[date] = frozenset()
    is_whole: bool = False

    def __bool__(self) -> bool:
        return self.is_whole or bool(self.dates)


NOTHING = Change()
EVERYTHING = Change(is_whole=True)


def merge_changes(changes: Iterable[Change]) -> Change:
    """Return what changed in any of several relations."""
    dates: set[date] = set()
    for change in changes:
        if change.is_whole:
            return EVERYTHING
        dates |= change.dates
    return Change(frozenset(dates))


def spread_change(change: Change, lookback_days: int, *, known_dates: Iterable[date]) -> frozenset[date]:
    """Return the dates whose rows may differ: each changed date and those that look back at it.

    Args:
        change: what the inputs changed.
        lookback_days: how many earlier dates a date's rows read; ``ALL_DAYS`` for every earlier one.
        known_dates: every date there is.
    """
    days = frozenset(known_dates) | change.dates
    if change.is_whole:
        return days
    if not change.dates:
        return frozenset()
    if lookback_days == ALL_DAYS:
        return frozenset(day for day in days if day >= min(change.dates))
    reach = timedelta(days=lookback_days)
    return frozenset(day for day in days if any(day - reach <= changed <= day for changed in change.dates))


def dates_to_read(rebuild: Iterable[date], lookback_days: int, *, known_dates: Iterable[date]) -> frozenset[date]:
    """Return the input dates that rebuilding some dates needs."""
    rebuild = frozenset(rebuild)
    days = frozenset(known_dates) | rebuild
    if not rebuild:
        return frozenset()
    if lookback_days == ALL_DAYS:
        return frozenset(day for day in days if day <= max(rebuild))
    reach = timedelta(days=lookback_days)
    return frozenset(day for day in days if any(made - reach <= day <= made for made in rebuild))


def split_dates(dates: Iterable[date], weights: dict[date, int], *, limit: int) -> list[list[date]]:
    """Cut dates, in order, into runs of at most ``limit`` events, so that a first build stays within memory."""
    runs: list[list[date]] = []
    weight = 0
    for day in sorted(dates):
        size = weights.get(day, 0)
        if not runs or weight + size > limit:
            runs.append([])
            weight = 0
        runs[-1].append(day)
        weight += size
    return runs
