"""What each account is known to hold: principals, their policies, and how sure that is.

What enters: slots to set, by ``changes`` and ``snapshot``. What leaves: ``Standing`` of a principal.
This module must never guess: a slot is known because it was seen written, or because its principal was seen created.

A *slot* is one place that holds one thing: an inline policy by name, an attached policy by ARN, the trust policy, the
boundary, a group. A slot whose value is ``None`` is known to be empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.policy.evaluator import Evaluated, Evaluator
from pipeline.policy.permissions import Permissions

SlotKey = tuple[str, str]
"""Kind of slot (inline, managed, trust, boundary, group) and its name in lower case ('' where there is only one)."""
PrincipalKey = tuple[str, str]
"""Kind of principal and its name in lower case."""

TRUST: SlotKey = ("trust", "")
BOUNDARY: SlotKey = ("boundary", "")
NEVER = -1


@dataclass(frozen=True, slots=True)
class Slot:
    """What a slot holds since some write.

    Attributes:
        value: the document for inline and trust; ``None`` if empty, or if it holds only a name.
        name: ARN of a managed policy or boundary, or a group's name; '' if empty.
        epoch: the account's epoch for this kind of principal when it was written.
    """

    value: Evaluated | None
    name: str
    epoch: int


@dataclass(slots=True, eq=False)
class Principal:
    """One role, user, group or permission set; a recreated one is another object."""

    kind: str
    name: str
    arn: str = ""
    slots: dict[SlotKey, Slot] = field(default_factory=dict)
    whole_since: int = NEVER

    @property
    def key(self) -> PrincipalKey:
        """Kind and lower-case name: how it is found again."""
        return self.kind, self.name.lower()


@dataclass(slots=True, eq=False)
class ManagedState:
    """A customer-managed policy: documents by version, and which version is the default ('' if unknown)."""

    arn: str
    versions: dict[str, Slot] = field(default_factory=dict)
    default: dict[str, Slot] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a principal is known to hold at one moment.

    Attributes:
        parts: permissions of each known policy, its groups' included.
        boundary: permissions of its boundary; ``None`` if it has none or it is unknown.
        is_whole: nothing of it is unknown.
    """

    parts: tuple[Permissions, ...]
    boundary: Permissions | None
    is_whole: bool


class AccountState:
    """All that is known of one account."""

    def __init__(self, account_id: str, partition: str) -> None:
        """Begin knowing nothing."""
        self.account_id = account_id
        self.partition = partition
        self.principals: dict[PrincipalKey, Principal] = {}
        self.policies: dict[str, ManagedState] = {}
        self.epochs: dict[str, int] = {}
        self.holders: dict[SlotKey, dict[Principal, Slot]] = {}

    def arn_of(self, kind: str, name: str) -> str:
        """ARN without a path: the log gives none for most calls."""
        return f"arn:{self.partition}:iam::{self.account_id}:{kind}/{name}"

    def epoch(self, kind: str) -> int:
        """How often something hidden may have changed principals of this kind."""
        return self.epochs.get(kind, 0)

    def find(self, kind: str, name: str, arn: str = "") -> Principal:
        """The principal of that name; one that was never seen is begun, knowing nothing of it."""
        key = (kind, name.lower())
        found = self.principals.get(key)
        if found is None:
            found = Principal(kind, name, arn or self.arn_of(kind, name))
            self.principals[key] = found
        return found

    def is_whole(self, principal: Principal) -> bool:
        """Whether the principal was seen created (or snapshotted) and nothing hidden happened since."""
        return principal.whole_since == self.epoch(principal.kind)

    def is_known(self, principal: Principal, key: SlotKey) -> bool:
        """Whether it is certain what the slot holds."""
        slot = principal.slots.get(key)
        return (slot is not None and slot.epoch == self.epoch(principal.kind)) or self.is_whole(principal)

    def current(self, principal: Principal, key: SlotKey) -> Slot | None:
        """What the slot was last seen to hold; ``is_known`` tells whether something hidden may have changed it."""
        slot = principal.slots.get(key)
        if slot is None:
            return None
        return slot if slot.value is not None or slot.name else None

    def users_of(self, key: SlotKey) -> list[Principal]:
        """Principals that hold a managed policy, or that are in a group, as far as known, by name."""
        held = self.holders.get(key, {})
        alive = [item for item in held if self.principals.get(item.key) is item and self.current(item, key)]
        return sorted(alive, key=lambda item: item.key)


def resolve_managed(account: AccountState, arn: str, evaluator: Evaluator) -> Evaluated | None:
    """The document that a managed policy grants now; ``None`` if it is not known."""
    shipped = evaluator.find_managed(arn)
    if shipped is not None:
        return shipped
    policy = account.policies.get(arn.lower())
    slot = policy.default.get("") if policy is not None else None
    if slot is None:
        return None
    return slot.value


def _held(account: AccountState, principal: Principal) -> Iterator[tuple[SlotKey, Slot]]:
    for key, slot in principal.slots.items():
        if slot.value is not None or slot.name:
            yield key, slot


def standing_of(account: AccountState, principal: Principal, evaluator: Evaluator) -> Standing:
    """Gather what a principal is known to hold now.

    Args:
        account: its account.
        principal: a role, user, group or permission set.
        evaluator: resolves AWS's managed policies.

    Returns:
        Its standing; parts in a fixed order, so that equal standings compare equal.
    """
    parts: list[Permissions] = []
    boundary: Permissions | None = None
    whole = account.is_whole(principal)
    for key, slot in sorted(_held(account, principal), key=lambda item: item[0]):
        if key[0] == "trust":
            continue
        if key[0] == "group":
            group = standing_of(account, account.find("group", slot.name), evaluator)
            parts.extend(group.parts)
            whole = whole and group.is_whole
            continue
        held = slot.value if key[0] == "inline" else resolve_managed(account, slot.name, evaluator)
        if held is None or held.permissions is None:
            whole = False
        elif key == BOUNDARY:
            boundary = held.permissions
        else:
            parts.append(held.permissions)
    return Standing(tuple(parts), boundary, whole)
