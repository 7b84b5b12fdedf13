"""What is read again with ``quarantine --retry``: objects, or single records of them, that are in quarantine.

What enters: the ledger and the quarantine table. What leaves: (uri, version) -> ``Retry``. This module must never
name a record that is an event already: reading it again would double it.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.jobs.ingest_rows import RETRIED
from pipeline.jobs.ingest_tasks import Retry
from pipeline.lake.lake import Lake


def collect_retries(lake: Lake) -> dict[tuple[str, str], Retry]:
    """Everything that is in quarantine now.

    Args:
        lake: an open lake.

    Returns:
        (uri, version) -> what to read again: whole objects, or the records of committed ones.
    """
    current = select_current(lake)
    records: dict[tuple[str, str], set[int]] = {}
    names = ("archive_uri", "archive_version", "record_index")
    for uri, version, index in zip(*(current.column(name).to_pylist() for name in names), strict=True):
        wanted = records.setdefault((uri, version), set())
        if index is not None:
            wanted.add(index)
    retries = {}
    for row in lake.ledger().to_pylist():
        key = (row["archive_uri"], row["archive_version"])
        if row["outcome"] == "quarantined":
            retries[key] = Retry()
        elif records.get(key):
            retries[key] = Retry(
                frozenset(records[key]),
                row["record_kept_count"],
                tuple(row["event_dates"] or ()),
                row["first_event_time"],
                row["last_event_time"],
            )
    return retries


def select_current(lake: Lake, *, columns: list[str] | None = None) -> pa.Table:
    """Quarantine rows that still hold: of each object the newest batch's, unless a later retry resolved it.

    Args:
        lake: an open lake.
        columns: columns to return; all by default.

    Returns:
        Rows ordered by batch, key and position.
    """
    rows = lake.snapshot().open_dataset("quarantine").to_table()
    keys = ["archive_uri", "archive_version"]
    newest = rows.select([*keys, "batch_number"]).group_by(keys).aggregate([("batch_number", "max")])
    ledger = lake.ledger_history().select([*keys, "batch_number", "reason"])
    retried = ledger.filter(pc.equal(ledger.column("reason"), RETRIED))
    resolved = retried.group_by(keys).aggregate([("batch_number", "max")]).rename_columns([*keys, "resolved"])
    newest = newest.join(resolved, keys=keys, join_type="left outer")
    holds = pc.less_equal(pc.fill_null(newest.column("resolved"), 0), newest.column("batch_number_max"))
    newest = newest.filter(holds).select([*keys, "batch_number_max"])
    current = rows.join(newest, keys=[*keys, "batch_number"], right_keys=[*keys, "batch_number_max"], join_type="inner")
    ordered = current.sort_by(
        [
            ("batch_number", "ascending"),
            ("archive_key", "ascending"),
            ("archive_uri", "ascending"),
            ("byte_offset", "ascending"),
        ]
    )
    return ordered.select(columns or rows.column_names)
