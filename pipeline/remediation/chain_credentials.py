"""The long-term credentials of a chain: keys that it signed with or issued, passwords of its users.

What enters: a finding, its changes, whose its keys are. What leaves: steps in the draft: off at once, new ones for
their owners, the old ones deleted days later. This module must never hold a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import RemediationError
from pipeline.finding import Finding
from pipeline.remediation.change import Change
from pipeline.remediation.contain import Named, name_principals
from pipeline.remediation.credentials import MAX_KEYS, create_key, deactivate_key, delete_key, reset_password
from pipeline.remediation.draft import Draft

_KEY = re.compile(r"AKIA[A-Z0-9]{12,124}")


def planted_users(changes: Sequence[Change]) -> list[Named]:
    """Users that the chain made: sessions of their keys outlive the keys."""
    made = [change for change in changes if change.event_name == "CreateUser" and change.target_name]
    return [Named("User", change.target_name, change.account_id, change.target_name) for change in made]


def _issued(changes: Sequence[Change]) -> dict[str, Change]:
    return {change.issued_key_id: change for change in changes if _KEY.fullmatch(change.issued_key_id)}


def own_keys(finding: Finding, changes: Sequence[Change], keys: Mapping[str, str]) -> dict[str, str]:
    """Long-term keys that the chain names, signed with or issued -> their user, ``""`` where that is not known."""
    named = [text for edge in finding.chain for text in (edge.source, edge.target) if _KEY.fullmatch(text)]
    issued = {key: change.target_name for key, change in _issued(changes).items()}
    return {**dict.fromkeys(named, ""), **keys, **issued}


def _why(finding: Finding, change: Change | None = None) -> tuple[str, ...]:
    """Events that a step rests on: the change that it undoes, else the finding's grants."""
    if change is not None:
        return (change.event_id,)
    return tuple(dict.fromkeys(item.event_id for item in finding.evidence if item.role == "grant"))


def take_keys(draft: Draft, finding: Finding, changes: Sequence[Change], owners: Mapping[str, str]) -> dict[str, Any]:
    """Deactivate the chain's long-term keys and those that it issued; returns key id -> its state before."""
    issued, finding_id = _issued(changes), finding.finding_id
    taken: dict[str, Any] = {}
    for key, user in owners.items():
        if not user:
            draft.refuse(finding_id, f"key …{key[-4:]}", "the user it belongs to is not known")
            continue
        with draft.refusing(finding_id, f"key …{key[-4:]} of {user}"):
            slot = {"UserName": user, "AccessKeyId": key}
            state = draft.read("UpdateAccessKey", slot)
            if draft.account is not None and state is None:
                raise RemediationError("it is gone")
            why = _why(finding, issued.get(key))
            if state != "Inactive":
                draft.add(deactivate_key(finding_id, slot, why), state)
            taken[key] = state
    return taken


def renew_keys(
    draft: Draft, finding: Finding, changes: Sequence[Change], owners: Mapping[str, str], taken: Mapping[str, Any]
) -> None:
    """A new key for whom the old one was taken from, then delete what was taken, days later.

    A key that the chain issued is nobody's to keep: it gets no successor. A planted user is deleted as a whole.
    """
    issued, finding_id = _issued(changes), finding.finding_id
    planted = {one.name for one in planted_users(changes)}
    for key, state in taken.items():
        user = owners[key]
        if user in planted:
            continue
        with draft.refusing(finding_id, f"a new key for user {user}"):
            if key not in issued:
                key_ids = draft.read("CreateAccessKey", {"UserName": user})
                if key_ids is not None and len(key_ids) >= MAX_KEYS:
                    raise RemediationError(f"it has {len(key_ids)} keys, the most there can be: delete one first")
                draft.add(create_key(finding_id, user, draft.secrets, _why(finding)), key_ids)
        slot = {"UserName": user, "AccessKeyId": key}
        off = "" if state == "Inactive" else deactivate_key(finding_id, slot).id
        why = _why(finding, issued.get(key))
        draft.add(delete_key(finding_id, slot, after=off, why=why), state)


def renew_passwords(draft: Draft, finding: Finding, changes: Sequence[Change]) -> None:
    """Another password for each user of the chain who signs in to the console."""
    taken = {change.target_name for change in changes if change.event_name in ("CreateUser", "CreateLoginProfile")}
    for one in name_principals(finding):
        if draft.account is None or one.kind != "User" or one.account_id != draft.account_id or one.name in taken:
            continue
        with draft.refusing(finding.finding_id, f"password of user {one.name}"):
            state = draft.read("UpdateLoginProfile", {"UserName": one.name})
            if state is not None:
                for step, found in reset_password(finding.finding_id, one.name, state, draft.secrets, _why(finding)):
                    draft.add(step, found)
