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
from pipeline.flatten.kernels.marks import mark_record
from pipeline.flatten.kernels.memory import (
    WIDTH,
    compiled,
    entry_point,
    equal_bytes,
    is_other_vector,
    item,
    load8,
    load64,
    put,
)
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
    LEVEL_WORDS,
    MANY,
    MAX_KEYS,
    MAX_SECRETS,
    MAX_SIBLINGS,
    MEMO_BUCKETS,
    MEMO_REACH,
    MEMO_WAYS,
    NODE,
    NONE,
    NULL,
    NUMBER,
    OBJECT,
    SLOT,
    START,
    STRING,
    TRUE,
)

_QUOTE, _COMMA, _COLON = (ord(mark) for mark in '",:')
_OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = (ord(mark) for mark in "{}[]")
_T, _F, _N = (ord(letter) for letter in "tfn")
_MIX_A, _MIX_B, _MIX_C = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xC2B2AE3D27D4EB4F),
    np.uint64(0x165667B19E3779F9),
)
_ONE, _SHIFT = np.uint64(1), np.uint64(29)


@entry_point
def hash_key(at: Any, length: Any, node: Any) -> Any:
    """Hash of a key by its first and last eight bytes, its length and where it stands; eight bytes are read."""
    first = load64(at)
    last = np.uint64(0)
    if length < 8:
        first &= (_ONE << np.uint64(8 * length)) - _ONE
    else:
        last = load64(at + length - 8)
    mixed = (first * _MIX_A) ^ ((last + np.uint64(length)) * _MIX_B) ^ (np.uint64(node) * _MIX_C)
    return np.int64(mixed ^ (mixed >> _SHIFT))


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
def is_repeated(seen: Any, first: Any, top: Any, hashed: Any) -> Any:
    """Whether a key's hash is among those of its object; no early way out, so that it vectorises."""
    found = 0
    for index in range(first, top):
        found |= item(seen, index) == hashed
    return found != 0


@compiled
def memo_bucket(at: Any) -> Any:
    """Bucket of the identity at ``at``; ``MEMO_REACH`` bytes are read."""
    mixed = load64(at + 24) * _MIX_A ^ load64(at + 56) * _MIX_B ^ load64(at + 96) * _MIX_C ^ load64(at + 136)
    return np.int64((mixed ^ (mixed >> _SHIFT)) & np.uint64(MEMO_BUCKETS - 1))


@compiled
def _equal_texts(left: Any, right: Any, length: Any) -> Any:
    """Whether two texts of at least ``WIDTH`` bytes are the same; the last vector overlaps the one before."""
    last = length - WIDTH
    for at in range(0, last, WIDTH):
        if is_other_vector(left + at, right + at):
            return False
    return is_other_vector(left + last, right + last) == 0


@compiled
def recall_identity(state: Any, at: Any, limit: Any) -> Any:
    """Entry of an identity that begins at ``at`` byte for byte as one seen before, or -1.

    A complete object that stands there again is a complete object again: it need not be scanned.
    """
    if at + MEMO_REACH > limit:
        return -1
    first = memo_bucket(at) * MEMO_WAYS
    for entry in range(first, first + MEMO_WAYS):
        length = item(state.memo_length, entry)
        if length and at + length <= limit and _equal_texts(item(state.memo_at, entry), at, length):
            return entry
    return -1


@compiled
def remember_identity(state: Any, at: Any, length: Any, code: Any, limit: Any) -> Any:
    """Put an identity into the memo, in place of the oldest of its bucket."""
    if at + MEMO_REACH > limit or length < WIDTH:
        return
    bucket = memo_bucket(at)
    turn = item(state.memo_turn, bucket)
    entry = bucket * MEMO_WAYS + turn
    put(state.memo_turn, bucket, (turn + 1) % MEMO_WAYS)
    put(state.memo_at, entry, at)
    put(state.memo_length, entry, length)
    put(state.memo_marks, entry, state.identity_marks)
    put(state.memo_code, entry, code)


@compiled
def set_slot(state: Any, slot: Any, at: Any, end: Any, kind: Any) -> Any:
    """Keep where a member's value is; the items of a list share a slot, and a second one makes it ``MANY``."""
    if item(state.slot_kind, slot) != NONE:
        kind = MANY
    put(state.slot_at, slot, at)
    put(state.slot_end, slot, end)
    put(state.slot_kind, slot, kind)


@compiled
def _begin_scan(state: Any) -> Any:
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
def scan_record(state: Any, start: Any, end: Any, limit: Any, has_hint: Any) -> Any:
    """Fill the slots of the record at ``start``; returns the identity's code (-1: scanned), or -2 if it is odd."""
    marks = state.marks
    if mark_record(start, end, limit, marks) < 0:
        return -2
    _begin_scan(state)
    identity, identity_place, level, top, place = -1, 0, 0, 0, 0
    node, slot, value_at, is_object, first, is_first, known_keys = 1, -1, start, 1, 0, 1, 0
    at = start + 1
    while at < end:  # a record that does not close where it should may not run away over the others
        at = skip_space(at)
        byte = load8(at)
        if byte == _CLOSE_OBJECT or byte == _CLOSE_ARRAY:
            if byte != (_CLOSE_OBJECT if is_object else _CLOSE_ARRAY):
                return -2
            at += 1
            if slot >= 0:
                set_slot(state, slot, value_at, at, OBJECT if is_object else ARRAY)
                if slot == state.identity_slot:
                    state.identity_marks = place - identity_place
            top = first
            if level == 0:
                return identity if at == end else -2
            level -= 1
            base = state.stack + 8 * LEVEL_WORDS * level
            node, slot, value_at = item(base, NODE), item(base, SLOT), item(base, START)
            is_object, first, is_first = item(base, IS_OBJECT), item(base, FIRST_KEY), 0
            known_keys = item(base, KNOWN_KEYS)
            continue
        if is_first == 0:
            if byte != _COMMA:
                return -2
            at = skip_space(at + 1)
            byte = load8(at)
        is_first = 0
        child, child_slot, secret = item(state.element_node, node), item(state.element_slot, node), PLAIN_KEY
        if is_object:
            if byte != _QUOTE:
                return -2
            child, child_slot = 0, -1
            place = _pass_marks(marks, place, at)
            found = end_string(marks, place + 1, limit)
            if found < 0:
                return -2
            key_end = item(marks, found >> 1)
            if found & 1 or item(marks, place) != at or key_end + 8 > limit:
                return -2
            place = (found >> 1) + 1
            length = key_end - at - 1
            hashed = hash_key(at + 1, length, node)
            bit = 0
            if node:
                edge = find_edge(state, hashed, node, at + 1, length)
                if edge:
                    child, child_slot, bit = item(edge, EDGE_CHILD), item(edge, EDGE_SLOT), item(edge, EDGE_BIT)
                elif level == 0:
                    return -2  # a member without a column
            if bit:
                if known_keys & bit:
                    return -2
                known_keys |= bit
            else:
                if is_repeated(state.seen, first, top, hashed) or top - first >= MAX_SIBLINGS or top >= MAX_KEYS - 1:
                    return -2
                put(state.seen, top, hashed)
                top += 1
            if length >= 13 and (load64(key_end - 8) | FOLD) == ASSERTION_TAIL:
                return -2
            if has_hint:
                secret = judge_key(at + 1, length)
                state.session_count += secret == SESSION_KEY
            at = skip_space(key_end + 1)
            if load8(at) != _COLON:
                return -2
            at = skip_space(at + 1)
            byte = load8(at)
        if byte == _QUOTE:
            place = _pass_marks(marks, place, at)
            found = end_string(marks, place + 1, limit)
            if found < 0 or item(marks, place) != at:
                return -2
            kind = ESCAPED if found & 1 else STRING
            closing = item(marks, found >> 1)
            place = (found >> 1) + 1
            if secret != PLAIN_KEY and not _keep_secret(state, at, closing + 1):
                return -2
            if child_slot >= 0:
                set_slot(state, child_slot, at + 1, closing, kind)
            at = closing + 1
        elif byte == _OPEN_OBJECT or byte == _OPEN_ARRAY:
            if secret != PLAIN_KEY or level + 2 > PLAIN_DEPTH:
                return -2
            if child_slot == state.identity_slot:
                place = _pass_marks(marks, place, at)
                identity_place = place
                known = recall_identity(state, at, limit)
                if known >= 0:
                    identity = item(state.memo_code, known)
                    set_slot(state, child_slot, at, at + item(state.memo_length, known), OBJECT)
                    at += item(state.memo_length, known)
                    place += item(state.memo_marks, known)
                    continue
            base = state.stack + 8 * LEVEL_WORDS * level
            put(base, NODE, node)
            put(base, SLOT, slot)
            put(base, START, value_at)
            put(base, IS_OBJECT, is_object)
            put(base, FIRST_KEY, first)
            put(base, KNOWN_KEYS, known_keys)
            level += 1
            is_object, is_first = (1 if byte == _OPEN_OBJECT else 0), 1
            node, slot, value_at, first, known_keys = child, child_slot, at, top, 0
            at += 1
        elif byte == _T or byte == _F or byte == _N:
            stop = end_word(at)
            if stop == 0:
                return -2
            if child_slot >= 0:
                set_slot(state, child_slot, at, stop, TRUE if byte == _T else FALSE if byte == _F else NULL)
            at = stop
        else:
            stop = end_number(at)
            if stop == 0 or secret != PLAIN_KEY:
                return -2
            if child_slot >= 0:
                set_slot(state, child_slot, at, stop, NUMBER)
            at = stop
    return -2
