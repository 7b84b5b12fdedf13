"""A policy document as it stands in a log, brought to one form.

What enters: JSON text, URL-encoded JSON text (at most twice), or a mapping. What leaves: a ``PolicyDocument``.
This module must never judge what a document grants, and never return less than was written: what it cannot read
raises ``PolicyError``, so that an unreadable grant is unknown, never empty.

Source: AWS IAM User Guide, "Grammar of the IAM JSON policy language".
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pipeline.errors import PolicyError
from pipeline.policy.conditions import Condition, parse_conditions

MAX_CHARACTERS = 1 << 20
"""CloudTrail cuts request parameters at 100 KB; an encoded document may be three times as long."""
MAX_DEPTH = 32
MAX_STATEMENTS = 5_000
MAX_ITEMS = 50_000
_PADDED_CHARACTERS = 4_096
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
"""Texts and brackets; a text that never ends runs to the end, so that no character is looked at twice."""
_LISTS = ("Action", "NotAction", "Resource", "NotResource")
_MEMBERS = {
    name.lower(): name
    for name in ("Version", "Id", "Statement", "Sid", "Effect", "Principal", "NotPrincipal", "Condition", *_LISTS)
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; strings as written, scalars made lists, conditions that always hold left out."""

    is_allow: bool
    actions: tuple[str, ...]
    is_not_action: bool
    resources: tuple[str, ...]
    is_not_resource: bool
    conditions: tuple[Condition, ...]
    principals: tuple[tuple[str, str], ...]
    is_not_principal: bool


@dataclass(frozen=True, slots=True)
class PolicyDocument:
    """A parsed document.

    Attributes:
        statements: in the order written.
        canonical: compact ASCII JSON with sorted members, lists and statements; equal for documents that differ
            only in layout, order or encoding.
        sha256: of ``canonical``, hex.
        flags: what was odd, e.g. ``duplicate_member``, ``padded``, ``vacuous_condition``.
    """

    statements: tuple[Statement, ...]
    canonical: str
    sha256: str
    flags: frozenset[str]

    def __hash__(self) -> int:
        return hash(self.sha256)


class _Reader:
    """State of one parse: the oddities met."""

    def __init__(self) -> None:
        self.flags: set[str] = set()

    def load(self, text: str) -> Any:
        try:
            return json.loads(text, object_pairs_hook=self.members, parse_constant=_refuse_constant)
        except ValueError as error:
            raise PolicyError(f"policy document is not JSON: {error}") from error

    def members(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Build an object; a member written twice is read in the way that grants more."""
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                self.flags.add("duplicate_member")
            found[name] = _widest(name, found[name], value) if name in found else value
        return found


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON value")


def _widest(name: str, first: Any, second: Any) -> Any:
    key = name.lower()
    if key in ("statement", "action", "resource", "principal"):
        return _as_list(first) + _as_list(second)
    if key == "effect":
        return first if str(first).lower() == "allow" else second
    return second


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _check_depth(text: str) -> None:
    """Refuse what would recurse: the JSON reader's own limit is a crash on some versions of Python."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    depth = 0
    for token in _BRACKETS.finditer(text):
        mark = token[0]
        if mark in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise PolicyError(f"policy document is nested deeper than {MAX_DEPTH} levels")
        elif mark in "}]":
            depth -= 1


def _is_padded(text: str, bare: str) -> bool:
    """Whether blanks outweigh what is written, or stand in one long run: layout needs neither."""
    blanks = len(text) - sum(map(len, text.split())) if len(text) > _PADDED_CHARACTERS else 0
    run = any(blank * 256 in bare for blank in " \t\r\n")
    return run or len(text) - len(bare) > _PADDED_CHARACTERS or blanks > max(_PADDED_CHARACTERS, 3 * len(text) // 4)


def _decode(text: str, reader: _Reader) -> Any:
    """Text to JSON value, through a BOM and at most two URL-decodes."""
    if len(text) > MAX_CHARACTERS:
        raise PolicyError(f"policy document has {len(text)} characters, more than {MAX_CHARACTERS}")
    if text.startswith("\ufeff"):
        reader.flags.add("bom")
        text = text[1:]
    for _ in range(2):
        if text.lstrip()[:1] != "%":
            break
        reader.flags.add("url_encoded")
        text = unquote(text, errors="surrogateescape")
    bare = text.strip()
    if _is_padded(text, bare):
        reader.flags.add("padded")
    _check_depth(bare)
    return reader.load(bare)


def _plain(value: Any, depth: int = 0) -> Any:
    """Copy of a given object whose mappings and lists are plain, within the depth allowed."""
    if depth > MAX_DEPTH:
        raise PolicyError(f"policy document is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return {str(name): _plain(item, depth + 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, depth + 1) for item in value]
    return value


def _named(raw: dict[str, Any], reader: _Reader) -> dict[str, Any]:
    """Members under their documented spelling; IAM reads names in any case."""
    named: dict[str, Any] = {}
    for name, value in raw.items():
        known = _MEMBERS.get(name.lower(), name)
        if known in named:
            reader.flags.add("duplicate_member")
        named[known] = _widest(known, named[known], value) if known in named else value
    return named


def _strings(raw: dict[str, Any], name: str) -> tuple[str, ...]:
    items = _as_list(raw[name])
    if not all(isinstance(item, str) for item in items):
        raise PolicyError(f"policy document has a {name} that is neither text nor a list of texts")
    return tuple(items)


def _principals(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for kind, names in value.items():
            for name in _as_list(names):
                yield str(kind), str(name)
    else:
        for name in _as_list(value):
            if isinstance(name, Mapping):
                yield from _principals(name)
            else:
                yield "AWS", str(name)


def _parse_statement(raw: Any, reader: _Reader) -> tuple[Statement, dict[str, Any]]:
    if not isinstance(raw, dict):
        raise PolicyError("policy document has a statement that is no object")
    named = _named(raw, reader)
    effect = str(named.get("Effect", "")).lower()
    if effect not in ("allow", "deny"):
        raise PolicyError("policy document has a statement whose Effect is neither Allow nor Deny")
    lists = {name: _strings(named, name) for name in _LISTS if name in named}
    if "Action" not in lists and "NotAction" not in lists:
        raise PolicyError("policy document has a statement without Action")
    for pair in (("Action", "NotAction"), ("Resource", "NotResource")):
        if pair[0] in lists and pair[1] in lists:
            raise PolicyError(f"policy document has a statement with both {pair[0]} and {pair[1]}")
    binding, vacuous = parse_conditions(named.get("Condition"))
    if vacuous:
        reader.flags.add("vacuous_condition")
    who = "Principal" if "Principal" in named else "NotPrincipal"
    statement = Statement(
        is_allow=effect == "allow",
        actions=lists.get("Action", lists.get("NotAction", ())),
        is_not_action="NotAction" in lists,
        resources=lists.get("Resource", lists.get("NotResource", ())),
        is_not_resource="NotResource" in lists,
        conditions=binding,
        principals=tuple(_principals(named[who])) if who in named else (),
        is_not_principal=who == "NotPrincipal" and who in named,
    )
    canonical = {**named, "Effect": effect.title(), **{name: sorted(set(items)) for name, items in lists.items()}}
    return statement, canonical


def _canonical_text(top: dict[str, Any], statements: list[dict[str, Any]]) -> str:
    ordered = sorted(json.dumps(item, sort_keys=True, separators=(",", ":")) for item in statements)
    rest = {name: value for name, value in sorted(top.items()) if name != "Statement"}
    head = "".join(f",{json.dumps(name)}:{json.dumps(value, sort_keys=True)}" for name, value in rest.items())
    return f'{{"Statement":[{",".join(ordered)}]{head}}}'


def parse_document(document: str | Mapping[str, Any]) -> PolicyDocument:
    """Read a policy document in any form that CloudTrail records it in.

    Args:
        document: JSON text, the same URL-encoded once or twice, or an object already parsed.

    Returns:
        The document; scalars are lists, member names have their documented spelling.

    Raises:
        PolicyError: not JSON, not a policy, or beyond the caps on size, depth and number of statements.

    Source:
        AWS IAM User Guide, "Grammar of the IAM JSON policy language"; IAM API Reference, GetRolePolicy (documents
        are URL-encoded to RFC 3986).
    """
    reader = _Reader()
    value = _decode(document, reader) if isinstance(document, str) else _plain(document)
    if isinstance(value, str):  # JSON text of JSON text: one more layer than AWS writes, but seen
        _check_depth(value)
        value = reader.load(value)
    if not isinstance(value, dict):
        raise PolicyError("policy document is no JSON object")
    top = _named(value, reader)
    if "Statement" not in top:
        raise PolicyError("policy document has no Statement")
    raw = _as_list(top["Statement"])
    if len(raw) > MAX_STATEMENTS:
        raise PolicyError(f"policy document has {len(raw)} statements, more than {MAX_STATEMENTS}")
    parsed = [_parse_statement(item, reader) for item in raw]
    if sum(len(item.actions) + len(item.resources) for item, _ in parsed) > MAX_ITEMS:
        raise PolicyError(f"policy document lists more than {MAX_ITEMS} actions and resources")
    canonical = _canonical_text(top, [item for _, item in parsed])
    return PolicyDocument(
        statements=tuple(item for item, _ in parsed),
        canonical=canonical,
        sha256=hashlib.sha256(canonical.encode("ascii")).hexdigest(),
        flags=frozenset(reader.flags),
    )
