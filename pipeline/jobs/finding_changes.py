"""What the grants of findings changed, and whose the keys of their chains are.

What enters: findings and a built lake. What leaves: ``Change`` rows by finding, access key id -> user. This job must
never read the events: the models hold what is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.finding import Finding
from pipeline.lake import Lake
from pipeline.remediation.revert import Change

_WRITE_COLUMNS = (
    "event_id", "recipient_account_id", "event_time", "event_name", "target_kind", "target_name", "target_arn",
    "policy_name", "policy_arn", "policy_version_id", "group_name",
)  # fmt: skip
_DELTA_COLUMNS = ("event_id", "recipient_account_id", "target_arn", "state", "before_document", "after_document")
_TEXTS = tuple(item.name for item in fields(Change) if item.default == "")


@dataclass(frozen=True, slots=True)
class FindingChanges:
    """What a plan needs to know beside the findings.

    Attributes:
        changes: finding id -> what its grants changed, in order of time.
        key_owners: access key id -> user.
    """

    changes: Mapping[str, tuple[Change, ...]]
    key_owners: Mapping[str, str]


def read_changes(lake: Lake, findings: Sequence[Finding]) -> FindingChanges:
    """Read what the grants of findings changed.

    Args:
        lake: built.
        findings: of it.

    Returns:
        Changes by finding; a write that several principals felt comes once for each. Findings without a successful
        grant are left out.

    Raises:
        LakeError: the models are not built.
    """
    grants = {item.finding_id: [one.event_id for one in item.evidence if one.role == "grant"] for item in findings}
    rows = _read_writes(lake, [name for names in grants.values() for name in names])
    by_event: dict[str, list[Change]] = {}
    for row in rows:
        by_event.setdefault(row["event_id"], []).append(_change(row))
    changes = {
        name: tuple(change for event_id in dict.fromkeys(events) for change in by_event.get(event_id, ()))
        for name, events in grants.items()
        if events
    }
    keys = {text for item in findings for edge in item.chain for text in (edge.source, edge.target)}
    return FindingChanges(changes, _read_owners(lake, keys))


def _read_writes(lake: Lake, event_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Successful writes with the delta of the principal they name, and the key they handed out."""
    if not event_ids:
        return []
    writes = _select(lake, "int_policy_writes", _WRITE_COLUMNS, "event_id", event_ids, only="is_success")
    deltas: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for delta in _select(lake, "ext_policy_deltas", _DELTA_COLUMNS, "event_id", event_ids).to_pylist():
        deltas.setdefault((delta["event_id"], delta["recipient_account_id"]), []).append(delta)
    issued = _select(lake, "int_identity_issuances", ("event_id", "issued_access_key_id"), "event_id", event_ids)
    keys = dict(zip(*(issued.column(name).to_pylist() for name in issued.column_names), strict=True))
    out = []
    for row in writes.sort_by([("event_time", "ascending"), ("event_id", "ascending")]).to_pylist():
        felt = [
            delta
            for delta in deltas.get((row["event_id"], row["recipient_account_id"]), ())
            if not row["target_arn"] or delta["target_arn"] == row["target_arn"]
        ]
        for delta in felt or [{}]:
            known = {name: delta.get(name) for name in ("state", "before_document", "after_document")}
            out.append(row | known | {"issued_key_id": keys.get(row["event_id"])})
    return out


def _read_owners(lake: Lake, keys: Iterable[str]) -> dict[str, str]:
    columns = ("access_key_id", "user_name", "identity_type")
    rows = _select(lake, "int_sessions", columns, "access_key_id", sorted(keys)).to_pylist()
    return {
        row["access_key_id"]: row["user_name"] for row in rows if row["identity_type"] == "IAMUser" and row["user_name"]
    }


def _select(
    lake: Lake, model: str, columns: Sequence[str], column: str, values: Sequence[str], *, only: str = ""
) -> pa.Table:
    wanted = pc.field(column).isin(pa.array(values, pa.string()))
    if only:
        wanted = wanted & pc.field(only)
    return lake.read_model(model).to_table(columns=list(columns), filter=wanted)


def _change(row: Mapping[str, Any]) -> Change:
    values = {item.name: row.get(item.name) for item in fields(Change)} | {"account_id": row["recipient_account_id"]}
    for name in (*_TEXTS, "target_kind", "target_name"):
        values[name] = values[name] or ""
    return Change(**values | {"state": row["state"] or "unknown"})
