"""Records to column values, row by row, in compiled code: places, codes and bytes, no Python objects.

What enters: one ``STATE``. What leaves: its columns, filled; a row is done, or odd and left to the exact
path. This module must never fill a column otherwise than ``exact`` does.
"""

# ruff: noqa: SIM109 - compiled code: plain comparisons and loops are what becomes good machine code.

from __future__ import annotations

from typing import Any

from pipeline.flatten.kernels.callers import find_caller, recall_caller, remember_caller, version_at, version_end
from pipeline.flatten.kernels.interning import has_room
from pipeline.flatten.kernels.memory import as_state, compiled, entry_point, item, item32, load8, put, put32, store8
from pipeline.flatten.kernels.places import leading_key
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
from pipeline.flatten.kernels.scalars import is_written_true, parse_instant
from pipeline.flatten.kernels.scanner import begin_scan, scan_record, set_slot
from pipeline.flatten.kernels.secrets import find_hints
from pipeline.flatten.kernels.values import fill_identity, fill_plain, fill_promoted, is_null
from pipeline.flatten.state import (
    DONE,
    FINISHED,
    NEEDS_ARENA,
    NEEDS_KIND,
    NEEDS_ROOM,
    NONE,
    NULL,
    OBJECT,
    ODD,
    PENDING,
    STRING,
)


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
    source = item32(state.code, state.source_column * state.row_count + state.row)
    return ((source << 32) | item32(state.code, state.name_column * state.row_count + state.row)) + 1


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
        put32(state.code, column * state.row_count + state.row, 0)
    for column in range(state.boolean_count):
        store8(state.boolean + column * state.row_count + state.row, 0)
    put32(state.identity, state.row, 0)


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
        put32(state.identity, state.row, item(state.memo_code, known) + 1)
        return True
    identity = fill_identity(state)
    if identity < 0:
        return False
    if not has_hint:
        at = item(state.slot_at, state.identity_slot)
        remember_caller(state, at, item(state.slot_end, state.identity_slot) - at, identity, limit)
    put32(state.identity, state.row, identity + 1)
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
    if not _fill_time(state) or not fill_plain(state) or not _fill_caller(state, known, has_hint, limit):
        return ODD
    if item32(state.code, state.account_column * rows + row) == 0:
        return ODD  # the fallbacks are the exact path's, here and for the id
    if is_null(state, state.event_id_column):
        return ODD
    store8(state.is_omitted + row, _is_omitted(state))
    place = _kind_place(state, row_kind(state))
    if item(state.kind_key, place) == 0:
        return -NEEDS_KIND
    return DONE if fill_promoted(state, item(state.kind_rule, place)) else ODD


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
            elif done == DONE:  # while the record is at hand
                place = state.event_id_column * state.row_count + row
                put(state.id_start, row, leading_key(item(state.view_at, place), item(state.view_meta, place) >> 2))
            store8(state.done + row, done)
        state.row = row + 1
    return FINISHED


@entry_point
def pending_kind(states: Any) -> Any:
    """The pair that ``fill_rows`` asked a rule for."""
    return row_kind(as_state(states))
