"""A cited event beside the record that a case holds of it.

What enters: a record's bytes, what a manifest says of its event. What leaves: the member that differs. This module must
never repair a record: where one is odd its hash decides, and that covers every byte.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.finding import format_time

_MEMBERS = (("eventName", "event_name"), ("recipientAccountId", "recipient_account_id"))


def compare_record(raw: bytes, item: Mapping[str, Any], sha256: str) -> str:
    """The first member of a record that differs from what the manifest says of its event.

    Args:
        raw: the record.
        item: the manifest's words.
        sha256: of the record: the id of an event that has none.

    Returns:
        The member's name, "" where all agree. A member that is absent, no text, or holds what no lake keeps as it is,
        is not compared, and of one that stands twice either will do; the record's hash covers them all.
    """
    try:
        pairs = json.loads(raw, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return ""
    stated: dict[str, list[str]] = {}
    for name, value in pairs if isinstance(pairs, list) else ():
        if isinstance(value, str) and value.isprintable():
            stated.setdefault(name, []).append(value)
    if "eventID" in stated and item["event_id"] not in (*stated["eventID"], f"sha256:{sha256}"):
        return "eventID"
    for name, column in _MEMBERS:
        if name in stated and item.get(column) not in stated[name]:
            return name
    times = {_normalise_time(text) for text in stated.get("eventTime", ())} - {None}
    return "eventTime" if times and item.get("event_time") not in times else ""


def _normalise_time(text: str) -> str | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return format_time(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
