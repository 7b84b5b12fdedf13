"""Records to column values, row by row, in compiled code: places, codes and bytes, no Python objects.

What enters: one ``STATE``. What leaves: its columns, filled; a row is done, or odd and left to the exact
path. This module must never fill a column otherwise than ``exact`` does.
"""

# ruff: noqa: SIM109 - compiled code: plain comparisons and loops are what becomes good machine code.

from __future__ import annotations

from typing import Any

from pipeline.flatten.kernels.callers import find_caller, recall_caller, remember_caller, version_at, version_end
from pipeline.flatten.kernels.interning import has_room, intern_bytes, is_entry
from pipeline.flatten.kernels.memory import (
    as_state,
    compiled,
    constant,
    copy_bytes,
    entry_point,
    item,
    load8,
    put,
    store8,
)
from pipeline.flatten.kernels.runs import (
    TIME_AT,
    TIME_BYTES,
    find_run,
    hash_run,
    is_plain_version,
    keep_ending,
    keys_of_ending,
    keys_of_run,
    length_of_run,
    put_values,
    recall_ending,
    recall_run,
    remember_run,
)
from pipeline.flatten.kernels.scalars import is_written_true, parse_instant, read_boolean
from pipeline.flatten.kernels.scanner import begin_scan, scan_record, set_slot
from pipeline.flatten.kernels.secrets import find_hints
from pipeline.flatten.redaction import MARKER
from pipeline.flatten.state import (
    ARRAY,
    BOOLEAN,
    BOOLEAN_TARGET,
    CODE_TARGET,
    COUNT,
    DONE,
    ESCAPED,
    FINISHED,
    JSON,
    MANY,
    META,
    NEEDS_ARENA,
    NEEDS_KIND,
    NEEDS_ROOM,
    NONE,
    NULL,
    OBJECT,
    ODD,
    PENDING,
    STRING,
    TEXT,
    TIME,
)

_MARKER, _MARKER_LENGTH = constant(f'"{MARKER}"'.encode()), len(MARKER) + 2


@compiled
def _intern_code(state: Any, place: Any, column: Any, at: Any, meta: Any) -> Any:
    """Code of a value: most often that of the row before, which nothing need be hashed to see."""
    if state.row > 0:
        before = item(state.code, place - 1)
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
        put(state.code, place, _intern_code(state, place, target - CODE_TARGET, at, meta))
        return
    if load8(state.view_used + target) == 0:
        _begin_view(state, target)
    place = target * state.row_count + state.row
    put(state.view_at, place, at)
    put(state.view_meta, place, meta)


@compiled
def _is_null(state: Any, target: Any) -> Any:
    """Whether a column of the row holds nothing yet."""
    if target >= CODE_TARGET:
        return item(state.code, (target - CODE_TARGET) * state.row_count + state.row) == 0
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
def _fill_plain(state: Any) -> Any:
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
def _fill_promoted(state: Any, rule: Any) -> Any:
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
        elif end > at and _is_null(state, target):
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
def _fill_identity(state: Any) -> Any:
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


@compiled
def _kind_place(state: Any, key: Any) -> Any:
    """Place of a pair in the table of kinds; its key is 0 where the pair is new."""
    place = ((key * 0x9E3779B1) >> 15) & state.kind_mask
    while item(state.kind_key, place) and item(state.kind_key, place) != key:
        place = (place + 1) & state.kind_mask
    return place


@compiled
def row_kind(state: Any) -> Any:
    """The pair of event source and name of the row, as a number over 0."""
    source = item(state.code, state.source_column * state.row_count + state.row)
    return ((source << 32) | item(state.code, state.name_column * state.row_count + state.row)) + 1


@entry_point
def add_kind(states: Any, key: Any, rule: Any) -> Any:
    """Keep the rule of a new pair."""
    state = as_state(states)
    place = _kind_place(state, key)
    put(state.kind_key, place, key)
    put(state.kind_rule, place, rule)
    state.kind_count += 1
    return 0


@compiled
def _is_omitted(state: Any) -> Any:
    slot = state.omitted_slot
    return is_written_true(item(state.slot_kind, slot), item(state.slot_at, slot), item(state.slot_end, slot))


@compiled
def _clear_row(state: Any) -> Any:
    """Forget what an odd row had been given."""
    for column in range(state.view_count):
        if load8(state.view_used + column):
            put(state.view_meta, column * state.row_count + state.row, 0)
    for column in range(state.code_count):
        put(state.code, column * state.row_count + state.row, 0)
    for column in range(state.boolean_count):
        store8(state.boolean + column * state.row_count + state.row, 0)
    put(state.identity, state.row, 0)


@compiled
def _fill_time(state: Any) -> Any:
    """The row's time; false if it is missing, written otherwise, or cannot be."""
    at = item(state.slot_at, state.time_slot)
    if item(state.slot_kind, state.time_slot) != STRING:
        return False
    instant = parse_instant(at, item(state.slot_end, state.time_slot) - at)
    put(state.time, state.row, instant)
    return state.earliest <= instant <= item(state.latest, state.row)


@compiled
def _fill_caller(state: Any, known: Any, has_hint: Any, limit: Any) -> Any:
    """The row's identity; false if it is odd."""
    kind = item(state.slot_kind, state.identity_slot)
    if kind != OBJECT:
        return kind == NONE or kind == NULL
    if known >= 0:
        put(state.identity, state.row, item(state.memo_code, known) + 1)
        return True
    identity = _fill_identity(state)
    if identity < 0:
        return False
    if not has_hint:
        at = item(state.slot_at, state.identity_slot)
        remember_caller(state, at, item(state.slot_end, state.identity_slot) - at, identity, limit)
    put(state.identity, state.row, identity + 1)
    return True


@compiled
def _find_hints(start: Any, end: Any, limit: Any, known_at: Any, known_end: Any) -> Any:
    """Hints of secrets within a record; a known identity holds none."""
    if known_end == 0:
        return find_hints(start, end, start, end, limit)
    before = find_hints(start, known_at, start, end, limit)
    after = find_hints(known_end, end, start, end, limit)
    if before == -2 or after == -2:
        return -2
    if before < 0 or after < 0:
        return max(before, after)
    return before + after


@compiled
def _set_front(state: Any, start: Any, known_at: Any, known_end: Any) -> Any:
    """Set the slots of what stands before a run: version, identity and time."""
    set_slot(state, state.version_slot, version_at(start), version_end(known_at), STRING)
    set_slot(state, state.identity_slot, known_at, known_end, OBJECT)
    set_slot(state, state.time_slot, known_end + TIME_AT, known_end + TIME_AT + TIME_BYTES, STRING)


@compiled
def _fill_columns(state: Any, known: Any, has_hint: Any, limit: Any) -> Any:
    """The row's columns from its slots; its state, or ``-NEEDS_KIND``."""
    row, rows = state.row, state.row_count
    if not _fill_time(state) or not _fill_plain(state) or not _fill_caller(state, known, has_hint, limit):
        return ODD
    if item(state.code, state.account_column * rows + row) == 0:
        return ODD  # the fallbacks are the exact path's, here and for the id
    if _is_null(state, state.event_id_column):
        return ODD
    store8(state.is_omitted + row, _is_omitted(state))
    place = _kind_place(state, row_kind(state))
    if item(state.kind_key, place) == 0:
        return -NEEDS_KIND
    return DONE if _fill_promoted(state, item(state.kind_rule, place)) else ODD


@compiled
def _fill_known(state: Any, known: Any, run: Any, start: Any, begin: Any, end: Any, limit: Any) -> Any:
    """A record with a known caller and run, of which only the rest from ``begin`` on is read."""
    stop = recall_ending(state, run, begin, end)
    named = find_hints(begin, stop, start, end, limit)
    if named == -2:
        return ODD
    keys = state.front_keys | keys_of_run(state, run)
    if not scan_record(state, begin, stop, end, limit, named >= 0, 0, 0, keys):
        return ODD
    if named >= 0 and state.session_count != named:
        return ODD
    if stop < end and state.root_keys & keys_of_ending(state, run):
        return ODD
    put_values(state, run, stop < end)
    done = _fill_columns(state, known, named >= 0, limit)
    if done == DONE and stop == end and named < 0:
        keep_ending(state, run, begin, end)
    return done


@compiled
def _fill_row(state: Any) -> Any:
    """One record to one row; returns its state, or ``-NEEDS_KIND``."""
    row = state.row
    start, end, limit = item(state.start, row), item(state.end, row), item(state.limit, row)
    begin_scan(state)
    known_at = find_caller(start, limit)
    known = recall_caller(state, known_at, limit)
    known_end, run_at, hashed = 0, 0, 0
    if known >= 0:
        known_end = known_at + item(state.memo_length, known)
        if known_end > end:
            return ODD
        if is_plain_version(version_at(start), version_end(known_at)):
            run_at = find_run(known_end, end)
    if run_at:
        hashed = hash_run(run_at)
        run = recall_run(state, hashed, run_at, end)
        if run >= 0:
            _set_front(state, start, known_at, known_end)
            return _fill_known(state, known, run, start, run_at + length_of_run(state, run), end, limit)
    named = _find_hints(start, end, limit, known_at, known_end)
    if named == -2:
        return ODD
    if not scan_record(state, start, end, end, limit, named >= 0, known_at, known_end, 0):
        return ODD
    if named >= 0 and state.session_count != named:
        return ODD
    done = _fill_columns(state, known, named >= 0, limit)
    if done == DONE and run_at and named < 0:
        remember_run(state, hashed, run_at, end)
    return done


@entry_point
def fill_rows(states: Any) -> Any:
    """Fill rows from ``row`` on; returns why it came back. ``row`` is then the row to go on with."""
    state = as_state(states)
    while state.row < state.row_count:
        row = state.row
        if load8(state.done + row) == PENDING:
            if not has_room(state.interner) or not has_room(state.identities):
                return NEEDS_ROOM
            if state.arena_used + 2 * (item(state.end, row) - item(state.start, row)) + 4096 > state.arena_size:
                return NEEDS_ARENA
            done = _fill_row(state)
            if done == -NEEDS_KIND:
                return NEEDS_KIND
            if done == ODD:
                _clear_row(state)
            store8(state.done + row, done)
        state.row = row + 1
    return FINISHED


@entry_point
def pending_kind(states: Any) -> Any:
    """The pair that ``fill_rows`` asked a rule for."""
    return row_kind(as_state(states))
