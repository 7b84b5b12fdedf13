"""The sentences of a finding: who, what it granted, what came of it, how sure.

What enters: one row of ``fct_findings``. What leaves: a title and a summary without control characters. This module
must never decide: each word comes from a column.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

NAME_LIMIT = 200
"""Longest name that a sentence carries; the whole text stays in the finding's members."""

TIER_WORDS = {
    "T0": "nothing new",
    "T1": "narrow rights",
    "T2": "rights over data, secrets or a whole service",
    "T3": "rights that lead to administrator rights",
    "T4": "administrator rights",
}

STATE_WORDS = {
    "known": "what the target held before is known",
    "upper_bound": "what the target held before was never seen, so this is the most that was added",
    "unknown": "what was added cannot be told from the record",
}

AUTHORISED_WORDS = {
    "yes": "its past shows that it regularly changes permissions",
    "no": "its past shows no such work",
    "unknown": "there is too little of its past to say whether this is its work",
}

BENEFIT_WORDS = {
    "own": "the permissions are its own",
    "held": "it already held a session of the target",
    "assumed": "it then used the target's credentials",
    "trust": "the trust policy was edited to let it in",
    "outside": "the trust policy was edited to let another account in",
    "credential": "it then used the credentials it made",
    "key_made": "it made credentials for the target in the same session",
    "candidate": "it then assumed a role that may be the hidden target",
    "pass_role": "it passed the role to compute that it steers",
}


def printable(text: str, limit: int = NAME_LIMIT) -> str:
    """Return log text fit for a sentence: controls, bidi marks and line breaks become U+FFFD, long text is cut."""
    head = text[: limit + 1]
    if head.isascii() and head.isprintable():  # as good as all text; no character need be looked up
        cleaned = head
    else:
        cleaned = "".join("\ufffd" if unicodedata.category(char) in _UNPRINTABLE else char for char in head)
    return cleaned if len(cleaned) <= limit else f"{cleaned[: limit - 1]}…"


_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def short_name(arn: str) -> str:
    """Return the part of an ARN that people say: ``user/alice``, ``assumed-role/deploy/ci``."""
    name = printable(arn.split(":", 5)[5] if arn.startswith("arn:") and arn.count(":") >= 5 else arn)
    return name or "an unknown principal"


def write_title(row: Mapping[str, Any]) -> str:
    """Return the finding in one sentence, without a full stop."""
    root, target = short_name(row["principal_arn"]), _target(row)
    rights = TIER_WORDS[row["delta_tier"]]
    if row.get("is_remediation"):
        return f"Remediation: {root} carried out a plan on {target}"
    match row["class"]:
        case "privilege_escalation" if row["beneficiary"] in ("trust", "outside") and row["trust_added"]:
            return f"{root} opened {target}, with {rights}, to {_list(row['trust_added'], limit=2)}"
        case "privilege_escalation":
            whom = "itself" if row["beneficiary"] == "own" else target
            used = " and used them" if row["used_action_count"] else ""
            return f"{root} granted {whom} {rights}{used}"
        case "unauthorized_access":
            return f"{root} granted {target} {rights}, with signs that someone else acts in its name"
        case "resource_misuse":
            return f"{root}, who may grant, gave {target} {rights}"
        case "attempt":
            calls = "a permission change" if row["denied_count"] == 1 else f"{row['denied_count']} permission changes"
            return f"{root} was denied {calls} on {target}"
        case _:
            return f"{root} granted {target} {rights}; too little is known to judge it"


def write_summary(row: Mapping[str, Any]) -> str:
    """Return a short paragraph: who, what, what came of it, how sure."""
    sentences = [_who(row), _what(row)]
    if row.get("is_remediation"):
        return " ".join([*sentences, "The calls are known as a plan's own by their request ids."])
    if row["class"] != "attempt":
        sentences += [_aftermath(row), _certainty(row)]
    return " ".join(sentence for sentence in sentences if sentence)


def _target(row: Mapping[str, Any]) -> str:
    kind = "principal" if row["target_kind"] == "unknown" else row["target_kind"].replace("_", " ")
    named = short_name(row["target_arn"]) if row["target_arn"] else f"a {kind} that the record hides"
    others = row["target_count"] - 1
    return named if others < 1 else f"{named} and {others} other target{'s' if others > 1 else ''}"


def _who(row: Mapping[str, Any]) -> str:
    root, actor = printable(row["principal_arn"]), printable(row["actor_arn"])
    known = f"The record names {actor or 'nobody'}"
    return f"{known}." if root == actor else f"{known}; the session chain leads back to {root or 'nobody'}."


def _what(row: Mapping[str, Any]) -> str:
    calls = _list(row["event_names"], limit=6)
    account = printable(row["target_account_id"])
    if row["class"] == "attempt":
        times = "once" if row["denied_count"] == 1 else f"{row['denied_count']} times"
        return f"{calls} on {_target(row)} in account {account} was denied {times}; nothing was granted."
    added = row["actions_added_count"]
    patterns = f" ({_list(row['actions_added'], limit=6)})" if row["actions_added"] else ""
    count = f"{added} action{'s' if added != 1 else ''} added{patterns}; " if added else ""
    times = f", {row['grant_count']} calls" if row["grant_count"] > 1 else ""
    return f"{calls} on {_target(row)} in account {account}{times}: {count}{STATE_WORDS[row['delta_state']]}."


def _aftermath(row: Mapping[str, Any]) -> str:
    parts = [BENEFIT_WORDS[row["beneficiary"]]] if row["beneficiary"] else []
    if row["used_action_count"]:
        denied = ", the same lineage having been denied before" if row["is_denied_first"] else ""
        parts.append(f"it called {_list(row['used_actions'], limit=6)}{denied}")
    if not parts:
        return "No use of it by the same lineage is seen."
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _certainty(row: Mapping[str, Any]) -> str:
    signs = {"none": "", "medium": "; one sign of compromise", "high": "; strong signs of compromise"}
    status = "Confirmed" if row["status"] == "confirmed" else "Suspected"
    return f"{status}: of the root principal, {AUTHORISED_WORDS[row['authorised']]}{signs[row['compromise']]}."


def _list(words: Sequence[str], limit: int) -> str:
    shown = [printable(word, 80) for word in words[:limit]]
    more = len(words) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
