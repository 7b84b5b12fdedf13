"""Tables of the page: the rows that matter, and how many there are besides.

What enters: Arrow tables of any length. What leaves: a few hundred rows as dictionaries, with the total. This module
must never show a part as if it were the whole.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.report.report_input import OWN_ACTION_COLUMNS, PRINCIPAL_COLUMNS, QUARANTINE_COLUMNS
from pipeline.report.timeline_chart import TIERS, mark_cited

MAX_TIMELINE_ROWS = 250
MAX_TABLE_ROWS = 100

_HEADINGS = {
    "principal_arn": "Principal",
    "recipient_account_id": "Account",
    "principal_kind": "Kind",
    "first_event_time": "First event",
    "last_event_time": "Last event",
    "event_count": "Events",
    "policy_write_count": "Policy writes",
    "denied_count": "Denied",
    "max_anomaly_score": "Highest score",
    "archive_uri": "Archive",
    "record_index": "Record",
    "reason": "Reason",
    "detail": "Detail",
    "event_time": "Time",
    "event_name": "Call",
    "phase": "Came to be",
    "target_role_name": "Role",
    "target_user_name": "User",
    "user_identity_arn": "Made by",
    "plan_id": "Plan",
    "step_id": "Step",
    "event_id": "Event id",
}
_KNOWN = {"principals": PRINCIPAL_COLUMNS, "quarantine": QUARANTINE_COLUMNS, "own_actions": OWN_ACTION_COLUMNS}


@dataclass(frozen=True, slots=True)
class TableView:
    """Rows to show of ``total``."""

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    total: int

    def heading(self, column: str) -> str:
        """Return a column's name as people read it."""
        return _HEADINGS[column]

    def is_number(self, column: str) -> bool:
        """Return whether a column holds counts, scores or positions."""
        return column.endswith(("_count", "_score")) or column == "record_index"


def choose_timeline(table: pa.Table, cited: Collection[str]) -> TableView:
    """Choose the rows of the timeline to show: those a finding cites, then by tier, then by score; shown in order.

    Args:
        table: ``TIMELINE_COLUMNS``.
        cited: event ids that a finding cites.

    Returns:
        At most ``MAX_TIMELINE_ROWS`` rows in the order of time.
    """
    if table.num_rows > MAX_TIMELINE_ROWS:
        keys = pa.table(
            {
                "is_cited": mark_cited(table, cited),
                "tier": pc.fill_null(pc.index_in(table["delta_tier"].cast(pa.string()), value_set=pa.array(TIERS)), -1),
                "score": pc.fill_null(table["anomaly_score"].cast(pa.float64()), -1.0),
                "row": pa.array(range(table.num_rows), pa.int64()),
            }
        )
        order = [("is_cited", "descending"), ("tier", "descending"), ("score", "descending"), ("row", "ascending")]
        chosen = pc.sort_indices(keys, sort_keys=order).slice(0, MAX_TIMELINE_ROWS)
        rows = table.take(pc.array_take(chosen, pc.sort_indices(chosen))).to_pylist()
    else:
        rows = table.to_pylist()
    rows.sort(key=lambda row: (row["event_time"], row["event_id"]))
    return TableView(tuple(table.column_names), rows, table.num_rows)


def view_table(table: pa.Table | None, name: str) -> TableView | None:
    """Take the first rows of a table, and of its columns those the page knows.

    Args:
        table: ``principals``, ``quarantine`` or ``own_actions``; ``None`` where it was not handed over.
        name: which.

    Returns:
        At most ``MAX_TABLE_ROWS`` rows, or ``None``.
    """
    if table is None:
        return None
    columns = tuple(column for column in _KNOWN[name] if column in table.column_names)
    rows = table.select(list(columns)).slice(0, MAX_TABLE_ROWS).to_pylist()
    return TableView(columns, rows, table.num_rows)
