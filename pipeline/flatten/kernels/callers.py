"""Callers seen before: the identity of a record that stands again byte for byte as in an earlier one.

What enters: addresses within a batch's buffers. What leaves: where a record's identity is, if it is a known one. This
module must never keep an identity that was not scanned to its end, or in which something may be secret: what is known
is passed over unread.

A third of a record's bytes is its identity, and a few hundred callers make most of a trail.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.flatten.kernels.memory import (
    compiled,
    constant,
    equal_bytes,
    equal_texts,
    item,
    load8,
    load64,
    put,
)
from pipeline.flatten.kernels.mixing import MIX_A, MIX_B, MIX_C, SHIFT
from pipeline.flatten.state import MEMO_BUCKETS, MEMO_REACH, MEMO_WAYS, VECTOR

_VERSION_TEXT, _CALLER_TEXT = b'{"eventVersion":"', b'","userIdentity":{'
_VERSION, _VERSION_LENGTH = constant(_VERSION_TEXT), len(_VERSION_TEXT)
_CALLER, _CALLER_LENGTH = constant(_CALLER_TEXT), len(_CALLER_TEXT)
_LONGEST_VERSION = 6
_QUOTE = ord('"')


@compiled
def find_caller(start: Any, limit: Any) -> Any:
    """Address of the identity of the record at ``start``, where it stands as CloudTrail writes it; else 0."""
    at = start + _VERSION_LENGTH
    if at + _LONGEST_VERSION + _CALLER_LENGTH > limit or not equal_bytes(start, _VERSION(), _VERSION_LENGTH):
        return 0
    for _ in range(_LONGEST_VERSION):
        if load8(at) == _QUOTE:
            return at + _CALLER_LENGTH - 1 if equal_bytes(at, _CALLER(), _CALLER_LENGTH) else 0
        at += 1
    return 0


@compiled
def version_at(start: Any) -> Any:
    """Where the event version is in a record whose identity was found."""
    return start + _VERSION_LENGTH


@compiled
def version_end(known_at: Any) -> Any:
    """One past its last byte, before the identity at ``known_at``."""
    return known_at - _CALLER_LENGTH + 1


@compiled
def _memo_bucket(at: Any) -> Any:
    """Bucket of the identity at ``at``; ``MEMO_REACH`` bytes are read."""
    mixed = load64(at + 24) * MIX_A ^ load64(at + 56) * MIX_B ^ load64(at + 96) * MIX_C ^ load64(at + 136)
    return np.int64((mixed ^ (mixed >> SHIFT)) & np.uint64(MEMO_BUCKETS - 1))


@compiled
def recall_caller(state: Any, at: Any, limit: Any) -> Any:
    """Place in the memo of the identity that begins at ``at``, byte for byte as one seen before; -1 for none.

    A complete object that stands there again is a complete object again: it need not be scanned.
    """
    if at == 0 or at + MEMO_REACH > limit:
        return -1
    first = _memo_bucket(at) * MEMO_WAYS
    for entry in range(first, first + MEMO_WAYS):
        length = item(state.memo_length, entry)
        if length and at + length <= limit and equal_texts(item(state.memo_at, entry), at, length):
            return entry
    return -1


@compiled
def remember_caller(state: Any, at: Any, length: Any, code: Any, limit: Any) -> Any:
    """Put a scanned identity without secrets into the memo, in place of the oldest of its bucket."""
    if at + MEMO_REACH > limit or length < VECTOR:
        return
    bucket = _memo_bucket(at)
    turn = item(state.memo_turn, bucket)
    entry = bucket * MEMO_WAYS + turn
    put(state.memo_turn, bucket, (turn + 1) % MEMO_WAYS)
    put(state.memo_at, entry, at)
    put(state.memo_length, entry, length)
    put(state.memo_code, entry, code)
