"""A time axis: which ticks to draw between two instants, and how to word them.

What enters: two UTC instants and a width. What leaves: positions and short labels. This module must never read a
clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_STEPS = [
    *(timedelta(minutes=count) for count in (1, 2, 5, 10, 15, 30)),
    *(timedelta(hours=count) for count in (1, 2, 3, 6, 12)),
    *(timedelta(days=count) for count in (1, 2, 7, 14, 28, 56, 91, 182, 365, 730, 1826)),
]
# A Monday, so that steps of a week start weeks.
_ORIGIN = datetime(2001, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick at ``x`` with its label."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """Instants from ``start`` to ``end`` drawn from ``left`` over ``width``."""

    start: datetime
    end: datetime
    left: float
    width: float

    @property
    def span(self) -> timedelta:
        """Length of the axis, a minute at least."""
        return max(self.end - self.start, timedelta(minutes=1))

    def place(self, moment: datetime) -> float:
        """Return the x of an instant."""
        return round(self.left + self.width * ((moment - self.start) / self.span), 1)

    def ticks(self, limit: int = 8) -> list[Tick]:
        """Return at most ``limit`` ticks at round instants."""
        step = next((step for step in _STEPS if self.span / step <= limit - 1), self.span / (limit - 1))
        moment = _ORIGIN + -((_ORIGIN - self.start) // step) * step
        out: list[Tick] = []
        while moment <= self.start + self.span and len(out) <= limit:
            out.append(Tick(self.place(moment), self._word(moment, step, is_first=not out)))
            moment += step
        return out

    @staticmethod
    def _word(moment: datetime, step: timedelta, *, is_first: bool) -> str:
        """The day, or the time of day where steps are shorter; the first of those says both."""
        day = f"{moment.day} {moment.strftime('%b %Y')}"
        if step >= timedelta(days=1) or not (moment.hour or moment.minute):
            return day
        return f"{day} {moment.strftime('%H:%M')}" if is_first else moment.strftime("%H:%M")
