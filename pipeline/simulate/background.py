"""Ordinary activity: people, CI, services and compute, hour by hour.

What enters: an organisation, a number of events, days. What leaves: for each hour its events. Memory holds one hour.
This module must never plant anything worth a finding; routine changes of permissions are in ``routine``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.simulate.entropy import Entropy
from pipeline.simulate.issuance import Issued, next_console_key
from pipeline.simulate.record import Event
from pipeline.simulate.session import Session, iso
from pipeline.simulate.workload import Body

HOUR = 3600

Opening = Callable[[Entropy, float], Issued]
"""Starts a new session at a time."""


@dataclass(slots=True)
class Actor:
    """A caller with habits: when, how much at once, what; and the credentials in use now."""

    name: str
    weight: float
    hours: tuple[float, ...]
    burst: int
    bodies: list[tuple[str, Body]]
    open: Opening
    spacing: float = 4.0
    denial_ratio: float = 0.003
    session: Session | None = None
    head: str = ""
    client: str = ""
    opened_at: float = 0.0

    def use(self, session: Session) -> None:
        """Go on with these credentials; what repeats in their records is rendered once."""
        self.session = session
        self.head = session.opening()
        self.client = f'{session.address}","userAgent":"{session.agent}'


def office_hours(utc_offset: int) -> tuple[float, ...]:
    """Return 168 weights, Monday 00:00 UTC first: a working day with a lunch dip, quiet nights, sparse weekends."""
    day = [0.01] * 7 + [0.15, 0.6, 1.0, 1.0, 0.9, 0.6, 0.8, 1.0, 0.95, 0.8, 0.5, 0.2, 0.1, 0.06, 0.04, 0.02, 0.01]
    week = []
    for hour in range(168):
        local = (hour + utc_offset) % 168
        week.append(day[local % 24] * (0.04 if local // 24 >= 5 else 1.0))
    return tuple(week)


def always(night: float = 0.7) -> tuple[float, ...]:
    """Return 168 weights of a machine: never silent, a little less at night."""
    return tuple(1.0 if 6 <= hour % 24 < 20 else night for hour in range(168))


def weekday_hour(moment: float) -> int:
    """Return the index into 168 weights."""
    at = datetime.fromtimestamp(moment, UTC)
    return at.weekday() * 24 + at.hour


class Background:
    """Draws bursts of ordinary calls from actors; ``hour`` must be asked in order, because sessions go on."""

    def __init__(self, ids: Entropy, actors: list[Actor]) -> None:
        self._ids = ids
        self._actors = actors
        self._weights = [
            [sum(actor.weight * actor.hours[hour] for actor in actors[: at + 1]) for at in range(len(actors))]
            for hour in range(168)
        ]

    def hour_weight(self, moment: float) -> float:
        """Return how busy the hour that begins at ``moment`` is."""
        return self._weights[weekday_hour(moment)][-1]

    def hour(self, start: float, count: int) -> list[Event]:
        """Return ``count`` events of one hour (one more where the last is a call with two copies)."""
        events: list[Event] = []
        cumulative = self._weights[weekday_hour(start)]
        draw = self._ids.random
        while len(events) < count:
            actor = draw.choices(self._actors, cum_weights=cumulative)[0]
            self._burst(actor, start, count - len(events), events)
        return events

    def _burst(self, actor: Actor, start: float, room: int, events: list[Event]) -> None:
        ids, draw = self._ids, self._ids.random
        time = start + draw.random() * (HOUR - 1)
        time = max(time, actor.opened_at)
        if actor.session is None or time > actor.session.expires - 60:
            room -= self._renew(actor, time, events)
        elif actor.session.is_console and actor.session.key_id and draw.random() < 0.3:
            actor.use(next_console_key(ids, actor.session))
        size = max(0, min(room, 1 + int(draw.expovariate(1.0 / actor.burst))))
        ordinary_calls(ids, actor, time, start + HOUR - 0.001, size, events)

    def _renew(self, actor: Actor, time: float, events: list[Event]) -> int:
        issued = actor.open(self._ids, time)
        actor.opened_at = time
        actor.use(issued.session)
        events.extend(issued.events)
        return len(issued.events)


def ordinary_calls(ids: Entropy, actor: Actor, time: float, limit: float, size: int, events: list[Event]) -> None:
    """Append ``size`` of the actor's ordinary calls from ``time`` on, none after ``limit``."""
    session, draw = actor.session, ids.random
    assert session is not None, "the caller opens a session first"
    digits = draw.randbytes(32 * size).hex()
    bodies = draw.choices(actor.bodies, k=size)
    head, client, account = actor.head, actor.client, session.account_id
    ending = ',"sessionCredentialFromConsole":"true"}' if session.is_console else ""
    for number, (region, body) in enumerate(bodies):
        offset = number * 64
        one = digits[offset : offset + 64]  # written out as uuid_of would: this runs once an event
        request_id = f"{one[:8]}-{one[8:12]}-4{one[13:16]}-a{one[17:20]}-{one[20:32]}"
        event_id = f"{one[32:40]}-{one[40:44]}-4{one[45:48]}-a{one[49:52]}-{one[52:]}"
        time = min(limit, time + draw.random() * actor.spacing)
        parameters = body.after_client
        if body.action and draw.random() < actor.denial_ratio:
            parameters = _denial(body, session)
        tail = body.end_tls if session.has_tls else body.end
        if ending:
            tail = tail[:-1] + ending
        text = (
            f"{head}{iso(time)}{body.after_time}{client}{parameters}{request_id}"
            f'","eventID":"{event_id}{body.after_event_id}{tail}'
        )
        events.append(Event(time, event_id, account, region, text))


def _denial(body: Body, session: Session) -> str:
    """Return the members between user agent and requestID of a denied call: no parameters, a message instead."""
    return (
        f"{body.denied}{session.arn} is not authorized to perform: {body.action} because no identity-based policy "
        f'allows the {body.action} action","requestParameters":null,"responseElements":null,"requestID":"'
    )


def spread_counts(weights: list[float], total: int) -> Iterator[int]:
    """Split ``total`` over ``weights`` so that the parts add up exactly."""
    whole = sum(weights)
    done, seen = 0, 0.0
    for weight in weights:
        seen += weight
        upto = round(total * seen / whole) if whole else 0
        yield upto - done
        done = upto
