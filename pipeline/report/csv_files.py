"""timeline.csv and scores.csv: marts as cells that a spreadsheet opens without running anything.

What enters: Arrow tables with at least the columns named here. What leaves: CSV bytes, UTF-8, RFC 4180 quoting, lines
ending in a line feed. This module must never sort, drop or round: order and values are the mart's.

Source: RFC 4180; OWASP "CSV Injection".
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from pipeline.errors import ReportError
from pipeline.finding import format_time
from pipeline.report.cleaning import clean_cell

TIMELINE_COLUMNS = (
    "event_time",
    "event_id",
    "recipient_account_id",
    "principal_arn",
    "root_principal_arn",
    "target_role_arn",
    "policy_name",
    "is_denied",
    "delta_tier",
    "actions_added_count",
    "is_self_target",
    "anomaly_score",
    "source_ip_address",
    "user_agent",
    "archive_uri",
    "record_index",
)
"""Columns of timeline.csv, public and in this order."""

SCORE_COLUMNS = (
    "event_date",
    "recipient_account_id",
    "principal_arn",
    "anomaly_score",
    "surprise_bits",
    "frequency_bin",
    "event_count",
    "policy_write_count",
    "denied_count",
    "first_seen_count",
    "baseline_event_count",
    "reasons",
)
"""Columns of scores.csv, public and in this order: one row per scored principal-day."""

_BATCH = 8192


def select_columns(table: pa.Table, columns: Sequence[str], name: str) -> pa.Table:
    """Return the named columns in order, or say which are missing.

    Args:
        table: a mart; more columns than asked for are fine.
        columns: the public columns.
        name: the mart, for the message.

    Returns:
        The table with these columns only.

    Raises:
        ReportError: a column is not there.
    """
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise ReportError(f"{name} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}")
    return table.select(list(columns))


def _write_value(value: Any) -> str:
    """Text of one typed value; only text can be a formula, so only text is neutralised."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list):
        return clean_cell("; ".join(_write_item(item) for item in value))
    return clean_cell(value)


def _write_item(item: Any) -> str:
    """One reason of a list: its sentence where it is a struct, else its own text."""
    if isinstance(item, dict):
        return ", ".join(f"{key}: {value}" for key, value in item.items() if value is not None)
    return "" if item is None else str(item)


def _column_cells(column: pa.ChunkedArray) -> list[str]:
    values = column.to_pylist()
    # Minus zero equals zero and is written otherwise; lists cannot be looked up.
    if pa.types.is_floating(column.type) or pa.types.is_nested(column.type):
        return [_write_value(value) for value in values]
    # Names, addresses, dates and counts repeat: write each distinct one once.
    known: dict[Any, str] = {}
    write: Callable[[Any], str] = _write_value
    return [known[value] if value in known else known.setdefault(value, write(value)) for value in values]


def _render_csv(table: pa.Table, columns: Sequence[str], name: str) -> bytes:
    selected = select_columns(table, columns, name)
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    writer.writerow(columns)
    for start in range(0, selected.num_rows, _BATCH):
        part = selected.slice(start, _BATCH)
        writer.writerows(zip(*(_column_cells(part.column(item)) for item in columns), strict=True))
    return out.getvalue().encode("utf-8")


def render_timeline(table: pa.Table) -> bytes:
    """Render timeline.csv, one row per PutRolePolicy attempt.

    Args:
        table: ``fct_role_policy_timeline``, in its order.

    Returns:
        CSV with ``TIMELINE_COLUMNS``; times as ``2024-01-31T09:30:00Z``, booleans ``true`` and ``false``, null empty.

    Raises:
        ReportError: a column is missing.

    Source:
        RFC 4180.
    """
    return _render_csv(table, TIMELINE_COLUMNS, "fct_role_policy_timeline")


def render_scores(table: pa.Table) -> bytes:
    """Render scores.csv, one row per scored principal-day.

    Args:
        table: ``fct_principal_anomaly_scores``, in its order.

    Returns:
        CSV with ``SCORE_COLUMNS``; ``reasons`` joined by ``; ``.

    Raises:
        ReportError: a column is missing.

    Source:
        RFC 4180.
    """
    return _render_csv(table, SCORE_COLUMNS, "fct_principal_anomaly_scores")
