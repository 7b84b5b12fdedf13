"""PutRolePolicy over time, one line per principal: the chart.

What enters: the timeline mart. What leaves: marks with coordinates, attempts that lie too close together drawn as one
mark that says how many. This module must never lose an attempt: what is not drawn is counted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.finding import format_time
from pipeline.report.principal_label import PrincipalLabel, label_principal, measure_labels
from pipeline.report.time_axis import Tick, TimeAxis

MAX_ROWS = 20
_SLOTS = 100
_WIDTH, _ROW, _TOP = 1024, 30, 12
TIERS = ("T0", "T1", "T2", "T3", "T4")


@dataclass(frozen=True, slots=True)
class Mark:
    """Attempts of one principal close together: ``tier`` is the highest of them, -1 where none is known."""

    x: float
    y: int
    radius: float
    tier: int
    is_denied: bool
    is_cited: bool
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A principal's line."""

    y: int
    label: PrincipalLabel
    count: int
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TimelineChart:
    """The chart in its own coordinates."""

    width: int
    height: int
    left: int
    rows: list[Row]
    ticks: list[Tick]
    attempt_count: int
    principal_count: int
    drawn_count: int


def mark_cited(table: pa.Table, cited: Collection[str]) -> pa.Array:
    """Say of each row whether a finding cites its event.

    Args:
        table: has ``event_id``.
        cited: event ids; Python strings, for one with a lone surrogate has no Arrow form.

    Returns:
        One boolean a row.
    """
    return pa.array([event_id in cited for event_id in table["event_id"].to_pylist()], pa.bool_())


def draw_timeline(table: pa.Table, cited: Collection[str], *, show_keys: bool = False) -> TimelineChart | None:
    """Draw the timeline.

    Args:
        table: ``fct_role_policy_timeline``.
        cited: event ids that a finding cites; their principals come first and their marks are ringed.
        show_keys: show access key ids in full.

    Returns:
        The chart, or ``None`` where there is no attempt.
    """
    if not table.num_rows:
        return None
    groups, start, end = _group_attempts(table, cited)
    totals: dict[str, tuple[bool, int, int]] = {}
    for group in groups:
        is_cited, tier, count = totals.get(group["who"], (False, -1, 0))
        count += group["count"]
        totals[group["who"]] = (is_cited or group["is_cited"], max(tier, group["tier"]), count)
    chosen = sorted(totals, key=lambda who: (*(-int(part) for part in totals[who]), who))[:MAX_ROWS]
    labels = [label_principal(who, width=30, show_keys=show_keys) for who in chosen]
    left = measure_labels(labels) + 48
    axis = TimeAxis(start, end, left + 12, _WIDTH - left - 52)
    rows = {}
    for index, (who, label) in enumerate(zip(chosen, labels, strict=True)):
        rows[who] = Row(_TOP + index * _ROW + _ROW // 2, label, totals[who][2])
    for group in groups:
        if group["who"] in rows:
            rows[group["who"]].marks.append(_draw_mark(group, rows[group["who"]].y, axis))
    height = _TOP + len(chosen) * _ROW + 30
    drawn = sum(row.count for row in rows.values())
    return TimelineChart(_WIDTH, height, left, list(rows.values()), axis.ticks(), table.num_rows, len(totals), drawn)


def _group_attempts(table: pa.Table, cited: Collection[str]) -> tuple[list[dict[str, Any]], datetime, datetime]:
    """Attempts by principal, slot of time and denial, in a fixed order."""
    who = pc.coalesce(
        table["root_principal_arn"].cast(pa.string()), table["principal_arn"].cast(pa.string()), pa.scalar("")
    )
    micros = table["event_time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64())
    bounds = pc.min_max(micros).as_py()
    first, last = bounds["min"], bounds["max"]
    slot = max((last - first) // _SLOTS, 1)
    flat = pa.table(
        {
            "who": who,
            "slot": pc.divide(pc.subtract(micros, first), slot),
            "is_denied": pc.fill_null(table["is_denied"].cast(pa.bool_()), False),
            "tier": pc.fill_null(pc.index_in(table["delta_tier"].cast(pa.string()), value_set=pa.array(TIERS)), -1),
            "is_cited": mark_cited(table, cited),
            "micros": micros,
        }
    )
    grouped = flat.group_by(["who", "slot", "is_denied"], use_threads=False).aggregate(
        [("micros", "min"), ("micros", "max"), ("micros", "count"), ("tier", "max"), ("is_cited", "any")]
    )
    rows = [
        {
            "who": row["who"],
            "is_denied": row["is_denied"],
            "first": row["micros_min"],
            "last": row["micros_max"],
            "count": row["micros_count"],
            "tier": row["tier_max"],
            "is_cited": bool(row["is_cited_any"]),
        }
        for row in grouped.to_pylist()
    ]
    rows.sort(key=lambda row: (row["who"], row["first"], row["is_denied"]))
    return rows, _moment(first), _moment(last)


def _moment(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def _draw_mark(group: dict[str, Any], y: int, axis: TimeAxis) -> Mark:
    first, last, count = _moment(group["first"]), _moment(group["last"]), group["count"]
    tier = ""
    if group["tier"] >= 0:
        tier = f", {'' if count == 1 else 'up to '}tier {TIERS[group['tier']]}"
    what = "denied" if group["is_denied"] else "made"
    when = format_time(first) if first == last else f"{format_time(first)} to {format_time(last)}"
    text = f"{count:,} {'attempt' if count == 1 else 'attempts'} {what}{tier}, {when}"
    radius = round(min(4.5 + 1.1 * (count.bit_length() - 1), 11), 1)
    return Mark(
        axis.place(first + (last - first) / 2), y, radius, group["tier"], group["is_denied"], group["is_cited"], text
    )
