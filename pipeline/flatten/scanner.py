"""One walk over a record's bytes: where each known member's value begins and ends, and whether anything is odd.

What enters: addresses of bytes that msgspec proved to be well-formed JSON and UTF-8. What leaves: filled slots, or
the verdict that the record is odd and belongs to the exact path. This module must never decide what is odd more
narrowly than ``json_tree`` and ``redaction`` do: in doubt a record is odd.
"""

# ruff: noqa: SIM109, SIM110 - compiled code: plain comparisons and loops are what becomes good machine code.

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.flatten.json_tree import PLAIN_DEPTH
from pipeline.flatten.memory import (
    WIDTH,
    compiled,
    count_trailing_zeros,
    equal_bytes,
    load8,
    load64,
    mark_quotes,
)
from pipeline.flatten.secrets import (
    ASSERTION_TAIL,
    FOLD,
    PLAIN_KEY,
    SESSION_KEY,
    is_harmless_secret,
    judge_key,
)

NONE, STRING, ESCAPED, NUMBER, TRUE, FALSE, NULL, OBJECT, ARRAY = range(9)
"""Kinds of a slot's value; ``ESCAPED`` is a string that holds a backslash."""

MAX_KEYS = 1024
MAX_SIBLINGS = 256
MAX_SECRETS = 8
PLAIN_DIGITS = 18
"""Integers of more digits may not fit 64 bits; fractions of more are looked at as well."""

_QUOTE, _SLASH, _U, _SPACE = ord('"'), ord("\\"), ord("u"), ord(" ")
_COMMA, _OPEN_OBJECT, _CLOSE_OBJECT, _OPEN_ARRAY, _CLOSE_ARRAY = ord(","), ord("{"), ord("}"), ord("["), ord("]")
_T, _F, _N, _E, _LOWER = ord("t"), ord("f"), ord("n"), ord("e"), 0x20
_MIX_A, _MIX_B, _MIX_C = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xC2B2AE3D27D4EB4F),
    np.uint64(0x165667B19E3779F9),
)
_ONE, _SHIFT = np.uint64(1), np.uint64(29)


class Scan(NamedTuple):
    """Working memory of the scanner; one per call, reused for every record."""

    slot_at: npt.NDArray[np.int64]
    slot_end: npt.NDArray[np.int64]
    slot_kind: npt.NDArray[np.int64]
    stack: npt.NDArray[np.int64]  # per level: node, slot, start of the value, is_object, first of its seen keys
    seen: npt.NDArray[np.uint64]
    secret_at: npt.NDArray[np.int64]
    secret_end: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]  # 0: secrets found, 1: keys that name a session token


def make_scan(slot_count: int) -> Scan:
    """Working memory for ``slot_count`` slots."""
    slots = (np.zeros(slot_count, dtype=np.int64) for _ in range(3))
    spans = (np.zeros(MAX_SECRETS, dtype=np.int64) for _ in range(2))
    stack = np.zeros((PLAIN_DEPTH + 1, 5), dtype=np.int64)
    return Scan(*slots, stack, np.zeros(MAX_KEYS, dtype=np.uint64), *spans, np.zeros(2, dtype=np.int64))


@compiled
def hash_key(at: Any, length: Any, node: Any) -> Any:
    """Hash of a key by its first and last eight bytes, its length and where it stands; eight bytes are read."""
    first = load64(at)
    last = np.uint64(0)
    if length < 8:
        first &= (_ONE << np.uint64(8 * length)) - _ONE
    else:
        last = load64(at + length - 8)
    mixed = (first * _MIX_A) ^ ((last + np.uint64(length)) * _MIX_B) ^ (np.uint64(node) * _MIX_C)
    return mixed ^ (mixed >> _SHIFT)


@compiled
def find_quote(at: Any, limit: Any) -> Any:
    """Address of the next quote or backslash; ``limit`` ends the readable bytes."""
    while at + WIDTH <= limit:
        bits = mark_quotes(at)
        if bits:
            return at + count_trailing_zeros(bits)
        at += WIDTH
    while at < limit and load8(at) != _QUOTE and load8(at) != _SLASH:
        at += 1
    return at


@compiled
def is_odd_escape(at: Any) -> Any:
    """Whether the four hex digits at ``at`` stand for NUL, or hide a letter or separator that needs no escape."""
    if load8(at) != 48 or load8(at + 1) != 48:
        return False
    high, low = load8(at + 2), load8(at + 3)
    if high == 48:
        return low == 48
    # A secret's name could hide behind escaped letters, '-' and '_'; quotes, <, =, > and & are escaped by habit.
    return 52 <= high <= 55 or (high == 50 and low | _LOWER == 100)


@compiled
def end_string(at: Any, limit: Any) -> Any:
    """End of the string whose first character is at ``at``.

    Returns the address of its closing quote, negated if it holds a backslash; 0 if an escape is odd.
    """
    at = find_quote(at, limit)
    if load8(at) == _QUOTE:
        return at
    while load8(at) == _SLASH:
        if load8(at + 1) == _U:
            if is_odd_escape(at + 2):
                return 0
            at += 6
        else:
            at += 2
        if load8(at) != _QUOTE and load8(at) != _SLASH:
            at = find_quote(at, limit)
    return -at


@compiled
def skip_space(at: Any) -> Any:
    """Next byte that is no white space; well-formed JSON always has one."""
    while load8(at) <= _SPACE:
        at += 1
    return at


@compiled
def end_number(at: Any) -> Any:
    """End of a number or word at ``at``; 0 if it is a number that may not fit."""
    start = at
    while True:
        byte = load8(at)
        if byte == _COMMA or byte == _CLOSE_OBJECT or byte == _CLOSE_ARRAY or byte <= _SPACE:
            break
        if byte | _LOWER == _E:
            return 0
        at += 1
    return 0 if at - start > PLAIN_DIGITS else at


@compiled
def find_edge(trie: Any, hashed: Any, node: Any, at: Any, length: Any) -> Any:
    """Entry of the trie for a key, or -1."""
    mask = len(trie.node) - 1
    entry = np.int64(hashed & np.uint64(mask))
    while trie.node[entry]:
        if trie.hash[entry] == hashed and trie.node[entry] == node and trie.key_length[entry] == length:
            if equal_bytes(trie.keys.ctypes.data + trie.key_at[entry], at, length):
                return entry
            return -1
        entry = (entry + 1) & mask
    return -1


@compiled
def is_repeated(scan: Any, first: Any, top: Any, hashed: Any) -> Any:
    """Whether a key's hash is among those of its object; no early way out, so that it vectorises."""
    found = False
    for index in range(first, top):
        found |= scan.seen[index] == hashed
    return found


class IdentityMemo(NamedTuple):
    """Identities seen lately, by their first bytes: four ways a bucket."""

    at: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    code: npt.NDArray[np.int64]
    turn: npt.NDArray[np.int64]


MEMO_BUCKETS, MEMO_WAYS, MEMO_REACH = 1024, 4, 144


def make_memo() -> IdentityMemo:
    """An empty memo."""
    size = MEMO_BUCKETS * MEMO_WAYS
    return IdentityMemo(
        np.zeros(size, dtype=np.int64),
        np.zeros(size, dtype=np.int64),
        np.zeros(size, dtype=np.int64),
        np.zeros(MEMO_BUCKETS, dtype=np.int64),
    )


@compiled
def memo_bucket(at: Any) -> Any:
    """Bucket of the identity at ``at``; ``MEMO_REACH`` bytes are read."""
    mixed = load64(at + 24) * _MIX_A ^ load64(at + 56) * _MIX_B ^ load64(at + 96) * _MIX_C ^ load64(at + 136)
    return np.int64((mixed ^ (mixed >> _SHIFT)) & np.uint64(MEMO_BUCKETS - 1))


@compiled
def recall_identity(memo: Any, at: Any, limit: Any) -> Any:
    """Entry of an identity that begins at ``at`` byte for byte as one seen before, or -1.

    A complete object that stands there again is a complete object again: it need not be scanned.
    """
    if at + MEMO_REACH > limit:
        return -1
    first = memo_bucket(at) * MEMO_WAYS
    for entry in range(first, first + MEMO_WAYS):
        length = memo.length[entry]
        if length and at + length <= limit and equal_bytes(memo.at[entry], at, length):
            return entry
    return -1


@compiled
def remember_identity(memo: Any, at: Any, length: Any, code: Any, limit: Any) -> Any:
    """Put an identity into the memo, in place of the oldest of its bucket."""
    if at + MEMO_REACH > limit:
        return
    bucket = memo_bucket(at)
    entry = bucket * MEMO_WAYS + memo.turn[bucket]
    memo.turn[bucket] = (memo.turn[bucket] + 1) % MEMO_WAYS
    memo.at[entry], memo.length[entry], memo.code[entry] = at, length, code


@compiled
def scan_record(
    start: Any, end: Any, limit: Any, scan: Any, trie: Any, has_hint: Any, identity_slot: Any, memo: Any
) -> Any:
    """Fill the slots of the record at ``start``; returns the identity's code (-1: scanned), or -2 if it is odd."""
    slot_at, slot_end, slot_kind, stack = scan.slot_at, scan.slot_end, scan.slot_kind, scan.stack
    slot_kind[:] = NONE
    scan.counts[:] = 0
    identity = -1
    level = 0
    top = 0
    node, slot, value_at, is_object, first = 1, -1, start, True, 0
    at = start + 1
    while True:
        at = skip_space(at)
        byte = load8(at)
        if byte == _COMMA:
            at = skip_space(at + 1)
            byte = load8(at)
        elif byte == _CLOSE_OBJECT or byte == _CLOSE_ARRAY:
            at += 1
            if slot >= 0:
                slot_at[slot], slot_end[slot], slot_kind[slot] = value_at, at, OBJECT if is_object else ARRAY
            top = first
            if level == 0:
                return identity if at == end else -2
            level -= 1
            node, slot, value_at, is_object, first = (
                stack[level, 0],
                stack[level, 1],
                stack[level, 2],
                stack[level, 3] != 0,
                stack[level, 4],
            )
            continue
        child, child_slot, secret = 0, -1, PLAIN_KEY
        if is_object:
            key_at = at + 1
            key_end = end_string(key_at, limit)
            if key_end <= 0 or key_end + 8 > limit:
                return -2
            length = key_end - key_at
            hashed = hash_key(key_at, length, node)
            if is_repeated(scan, first, top, hashed) or top - first >= MAX_SIBLINGS or top >= MAX_KEYS - 1:
                return -2
            scan.seen[top] = hashed
            top += 1
            if length >= 13 and (load64(key_end - 8) | FOLD) == ASSERTION_TAIL:
                return -2
            if has_hint:
                secret = judge_key(key_at, length)
                if secret == SESSION_KEY:
                    scan.counts[1] += 1
            if node:
                entry = find_edge(trie, hashed, node, key_at, length)
                if entry >= 0:
                    child, child_slot = trie.child[entry], trie.slot[entry]
                elif level == 0:
                    return -2  # a member without a column
            at = skip_space(key_end + 1)
            at = skip_space(at + 1)
            byte = load8(at)
        if byte == _QUOTE:
            closing = end_string(at + 1, limit)
            if closing == 0:
                return -2
            kind = STRING
            if closing < 0:
                closing, kind = -closing, ESCAPED
            if secret != PLAIN_KEY and not is_harmless_secret(at, closing + 1):
                if scan.counts[0] >= MAX_SECRETS:
                    return -2
                scan.secret_at[scan.counts[0]], scan.secret_end[scan.counts[0]] = at, closing + 1
                scan.counts[0] += 1
            if child_slot >= 0:
                slot_at[child_slot], slot_end[child_slot], slot_kind[child_slot] = at + 1, closing, kind
            at = closing + 1
        elif byte == _OPEN_OBJECT or byte == _OPEN_ARRAY:
            if secret != PLAIN_KEY or level + 2 > PLAIN_DEPTH:
                return -2
            if child_slot == identity_slot and child_slot >= 0:
                known = recall_identity(memo, at, limit)
                if known >= 0:
                    slot_at[child_slot], slot_kind[child_slot] = at, OBJECT
                    at += memo.length[known]
                    slot_end[child_slot] = at
                    identity = memo.code[known]
                    continue
            stack[level, 0], stack[level, 1], stack[level, 2], stack[level, 3], stack[level, 4] = (
                node,
                slot,
                value_at,
                1 if is_object else 0,
                first,
            )
            level += 1
            node, slot, value_at, is_object, first = child, child_slot, at, byte == _OPEN_OBJECT, top
            if not is_object:
                node = 0
            at += 1
        else:
            stop = end_number(at) if byte != _T and byte != _F and byte != _N else at + (5 if byte == _F else 4)
            if stop == 0:
                return -2
            kind = TRUE if byte == _T else FALSE if byte == _F else NULL if byte == _N else NUMBER
            if secret != PLAIN_KEY and kind == NUMBER:
                return -2
            if child_slot >= 0:
                slot_at[child_slot], slot_end[child_slot], slot_kind[child_slot] = at, stop, kind
            at = stop
