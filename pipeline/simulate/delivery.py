"""How CloudTrail delivers: archives per account and region, some late, some twice, their records in no order.

What enters: events hour by hour. What leaves: ``Archive`` values (key, gzip bytes), the same bytes for the same seed.
Memory holds one window of events plus the few that are late. This module must never write a file.

Source: AWS "CloudTrail log file name format"; rates of late and repeated records measured on real trails.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pipeline.simulate.entropy import Entropy
from pipeline.simulate.record import Event

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Layout:
    """How many records an archive holds, and how long a window waits for them."""

    records: int
    hours: int
    raw_bytes: int


LAYOUTS = {
    "typical": Layout(records=5_000, hours=1, raw_bytes=40_000_000),
    "small": Layout(records=10, hours=1, raw_bytes=19_000),
    "large": Layout(records=10_000, hours=24, raw_bytes=60_000_000),
}
"""``typical``: one archive an account, region and hour; ``small`` and ``large`` are for benchmarks."""


@dataclass(frozen=True, slots=True)
class Archive:
    """One object of the trail's bucket; ``inflated_sha256`` only where digests are wanted."""

    key: str
    data: bytes
    record_count: int
    account_id: str
    region: str
    delivered_at: float
    stored_bytes: int
    inflated_bytes: int
    first_time: float
    last_time: float
    inflated_sha256: str = ""


def compress(data: bytes) -> bytes:
    """Return a gzip member without time or name, so that the same records are the same bytes everywhere."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    body = packer.compress(data) + packer.flush()
    return (
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
        + body
        + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
    )


class Delivery:
    """Collects events and gives them out as archives."""

    def __init__(
        self,
        ids: Entropy,
        layout: Layout,
        *,
        organization_id: str = "",
        late_ratio: float = 0.008,
        duplicate_ratio: float = 0.004,
        is_hashed: bool = False,
    ) -> None:
        self._is_hashed = is_hashed
        self._ids = ids
        self._layout = layout
        self._prefix = f"AWSLogs/{organization_id}/" if organization_id else "AWSLogs/"
        self._late_ratio = late_ratio
        self._duplicate_ratio = duplicate_ratio
        self._cells: dict[tuple[str, str], list[tuple[float, str]]] = {}
        self._late: dict[int, list[Event]] = {}
        self.duplicate_count = 0
        self.late_count = 0
        self.event_count = 0

    def deliver(self, hours: Iterable[tuple[float, list[Event]]]) -> Iterator[Archive]:
        """Turn hours of events into archives.

        Args:
            hours: the hour's end as epoch seconds and its events, ascending.

        Returns:
            Archives in order of delivery; after the last hour, what was still late.
        """
        end = 0.0
        for end, events in hours:
            self.event_count += len(events)
            self._take(end, events)
            hour = int(end) // HOUR
            for event in self._late.pop(hour, ()):
                self._append(event)
            yield from self._flush(end, only_full=hour % self._layout.hours != 0)
        for hour in sorted(self._late):
            for event in self._late.pop(hour):
                self._append(event)
            end = max(end, float(hour * HOUR))
            yield from self._flush(end)
        yield from self._flush(end)

    def _append(self, event: Event) -> None:
        self._cells.setdefault((event.account_id, event.region), []).append((event.time, event.text))

    def _take(self, end: float, events: list[Event]) -> None:
        draw, cells, late, twice = self._ids.random.random, self._cells, self._late_ratio, 1 - self._duplicate_ratio
        for event in events:
            fate = draw()
            if fate < late:
                self.late_count += 1
                # Most late records miss their hour, a few their day or more: CloudTrail retries for 30 days.
                hours = (
                    1 + int(self._ids.random.paretovariate(0.7))
                    if fate < self._late_ratio / 2
                    else self._ids.between(1, 3)
                )
                self._late.setdefault(int(end) // HOUR + min(hours, 200), []).append(event)
                continue
            cell = event[2], event[3]  # by position: this runs once an event
            if cell not in cells:
                cells[cell] = []
            cells[cell].append((event[0], event[4]))
            if fate > twice:
                self.duplicate_count += 1
                self._late.setdefault(int(end) // HOUR + 1, []).append(event)

    def repeat(self, event: Event, after_hours: int, end: float) -> None:
        """Deliver one event a second time, in a later archive."""
        self.duplicate_count += 1
        self._late.setdefault(int(end) // HOUR + after_hours, []).append(event)

    def _flush(self, end: float, *, only_full: bool = False) -> Iterator[Archive]:
        for (account_id, region), rows in sorted(self._cells.items()):
            if only_full and len(rows) < self._layout.records:
                continue
            if self._ids.chance(0.67):
                rows.sort(key=lambda row: row[0])
            start, number = 0, 0
            while start < len(rows):
                stop = self._boundary(rows, start)
                if only_full and len(rows) - start < self._layout.records:
                    break
                # A name carries the five minutes in which the file was written.
                at = end + 300 + (number % 3) * 300
                yield self._archive(account_id, region, at, rows[start:stop])
                start, number = stop, number + 1
            del rows[:start]
        self._cells = {cell: rows for cell, rows in self._cells.items() if rows}

    def _boundary(self, rows: list[tuple[float, str]], start: int) -> int:
        size, stop = 0, start
        while stop < len(rows) and stop - start < self._layout.records:
            size += len(rows[stop][1]) + 1
            if size > self._layout.raw_bytes and stop > start:
                break
            stop += 1
        return stop

    def _archive(self, account_id: str, region: str, at: float, rows: list[tuple[float, str]]) -> Archive:
        data = ('{"Records":[' + ",".join(row[1] for row in rows) + "]}").encode()
        moment = datetime.fromtimestamp(at, UTC)
        name = f"{account_id}_CloudTrail_{region}_{moment:%Y%m%dT%H%MZ}_{self._ids.letters(16)}.json.gz"
        key = f"{self._prefix}{account_id}/CloudTrail/{region}/{moment:%Y/%m/%d}/{name}"
        packed = compress(data)
        return Archive(
            key=key,
            data=packed,
            stored_bytes=len(packed),
            record_count=len(rows),
            account_id=account_id,
            region=region,
            delivered_at=at,
            inflated_bytes=len(data),
            first_time=min(row[0] for row in rows),
            last_time=max(row[0] for row in rows),
            inflated_sha256=hashlib.sha256(data).hexdigest() if self._is_hashed else "",
        )
