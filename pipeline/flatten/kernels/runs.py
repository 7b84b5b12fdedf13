"""Runs of members seen before: what is called, from where and with what, and how a record ends.

What enters: addresses within a batch's buffers. What leaves: a record's known parts, and the column values that they
stand for. This module must never keep a run that was not scanned as whole members of a record, or one of a record in
which something may be secret: what is known is passed over unread.

In a trail as it is, the same programs make the same calls: behind a record's time stand source, name, region, address
and agent of the call, and behind its id what kind of event it is, the recipient and the encryption of the connection,
each byte for byte as in some earlier record. With the caller (``callers``) that is three quarters of its bytes.
"""

# ruff: noqa: SIM109 - compiled code: plain comparisons and loops are what becomes good machine code.

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.flatten.kernels.memory import (
    compiled,
    constant,
    equal_bytes,
    equal_texts,
    item,
    item32,
    load8,
    load64,
    put,
    put32,
    store8,
)
from pipeline.flatten.kernels.mixing import MIX_A, MIX_B, SHIFT
from pipeline.flatten.state import (
    BOOLEAN_TARGET,
    CODE_TARGET,
    NONE,
    NULL,
    RUN_AT,
    RUN_BUCKETS,
    RUN_COUNT,
    RUN_ENDING_AT,
    RUN_ENDING_COUNT,
    RUN_ENDING_KEYS,
    RUN_ENDING_LENGTH,
    RUN_KEYS,
    RUN_LAST,
    RUN_LENGTH,
    RUN_REACH,
    RUN_TURN,
    RUN_VALUES,
    RUN_WAYS,
    RUN_WORDS,
    STRING,
    VECTOR,
)

_TIME_TEXT = b',"eventTime":"'
_TIME, _TIME_LENGTH = constant(_TIME_TEXT), len(_TIME_TEXT)
TIME_AT = _TIME_LENGTH
"""Where the time itself is, behind a record's identity."""
TIME_BYTES = len("2025-01-01T00:00:00Z")
_SKIPPED_BYTES = len(',"eventSource":"')
_QUOTE, _COMMA, _ZERO, _NINE, _POINT = (ord(mark) for mark in '",09.')


@compiled
def is_plain_version(at: Any, end: Any) -> Any:
    """Whether an event version is of digits and points."""
    while at < end:
        byte = load8(at)
        if (byte < _ZERO or byte > _NINE) and byte != _POINT:
            return False
        at += 1
    return True


@compiled
def find_run(known_end: Any, end: Any) -> Any:
    """Where a run may begin: behind the time that stands behind the identity, as CloudTrail writes it; else 0."""
    at = known_end + TIME_AT + TIME_BYTES + 1
    if at + RUN_REACH > end or not equal_bytes(known_end, _TIME(), _TIME_LENGTH):
        return 0
    return at if load8(at - 1) == _QUOTE and load8(at) == _COMMA else 0


@compiled
def _head(state: Any, entry: Any) -> Any:
    return state.runs + 8 * RUN_WORDS * entry


@compiled
def hash_run(at: Any) -> Any:
    """Hash of the run at ``at``, by its ``RUN_REACH`` bytes but for a key's."""
    mixed, other = np.uint64(0), np.uint64(0)
    for word in range(at + _SKIPPED_BYTES, at + RUN_REACH, 16):
        mixed = (mixed ^ load64(word)) * MIX_A
        other = (other ^ load64(word + 8)) * MIX_B
        mixed ^= mixed >> SHIFT
        other ^= other >> SHIFT
    mixed = (mixed ^ other) * MIX_A
    return np.int64(mixed >> SHIFT)


@compiled
def _first_entry(hashed: Any) -> Any:
    return (hashed & (RUN_BUCKETS - 1)) * RUN_WAYS


@compiled
def recall_run(state: Any, hashed: Any, at: Any, end: Any) -> Any:
    """The entry of the run at ``at``, or -1."""
    first = _first_entry(hashed)
    for entry in range(first, first + RUN_WAYS):
        length = item(_head(state, entry), RUN_LENGTH)
        if length and at + length < end and equal_texts(item(_head(state, entry), RUN_AT), at, length):
            return entry
    return -1


@compiled
def recall_ending(state: Any, entry: Any, at: Any, end: Any) -> Any:
    """Where the ending that came with a run last time begins, if the record from ``at`` on has it; else ``end``."""
    head = _head(state, entry)
    length = item(head, RUN_ENDING_LENGTH)
    if length and at <= end - length and equal_texts(item(head, RUN_ENDING_AT), end - length, length):
        return end - length
    return end


@compiled
def _value(state: Any, entry: Any, number: Any) -> Any:
    return state.run_values + 8 * 3 * (RUN_VALUES * entry + number)


@compiled
def put_values(state: Any, entry: Any, has_ending: Any) -> Any:
    """Put the values of a run, and of its ending, into the columns of the row."""
    head = _head(state, entry)
    count = item(head, RUN_COUNT) + (item(head, RUN_ENDING_COUNT) if has_ending else 0)
    for number in range(count):
        value = _value(state, entry, number)
        target, first = item(value, 0), item(value, 1)
        if target >= BOOLEAN_TARGET:
            store8(state.boolean + (target - BOOLEAN_TARGET) * state.row_count + state.row, first)
        elif target >= CODE_TARGET:
            put32(state.code, (target - CODE_TARGET) * state.row_count + state.row, first)
        else:  # a column that holds something, or a null for one that does not
            put(state.view_at, target * state.row_count + state.row, first)
            put(state.view_meta, target * state.row_count + state.row, item(value, 2))


@compiled
def _keep_value(state: Any, value: Any, target: Any) -> Any:
    """Keep what the row has in a column."""
    put(value, 0, target)
    if target >= BOOLEAN_TARGET:
        put(value, 1, load8(state.boolean + (target - BOOLEAN_TARGET) * state.row_count + state.row))
    elif target >= CODE_TARGET:
        put(value, 1, item32(state.code, (target - CODE_TARGET) * state.row_count + state.row))
    elif load8(state.view_used + target):
        put(value, 1, item(state.view_at, target * state.row_count + state.row))
        put(value, 2, item(state.view_meta, target * state.row_count + state.row))
    else:  # an empty text, in a column without a value
        put(value, 2, 0)


@compiled
def _keep_values(state: Any, entry: Any, number: Any, at: Any, end: Any) -> Any:
    """Keep values of members from ``at`` to ``end``, from the entry's value ``number`` on; their count, or -1."""
    first = number
    for index in range(state.plain_count):
        slot, kind = item(state.plain, 3 * index), item(state.slot_kind, item(state.plain, 3 * index))
        if kind == NONE or kind == NULL or item(state.slot_at, slot) < at or item(state.slot_end, slot) > end:
            continue
        if number == RUN_VALUES:
            return -1
        _keep_value(state, _value(state, entry, number), item(state.plain, 3 * index + 1))
        number += 1
    return number - first


@compiled
def keep_ending(state: Any, entry: Any, at: Any, end: Any) -> Any:
    """Keep what stands behind the record's id as the ending of its run, which ends at ``at``."""
    head = _head(state, entry)
    put(head, RUN_ENDING_LENGTH, 0)
    begin = item(state.slot_end, state.event_id_slot) + 1
    if item(state.slot_kind, state.event_id_slot) != STRING or begin < at or end - begin < VECTOR:
        return
    count = _keep_values(state, entry, item(head, RUN_COUNT), begin, end)
    if count < 0:
        return
    put(head, RUN_ENDING_AT, begin)
    put(head, RUN_ENDING_LENGTH, end - begin)
    put(head, RUN_ENDING_KEYS, state.root_keys & ~state.keys_to_id)
    put(head, RUN_ENDING_COUNT, count)


@compiled
def remember_run(state: Any, hashed: Any, at: Any, end: Any) -> Any:
    """Keep the run at ``at``, and the ending, of a row that is done and holds nothing secret.

    It takes the place of the oldest of its bucket, the second time that it is seen: where nothing ever comes again,
    keeping it would cost a fifth of what reading does.
    """
    first = _first_entry(hashed)
    if item(_head(state, first), RUN_LAST) != hashed:
        put(_head(state, first), RUN_LAST, hashed)
        return
    stop = item(state.slot_end, state.agent_slot) + 1
    if item(state.slot_kind, state.agent_slot) != STRING or stop - at < VECTOR:
        return
    turn = item(_head(state, first), RUN_TURN)
    put(_head(state, first), RUN_TURN, (turn + 1) % RUN_WAYS)
    entry = first + turn
    head = _head(state, entry)
    put(head, RUN_LENGTH, 0)
    count = _keep_values(state, entry, 0, at, stop)
    if count < 0:
        return
    put(head, RUN_AT, at)
    put(head, RUN_LENGTH, stop - at)
    put(head, RUN_KEYS, state.keys_to_agent & ~state.front_keys)
    put(head, RUN_COUNT, count)
    keep_ending(state, entry, stop, end)


@compiled
def keys_of_run(state: Any, entry: Any) -> Any:
    """Bits of a run's members."""
    return item(_head(state, entry), RUN_KEYS)


@compiled
def keys_of_ending(state: Any, entry: Any) -> Any:
    """Bits of the members of its ending."""
    return item(_head(state, entry), RUN_ENDING_KEYS)


@compiled
def length_of_run(state: Any, entry: Any) -> Any:
    """Bytes of a run."""
    return item(_head(state, entry), RUN_LENGTH)
