"""Two heat maps: how unusual each principal's day was, and what of each account was seen.

What enters: the score mart and the coverage table. What leaves: cells with coordinates, a class for their colour and a
sentence each. This module must never draw "unknown" as "nothing happened".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.report.cleaning import clean_text
from pipeline.report.csv_files import select_columns
from pipeline.report.principal_label import PrincipalLabel, label_principal, measure_labels, shorten
from pipeline.report.report_input import COVERAGE_COLUMNS
from pipeline.report.time_axis import Tick

MAX_ROWS = 24
MAX_COLUMNS = 120
_HOURS_SHOWN = 96
_WIDTH, _ROW, _TOP = 1024, 22, 6
_STATES = ("missing", "late", "unknown", "seen", "empty")


@dataclass(frozen=True, slots=True)
class Cell:
    """One square; ``shade`` names its colour."""

    x: float
    y: int
    shade: str
    text: str


@dataclass(frozen=True, slots=True)
class MapRow:
    """A line of squares."""

    y: int
    label: PrincipalLabel


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A map in its own coordinates; what did not fit is counted."""

    width: int
    height: int
    left: int
    cell_width: float
    cell_height: int
    rows: list[MapRow]
    cells: list[Cell]
    ticks: list[Tick]
    row_count: int
    column_count: int
    unit: str
    is_cut: bool


def draw_scores(table: pa.Table, *, show_keys: bool = False) -> HeatMap | None:
    """Draw anomaly scores by principal and day, the highest principals first.

    Args:
        table: ``fct_principal_anomaly_scores``.
        show_keys: show access key ids in full.

    Returns:
        The map, or ``None`` where no day was scored.
    """
    names = ["event_date", "recipient_account_id", "principal_arn", "anomaly_score", "surprise_bits", "event_count"]
    rows = select_columns(table, [*names, "frequency_bin"], "fct_principal_anomaly_scores").to_pylist()
    if not rows:
        return None
    best: dict[tuple[str, str], tuple[float, float]] = {}
    for row in rows:
        key = (row["principal_arn"] or "", row["recipient_account_id"] or "")
        high, bits = best.get(key, (-1.0, -1.0))
        best[key] = (max(high, _number(row["anomaly_score"])), max(bits, _number(row["surprise_bits"])))
    ordered = sorted(best, key=lambda key: (-best[key][0], -best[key][1], key))
    days = sorted({row["event_date"] for row in rows})[-MAX_COLUMNS:]
    shown = {key: index for index, key in enumerate(ordered[:MAX_ROWS])}
    labels = [label_principal(arn, width=30, show_keys=show_keys) for arn, _ in shown]
    grid = _Grid(days, "day", labels)
    for row in rows:
        key = (row["principal_arn"] or "", row["recipient_account_id"] or "")
        if key in shown and row["event_date"] in grid.places:
            grid.add(shown[key], row["event_date"], _shade_score(row["anomaly_score"]), _word_score(row))
    day_count = len({row["event_date"] for row in rows})
    return grid.finish(len(ordered), day_count, is_cut=day_count > len(days))


def _number(value: Any) -> float:
    return -1.0 if value is None else float(value)


def _shade_score(score: Any) -> str:
    if score is None:
        return "none"
    return f"s{sum(float(score) >= step for step in (50, 80, 90, 97, 99.5))}"


def _word_score(row: dict[str, Any]) -> str:
    score = row["anomaly_score"]
    said = "not scored: too little history" if score is None else f"score {float(score):.1f} of 100"
    bits = "" if row["surprise_bits"] is None else f", {float(row['surprise_bits']):.1f} bits of surprise"
    rarity = f", {clean_text(row['frequency_bin'], limit=40)}" if row["frequency_bin"] else ""
    return f"{row['event_date']}: {said}{bits}{rarity}, {row['event_count'] or 0:,} events"


def draw_coverage(table: pa.Table) -> HeatMap | None:
    """Draw what of each account and region was seen, by hour, or by day where there are more than four.

    Args:
        table: ``COVERAGE_COLUMNS``.

    Returns:
        The map, or ``None`` where the table is empty. A day has the worst state of its hours.
    """
    found = select_columns(table, COVERAGE_COLUMNS, "coverage")
    rows = _choose_days(found)
    if not rows.num_rows:
        return None
    hours = pc.min_max(rows.column("hour_at")).as_py()
    by_hour = (hours["max"] - hours["min"]) < timedelta(hours=_HOURS_SHOWN)
    merged = _merge_hours(rows, by_hour)
    columns = _fill_columns(sorted({column for cells in merged.values() for column in cells}), by_hour)
    ordered = sorted(merged, key=lambda key: (-sum(cell.get("missing", 0) for cell in merged[key].values()), key))
    labels = [_label_account(account, region) for account, region in ordered[:MAX_ROWS]]
    grid = _Grid(columns, "hour" if by_hour else "day", labels)
    top = max((cell["events"] for cells in merged.values() for cell in cells.values()), default=0)
    for index, key in enumerate(ordered[:MAX_ROWS]):
        for column, cell in merged[key].items():
            grid.add(index, column, _shade_coverage(cell, top), _word_coverage(column, cell))
    return grid.finish(len(ordered), len(columns), is_cut=rows.num_rows < found.num_rows)


def _choose_days(found: pa.Table) -> pa.Table:
    """Rows that have an hour, with their day (UTC), of the stretch of at most ``MAX_COLUMNS`` days with the most rows,
    the latest of equals.

    One file with an odd date must not push everything else off the map.
    """
    hours = found.column("hour_at").cast(pa.timestamp("us", tz="UTC"))
    rows = found.set_column(found.column_names.index("hour_at"), "hour_at", hours).append_column(
        "day", hours.cast(pa.date32())
    )
    rows = rows.filter(pc.is_valid(rows.column("hour_at")))
    counts = sorted((item["values"], item["counts"]) for item in pc.value_counts(rows.column("day")).to_pylist())
    if not counts:
        return rows
    (first, _), (last, _) = counts[0], counts[0]
    most, total, start = 0, 0, 0
    for day, count in counts:
        total += count
        while day - counts[start][0] >= timedelta(days=MAX_COLUMNS):
            total -= counts[start][1]
            start += 1
        if total >= most:
            first, last, most = counts[start][0], day, total
    day = rows.column("day")
    return rows.filter(pc.and_(pc.greater_equal(day, pa.scalar(first)), pc.less_equal(day, pa.scalar(last))))


def _merge_hours(rows: pa.Table, by_hour: bool) -> dict[tuple[str, str], dict[Any, dict[str, int]]]:
    """Counts per line and column: archives, events, and hours by state.

    Arrow adds them up: thousands of hours are some hundred days, and each row costs to become an object.
    """
    place = "hour_at" if by_hour else "day"
    counted = rows.group_by(["account_id", "region", place, "state"], use_threads=False).aggregate(
        [("archive_count", "sum"), ("event_count", "sum"), ([], "count_all")]
    )
    merged: dict[tuple[str, str], dict[Any, dict[str, int]]] = {}
    for row in counted.to_pylist():
        key = (row["account_id"] or "", row["region"] or "")
        cell = merged.setdefault(key, {}).setdefault(row[place], {"archives": 0, "events": 0})
        cell["archives"] += row["archive_count_sum"] or 0
        cell["events"] += row["event_count_sum"] or 0
        state = row["state"] if row["state"] in _STATES else "unknown"
        cell[state] = cell.get(state, 0) + row["count_all"]
    return merged


def _label_account(account: str, region: str) -> PrincipalLabel:
    name = f"{account or 'no account'} {region or 'no region'}"
    return PrincipalLabel("account", shorten(name, 34), "", clean_text(name, limit=500))


def _fill_columns(columns: Sequence[Any], by_hour: bool) -> list[Any]:
    """Every hour or day between the first and the last: a gap must be seen as one."""
    step = timedelta(hours=1) if by_hour else timedelta(days=1)
    out = [columns[0]]
    while out[-1] < columns[-1]:
        out.append(out[-1] + step)
    return out


def _shade_coverage(cell: dict[str, int], top: int) -> str:
    state = next(state for state in _STATES if cell.get(state))
    if state != "seen":
        return state
    return f"c{min(3, 4 * cell['events'] // (top + 1))}"


def _word_coverage(column: date | datetime, cell: dict[str, int]) -> str:
    when = column.strftime("%Y-%m-%d %H:00 UTC") if isinstance(column, datetime) else column.isoformat()
    states = ", ".join(f"{cell[state]} {state}" for state in _STATES if cell.get(state))
    return f"{when}: {cell['archives']:,} archives, {cell['events']:,} events; hours: {states}"


class _Grid:
    """Cells of a map under construction."""

    def __init__(self, columns: Sequence[Any], unit: str, labels: Sequence[PrincipalLabel]) -> None:
        self.columns = list(columns)
        self.unit = unit
        self.labels = labels
        self.left = measure_labels(labels) + (48 if any(label.account_id for label in labels) else 12)
        # Room at the right for the last tick's words.
        self.cell_width = round(min(34.0, (_WIDTH - self.left - 60) / max(len(self.columns), 1)), 2)
        self.places = {
            column: round(self.left + index * self.cell_width, 2) for index, column in enumerate(self.columns)
        }
        self.cells: list[Cell] = []

    def add(self, row: int, column: Any, shade: str, text: str) -> None:
        self.cells.append(Cell(self.places[column], _TOP + row * _ROW, shade, text))

    def finish(self, row_count: int, column_count: int, *, is_cut: bool) -> HeatMap:
        rows = [MapRow(_TOP + index * _ROW, label) for index, label in enumerate(self.labels)]
        cells = sorted(self.cells, key=lambda cell: (cell.y, cell.x, cell.text))
        return HeatMap(
            _WIDTH,
            _TOP + len(rows) * _ROW + 26,
            self.left,
            round(max(self.cell_width - 1.5, 2), 2),
            _ROW - 3,
            rows,
            cells,
            self._ticks(),
            row_count,
            column_count,
            self.unit,
            is_cut,
        )

    def _ticks(self) -> list[Tick]:
        # A label needs some 80 units; the first column always has one.
        every = max(1, round(92 / self.cell_width))
        form = "%d %b %H:00" if self.unit == "hour" else "%d %b %Y"
        return [Tick(self.places[column], column.strftime(form)) for column in self.columns[::every]]
