"""A record's slots to column values: places, codes, bytes and identities.

What enters: one ``STATE`` whose slots are filled. What leaves: the row's values in its columns. This module must never
fill a column otherwise than ``exact`` does, nor keep anything of a value that makes its record odd.
"""

# ruff: noqa: SIM109 - compiled code: plain comparisons and loops are what becomes good machine code.

from __future__ import annotations

from typing import Any

from pipeline.flatten.kernels.interning import intern_bytes, is_entry
from pipeline.flatten.kernels.memory import compiled, constant, copy_bytes, item, item32, load8, put, put32, store8
from pipeline.flatten.kernels.scalars import parse_instant, read_boolean
from pipeline.flatten.redaction import MARKER
from pipeline.flatten.state import (
    ARRAY,
    BOOLEAN,
    BOOLEAN_TARGET,
    CODE_TARGET,
    COUNT,
    ESCAPED,
    JSON,
    MANY,
    META,
    NONE,
    NULL,
    OBJECT,
    STRING,
    TEXT,
    TIME,
)

_MARKER, _MARKER_LENGTH = constant(f'"{MARKER}"'.encode()), len(MARKER) + 2


@compiled
def _intern_code(state: Any, place: Any, column: Any, at: Any, meta: Any) -> Any:
    """Code of a value: most often that of the row before, which nothing need be hashed to see."""
    if state.row > 0:
        before = item32(state.code, place - 1)
        if before > 0 and is_entry(state.interner, before - 1, at, meta):
            return before
    return intern_bytes(state.interner, at, meta >> 2, meta, column) + 1


@compiled
def _begin_view(state: Any, view: Any) -> Any:
    """Make a column of places one of nulls, before its first value: most columns never have one."""
    for place in range(view * state.row_count, (view + 1) * state.row_count):
        put(state.view_meta, place, 0)
    store8(state.view_used + view, 1)


@compiled
def _put_value(state: Any, target: Any, at: Any, meta: Any) -> Any:
    """Put a place into a column of the row."""
    if target >= CODE_TARGET:
        place = (target - CODE_TARGET) * state.row_count + state.row
        put32(state.code, place, _intern_code(state, place, target - CODE_TARGET, at, meta))
        return
    if load8(state.view_used + target) == 0:
        _begin_view(state, target)
    place = target * state.row_count + state.row
    put(state.view_at, place, at)
    put(state.view_meta, place, meta)


@compiled
def is_null(state: Any, target: Any) -> Any:
    """Whether a column of the row holds nothing yet."""
    if target >= CODE_TARGET:
        return item32(state.code, (target - CODE_TARGET) * state.row_count + state.row) == 0
    return load8(state.view_used + target) == 0 or item(state.view_meta, target * state.row_count + state.row) == 0


@compiled
def _set_boolean(state: Any, target: Any, byte: Any) -> Any:
    store8(state.boolean + (target - BOOLEAN_TARGET) * state.row_count + state.row, byte)


@compiled
def _splice(state: Any, at: Any, end: Any) -> Any:
    """Copy ``at`` to ``end`` into the arena with its secrets replaced."""
    used, copied = state.arena + state.arena_used, at
    for secret in range(state.secret_count):
        secret_at = item(state.secret_at, secret)
        if at <= secret_at < end:
            copy_bytes(used, copied, secret_at - copied)
            used += secret_at - copied
            copy_bytes(used, _MARKER(), _MARKER_LENGTH)
            used += _MARKER_LENGTH
            copied = item(state.secret_end, secret)
    copy_bytes(used, copied, end - copied)
    state.arena_used = used + end - copied - state.arena


@compiled
def _holds_secret(state: Any, at: Any, end: Any) -> Any:
    found = False
    for secret in range(state.secret_count):
        found |= at <= item(state.secret_at, secret) < end
    return found


@compiled
def _fill_json(state: Any, slot: Any, kind: Any, target: Any) -> Any:
    """A free-form member: its text as it stands, secrets replaced."""
    at, end = item(state.slot_at, slot), item(state.slot_end, slot)
    if kind == STRING or kind == ESCAPED:
        at, end = at - 1, end + 1
    if _holds_secret(state, at, end):
        before = state.arena_used
        _splice(state, at, end)
        at, end = state.arena + before, state.arena + state.arena_used
    _put_value(state, target, at, (end - at) * 4 + 1)


@compiled
def _fill_text(state: Any, slot: Any, kind: Any, target: Any) -> Any:
    """A scalar member; false if its type is unexpected."""
    at, end = item(state.slot_at, slot), item(state.slot_end, slot)
    if target >= BOOLEAN_TARGET:
        byte = read_boolean(kind, at, end)
        _set_boolean(state, target, byte)
        return byte != 0
    if kind != STRING and kind != ESCAPED:
        return False  # and nothing kept: an interned value outlives the row that it made odd
    if end > at:
        _put_value(state, target, at, (end - at) * 4 + (kind - STRING) * 2 + 1)
    return True


@compiled
def fill_plain(state: Any) -> Any:
    """Members that have a column whatever the event is; false if one has an unexpected type."""
    for index in range(state.plain_count):
        slot, target = item(state.plain, 3 * index), item(state.plain, 3 * index + 1)
        kind = item(state.slot_kind, slot)
        if kind == NONE or kind == NULL:
            continue
        if item(state.plain, 3 * index + 2):
            _fill_json(state, slot, kind, target)
        elif not _fill_text(state, slot, kind, target):
            return False
    return True


@compiled
def fill_promoted(state: Any, rule: Any) -> Any:
    """Promoted columns by the event's rule; false if a value needs the exact path."""
    for index in range(item(state.rule_first, rule), item(state.rule_first, rule + 1)):
        slot, target = item(state.rule_slot, index), item(state.rule_target, index)
        kind = item(state.slot_kind, slot)
        if kind == NONE or kind == NULL:
            continue
        if kind == MANY:
            return False
        at, end = item(state.slot_at, slot), item(state.slot_end, slot)
        if target >= BOOLEAN_TARGET:
            byte = read_boolean(kind, at, end)
            if byte == 0:
                return False
            _set_boolean(state, target, byte)
        elif (kind == OBJECT or kind == ARRAY) and state.secret_count:
            return False
        elif end > at and is_null(state, target):
            _put_value(state, target, at, (end - at) * 4 + (2 if kind == ESCAPED else 0) + 1)
    return True


@compiled
def _fill_identity_value(state: Any, column: Any, entry: Any) -> Any:
    """One column of a new identity; false if its type is unexpected."""
    slot, wanted = item(state.identity_slots, column), item(state.identity_kinds, column)
    kind = item(state.slot_kind, slot)
    place = column * state.row_count + entry
    put(state.identity_meta, place, 0)
    if kind == NONE or kind == NULL:
        return True
    at, end = item(state.slot_at, slot), item(state.slot_end, slot)
    is_text = kind == STRING or kind == ESCAPED
    if is_text and end == at and wanted != JSON:
        return True
    if wanted == BOOLEAN:
        put(state.identity_meta, place, read_boolean(kind, at, end))
        return item(state.identity_meta, place) != 0
    if wanted == TIME:
        instant = parse_instant(at, end - at) if kind == STRING else -1
        put(state.identity_meta, place, instant * 2 + 1)
        return instant >= 0
    if wanted == JSON and is_text:
        at, end = at - 1, end + 1
    put(state.identity_at, place, at)
    put(state.identity_meta, place, (end - at) * 4 + (2 if wanted == TEXT and kind == ESCAPED else 0) + 1)
    return is_text or wanted == JSON


@compiled
def fill_identity(state: Any) -> Any:
    """Number of the scanned identity, its values kept if it is new; -1 if it is odd."""
    at, end = item(state.slot_at, state.identity_slot), item(state.slot_end, state.identity_slot)
    if _holds_secret(state, at, end):
        return -1
    before = item(state.identities, COUNT)
    entry = intern_bytes(state.identities, at, end - at, (end - at) * 4 + 1, 0)
    if entry < before:
        return entry
    is_plain = True
    for column in range(state.identity_count):
        is_plain &= _fill_identity_value(state, column, entry)
    if not is_plain:
        put(item(state.identities, META), entry, 0)  # never equal to another: each such record is odd
        for column in range(state.identity_count):
            put(state.identity_meta, column * state.row_count + entry, 0)
        return -1
    return entry
