"""What the chain of a finding changed, and which long-term keys it signed with.

What enters: findings and built models. What leaves: ``Change`` rows and keys by finding. This job must never read the
events: the models hold what is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from pipeline.finding import Finding
from pipeline.remediation.change import Change
from pipeline.remediation.live_state import same_document

_SEED_ROLES = ("grant", "use", "issue")
_WRITE_COLUMNS = (
    "event_id", "recipient_account_id", "event_time", "event_name", "target_kind", "target_name", "target_arn",
    "policy_name", "policy_arn", "policy_version_id", "group_name", "policy_document", "issued_access_key_id",
    "session_id",
)  # fmt: skip
_DELTA_COLUMNS = ("event_id", "recipient_account_id", "target_arn", "state", "before_document", "after_document")
_SESSION_COLUMNS = ("session_id", "access_key_id", "user_name", "identity_type")
_DOCUMENT_WRITES = {"CreateRole": "trust", "UpdateAssumeRolePolicy": "trust"} | {
    f"Put{kind}Policy": "inline" for kind in ("Role", "User", "Group")
}
_SHARED_NAMES = tuple(item.name for item in fields(Change) if item.name in _WRITE_COLUMNS)
Row = Mapping[str, Any]


class ModelReader(Protocol):
    """Where built models are read: a lake, or the build that has just made them."""

    def read_model(self, name: str, columns: Sequence[str] = ()) -> pads.Dataset:
        """Return a model's rows, in any order; of some columns only, or of all."""


@dataclass(frozen=True, slots=True)
class FindingChanges:
    """What a plan needs to know beside the findings.

    Attributes:
        changes: finding id -> what its grants changed, and what the sessions that used them changed later, in order
            of time.
        keys: finding id -> access key id -> user: long-term keys that the chain signed with.
    """

    changes: Mapping[str, tuple[Change, ...]]
    keys: Mapping[str, Mapping[str, str]]


def read_changes(models: ModelReader, findings: Sequence[Finding]) -> FindingChanges:
    """Read what findings changed.

    Args:
        models: where they are read.
        findings: of them.

    Returns:
        Changes and keys by finding; a write that several principals felt comes once for each.

    Raises:
        LakeError: the models are not built.
    """
    roles = {
        item.finding_id: {one.event_id: one.role for one in item.evidence if one.role in _SEED_ROLES}
        for item in findings
    }
    seeds = _select_writes(models, "event_id", {event_id for events in roles.values() for event_id in events})
    using = {row["session_id"] for row in seeds for events in roles.values() if events.get(row["event_id"]) == "use"}
    later = _select_writes(models, "session_id", using - {None})
    rows = {(row["event_id"], row["recipient_account_id"]): row for row in [*seeds, *later]}
    changes = _make_changes(models, list(rows.values()))
    sessions = _read_sessions(models, {row["session_id"] for row in seeds} - {None})
    out, keys = {}, {}
    for item in findings:
        own = [row for row in seeds if row["event_id"] in roles[item.finding_id]]
        users = {row["session_id"] for row in own if roles[item.finding_id][row["event_id"]] == "use"}
        own += [row for row in later if row["session_id"] in users and row["event_time"] >= item.first_event_time]
        places = dict.fromkeys((row["event_id"], row["recipient_account_id"]) for row in sorted(own, key=_order))
        out[item.finding_id] = tuple(change for place in places for change in changes[place])
        keys[item.finding_id] = dict(pair for row in own for pair in sessions.get(row["session_id"], ()))
    return FindingChanges(out, keys)


def _order(row: Row) -> tuple[Any, str]:
    return (row["event_time"], row["event_id"])


def _select_writes(models: ModelReader, column: str, values: Iterable[str]) -> list[dict[str, Any]]:
    rows = _select(models, "int_policy_writes", _WRITE_COLUMNS, column, values, only="is_success").to_pylist()
    return sorted(rows, key=_order)


def _make_changes(models: ModelReader, rows: Sequence[Row]) -> dict[tuple[str, str], list[Change]]:
    """Writes with the delta of each principal they name; the document before in the words it was written in."""
    deltas: dict[tuple[str, str], list[Row]] = {}
    event_ids = {row["event_id"] for row in rows}
    for delta in _select(models, "ext_policy_deltas", _DELTA_COLUMNS, "event_id", event_ids).to_pylist():
        deltas.setdefault((delta["event_id"], delta["recipient_account_id"]), []).append(delta)
    earlier = _select_writes(models, "target_name", {row["target_name"] for row in rows} - {None})
    made: dict[tuple[str, str], list[Change]] = {}
    for row in rows:
        place = (row["event_id"], row["recipient_account_id"])
        felt = [
            delta
            for delta in deltas.get(place, ())
            if not row["target_arn"] or delta["target_arn"] == row["target_arn"]
        ]
        made[place] = [_spell_as_written(_change(row, delta), row, earlier) for delta in felt or [{}]]
    return made


def _change(row: Row, delta: Row) -> Change:
    values: dict[str, Any] = {name: row[name] or "" for name in _SHARED_NAMES}
    return Change(
        account_id=row["recipient_account_id"],
        state=delta.get("state") or "unknown",
        before_document=delta.get("before_document"),
        after_document=delta.get("after_document"),
        issued_key_id=row["issued_access_key_id"] or "",
        **values,
    )


def _spell_as_written(change: Change, row: Row, earlier: Sequence[Row]) -> Change:
    """The replay's documents mean what was written, in other words; where the write is there, its own words count."""
    slot = _slot(row)
    if slot is None or change.before_document is None:
        return change
    before = json.loads(change.before_document)
    for other in reversed(earlier):
        if _order(other) < _order(row) and _slot(other) == slot and same_document(other["policy_document"], before):
            return replace(change, before_document=other["policy_document"])
    return change


def _slot(row: Row) -> tuple[Any, ...] | None:
    """What a write's document was put into; ``None`` of other writes."""
    kind = _DOCUMENT_WRITES.get(row["event_name"])
    if kind is None:
        return None
    name = "" if kind == "trust" else row["policy_name"]
    return (row["recipient_account_id"], kind, row["target_kind"], row["target_name"], name)


def _read_sessions(models: ModelReader, session_ids: Iterable[str]) -> dict[str, list[tuple[str, str]]]:
    """Session -> long-term keys and their users: its own, and those on the likeliest path that leads to it."""
    lineage = _select(models, "fct_lineage", ("session_id", "path", "lineage_rank"), "session_id", session_ids)
    paths = {row["session_id"]: row["path"] for row in lineage.to_pylist() if row["lineage_rank"] == 1}
    wanted = {one for path in paths.values() for one in path} | set(session_ids)
    rows = _select(models, "int_sessions", _SESSION_COLUMNS, "session_id", wanted).to_pylist()
    sessions = {row["session_id"]: row for row in rows}
    found: dict[str, list[tuple[str, str]]] = {}
    for session_id in session_ids:
        steps = [sessions[one] for one in paths.get(session_id, [session_id]) if one in sessions]
        found[session_id] = [
            (row["access_key_id"], row["user_name"])
            for row in steps
            if row["identity_type"] == "IAMUser" and row["user_name"] and str(row["access_key_id"]).startswith("AKIA")
        ]
    return found


def _select(
    models: ModelReader, model: str, columns: Sequence[str], column: str, values: Iterable[str], *, only: str = ""
) -> pa.Table:
    read = dict.fromkeys((*columns, column, *([only] if only else [])))
    names, model_rows = sorted(values), models.read_model(model, tuple(read))
    if not names:
        return model_rows.schema.empty_table().select(list(columns))
    wanted = pc.field(column).isin(pa.array(names, pa.string()))
    return model_rows.to_table(columns=list(columns), filter=wanted & pc.field(only) if only else wanted)
