"""Who may become a role: trust policies, and what a change of one let in.

What enters: parsed trust policies. What leaves: the principals added, and the conditions that no longer hold.
This module must never ask what the role may do: that is its standing permissions.

Source: AWS IAM User Guide, "AWS JSON policy elements: Principal".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pipeline.policy.conditions import Condition, are_weaker
from pipeline.policy.document import PolicyDocument
from pipeline.policy.patterns import covers_pattern, match_pattern

_ACCOUNT = re.compile(r"\d{12}")
_ROOT = re.compile(r"(arn:[a-z-]+:iam::\d{12}:)root")
_ENTRIES = ("sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity")


class TrustChange(NamedTuple):
    """What a new trust policy lets in that the old one did not."""

    added: tuple[str, ...]
    conditions_dropped: tuple[str, ...]


def _name(kind: str, value: str) -> str:
    """One spelling per principal: a bare account id is its root."""
    if kind.lower() == "aws" and _ACCOUNT.fullmatch(value):
        return f"arn:aws:iam::{value}:root"
    return value


def _covers(old: str, new: str) -> bool:
    if old == new or old == "*":
        return True
    root = _ROOT.fullmatch(old)
    if root is not None:
        # A trusted account may itself let any of its principals in: naming one of them widens nothing.
        account = root[1].split(":")[4]
        return f"::{account}:" in new
    return covers_pattern(old, new) if "*" in old else False


def list_entries(document: PolicyDocument) -> list[tuple[str, tuple[Condition, ...]]]:
    """Principals that a trust policy lets in, each with the conditions that bind it; Deny is left aside."""
    entries: list[tuple[str, tuple[Condition, ...]]] = []
    for statement in document.statements:
        opens = any(match_pattern(action.lower(), entry) for action in statement.actions for entry in _ENTRIES)
        if not statement.is_allow or opens is statement.is_not_action:
            continue
        if statement.is_not_principal:
            entries.append(("*", statement.conditions))
        else:
            entries.extend((_name(kind, value), statement.conditions) for kind, value in statement.principals)
    return entries


def compare_trust(before: PolicyDocument | None, after: PolicyDocument) -> TrustChange:
    """Say whom a trust policy lets in beyond the earlier one.

    Args:
        before: the earlier trust policy; ``None`` if there was none or it is unknown.
        after: the new one.

    Returns:
        Principals added or freed of a condition, and the keys of such conditions, sorted.
    """
    held = list_entries(before) if before is not None else []
    added: set[str] = set()
    dropped: set[str] = set()
    for name, conditions in list_entries(after):
        known = [old for principal, old in held if _covers(principal, name)]
        if any(are_weaker(old, conditions) for old in known):
            continue
        added.add(name)
        dropped.update(one.key for old in known for one in old if not are_weaker((one,), conditions))
    return TrustChange(tuple(sorted(added)), tuple(sorted(dropped)))
