"""Replay of every permission-changing call: what each one added, to whom, and how sure that is.

What enters: rows of ``int_policy_writes`` in order, an optional snapshot. What leaves: rows of ``EXT_POLICY_DELTAS``
and, for ``uses``, the ground each row stands on.
This module must never let a failed call change the state, nor leave a write without a row.

Source: DETECTION.md, "What a policy grants".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.policy.changes import KNOWN, UNKNOWN, UPPER_BOUND, Change, Write, plan_change
from pipeline.policy.delta import Delta
from pipeline.policy.evaluator import Evaluated, Evaluator
from pipeline.policy.order import order_writes
from pipeline.policy.permissions import Permissions
from pipeline.policy.snapshot import load_snapshot
from pipeline.policy.state import BOUNDARY, AccountState, Principal, Standing, standing_of
from pipeline.policy.trust import TrustChange, compare_trust

MAX_SHOWN_DOCUMENT = 16_384
"""Inline policies end at 10,240 characters, managed ones at 6,144; only AWS's own are longer, and those have names."""
GroundKey = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Ground:
    """What a delta row stands on: needed to judge a later use.

    Attributes:
        before: standing before the write.
        after: standing after it.
        gained: catalogue actions that the delta added.
        unknown: action patterns it added that the catalogue lacks.
        opens: the write let someone in (trust, credential): all of the target's permissions are what it gave.
    """

    before: Standing
    after: Standing
    gained: int
    unknown: frozenset[str]
    opens: bool


class ReplayResult:
    """Rows of ``EXT_POLICY_DELTAS`` in the order of the writes, and what they stand on.

    Attributes:
        rows: one per (write, affected principal).
        grounds: (account, event id, target ARN) -> ground.
        evaluator: the one that judged.
    """

    def __init__(self, evaluator: Evaluator) -> None:
        """Begin empty."""
        self.evaluator = evaluator
        self.rows: list[dict[str, Any]] = []
        self.grounds: dict[GroundKey, Ground] = {}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


_NO_DELTA_LISTS: dict[str, Any] = {
    "actions_added": [],
    "actions_added_count": 0,
    "resources_widened": [],
    "conditions_dropped": [],
    "denies_removed": [],
    "trust_added": [],
    "primitives": [],
}


class _Undo:
    """Settings of dictionaries, in order, so that a failed call can be taken back."""

    def __init__(self) -> None:
        self._steps: list[tuple[dict[Any, Any], Any, Any]] = []

    def put(self, mapping: dict[Any, Any], key: Any, value: Any) -> None:
        self._steps.append((mapping, key, mapping.get(key)))
        if value is None:
            mapping.pop(key, None)
        else:
            mapping[key] = value

    def take_back(self) -> None:
        for mapping, key, old in reversed(self._steps):
            if old is None:
                mapping.pop(key, None)
            else:
                mapping[key] = old


def _clean(text: str) -> str:
    """Text that any Arrow string can hold: a lone surrogate becomes its escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _cleaned(words: Iterable[str]) -> list[str]:
    return sorted({_clean(word) for word in words})


class Replayer:
    """The state of all accounts, moved along by one write after the other."""

    def __init__(self, evaluator: Evaluator) -> None:
        """Begin with no account."""
        self.evaluator = evaluator
        self.accounts: dict[str, AccountState] = {}
        self.result = ReplayResult(evaluator)

    def account(self, account_id: str, partition: str = "aws") -> AccountState:
        """State of an account, begun if need be."""
        found = self.accounts.get(account_id)
        if found is None:
            found = self.accounts[account_id] = AccountState(account_id, partition)
        return found

    def has(self, account_id: str, kind: str, name: str) -> bool:
        """Whether an account is known to have this principal."""
        found = self.accounts.get(account_id)
        return found is not None and (kind, name) in found.principals

    def step(self, write: Write) -> None:
        """Take one write into account and note its rows."""
        account = self.account(str(write["recipient_account_id"]), _partition_of(write))
        if write.get("is_request_omitted"):
            self._omitted(write, account)
            return
        change = plan_change(write, account, self.evaluator)
        before = [standing_of(account, item, self.evaluator) for item in change.affected]
        undo = _Undo()
        self._apply(change, account, undo)
        after = [standing_of(account, item, self.evaluator) for item in change.affected]
        for principal, old, new in zip(change.affected, before, after, strict=True):
            self._note(write, account, change, principal, old, new)
        if not change.affected:
            self._note_policy(write, account, change)
        if not write.get("is_success"):
            undo.take_back()

    def _omitted(self, write: Write, account: AccountState) -> None:
        """Parameters over 100 KB are not in the log: who was granted what is unknown, and all of the kind is unsure."""
        if write.get("is_success"):
            kind = str(write.get("target_kind") or "role")
            account.epochs[kind] = account.epoch(kind) + 1
        row = _row(write, "", "unknown", None, UNKNOWN, "T3", {"omitted"})
        self._keep(row, Standing((), None, False), Standing((), None, False), None, False)

    def _apply(self, change: Change, account: AccountState, undo: _Undo) -> None:
        if change.policy is not None:
            self._apply_version(change, account, undo)
            return
        principal = change.affected[0] if change.affected else None
        if principal is None or principal.kind == "unknown":
            return
        if change.replaces is not None:
            undo.put(account.principals, principal.key, change.replaces)
        elif change.removes:
            undo.put(account.principals, principal.key, None)
        elif change.slot is not None and change.new is not None:
            undo.put(principal.slots, change.slot, change.new)
            if change.slot[0] in ("managed", "group"):
                undo.put(account.holders.setdefault(change.slot, {}), principal, change.new)

    @staticmethod
    def _apply_version(change: Change, account: AccountState, undo: _Undo) -> None:
        policy = change.policy
        if policy is None or not policy.arn:
            return
        undo.put(account.policies, policy.arn.lower(), None if change.removes else policy)
        if change.removes or change.new is None:
            return
        if change.version_id and change.after is not None:
            undo.put(policy.versions, change.version_id, change.new)
        if change.is_default:
            undo.put(policy.default, "", change.new)

    def _note(
        self, write: Write, account: AccountState, change: Change, principal: Principal, old: Standing, new: Standing
    ) -> None:
        """One row: the delta of one principal, inside its boundary."""
        arn, name = self._identity(write, account, principal)
        self_arn = principal.arn or arn
        had, has = self._effective(old), self._effective(new)
        if change.slot == BOUNDARY and change.state != KNOWN and not (change.new and change.new.name):
            had = self.evaluator.nothing  # what the unknown boundary held back may be everything
        delta = self.evaluator.compare(had, has, self_arn)
        standing = self.evaluator.standing_tier(has, self_arn)
        trust = self._trust(change)
        state, tier = self._grade(change, principal, delta, standing, trust, new)
        row = _row(write, arn, principal.kind, name, state, tier, change.flags)
        row["standing_tier"] = standing
        self._fill(row, change, delta, trust)
        opens = bool(trust.added) if change.is_trust else change.is_credential
        row["is_noop"] = state != UNKNOWN and delta.is_noop and not opens
        self._keep(row, old, new, delta, opens)

    def _grade(
        self, change: Change, principal: Principal, delta: Delta, standing: str, trust: TrustChange, new: Standing
    ) -> tuple[str, str]:
        """State and tier of a row."""
        state = change.state
        if change.is_credential or (change.is_trust and trust.added):
            # Who is let in may do all that the principal may.
            if principal.kind == "unknown" or not new.is_whole:
                return (UNKNOWN if change.is_credential else _surer(state, UPPER_BOUND)), max("T3", standing)
            return state, standing
        if state == UNKNOWN:
            return state, max("T3", delta.tier)
        if change.slot == BOUNDARY and state != KNOWN and not new.is_whole and not delta.is_noop:
            return UNKNOWN, max("T3", delta.tier)
        if change.slot == BOUNDARY and change.new is not None and not change.new.name and not delta.is_noop:
            return (state if new.is_whole else UPPER_BOUND), delta.tier
        return state, delta.tier

    @staticmethod
    def _trust(change: Change) -> TrustChange:
        if not change.is_trust or change.after is None or change.after.document is None:
            return TrustChange((), ())
        earlier = change.before.document if change.before is not None else None
        return compare_trust(earlier, change.after.document)

    def _fill(self, row: dict[str, Any], change: Change, delta: Delta, trust: TrustChange) -> None:
        """Documents and lists."""
        self._fill_documents(row, change)
        row["is_trust_change"] = change.is_trust
        row["trust_added"] = _cleaned(trust.added)
        row["conditions_dropped"] = _cleaned(trust.conditions_dropped if change.is_trust else delta.conditions_dropped)
        row["actions_added"] = _cleaned(delta.actions_added)
        row["actions_added_count"] = delta.actions_added_count
        row["resources_widened"] = _cleaned(delta.resources_widened)
        row["denies_removed"] = _cleaned(delta.denies_removed)
        row["primitives"] = list(delta.primitives)

    def _fill_documents(self, row: dict[str, Any], change: Change) -> None:
        for name, held in (("before_document", change.before), ("after_document", change.after)):
            document = held.document if held is not None else None
            if document is not None and len(document.canonical) > MAX_SHOWN_DOCUMENT:
                row["flags"] = sorted({*row["flags"], "document_elided"})
            elif document is not None:
                row[name] = document.canonical
        if change.after is not None and change.after.document is not None:
            row["document_sha256"] = change.after.document.sha256
            permissions = change.after.permissions
            row["is_deny_only"] = not change.is_trust and permissions is not None and permissions.is_deny_only

    def _note_policy(self, write: Write, account: AccountState, change: Change) -> None:
        """A managed policy that nobody is known to have attached: its own row, judged as if somebody had."""
        arn = str(write.get("target_arn") or write.get("policy_arn") or "")
        had, has = _alone(change.before), _alone(change.after)
        if not change.is_default or "unattached" in change.flags:
            had = has = Standing((), None, change.state != UNKNOWN)
        delta = self.evaluator.compare(self._effective(had), self._effective(has), "")
        tier = max("T3", delta.tier) if change.state == UNKNOWN and change.is_default else delta.tier
        state = change.state if change.is_default else KNOWN
        kind = "policy" if arn else "unknown"
        row = _row(write, arn, kind, write.get("target_name"), state, tier, change.flags)
        row["standing_tier"] = self.evaluator.standing_tier(self._effective(has), "")
        self._fill(row, change, delta, TrustChange((), ()))
        row["is_noop"] = state != UNKNOWN and delta.is_noop
        self._keep(row, had, has, delta, False)

    def _effective(self, standing: Standing) -> Permissions:
        return self.evaluator.effective(standing.parts, standing.boundary)

    @staticmethod
    def _identity(write: Write, account: AccountState, principal: Principal) -> tuple[str, str | None]:
        """ARN and name of a row's target: as the call wrote them, if it is the one that the call names."""
        if principal.kind == "unknown":
            return "", None
        name = str(write.get("target_name") or "")
        known = principal.arn or account.arn_of(principal.kind, principal.name)
        if name.lower() == principal.name.lower() and write.get("target_kind") == principal.kind:
            return str(write.get("target_arn") or known), _clean(name)
        return known, _clean(principal.name)

    def _keep(self, row: dict[str, Any], old: Standing, new: Standing, delta: Delta | None, opens: bool) -> None:
        self.result.rows.append(row)
        key = (row["recipient_account_id"], row["event_id"], row["target_arn"])
        gained = delta.reach.gained if delta is not None else 0
        unknown = delta.reach.unknown if delta is not None else frozenset()
        self.result.grounds[key] = Ground(old, new, gained, unknown, opens)


def _surer(state: str, at_most: str) -> str:
    order = (UNKNOWN, UPPER_BOUND, KNOWN)
    return min(state, at_most, key=order.index)


def _alone(held: Evaluated | None) -> Standing:
    permissions = held.permissions if held is not None else None
    return Standing((permissions,) if permissions is not None else (), None, permissions is not None)


def _partition_of(write: Write) -> str:
    for name in ("target_arn", "principal_arn", "policy_arn"):
        parts = str(write.get(name) or "").split(":", 2)
        if len(parts) == 3 and parts[0] == "arn" and parts[1]:
            return parts[1]
    return "aws"


def _row(
    write: Write, arn: str, kind: str, name: str | None, state: str, tier: str, flags: Iterable[str]
) -> dict[str, Any]:
    return {
        "recipient_account_id": str(write["recipient_account_id"]),
        "event_id": str(write["event_id"]),
        "target_arn": arn,
        "target_kind": kind,
        "target_name": name,
        "state": state,
        "tier": tier,
        "standing_tier": None,
        "before_document": None,
        "after_document": None,
        "document_sha256": None,
        **{key: list(value) if isinstance(value, list) else value for key, value in _NO_DELTA_LISTS.items()},
        "is_trust_change": False,
        "is_noop": False,
        "is_deny_only": False,
        "flags": sorted(flags),
    }


def replay_writes(
    writes: Iterable[Write],
    *,
    evaluator: Evaluator,
    snapshot: str | Mapping[str, Any] | None = None,
    snapshot_at: datetime | None = None,
) -> ReplayResult:
    """Replay permission-changing calls and say what each one added.

    Args:
        writes: rows of ``int_policy_writes``, ordered by account, time and event id.
        evaluator: from ``load_evaluator``.
        snapshot: answer of ``aws iam get-account-authorization-details``, as JSON text or object.
        snapshot_at: when it was taken; ``None``: before the first write.

    Returns:
        One row per (write, affected principal), in the order of the writes; within one second, cause before effect.

    Raises:
        PolicyError: the snapshot is not what that command answers.
    """
    replayer = Replayer(evaluator)
    held = load_snapshot(snapshot, evaluator) if snapshot is not None else None
    pending = set(held.accounts) if held is not None else set()
    for write in order_writes(writes, replayer.has):
        account_id = str(write["recipient_account_id"])
        if held is not None and account_id in pending and (snapshot_at is None or write["event_time"] >= snapshot_at):
            pending.discard(account_id)
            replayer.accounts[account_id] = held.accounts[account_id]
        replayer.step(write)
    return replayer.result
