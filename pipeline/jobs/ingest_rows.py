"""Ledger and quarantine rows of one task, gathered archive by archive.

What enters: what a worker learned about each object. What leaves: two Arrow tables. This module must never let an
attacker's text through as it is: excerpts are redacted by ``flatten`` and control characters escaped here.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from pipeline.flatten import redact_tokens
from pipeline.lake.batch import LEDGER_ROWS, QUARANTINE_ROWS
from pipeline.source.objects import ListedObject

EXCERPT_CHARACTERS = 4096
EXCERPT_BYTES = 4 * EXCERPT_CHARACTERS
"""Raw bytes that an excerpt is cut from: enough for its characters, and for a token to be seen whole."""
EXCERPT_BUDGET_BYTES = 8 * 1024 * 1024
"""Excerpts kept of one archive: a flood of broken records must not fill the lake; the position is always kept."""

RETRIED = "retried"
"""Reason of a ledger row whose object was in quarantine before and is not any more."""

_LEDGER_NAMES = tuple(LEDGER_ROWS.names)
_UNCHANGED = "unchanged_content"
# C0, C1, bidirectional and other invisible format controls, line separators, lone surrogates.
_CONTROLS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


@dataclass(frozen=True, slots=True)
class ArchiveOutcome:
    """What came of one object; the columns of the ledger that reading it decides."""

    outcome: str
    reason: str | None = None
    detail: str | None = None
    kind: str | None = None
    inflated_bytes: int | None = None
    archive_sha256: str | None = None
    inflated_sha256: str | None = None
    record_read_count: int = 0
    record_kept_count: int = 0
    record_quarantined_count: int = 0
    event_dates: tuple[date, ...] = ()
    first_event_time: datetime | None = None
    last_event_time: datetime | None = None


def escape_controls(text: str) -> str:
    """Write control, invisible and direction-changing characters as ``\\uXXXX``."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class TaskRows:
    """Collects a task's rows as tuples; an archive costs microseconds, not Arrow scalars."""

    def __init__(self) -> None:
        self._ledger: list[tuple[Any, ...]] = []
        self._quarantine: list[tuple[tuple[str, str, int], tuple[Any, ...]]] = []
        self._spent: Counter[tuple[str, str]] = Counter()

    def add_archive(self, listed: ListedObject, result: ArchiveOutcome) -> None:
        """Append the ledger row of one object."""
        key = listed.archive_key
        values = {
            "archive_uri": listed.uri,
            "archive_version": listed.version,
            "archive_key": listed.key,
            "source_uri": listed.source_uri,
            "kind": result.kind or str(key.kind),
            "outcome": result.outcome,
            "reason": result.reason,
            "detail": None if result.detail is None else escape_controls(result.detail),
            "account_id": key.account_id,
            "region": key.region,
            "delivery_date": key.delivery_date,
            "delivered_at": key.delivered_at or listed.modified_at,
            "stored_bytes": listed.size,
            "inflated_bytes": result.inflated_bytes,
            "archive_sha256": result.archive_sha256,
            "inflated_sha256": result.inflated_sha256,
            "record_read_count": result.record_read_count,
            "record_kept_count": result.record_kept_count,
            "record_quarantined_count": result.record_quarantined_count,
            "event_dates": list(result.event_dates),
            "first_event_time": result.first_event_time,
            "last_event_time": result.last_event_time,
        }
        self._ledger.append(tuple(map(values.get, _LEDGER_NAMES)))

    def add_quarantine(
        self,
        listed: ListedObject,
        *,
        reason: str,
        detail: str,
        record_index: int | None = None,
        byte_offset: int | None = None,
        raw: bytes = b"",
    ) -> None:
        """Append a quarantine row.

        Args:
            listed: the object.
            reason: a word of docs/quarantine.md.
            detail: the same as a sentence.
            record_index: position in ``Records``; ``None`` for the object as a whole.
            byte_offset: start in the inflated bytes, where known.
            raw: the raw text's first ``EXCERPT_BYTES``, or less.
        """
        archive = (listed.uri, listed.version)
        text = make_excerpt(raw) if raw and self._spent[archive] < EXCERPT_BUDGET_BYTES else None
        self._spent[archive] += len(text or "")
        row = (listed.uri, listed.version, listed.key, record_index, byte_offset, reason, escape_controls(detail), text)
        self._quarantine.append(((listed.key, listed.uri, byte_offset or 0), row))

    def ledger_table(self) -> pa.Table:
        """The ledger rows, schema LEDGER_ROWS, as they were added."""
        return _columns(self._ledger, LEDGER_ROWS)

    def quarantine_table(self) -> pa.Table:
        """The quarantine rows, schema QUARANTINE_ROWS, by archive and position."""
        ordered = sorted(self._quarantine, key=lambda item: item[0])
        return _columns([row for _, row in ordered], QUARANTINE_ROWS)


def make_excerpt(raw: bytes) -> str:
    """The first 4,096 characters of raw text: tokens redacted, control characters escaped."""
    return escape_controls(redact_tokens(raw.decode("utf-8", "replace")))[:EXCERPT_CHARACTERS]


def is_unchanged(row_reason: str | None) -> bool:
    """Whether a ledger row stands for bytes that the lake holds already under another version."""
    return row_reason == _UNCHANGED


def unchanged_outcome(outcome: str, archive_sha256: str) -> ArchiveOutcome:
    """An object whose bytes the ledger has under another version: the same outcome, no rows of its own."""
    return ArchiveOutcome(
        outcome, _UNCHANGED, "the same bytes are in the lake under another version", archive_sha256=archive_sha256
    )


def _columns(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    if not rows:
        return schema.empty_table()
    columns = zip(*rows, strict=True)
    return pa.table([pa.array(values, column.type) for values, column in zip(columns, schema, strict=True)], schema)
