"""A whole corpus: background, routine, scenarios, delivered as archives.

What enters: options. What leaves: a ``Corpus``: its archives as a stream, its labels. The scenarios are planned at
once, since they are few; the background is made hour by hour. This module must never write a file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pipeline.errors import UsageError
from pipeline.simulate.background import HOUR, Background, spread_counts
from pipeline.simulate.cast import Cast
from pipeline.simulate.delivery import LAYOUTS, Archive, Delivery
from pipeline.simulate.entropy import Entropy
from pipeline.simulate.labels import LABELS_SCHEMA, Label
from pipeline.simulate.organisation import Organisation, build_organisation
from pipeline.simulate.record import Event
from pipeline.simulate.routine import play_routine
from pipeline.simulate.scenarios import SCENARIOS
from pipeline.simulate.session import iso
from pipeline.simulate.staff import Staff
from pipeline.simulate.stage import Stage

DAY = 86_400
DEFAULT_START = datetime(2025, 3, 3, tzinfo=UTC)
"""A Monday; a corpus has its own time and asks no clock."""

MIN_SCENARIO_DAYS = 11
"""Scenarios need a week of history before them and a day after."""

MIN_ROUTINE_EVENTS = 5_000
"""Smaller corpora have no routine changes of permissions: they would be nothing else."""


@dataclass(frozen=True, slots=True)
class CorpusOptions:
    """What to simulate; ``scenarios`` None plants all where the days suffice, an empty tuple none."""

    events: int
    days: int
    seed: int
    scenarios: tuple[str, ...] | None = None
    instances: int = 1
    start: datetime = DEFAULT_START
    layout: str = "typical"
    is_organization: bool = True
    is_hashed: bool = False


class Corpus:
    """A planned corpus; ``archives`` may be asked once."""

    def __init__(self, options: CorpusOptions) -> None:
        _check(options)
        self.options = options
        self.org: Organisation = build_organisation(options.seed)
        self.labels: list[Label] = []
        self._cast = Cast(self.org)
        self._start = options.start.timestamp()
        self._planned: list[Event] = []
        self._repeats: set[str] = set()
        self._plan(_chosen(options))
        if options.events >= MIN_ROUTINE_EVENTS:
            self._plan_routine()
        self._planned.sort()
        ids = Entropy(options.seed, "delivery")
        self.delivery = Delivery(
            ids,
            LAYOUTS[options.layout],
            organization_id=self.org.organization_id if options.is_organization else "",
            is_hashed=options.is_hashed,
        )

    def _plan(self, names: Sequence[str]) -> None:
        for name in names:
            for number in range(1, self.options.instances + 1):
                stage = Stage(
                    self._cast, Entropy(self.options.seed, "scenario", name, number), self._start, self.options.days
                )
                self.labels.append(SCENARIOS[name](stage, number))
                self._planned += stage.events
                self._repeats |= {event.event_id for event in stage.repeats}

    def _plan_routine(self) -> None:
        stage = Stage(self._cast, Entropy(self.options.seed, "routine"), self._start, self.options.days)
        play_routine(stage)
        self._planned += stage.events

    @property
    def planned_count(self) -> int:
        """Events of scenarios and routine, which come beside the background."""
        return len(self._planned)

    def archives(self) -> Iterator[Archive]:
        """Return the archives in order of delivery."""
        return self.delivery.deliver(self._hours())

    def _hours(self) -> Iterator[tuple[float, list[Event]]]:
        background = Background(Entropy(self.options.seed, "background"), Staff(self._cast).actors())
        starts = [self._start + hour * HOUR for hour in range(self.options.days * 24)]
        total = max(0, self.options.events - len(self._planned))
        weights = [background.hour_weight(start) for start in starts]
        at = surplus = 0
        for start, count in zip(starts, spread_counts(weights, total), strict=True):
            # An hour may end with a call of two copies, one event over: the next hour makes one less.
            events = background.hour(start, max(0, count - surplus))
            surplus += len(events) - count
            while at < len(self._planned) and self._planned[at].time < start + HOUR:
                event = self._planned[at]
                events.append(event)
                if event.event_id in self._repeats:
                    self.delivery.repeat(event, 2, start + HOUR)
                at += 1
            yield start + HOUR, events
        assert at == len(self._planned), "every planned event lies within the corpus"

    def labels_json(self) -> dict[str, Any]:
        """Return ``labels.json``."""
        options = self.options
        return {
            "schema": LABELS_SCHEMA,
            "seed": options.seed,
            "days": options.days,
            "start": iso(self._start),
            "end": iso(self._start + options.days * DAY),
            "planned_events": self.planned_count,
            "background_events": max(0, options.events - self.planned_count),
            "accounts": self.org.accounts,
            "instances": [label.to_json() for label in self.labels],
        }


def _check(options: CorpusOptions) -> None:
    if options.events < 1 or options.days < 1 or options.instances < 1:
        raise UsageError("events, days and instances must be at least 1")
    if options.layout not in LAYOUTS:
        raise UsageError(f"no layout {options.layout!r}", hint=f"it is one of {', '.join(LAYOUTS)}")
    for name in options.scenarios or ():
        if name not in SCENARIOS:
            raise UsageError(f"no scenario {name!r}", hint=f"there are {', '.join(SCENARIOS)}")
    if options.scenarios and options.days < MIN_SCENARIO_DAYS:
        raise UsageError(f"scenarios need {MIN_SCENARIO_DAYS} days or more, for a history before them")


def _chosen(options: CorpusOptions) -> tuple[str, ...]:
    if options.scenarios is not None:
        return options.scenarios
    return tuple(SCENARIOS) if options.days >= MIN_SCENARIO_DAYS else ()
