"""One walk over a record's bytes: where each known member's value begins and ends, and whether anything is odd.

What enters: addresses of bytes that are UTF-8 within a buffer; nothing need be proved of them as JSON. What leaves:
filled slots of a record that is well-formed JSON from its first byte to its last, or the verdict that it is odd and
belongs to the exact path. This module must never decide what is odd more narrowly than ``json_tree`` and ``redaction``
do, nor pass anything that RFC 8259 does not: in doubt a record is odd.
"""

# ruff: noqa: SIM109 - compiled code: plain comparisons and loops are what becomes good machine code.

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.flatten.json_tree import PLAIN_DEPTH
from pipeline.flatten.kernels.marks import end_marks, mark_span
from pipeline.flatten.kernels.memory import (
    compiled,
    entry_point,
    equal_bytes,
    is_other_vector,
    item,
    load8,
    load64,
    put,
)
from pipeline.flatten.kernels.mixing import MIX_A, MIX_B, MIX_C, SHIFT
from pipeline.flatten.kernels.secrets import (
    ASSERTION_TAIL,
    FOLD,
    PLAIN_KEY,
    SESSION_KEY,
    is_harmless_secret,
    judge_key,
)
from pipeline.flatten.kernels.tokens import end_number, end_string, end_word, skip_space
from pipeline.flatten.state import (
    ARRAY,
    EDGE_BIT,
    EDGE_CHILD,
    EDGE_HASH,
    EDGE_KEY,
    EDGE_LENGTH,
    EDGE_NODE,
    EDGE_SLOT,
    EDGE_WORDS,
    ESCAPED,
    FALSE,
    FIRST_KEY,
    IS_OBJECT,
    KNOWN_KEYS,
    LAST_KEY,
    LEVEL_WORDS,
    MANY,
    MAX_KEYS,
    MAX_SECRETS,
    MAX_SIBLINGS,
    NODE,
    NONE,
    NULL,
    NUMBER,
    OBJECT,
    ROOT,
    SLOT,
    START,
    STRING,
    TRUE,
    VECTOR,
)

_QUOTE, _COMMA, _COLON = (ord(mark) for mark in '",:')
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = (ord(mark) for mark in "{}[]")
_T, _F, _N = (ord(letter) for letter in "tfn")
_ONE = np.uint64(1)


@entry_point
def hash_key(at: Any, length: Any, node: Any) -> Any:
    """Hash of a key by its first and last eight bytes, its length and where it stands; eight bytes are read."""
    first = load64(at)
    last = np.uint64(0)
    if length < 8:
        first &= (_ONE << np.uint64(8 * length)) - _ONE
    else:
        last = load64(at + length - 8)
    mixed = (first * MIX_A) ^ ((last + np.uint64(length)) * MIX_B) ^ (np.uint64(node) * MIX_C)
    return np.int64(mixed ^ (mixed >> SHIFT))


@compiled
def find_edge(state: Any, hashed: Any, node: Any, at: Any, length: Any) -> Any:
    """Address of the edge of the trie for a key, or 0."""
    place = hashed & state.trie_mask
    while True:
        edge = state.trie + 8 * EDGE_WORDS * place
        if item(edge, EDGE_NODE) == 0:
            return 0
        if item(edge, EDGE_HASH) == hashed and item(edge, EDGE_NODE) == node and item(edge, EDGE_LENGTH) == length:
            return edge if equal_bytes(item(edge, EDGE_KEY), at, length) else 0
        place = (place + 1) & state.trie_mask


@compiled
def _is_edge_of(edge: Any, node: Any, at: Any, length: Any) -> Any:
    """Whether an edge is the one of a key of at most ``VECTOR`` bytes; as many are read."""
    if item(edge, EDGE_NODE) != node or item(edge, EDGE_LENGTH) != length:
        return False
    return is_other_vector(item(edge, EDGE_KEY), at) & ((1 << length) - 1) == 0


@compiled
def _guess_edge(state: Any, last: Any, node: Any, at: Any, length: Any, limit: Any) -> Any:
    """The edge of a key if it follows the key that it followed last time, which needs no hash; else 0.

    Records of one kind have their members in one order: nearly every guess is right.
    """
    edge = item(state.next_edge, last)
    if edge == 0 or length > VECTOR or at + VECTOR > limit or not _is_edge_of(edge, node, at, length):
        return 0
    return edge


@compiled
def _look_up_edge(state: Any, last: Any, node: Any, at: Any, length: Any) -> Any:
    """The edge of a key, kept as the next guess; 0 for a key that is not known."""
    edge = find_edge(state, hash_key(at, length, node), node, at, length)
    if edge:
        put(state.next_edge, last, edge)
    return edge


@compiled
def is_repeated(seen: Any, first: Any, top: Any, hashed: Any) -> Any:
    """Whether a key's hash is among those of its object; no early way out, so that it vectorises."""
    found = 0
    for index in range(first, top):
        found |= item(seen, index) == hashed
    return found != 0


@compiled
def set_slot(state: Any, slot: Any, at: Any, end: Any, kind: Any) -> Any:
    """Keep where a member's value is; the items of a list share a slot, and a second one makes it ``MANY``."""
    if item(state.slot_kind, slot) != NONE:
        kind = MANY
    put(state.slot_at, slot, at)
    put(state.slot_end, slot, end)
    put(state.slot_kind, slot, kind)


@compiled
def begin_scan(state: Any) -> Any:
    """Forget the record before."""
    for slot in range(state.slot_count):
        put(state.slot_kind, slot, NONE)
    state.secret_count = 0
    state.session_count = 0


@compiled
def _keep_secret(state: Any, at: Any, end: Any) -> Any:
    """Note a secret's place; false if there are too many."""
    if is_harmless_secret(at, end):
        return True
    if state.secret_count >= MAX_SECRETS:
        return False
    put(state.secret_at, state.secret_count, at)
    put(state.secret_end, state.secret_count, end)
    state.secret_count += 1
    return True


@compiled
def _pass_marks(marks: Any, place: Any, at: Any) -> Any:
    """Number of the first mark that is not before ``at``: white space between tokens has marks too."""
    while item(marks, place) < at:
        place += 1
    return place


@compiled
def _mark_around(start: Any, end: Any, limit: Any, marks: Any, known_at: Any, known_end: Any) -> Any:
    """Mark a record but for a known part of it; false if there are too many marks."""
    count = 0
    if known_end:
        count = mark_span(start, known_at, limit, marks, count)
        start = known_end
    if count >= 0:
        count = mark_span(start, end, limit, marks, count)
    if count < 0:
        return False
    end_marks(limit, marks, count)
    return True


@compiled
def scan_record(
    state: Any, start: Any, until: Any, end: Any, limit: Any, has_hint: Any, known_at: Any, known_end: Any, keys: Any
) -> Any:
    """Fill the slots of the record that ends at ``end``; false if it is odd.

    What is known of it is not read: from ``known_at`` to ``known_end``, where that is not 0, stands its identity; from
    ``until`` on, where that is not its end, only whole members that are in no doubt. If ``keys`` is not 0, the record
    begins with members of those bits, and ``start`` is where they end instead of where it begins.
    """
    marks = state.marks
    if not _mark_around(start, until, limit, marks, known_at, known_end):
        return False
    is_known_seen, level, top, place = known_end == 0, 0, 0, 0
    node, slot, value_at, is_object, first, known_keys = ROOT, -1, start, 1, 0, keys
    is_first = 1 if keys == 0 else 0
    at = start + is_first
    last = state.trie_mask + 1 + ROOT
    while at < until:  # a record that does not close where it should may not run away over the others
        at = skip_space(at)
        byte = load8(at)
        if byte == _CLOSE_OBJECT or byte == _CLOSE_ARRAY:
            if byte != (_CLOSE_OBJECT if is_object else _CLOSE_ARRAY):
                return False
            at += 1
            if slot >= 0:
                set_slot(state, slot, value_at, at, OBJECT if is_object else ARRAY)
            top = first
            if level == 0:
                state.root_keys = known_keys
                return is_known_seen and at == end
            level -= 1
            base = state.stack + 8 * LEVEL_WORDS * level
            node, slot, value_at = item(base, NODE), item(base, SLOT), item(base, START)
            is_object, first, is_first = item(base, IS_OBJECT), item(base, FIRST_KEY), 0
            known_keys, last = item(base, KNOWN_KEYS), item(base, LAST_KEY)
            continue
        if is_first == 0:
            if byte != _COMMA:
                return False
            at = skip_space(at + 1)
            byte = load8(at)
        is_first = 0
        child, child_slot, secret = item(state.element_node, node), item(state.element_slot, node), PLAIN_KEY
        if is_object:
            if byte != _QUOTE:
                return False
            child, child_slot = 0, -1
            place = _pass_marks(marks, place, at)
            found = end_string(marks, place + 1, limit)
            if found < 0:
                return False
            key_end = item(marks, found >> 1)
            if found & 1 or item(marks, place) != at or key_end + 8 > limit:
                return False
            place = (found >> 1) + 1
            length = key_end - at - 1
            bit = 0
            if node:
                edge = _guess_edge(state, last, node, at + 1, length, limit)
                if edge == 0:
                    edge = _look_up_edge(state, last, node, at + 1, length)
                if edge:
                    child, child_slot, bit = item(edge, EDGE_CHILD), item(edge, EDGE_SLOT), item(edge, EDGE_BIT)
                    last = (edge - state.trie) // (8 * EDGE_WORDS)
                elif level == 0:
                    return False  # a member without a column
            if bit:
                if known_keys & bit:
                    return False
                known_keys |= bit
            else:
                hashed = hash_key(at + 1, length, node)
                if is_repeated(state.seen, first, top, hashed) or top - first >= MAX_SIBLINGS or top >= MAX_KEYS - 1:
                    return False
                put(state.seen, top, hashed)
                top += 1
            if length >= 13 and (load64(key_end - 8) | FOLD) == ASSERTION_TAIL:
                return False
            if has_hint:
                secret = judge_key(at + 1, length)
                state.session_count += secret == SESSION_KEY
            at = skip_space(key_end + 1)
            if load8(at) != _COLON:
                return False
            at = skip_space(at + 1)
            byte = load8(at)
        if byte == _QUOTE:
            place = _pass_marks(marks, place, at)
            found = end_string(marks, place + 1, limit)
            if found < 0 or item(marks, place) != at:
                return False
            kind = ESCAPED if found & 1 else STRING
            closing = item(marks, found >> 1)
            place = (found >> 1) + 1
            if secret != PLAIN_KEY and not _keep_secret(state, at, closing + 1):
                return False
            if child_slot >= 0:
                set_slot(state, child_slot, at + 1, closing, kind)
                if child_slot == state.agent_slot:
                    state.keys_to_agent = known_keys
                elif child_slot == state.event_id_slot:
                    state.keys_to_id = known_keys
            at = closing + 1
        elif byte == _OPEN_OBJECT or byte == _OPEN_ARRAY:
            if secret != PLAIN_KEY or level + 2 > PLAIN_DEPTH:
                return False
            if at == known_at and known_end:  # a value begins here: nothing before it reached into what has no marks
                if child_slot != state.identity_slot:
                    return False
                set_slot(state, child_slot, at, known_end, OBJECT)
                at, is_known_seen = known_end, True
                continue
            base = state.stack + 8 * LEVEL_WORDS * level
            put(base, NODE, node)
            put(base, SLOT, slot)
            put(base, START, value_at)
            put(base, IS_OBJECT, is_object)
            put(base, FIRST_KEY, first)
            put(base, KNOWN_KEYS, known_keys)
            put(base, LAST_KEY, last)
            level += 1
            is_object, is_first = (1 if byte == _OPEN_OBJECT else 0), 1
            node, slot, value_at, first, known_keys = child, child_slot, at, top, 0
            last = state.trie_mask + 1 + child
            at += 1
        elif byte == _T or byte == _F or byte == _N:
            stop = end_word(at)
            if stop == 0:
                return False
            if child_slot >= 0:
                set_slot(state, child_slot, at, stop, TRUE if byte == _T else FALSE if byte == _F else NULL)
            at = stop
        else:
            stop = end_number(at)
            if stop == 0 or secret != PLAIN_KEY:
                return False
            if child_slot >= 0:
                set_slot(state, child_slot, at, stop, NUMBER)
            at = stop
    state.root_keys = known_keys
    return at == until and until < end and level == 0 and is_first == 0 and is_known_seen
