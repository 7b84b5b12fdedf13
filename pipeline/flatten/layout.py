"""The compiled path's numbers: slots, trie of keys, columns and rules, as arrays made from the tables.

What enters: ``members`` and ``promotions``. What leaves: one ``Layout``. This module must never read a record.

A slot is a place of a member's value; the trie leads from a key within a known object to its slot.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.flatten import promotions
from pipeline.flatten.members import FREE_FORM_COLUMNS, IDENTITY_COLUMNS, RECORD_COLUMNS
from pipeline.flatten.rows import BOOLEAN, BOOLEAN_TARGET, CODE_TARGET, JSON, ODD_RULE, TEXT, TIME, Tables
from pipeline.flatten.scanner import hash_key
from pipeline.flatten.times import EARLIEST_PLAUSIBLE

Array = npt.NDArray[np.int64]

ROOT_NODE = 1

DICTIONARY_COLUMNS = (
    "recipient_account_id",
    "event_version",
    "event_source",
    "event_name",
    "aws_region",
    "source_ip_address",
    "user_agent",
    "error_code",
    "event_type",
    "api_version",
    "event_category",
    "vpc_endpoint_id",
    "vpc_endpoint_account_id",
    "tls_details",
    "issued_expiration_at",
)
"""Columns of few distinct values: interned while scanning, so that nothing hashes them again."""

BOOLEAN_COLUMNS = (
    "is_management_event",
    "is_read_only",
    "is_session_credential_from_console",
    "is_set_as_default",
    "is_mfa_used_at_login",
)

PARTS_OF_SUBJECT = ("federated_provider", "federated_name")
"""No columns of EVENTS: ``federated_subject`` is made of them."""

_BASES = {"req": "requestParameters", "res": "responseElements", "add": "additionalEventData"}
_JSON = frozenset(item.column for item in FREE_FORM_COLUMNS)
_SPECIAL = {"event_time": "eventTime", "event_id": "eventID", "recipient_account_id": "recipientAccountId"}
_KINDS = {"text": TEXT, "bool": BOOLEAN, "time": TIME, "json": JSON}
_OMITTED = ("requestParameters", "omitted")


class Trie(NamedTuple):
    """Keys of known objects, as an open-addressing table: (node, key) leads to a child node and a slot."""

    node: npt.NDArray[np.int64]
    hash: npt.NDArray[np.uint64]
    key_at: npt.NDArray[np.int64]
    key_length: npt.NDArray[np.int64]
    child: npt.NDArray[np.int64]
    slot: npt.NDArray[np.int64]
    keys: npt.NDArray[np.uint8]


class Layout(NamedTuple):
    """All numbers of the compiled path.

    Attributes:
        trie: where keys lead.
        tables: what the row filler needs.
        slots: path -> slot.
        views: columns kept as places in the buffers, in order.
        identity: (column, kind) of what ``userIdentity`` holds, in the order of ``tables.identity_slot``.
        rules: rules of an event -> number of the rule.
    """

    trie: Trie
    tables: Tables
    slots: dict[tuple[str, ...], int]
    views: tuple[str, ...]
    identity: tuple[tuple[str, str], ...]
    rules: dict[frozenset[tuple[str, tuple[str, ...]]], int]


def _target(views: tuple[str, ...], column: str) -> int:
    if column in DICTIONARY_COLUMNS:
        return CODE_TARGET + DICTIONARY_COLUMNS.index(column)
    if column in BOOLEAN_COLUMNS:
        return BOOLEAN_TARGET + BOOLEAN_COLUMNS.index(column)
    return views.index(column)


def _all_rules() -> list[promotions.Rules]:
    consumers = [{"passed_role_arn": role, "compute_resource": compute} for _, _, role, compute in promotions.CONSUMERS]
    parts: list[promotions.Rules] = [
        {},
        promotions.IAM,
        promotions.STS,
        promotions.STS | promotions.FEDERATED,
        promotions.SIGNIN,
        promotions.PERMISSION_SETS,
        *consumers,
    ]
    return [promotions.EVERY_EVENT | part for part in parts]


def rule_key(rules: promotions.Rules) -> frozenset[tuple[str, tuple[str, ...]]]:
    """What makes two rules the same."""
    return frozenset(rules.items())


def _path(text: str) -> tuple[str, ...]:
    base, *steps = text.split(".")
    return (_BASES[base], *steps)


def _all_paths() -> list[tuple[str, ...]]:
    paths = [(member,) for member in _SPECIAL.values()]
    paths += [item.path for item in RECORD_COLUMNS + FREE_FORM_COLUMNS]
    paths += [("userIdentity", *item.path) for item in IDENTITY_COLUMNS]
    paths.append(_OMITTED)
    for rules in _all_rules():
        paths += [_path(text) for texts in rules.values() for text in texts if "[]" not in text]
    return list(dict.fromkeys(paths))


def _make_trie(slots: dict[tuple[str, ...], int]) -> Trie:
    nodes: dict[tuple[str, ...], int] = {(): ROOT_NODE}
    for path in slots:
        for depth in range(1, len(path)):
            nodes.setdefault(path[:depth], len(nodes) + 1)
    edges = {path: (nodes[path[:-1]], path[-1].encode(), nodes.get(path, 0)) for path in [*slots, *nodes] if path}
    size = 1 << (len(edges) * 4).bit_length()
    columns = {name: np.zeros(size, dtype=np.int64) for name in ("node", "key_at", "key_length", "child", "slot")}
    hashes = np.zeros(size, dtype=np.uint64)
    text = b""
    for path, (node, key, child) in edges.items():
        padded = np.frombuffer(key + bytes(8), dtype=np.uint8)
        hashed = int(hash_key(padded.ctypes.data, len(key), node))
        at = hashed & (size - 1)
        while columns["node"][at]:
            at = (at + 1) & (size - 1)
        hashes[at] = hashed
        values = {
            "node": node,
            "key_at": len(text),
            "key_length": len(key),
            "child": child,
            "slot": slots.get(path, -1),
        }
        for name, value in values.items():
            columns[name][at] = value
        text += key
    keys = np.frombuffer(text + bytes(8), dtype=np.uint8)
    return Trie(hash=hashes, keys=keys, **columns)


def _make_rules(slots: dict[tuple[str, ...], int], views: tuple[str, ...]) -> tuple[dict[Any, int], list[Array]]:
    """Numbers of the rules, and their entries: rule n has those from ``first[n]`` to ``first[n + 1]``."""
    numbers: dict[Any, int] = {}
    first, slot_of, target_of = [0], [], []
    for rules in _all_rules():
        texts = [(column, text) for column, paths in rules.items() for text in paths]
        if rule_key(rules) in numbers:
            continue
        if any("[]" in text for _, text in texts):
            numbers[rule_key(rules)] = ODD_RULE  # lists are the exact path's
            continue
        numbers[rule_key(rules)] = len(first) - 1
        for column, text in texts:
            slot_of.append(slots[_path(text)])
            target_of.append(_target(views, column))
        first.append(len(slot_of))
    return numbers, [np.array(values, dtype=np.int64) for values in (first, slot_of, target_of)]


@lru_cache(maxsize=1)
def get_layout() -> Layout:
    """The layout of this version's schema."""
    slots = {path: number for number, path in enumerate(_all_paths())}
    promoted = list(dict.fromkeys(column for rules in _all_rules() for column in rules))
    members = {item.column: item.path for item in RECORD_COLUMNS + FREE_FORM_COLUMNS if item.column != "user_identity"}
    members |= {"event_id": ("eventID",), "recipient_account_id": ("recipientAccountId",)}
    views = tuple(column for column in [*members, *promoted] if column not in DICTIONARY_COLUMNS + BOOLEAN_COLUMNS)
    plain = [(slots[path], _target(views, column), int(column in _JSON)) for column, path in members.items()]
    numbers, entries = _make_rules(slots, views)
    special = [
        slots[("eventTime",)],
        slots[("userIdentity",)],
        slots[_OMITTED],
        DICTIONARY_COLUMNS.index("event_source"),
        DICTIONARY_COLUMNS.index("event_name"),
        EARLIEST_PLAUSIBLE,
        DICTIONARY_COLUMNS.index("recipient_account_id"),
        views.index("event_id"),
    ]
    tables = Tables(
        np.array(plain, dtype=np.int64),
        *entries,
        np.array([slots[("userIdentity", *item.path)] for item in IDENTITY_COLUMNS], dtype=np.int64),
        np.array([_KINDS[item.kind] for item in IDENTITY_COLUMNS], dtype=np.int64),
        np.array(special, dtype=np.int64),
    )
    identity = tuple((item.column, item.kind) for item in IDENTITY_COLUMNS)
    return Layout(_make_trie(slots), tables, slots, views, identity, numbers)
