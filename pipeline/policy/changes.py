"""From one recorded call to what it would set, where, and how sure the earlier state is.

What enters: a row of ``int_policy_writes`` and the account's state. What leaves: a ``Change``, not yet applied.
This module must never alter the state: ``replay`` applies a change, and takes it back where the call failed.

Source: IAM API Reference, the operations by name; IAM Identity Center API Reference, permission sets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.policy.evaluator import Evaluated, Evaluator
from pipeline.policy.state import (
    BOUNDARY,
    TRUST,
    AccountState,
    ManagedState,
    Principal,
    Slot,
    SlotKey,
    resolve_managed,
)

KNOWN, UPPER_BOUND, UNKNOWN = "known", "upper_bound", "unknown"
Write = Mapping[str, Any]


@dataclass(slots=True)
class Change:
    """What one call would do.

    Attributes:
        affected: principals whose permissions it touches, the named one first.
        slot: the slot set on ``affected[0]``, if it is one principal's.
        new: what the slot then holds.
        state: how sure the earlier state is.
        before: document that was in the slot; ``None`` if nothing or unknown.
        after: document that is then in it.
        version: managed policy, version id and document to set, whether it becomes the default.
        replaces: a new principal in place of the named one.
        removes: the named principal, or the policy, goes.
        is_trust: the trust policy is set.
        is_credential: a key or password gives out the principal's own permissions.
        flags: what was odd.
    """

    affected: list[Principal] = field(default_factory=list)
    slot: SlotKey | None = None
    new: Slot | None = None
    state: str = KNOWN
    before: Evaluated | None = None
    after: Evaluated | None = None
    policy: ManagedState | None = None
    version_id: str = ""
    is_default: bool = False
    replaces: Principal | None = None
    removes: bool = False
    is_trust: bool = False
    is_credential: bool = False
    flags: set[str] = field(default_factory=set)


class Planner:
    """Reads one write against one account."""

    def __init__(self, write: Write, account: AccountState, evaluator: Evaluator) -> None:
        """Take the row apart."""
        self.write = write
        self.account = account
        self.evaluator = evaluator
        self.kind = str(write.get("target_kind") or "")
        self.verb = str(write.get("write_verb") or "")

    def _text(self, name: str) -> str:
        return str(self.write.get(name) or "")

    def target(self) -> Principal:
        """The principal named; a nameless one stands alone and is not kept."""
        name = self._text("target_name")
        if not name:
            return Principal("unknown", "")
        return self.account.find(self.kind, name, self._text("target_arn"))

    def document(self, change: Change) -> Evaluated | None:
        """The document written; flags what is wrong with it."""
        text = self.write.get("policy_document")
        if text is None or text == "":
            change.flags.add("no_document")
            change.state = UNKNOWN
            return None
        found = self.evaluator.read(str(text))
        if found.document is None:
            change.flags.add("unparseable")
            change.state = UNKNOWN
        else:
            change.flags |= found.document.flags
            if found.permissions is not None:
                change.flags |= found.permissions.flags
        return found

    def _occupy(self, change: Change, principal: Principal, key: SlotKey, value: Evaluated | None, name: str) -> None:
        """Note the slot, its earlier content and how sure that is."""
        change.affected = [principal]
        change.slot = key
        change.new = Slot(value, name, self.account.epoch(principal.kind))
        old = self.account.current(principal, key)
        known = self.account.is_known(principal, key)
        if old is not None and key[0] != "group":
            change.before = old.value if old.value is not None else self._managed(old.name)
            known = known and (change.before is not None) and change.before.permissions is not None
        if change.state == KNOWN and not known:
            change.state = UPPER_BOUND

    def _managed(self, arn: str) -> Evaluated | None:
        return resolve_managed(self.account, arn, self.evaluator) if arn else None

    def _members(self, group: Principal) -> list[Principal]:
        return self.account.users_of(("group", group.name.lower())) if group.kind == "group" else []

    def inline(self) -> Change:
        """PutRolePolicy, PutUserPolicy, PutGroupPolicy and their Delete."""
        change = Change()
        principal = self.target()
        name = self._text("policy_name")
        if self.verb == "delete":
            self._occupy(change, principal, ("inline", name.lower()), None, "")
        else:
            change.after = self.document(change)
            self._occupy(change, principal, ("inline", name.lower()), change.after, name)
        change.affected += self._members(principal)
        return change

    def managed(self) -> Change:
        """Attach and detach; also of a permission set's managed policies."""
        change = Change()
        principal = self.target()
        arn = self._text("policy_arn") or self._text("policy_name")
        if self.verb == "detach":
            self._occupy(change, principal, ("managed", arn.lower()), None, "")
        else:
            change.after = self._managed(arn)
            if change.after is None or change.after.permissions is None:
                change.flags.add("unknown_policy")
                change.state = UNKNOWN
            else:
                change.flags |= change.after.permissions.flags
            self._occupy(change, principal, ("managed", arn.lower()), None, arn)
        change.affected += self._members(principal)
        return change

    def permission_set(self) -> Change:
        """Identity Center's writes; provisioning itself grants nothing new."""
        if self.verb in ("attach", "detach"):
            return self.managed()
        if self.verb in ("put", "delete"):
            return self.inline()
        return Change(affected=[self.target()], flags={"provision"})

    def trust(self) -> Change:
        """UpdateAssumeRolePolicy."""
        change = Change(is_trust=True)
        change.after = self.document(change)
        self._occupy(change, self.target(), TRUST, change.after, "")
        return change

    def boundary(self) -> Change:
        """PutRolePermissionsBoundary, PutUserPermissionsBoundary and their Delete."""
        change = Change()
        arn = "" if self.verb == "delete" else self._text("permissions_boundary_arn")
        if arn or self.verb == "delete":
            change.after = self._managed(arn)
        else:
            change.flags.add("no_document")
            change.state = UNKNOWN
        if arn and change.after is None:
            change.flags.add("unknown_boundary")
        self._occupy(change, self.target(), BOUNDARY, None, arn)
        return change

    def membership(self) -> Change:
        """AddUserToGroup, RemoveUserFromGroup."""
        change = Change()
        group = self._text("group_name")
        if not group:
            change.flags.add("no_document")
            change.state = UNKNOWN
        name = group if self.verb == "add" else ""
        self._occupy(change, self.target(), ("group", group.lower()), None, name)
        if self.verb == "add" and group and not self._is_group_whole(group):
            change.flags.add("unknown_group")
            change.state = UNKNOWN
        return change

    def _is_group_whole(self, name: str) -> bool:
        found = self.account.principals.get(("group", name.lower()))
        return found is not None and self.account.is_whole(found)

    def credential(self) -> Change:
        """Keys and passwords: whoever holds one may do what the user may."""
        gives = self.verb in ("create", "update")
        return Change(affected=[self.target()], is_credential=gives, flags={"credential"})

    def lifecycle(self) -> Change:
        """Create and delete of roles, users, groups; DeletePolicy."""
        if self.kind == "policy":
            return Change(policy=self._policy(), removes=True)
        change = Change()
        if self.verb == "delete":
            return Change(affected=[self.target()], removes=True)
        name, kind = self._text("target_name"), self.kind
        if not name:
            change.affected, change.state = [Principal("unknown", "")], UNKNOWN
            change.flags.add("no_document")
            return change
        epoch = self.account.epoch(kind)
        fresh = Principal(kind, name, self._text("target_arn") or self.account.arn_of(kind, name), {}, epoch)
        boundary = self._text("permissions_boundary_arn")
        if boundary:
            fresh.slots[BOUNDARY] = Slot(None, boundary, epoch)
        if kind == "role":
            change.is_trust = True
            change.after = self.document(change)
            fresh.slots[TRUST] = Slot(change.after, "", epoch)
        change.affected, change.replaces = [fresh], fresh
        return change

    def _policy(self) -> ManagedState:
        arn = self._text("policy_arn") or self._text("target_arn")
        found = self.account.policies.get(arn.lower())
        return found if found is not None else ManagedState(arn)

    def version(self) -> Change:
        """CreatePolicy, CreatePolicyVersion, SetDefaultPolicyVersion, DeletePolicyVersion."""
        policy = self._policy()
        change = Change(policy=policy, version_id=self._text("policy_version_id"))
        epoch = self.account.epoch("policy")
        old = policy.default.get("")
        old = old if old is not None and old.epoch == epoch else None
        is_new = self._text("event_name") == "CreatePolicy"
        if self.verb == "create":
            change.after = self.document(change)
            change.is_default = is_new or bool(self.write.get("is_set_as_default"))
            change.version_id = change.version_id or ("v1" if is_new else "")
        elif self.verb == "set_default":
            slot = policy.versions.get(change.version_id)
            change.after = slot.value if slot is not None and slot.epoch == epoch else None
            change.is_default = True
            if change.after is None:
                change.flags.add("unknown_policy")
                change.state = UNKNOWN
        change.new = Slot(change.after, policy.arn, epoch)
        if not change.is_default:
            change.flags.add("not_default")
            return change
        change.before = old.value if old is not None else None
        change.affected = self.account.users_of(("managed", policy.arn.lower()))
        groups = [item for item in change.affected if item.kind == "group"]
        members = {user.key: user for group in groups for user in self._members(group)}
        change.affected += [user for key, user in sorted(members.items()) if user not in change.affected]
        if not change.affected:
            change.flags.add("unattached" if is_new else "unknown_attachment")
        if change.state == KNOWN and not is_new and (change.before is None or change.before.permissions is None):
            change.state = UPPER_BOUND
        return change


_HANDLERS: dict[str, Callable[[Planner], Change]] = {
    "inline": Planner.inline,
    "managed": Planner.managed,
    "permission_set": Planner.permission_set,
    "trust": Planner.trust,
    "boundary": Planner.boundary,
    "membership": Planner.membership,
    "credential": Planner.credential,
    "lifecycle": Planner.lifecycle,
    "version": Planner.version,
}


def plan_change(write: Write, account: AccountState, evaluator: Evaluator) -> Change:
    """Say what one call would set.

    Args:
        write: a row of ``int_policy_writes`` whose parameters were not omitted.
        account: state of its account before the call.
        evaluator: reads the documents.

    Returns:
        The change; a kind of write that this room does not know is ``unknown``, never nothing.
    """
    planner = Planner(write, account, evaluator)
    handler = _HANDLERS.get(str(write.get("write_kind") or ""))
    if handler is None:
        return Change(affected=[planner.target()], state=UNKNOWN, flags={"unknown_write"})
    return handler(planner)
