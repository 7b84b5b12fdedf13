"""The compiled path's numbers: slots, trie of keys, columns and rules, as arrays made from the tables.

What enters: ``members`` and ``promotions``. What leaves: one ``Layout``. This module must never read a record.

A slot is a place of a member's value; the trie leads from a key within a known object to its slot.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.flatten import promotions
from pipeline.flatten.members import FREE_FORM_COLUMNS, IDENTITY_COLUMNS, RECORD_COLUMNS
from pipeline.flatten.memory import address
from pipeline.flatten.native import call
from pipeline.flatten.state import (
    BOOLEAN,
    BOOLEAN_TARGET,
    CODE_TARGET,
    EDGE_BIT,
    EDGE_BITS,
    EDGE_NODE,
    EDGE_SLOT,
    EDGE_WORDS,
    JSON,
    ROOT,
    TEXT,
    TIME,
    VECTOR,
)
from pipeline.flatten.times import EARLIEST_PLAUSIBLE

Array = npt.NDArray[np.int64]
Path = tuple[str, ...]
RuleKey = frozenset[tuple[str, tuple[str, ...]]]

EACH = "[]"
"""Step of a path that stands for every item of a list."""

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
_FRONT = ("eventVersion", "userIdentity", "eventTime")
"""Members that stand first in a record as CloudTrail writes it."""


class Layout(NamedTuple):
    """All numbers of the compiled path.

    Attributes:
        arrays: fields of ``state.STATE`` that are the same for every batch and hold addresses.
        numbers: the other fields of it that are the same for every batch.
        views: columns kept as places in the buffers, in order.
        identity: (column, kind) of what ``userIdentity`` holds, in the order of ``identity_slots``.
        rules: rules of an event -> number of the rule.
        keys: text of the trie's keys, which ``trie`` points into.
    """

    arrays: dict[str, Array]
    numbers: dict[str, int]
    views: tuple[str, ...]
    identity: tuple[tuple[str, str], ...]
    rules: dict[RuleKey, int]
    keys: npt.NDArray[np.uint8]


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


def rule_key(rules: promotions.Rules) -> RuleKey:
    """What makes two rules the same."""
    return frozenset(rules.items())


def _path(text: str) -> Path:
    base, *steps = text.replace("[]", f".{EACH}").split(".")
    return (_BASES[base], *steps)


def _all_paths() -> list[Path]:
    paths: list[Path] = [(member,) for member in _SPECIAL.values()]
    paths += [item.path for item in RECORD_COLUMNS + FREE_FORM_COLUMNS]
    paths += [("userIdentity", *item.path) for item in IDENTITY_COLUMNS]
    paths.append(_OMITTED)
    for rules in _all_rules():
        paths += [_path(text) for texts in rules.values() for text in texts]
    return list(dict.fromkeys(paths))


def _make_trie(slots: dict[Path, int]) -> tuple[dict[str, Array], npt.NDArray[np.uint8]]:
    """The table of known keys, and the text that it points into."""
    nodes: dict[Path, int] = {(): ROOT}
    for path in slots:
        for depth in range(1, len(path)):
            nodes.setdefault(path[:depth], len(nodes) + 1)
    paths = list(dict.fromkeys(path for path in [*slots, *nodes] if path and path[-1] != EACH))
    size = 1 << (len(paths) * 4).bit_length()
    trie = np.zeros((size, EDGE_WORDS), dtype=np.int64)
    siblings: Counter[int] = Counter()
    # More bytes than the keys need: they are compared a vector at a time.
    keys = np.frombuffer("".join(path[-1] for path in paths).encode() + bytes(VECTOR), dtype=np.uint8)
    at = address(keys)
    for path in paths:
        node, length = nodes[path[:-1]], len(path[-1])
        hashed = call("hash_key", at, length, node)
        entry = hashed & (size - 1)
        while trie[entry, EDGE_NODE]:
            entry = (entry + 1) & (size - 1)
        bit = 1 << siblings[node] if siblings[node] < EDGE_BITS else 0
        siblings[node] += 1
        trie[entry, : EDGE_BIT + 1] = (node, hashed, at, length, nodes.get(path, 0), slots.get(path, -1), bit)
        at += length
    elements = {path[:-1]: path for path in [*slots, *nodes] if path and path[-1] == EACH}
    element_node, element_slot = np.zeros(len(nodes) + 1, dtype=np.int64), np.full(len(nodes) + 1, -1)
    for path, element in elements.items():
        element_node[nodes[path]] = nodes.get(element, 0)
        element_slot[nodes[path]] = slots.get(element, -1)
    return {"trie": trie.reshape(-1), "element_node": element_node, "element_slot": element_slot}, keys


def _root_bits(trie: Array, wanted: list[int]) -> int:
    """The bits of some members of a record."""
    edges = trie.reshape(-1, EDGE_WORDS)
    is_wanted = (edges[:, EDGE_NODE] == ROOT) & np.isin(edges[:, EDGE_SLOT], wanted)
    return int(np.bitwise_or.reduce(edges[is_wanted, EDGE_BIT]))


def _make_rules(slots: dict[Path, int], views: tuple[str, ...]) -> tuple[dict[RuleKey, int], list[Array]]:
    """Numbers of the rules, and their entries: rule n has those from ``first[n]`` to ``first[n + 1]``."""
    numbers: dict[RuleKey, int] = {}
    first, slot_of, target_of = [0], list[int](), list[int]()
    for rules in _all_rules():
        texts = [(column, text) for column, paths in rules.items() for text in paths]
        if rule_key(rules) in numbers:
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
    trie, keys = _make_trie(slots)
    identity_slots = [slots[("userIdentity", *item.path)] for item in IDENTITY_COLUMNS]
    arrays = {
        **trie,
        **dict(zip(("rule_first", "rule_slot", "rule_target"), entries, strict=True)),
        "plain": np.array(plain, dtype=np.int64).reshape(-1),
        "identity_slots": np.array(identity_slots, dtype=np.int64),
        "identity_kinds": np.array([_KINDS[item.kind] for item in IDENTITY_COLUMNS], dtype=np.int64),
    }
    fixed = {
        "trie_mask": len(trie["trie"]) // EDGE_WORDS - 1,
        "slot_count": len(slots),
        "identity_slot": slots[("userIdentity",)],
        "time_slot": slots[("eventTime",)],
        "event_id_slot": slots[("eventID",)],
        "agent_slot": slots[("userAgent",)],
        "version_slot": slots[("eventVersion",)],
        "front_keys": _root_bits(trie["trie"], [slots[(name,)] for name in _FRONT]),
        "omitted_slot": slots[_OMITTED],
        "plain_count": len(plain),
        "identity_count": len(identity_slots),
        "code_count": len(DICTIONARY_COLUMNS),
        "boolean_count": len(BOOLEAN_COLUMNS),
        "source_column": DICTIONARY_COLUMNS.index("event_source"),
        "name_column": DICTIONARY_COLUMNS.index("event_name"),
        "account_column": DICTIONARY_COLUMNS.index("recipient_account_id"),
        "event_id_column": views.index("event_id"),
        "earliest": EARLIEST_PLAUSIBLE,
    }
    identity = tuple((item.column, item.kind) for item in IDENTITY_COLUMNS)
    return Layout(arrays, fixed, views, identity, numbers, keys)
