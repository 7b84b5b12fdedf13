"""Records to column values, row by row, in compiled code: places, codes and bytes, no Python objects.

What enters: addresses of records. What leaves: filled ``Columns``; a row is done, or odd and left to the exact
path. This module must never fill a column otherwise than ``exact`` does.
"""

# ruff: noqa: SIM109, SIM110 - compiled code: plain comparisons and loops are what becomes good machine code.

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.flatten.interning import has_room, intern_bytes
from pipeline.flatten.memory import compiled, copy_bytes, equal_bytes, load8
from pipeline.flatten.redaction import MARKER
from pipeline.flatten.scanner import (
    ARRAY,
    ESCAPED,
    FALSE,
    NONE,
    NULL,
    OBJECT,
    STRING,
    TRUE,
    remember_identity,
    scan_record,
)
from pipeline.flatten.secrets import find_hints

FINISHED, NEEDS_ROOM, NEEDS_KIND, NEEDS_ARENA = range(4)
"""Why ``fill_rows`` came back."""

PENDING, DONE, ODD = 0, 1, 2
"""State of a row."""

FALSE_BYTE, TRUE_BYTE = 1, 2
TEXT, BOOLEAN, TIME, JSON = range(4)
CODE_TARGET, BOOLEAN_TARGET = 1_000, 2_000
ODD_RULE = -1

_MARKER = np.frombuffer(f'"{MARKER}"'.encode(), dtype=np.uint8)
_WORDS = np.frombuffer(b"truefalseyesno", dtype=np.uint8)
_LOWER = 0x20
_DAY_MICROSECONDS = 86_400_000_000


class Records(NamedTuple):
    """Where the records are: addresses, the end of the readable bytes of each, and what may be plausible."""

    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    limit: npt.NDArray[np.int64]
    latest: npt.NDArray[np.int64]


class Columns(NamedTuple):
    """Values of the rows, column after column. A place is (address, length * 4 + is_escaped * 2 + 1); 0 is null."""

    view_at: npt.NDArray[np.int64]
    view_meta: npt.NDArray[np.int64]
    code: npt.NDArray[np.int32]  # entry + 1; 0 is null
    boolean: npt.NDArray[np.int8]
    time: npt.NDArray[np.int64]
    identity: npt.NDArray[np.int32]  # entry + 1; 0 is null
    is_omitted: npt.NDArray[np.int8]
    state: npt.NDArray[np.int8]
    identity_at: npt.NDArray[np.int64]
    identity_meta: npt.NDArray[np.int64]  # of a boolean its byte, of a time microseconds * 2 + 1


class Tables(NamedTuple):
    """What does not change from row to row."""

    plain: npt.NDArray[np.int64]
    rule_first: npt.NDArray[np.int64]
    rule_slot: npt.NDArray[np.int64]
    rule_target: npt.NDArray[np.int64]
    identity_slot: npt.NDArray[np.int64]
    identity_kind: npt.NDArray[np.int64]
    special: npt.NDArray[np.int64]  # slots: eventTime, userIdentity, omitted; code columns: event_source, event_name


class Kinds(NamedTuple):
    """Rule of each pair of event source and name seen so far, an open-addressing table."""

    key: npt.NDArray[np.int64]
    rule: npt.NDArray[np.int64]
    count: npt.NDArray[np.int64]


@compiled
def _digits(at: Any, count: Any) -> Any:
    """Value of ``count`` decimal digits, or -1."""
    value = 0
    for index in range(count):
        digit = load8(at + index) - 48
        if digit < 0 or digit > 9:
            return -1
        value = value * 10 + digit
    return value


@compiled
def parse_instant(at: Any, length: Any) -> Any:
    """Microseconds since 1970 of ``2026-11-23T22:56:39Z``; -1 for any other form."""
    if length != 20 or load8(at + 4) != 45 or load8(at + 7) != 45 or load8(at + 10) != 84 or load8(at + 19) != 90:
        return -1
    if load8(at + 13) != 58 or load8(at + 16) != 58:
        return -1
    year, month, day = _digits(at, 4), _digits(at + 5, 2), _digits(at + 8, 2)
    hour, minute, second = _digits(at + 11, 2), _digits(at + 14, 2), _digits(at + 17, 2)
    if year < 1970 or month < 1 or month > 12 or day < 1 or hour < 0 or hour > 23:
        return -1
    if minute < 0 or minute > 59 or second < 0 or second > 59:
        return -1
    is_leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
    longest = 30 + ((month + (month >> 3)) & 1) if month != 2 else (29 if is_leap else 28)
    if day > longest:
        return -1
    # Days since 1970 in the proleptic Gregorian calendar, years counted from March.
    shifted = year - (1 if month <= 2 else 0)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400 + day_of_year - 719_468
    return days * _DAY_MICROSECONDS + ((hour * 60 + minute) * 60 + second) * 1_000_000


@compiled
def _is_word(at: Any, length: Any, offset: Any, count: Any) -> Any:
    if length != count:
        return False
    for index in range(count):
        if load8(at + index) | _LOWER != _WORDS[offset + index]:
            return False
    return True


@compiled
def read_boolean(kind: Any, at: Any, end: Any) -> Any:
    """Byte of a boolean, written as a word or as text; 0 for anything else."""
    if kind == TRUE:
        return TRUE_BYTE
    if kind == FALSE:
        return FALSE_BYTE
    if kind != STRING:
        return 0
    length = end - at
    if _is_word(at, length, 0, 4) or _is_word(at, length, 9, 3):
        return TRUE_BYTE
    return FALSE_BYTE if _is_word(at, length, 4, 5) or _is_word(at, length, 12, 2) else 0


@compiled
def _set_value(columns: Any, interner: Any, target: Any, row: Any, at: Any, meta: Any) -> Any:
    """Put a place into a column that is still null."""
    if target >= CODE_TARGET:
        column = target - CODE_TARGET
        if columns.code[column, row] == 0:
            columns.code[column, row] = intern_bytes(interner, at, meta >> 2, meta, column) + 1
    elif columns.view_meta[target, row] == 0:
        columns.view_at[target, row], columns.view_meta[target, row] = at, meta


@compiled
def _splice(scan: Any, at: Any, end: Any, arena: Any, used: Any) -> Any:
    """Copy ``at`` to ``end`` with its secrets replaced; returns the bytes of arena used then."""
    target = arena.ctypes.data
    copied = at
    for secret in range(scan.counts[0]):
        if at <= scan.secret_at[secret] < end:
            copy_bytes(target + used, copied, scan.secret_at[secret] - copied)
            used += scan.secret_at[secret] - copied
            copy_bytes(target + used, _MARKER.ctypes.data, len(_MARKER))
            used += len(_MARKER)
            copied = scan.secret_end[secret]
    copy_bytes(target + used, copied, end - copied)
    return used + end - copied


@compiled
def _holds_secret(scan: Any, at: Any, end: Any) -> Any:
    for secret in range(scan.counts[0]):
        if at <= scan.secret_at[secret] < end:
            return True
    return False


@compiled
def _fill_json(
    columns: Any, interner: Any, scan: Any, slot: Any, target: Any, row: Any, arena: Any, arena_used: Any
) -> Any:
    """A free-form member: its text as it stands, secrets replaced."""
    at, end = scan.slot_at[slot], scan.slot_end[slot]
    if scan.slot_kind[slot] == STRING or scan.slot_kind[slot] == ESCAPED:
        at, end = at - 1, end + 1
    if scan.counts[0] and _holds_secret(scan, at, end):
        used = arena_used[0]
        after = _splice(scan, at, end, arena, used)
        at, end = arena.ctypes.data + used, arena.ctypes.data + after
        arena_used[0] = after
    _set_value(columns, interner, target, row, at, (end - at) * 4 + 1)


@compiled
def _fill_plain(columns: Any, interner: Any, scan: Any, tables: Any, row: Any, arena: Any, arena_used: Any) -> Any:
    """Members that have a column whatever the event is; false if one has an unexpected type."""
    for index in range(len(tables.plain)):
        slot, target, is_json = tables.plain[index, 0], tables.plain[index, 1], tables.plain[index, 2]
        kind = scan.slot_kind[slot]
        if kind == NONE or kind == NULL:
            continue
        if is_json:
            _fill_json(columns, interner, scan, slot, target, row, arena, arena_used)
            continue
        at, end = scan.slot_at[slot], scan.slot_end[slot]
        if target >= BOOLEAN_TARGET:
            byte = read_boolean(kind, at, end)
            if byte == 0:
                return False
            columns.boolean[target - BOOLEAN_TARGET, row] = byte
        elif kind == STRING or kind == ESCAPED:
            if end > at:
                _set_value(columns, interner, target, row, at, (end - at) * 4 + (kind - STRING) * 2 + 1)
        else:
            return False
    return True


@compiled
def _fill_promoted(columns: Any, interner: Any, scan: Any, tables: Any, rule: Any, row: Any) -> Any:
    """Promoted columns by the event's rule; false if a value needs the exact path."""
    for index in range(tables.rule_first[rule], tables.rule_first[rule + 1]):
        slot, target = tables.rule_slot[index], tables.rule_target[index]
        kind = scan.slot_kind[slot]
        if kind == NONE or kind == NULL:
            continue
        at, end = scan.slot_at[slot], scan.slot_end[slot]
        if target >= BOOLEAN_TARGET:
            byte = read_boolean(kind, at, end)
            if byte == 0:
                return False
            columns.boolean[target - BOOLEAN_TARGET, row] = byte
            continue
        if (kind == OBJECT or kind == ARRAY) and scan.counts[0]:
            return False
        if end > at:
            is_escaped = 1 if kind == ESCAPED else 0
            _set_value(columns, interner, target, row, at, (end - at) * 4 + is_escaped * 2 + 1)
    return True


@compiled
def _fill_identity(columns: Any, identities: Any, scan: Any, tables: Any, slot: Any) -> Any:
    """Number of the identity in ``slot``, its values kept if it is new; -1 if it is odd."""
    at, end = scan.slot_at[slot], scan.slot_end[slot]
    if scan.counts[0] and _holds_secret(scan, at, end):
        return -1
    before = identities.count[0]
    entry = intern_bytes(identities, at, end - at, (end - at) * 4 + 1, 0)
    if entry < before:
        return entry
    for column in range(len(tables.identity_slot)):
        if not _fill_identity_value(columns, scan, tables, column, entry):
            identities.meta[entry] = 0  # never equal to another: each record with it takes the exact path
            for other in range(len(tables.identity_slot)):
                columns.identity_meta[other, entry] = 0
            return -1
    return entry


@compiled
def _fill_identity_value(columns: Any, scan: Any, tables: Any, column: Any, entry: Any) -> Any:
    slot, wanted = tables.identity_slot[column], tables.identity_kind[column]
    kind = scan.slot_kind[slot]
    if kind == NONE or kind == NULL:
        return True
    at, end = scan.slot_at[slot], scan.slot_end[slot]
    is_text = kind == STRING or kind == ESCAPED
    if wanted == JSON:
        if is_text:
            at, end = at - 1, end + 1
        columns.identity_at[column, entry], columns.identity_meta[column, entry] = at, (end - at) * 4 + 1
        return True
    if is_text and end == at:
        return True
    if wanted == TEXT:
        columns.identity_at[column, entry] = at
        columns.identity_meta[column, entry] = (end - at) * 4 + (kind - STRING) * 2 + 1
        return is_text
    if wanted == BOOLEAN:
        columns.identity_meta[column, entry] = read_boolean(kind, at, end)
        return columns.identity_meta[column, entry] != 0
    instant = parse_instant(at, end - at) if kind == STRING else -1
    columns.identity_meta[column, entry] = instant * 2 + 1
    return instant >= 0


@compiled
def _find_rule(kinds: Any, source: Any, name: Any) -> Any:
    """Place of a pair of codes in the table of kinds; its key is 0 where the pair is new."""
    key = (np.int64(source) << 32 | np.int64(name)) + 1
    mask = len(kinds.key) - 1
    place = ((key * 0x9E3779B1) >> 15) & mask
    while kinds.key[place] and kinds.key[place] != key:
        place = (place + 1) & mask
    return place


@compiled
def add_kind(kinds: Any, source: Any, name: Any, rule: Any) -> Any:
    """Keep the rule of a new pair of codes."""
    place = _find_rule(kinds, source, name)
    if kinds.key[place] == 0:
        kinds.count[0] += 1
    kinds.key[place], kinds.rule[place] = (np.int64(source) << 32 | np.int64(name)) + 1, rule


@compiled
def _is_omitted(scan: Any, slot: Any) -> Any:
    kind, at = scan.slot_kind[slot], scan.slot_at[slot]
    if kind == TRUE:
        return True
    return kind == STRING and scan.slot_end[slot] - at == 4 and equal_bytes(_WORDS.ctypes.data, at, 4)


@compiled
def _clear_row(columns: Any, row: Any) -> Any:
    columns.view_meta[:, row] = 0
    columns.code[:, row] = 0
    columns.boolean[:, row] = 0


@compiled
def _fill_row(
    records: Any,
    columns: Any,
    tables: Any,
    trie: Any,
    scan: Any,
    memo: Any,
    interner: Any,
    identities: Any,
    kinds: Any,
    arena: Any,
    arena_used: Any,
    row: Any,
) -> Any:
    """One record to one row; returns its state, or ``-NEEDS_KIND``."""
    start, end, limit = records.start[row], records.end[row], records.limit[row]
    named = find_hints(start, end, limit)
    if named == -2:
        return ODD
    time_slot, identity_slot, omitted_slot = tables.special[0], tables.special[1], tables.special[2]
    identity = scan_record(start, end, limit, scan, trie, named >= 0, identity_slot, memo)
    if identity == -2 or (named >= 0 and scan.counts[1] != named):
        return ODD
    if scan.slot_kind[time_slot] != STRING:
        return ODD
    at = scan.slot_at[time_slot]
    instant = parse_instant(at, scan.slot_end[time_slot] - at)
    if instant < 0 or instant < tables.special[5] or instant > records.latest[row]:
        return ODD
    columns.time[row] = instant
    if not _fill_plain(columns, interner, scan, tables, row, arena, arena_used):
        return ODD
    if columns.code[tables.special[6], row] == 0 or columns.view_meta[tables.special[7], row] == 0:
        return ODD  # no account or no event id: the fallbacks are the exact path's
    kind = scan.slot_kind[identity_slot]
    if kind == OBJECT:
        if identity < 0:
            identity = _fill_identity(columns, identities, scan, tables, identity_slot)
            if identity < 0:
                return ODD
            at = scan.slot_at[identity_slot]
            remember_identity(memo, at, scan.slot_end[identity_slot] - at, identity, limit)
        columns.identity[row] = identity + 1
    elif kind != NONE and kind != NULL:
        return ODD
    columns.is_omitted[row] = _is_omitted(scan, omitted_slot)
    place = _find_rule(kinds, columns.code[tables.special[3], row], columns.code[tables.special[4], row])
    if kinds.key[place] == 0:
        return -NEEDS_KIND
    rule = kinds.rule[place]
    if rule == ODD_RULE or not _fill_promoted(columns, interner, scan, tables, rule, row):
        return ODD
    return DONE


@compiled
def fill_rows(
    records: Any,
    columns: Any,
    tables: Any,
    trie: Any,
    scan: Any,
    memo: Any,
    interner: Any,
    identities: Any,
    kinds: Any,
    arena: Any,
    arena_used: Any,
    row: Any,
) -> Any:
    """Fill rows from ``row`` on; returns why it came back and the row to go on with."""
    while row < len(records.start):
        if columns.state[row] == PENDING:
            if not has_room(interner) or not has_room(identities):
                return NEEDS_ROOM, row
            if arena_used[0] + 2 * (records.end[row] - records.start[row]) + 4096 > len(arena):
                return NEEDS_ARENA, row
            state = _fill_row(
                records, columns, tables, trie, scan, memo, interner, identities, kinds, arena, arena_used, row
            )
            if state == -NEEDS_KIND:
                return NEEDS_KIND, row
            if state == ODD:
                _clear_row(columns, row)
                columns.identity[row] = 0
            columns.state[row] = state
        row += 1
    return FINISHED, row
