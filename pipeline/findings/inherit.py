"""Which id a finding keeps when evidence grows.

What enters: this build's findings with the ids that their own evidence gives them, and the stored findings of the
build before. What leaves: one row per new finding: the id it is known by, and the ids it replaces. This module must
never look at anything but grants: two findings are the same story when they share a grant on the same target.

Source: LAKE.md, "Models": a finding that shares (grant event_id, target) with a stored one inherits its id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipeline.schema import EXT_FINDING_IDS


def inherit_ids(new: pa.Table, stored: pa.Table | None) -> pa.Table:
    """Give each new finding the id of the stored one whose grants it shares.

    A stored id goes to one new finding only: to the one whose own id it is, else to the one that shares most grants
    with it (on equal terms the earlier one). A finding that shares grants with several stored ones takes the id of the
    earliest and supersedes the others.

    Args:
        new: ``own_finding_id``, ``grant_keys`` (list of text) and ``first_event_time``.
        stored: ``finding_id``, ``own_finding_id``, ``grant_keys``, ``first_event_time`` and ``supersedes``;
            ``None`` before the first build.

    Returns:
        ``len(new)`` rows, schema EXT_FINDING_IDS, ordered by ``own_finding_id``.
    """
    fresh = sorted(new.to_pylist(), key=_age)
    old = {} if stored is None else {row["finding_id"]: row for row in stored.to_pylist()}
    shared = _count_shared(fresh, old)
    heirs: dict[str, str] = {}
    for stored_id in sorted(old, key=lambda finding_id: (old[finding_id]["first_event_time"], finding_id)):
        claims = [row for row in fresh if stored_id in shared[row["own_finding_id"]]]
        if claims:
            heir = min(claims, key=lambda row: _claim(row, stored_id, shared))
            heirs[stored_id] = heir["own_finding_id"]
    rows = [_inherit(row, old, heirs) for row in fresh]
    return pa.Table.from_pylist(sorted(rows, key=lambda row: str(row["own_finding_id"])), schema=EXT_FINDING_IDS)


def _age(row: Mapping[str, Any]) -> tuple[Any, str]:
    return row["first_event_time"], row["own_finding_id"]


def _count_shared(fresh: list[dict[str, Any]], old: Mapping[str, Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Return, per new finding, how many grants it shares with each stored one (none left out, none with zero)."""
    holders: dict[str, list[str]] = {}
    for stored_id, row in old.items():
        for key in row["grant_keys"] or ():
            holders.setdefault(key, []).append(stored_id)
    return {
        row["own_finding_id"]: Counter(holder for key in row["grant_keys"] for holder in holders.get(key, ()))
        for row in fresh
    }


def _claim(row: Mapping[str, Any], stored_id: str, shared: Mapping[str, Counter[str]]) -> tuple[Any, ...]:
    own = row["own_finding_id"]
    return (own != stored_id, -shared[own][stored_id], *_age(row))


def _inherit(
    row: Mapping[str, Any], old: Mapping[str, Mapping[str, Any]], heirs: Mapping[str, str]
) -> dict[str, object]:
    own = row["own_finding_id"]
    mine = [stored_id for stored_id, heir in heirs.items() if heir == own]
    finding_id = mine[0] if mine else own
    replaced = set(mine[1:]) | {earlier for stored_id in mine for earlier in old[stored_id]["supersedes"] or ()}
    return {"own_finding_id": own, "finding_id": finding_id, "supersedes": sorted(replaced - {finding_id})}
