"""Places and codes to Arrow buffers, in the order of the batch, in compiled code.

What enters: addresses of columns (see ``gather``, whose functions call these) and of an order of rows. What leaves:
filled buffers. This module must never write past the sizes that the caller computed with ``measure_places``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pipeline.flatten.kernels.memory import (
    compiled,
    copy_bytes,
    entry_point,
    item,
    item32,
    load8,
    load64,
    prefetch,
    put,
    put32,
    store8,
    store64,
)
from pipeline.flatten.kernels.places import leading_key
from pipeline.flatten.kernels.tokens import find_end, read_unit
from pipeline.flatten.state import DIGEST_BYTES, IS_ESCAPED

_U = ord("u")
_N, _T, _R, _B, _F = ord("n"), ord("t"), ord("r"), ord("b"), ord("f")

# Of eight bytes at once: low half of each, the digit 0, what lifts 10 and more over 15, a bit of each byte, and how far
# the letters are behind the digits.
_HALVES, _DIGITS, _LIFT, _CARRY = (np.uint64(0x0101010101010101 * byte) for byte in (0x0F, ord("0"), 6, 1))
_LETTERS = np.uint64(ord("a") - ord("0") - 10)
_FOUR, _EIGHT, _SIXTEEN, _WORD_BITS = (np.uint64(bits) for bits in (4, 8, 16, 32))
_LOW_WORD, _PAIRS, _BYTES = np.uint64(0xFFFFFFFF), np.uint64(0x0000FFFF0000FFFF), np.uint64(0x00FF00FF00FF00FF)

_AHEAD = 16
"""Places by which the text of one is asked for before it is copied: records of a batch are far apart in memory."""


@compiled
def _row(order: Any, index: Any) -> Any:
    """Row at a place of an order; 0 is the order of the rows themselves."""
    return item(order, index) if order else index


@compiled
def _set_bit(bits: Any, index: Any) -> Any:
    at = bits + (index >> 3)
    store8(at, load8(at) | 1 << (index & 7))


@entry_point
def measure_places(order: Any, count: Any, meta: Any, found: Any) -> Any:
    """Bytes that the places hold (escapes counted as written, which is never less), and how many are null."""
    total, nulls = 0, 0
    for index in range(count):
        value = item(meta, _row(order, index))
        total += value >> 2
        nulls += value == 0
    put(found, 0, total)
    put(found, 1, nulls)
    return 0


@compiled
def _write_utf8(point: Any, target: Any) -> Any:
    """Write a code point; returns the bytes it takes."""
    if point < 0x80:
        store8(target, point)
        return 1
    if point < 0x800:
        store8(target, 0xC0 | point >> 6)
        store8(target + 1, 0x80 | (point & 0x3F))
        return 2
    if point < 0x10000:
        store8(target, 0xE0 | point >> 12)
        store8(target + 1, 0x80 | (point >> 6 & 0x3F))
        store8(target + 2, 0x80 | (point & 0x3F))
        return 3
    store8(target, 0xF0 | point >> 18)
    store8(target + 1, 0x80 | (point >> 12 & 0x3F))
    store8(target + 2, 0x80 | (point >> 6 & 0x3F))
    store8(target + 3, 0x80 | (point & 0x3F))
    return 4


@compiled
def _short_escape(byte: Any) -> Any:
    """The character of a two-character escape."""
    if byte == _N:
        return 10
    if byte == _T:
        return 9
    if byte == _R:
        return 13
    if byte == _B:
        return 8
    return 12 if byte == _F else byte


@compiled
def decode_escapes(at: Any, end: Any, target: Any) -> Any:
    """Text of a JSON string without its quotes; the scanner saw surrogates in pairs only."""
    start = target
    while at < end:
        stop = find_end(at, end)
        copy_bytes(target, at, stop - at)
        target += stop - at
        at = stop
        if at >= end:
            break
        if load8(at + 1) != _U:
            store8(target, _short_escape(load8(at + 1)))
            target += 1
            at += 2
            continue
        point = read_unit(at, end)
        at += 6
        if 0xD800 <= point < 0xDC00:
            point = 0x10000 + ((point - 0xD800) << 10) + (read_unit(at, end) - 0xDC00)
            at += 6
        target += _write_utf8(point, target)
    return target - start


@entry_point
def gather_places(order: Any, count: Any, at: Any, meta: Any, offsets: Any, data: Any, validity: Any) -> Any:
    """Copy the bytes of each place; returns the bytes written."""
    used = 0
    for index in range(count):
        row = _row(order, index)
        prefetch(item(at, _row(order, min(index + _AHEAD, count - 1))))
        put32(offsets, index, used)
        value = item(meta, row)
        if value == 0:
            continue
        _set_bit(validity, index)
        start, length = item(at, row), value >> 2
        if value & IS_ESCAPED:
            used += decode_escapes(start, start + length, data + used)
        else:
            copy_bytes(data + used, start, length)
            used += length
    put32(offsets, count, used)
    return used


@entry_point
def leading_bytes(rows: Any, count: Any, at: Any, meta: Any, keys: Any) -> Any:
    """First eight bytes of each place as a number that sorts as they do."""
    for index in range(count):
        row = item(rows, index)
        put(keys, index, leading_key(item(at, row), item(meta, row) >> 2))
    return 0


@entry_point
def spread_codes(order: Any, count: Any, codes: Any, places: Any, indices: Any, validity: Any) -> Any:
    """Turn codes of rows, in an order (0: as they are), into indices by a table of them, where -1 is null.

    The room for validity is of whole bytes. Returns how many are null.
    """
    nulls = 0
    for first in range(0, count, 8):
        bits = 0
        for index in range(first, min(first + 8, count)):
            place = item32(places, item32(codes, _row(order, index)))
            is_valid = place >= 0
            put32(indices, index, place if is_valid else 0)
            bits |= is_valid << (index - first)
            nulls += 1 - is_valid
        store8(validity + (first >> 3), bits)
    return nulls


@entry_point
def spread_flags(order: Any, count: Any, flags: Any, values: Any, validity: Any) -> Any:
    """Turn bytes of rows (0 null, 1 false, 2 true), in an order, into bits; returns how many are null."""
    nulls = 0
    for first in range(0, count, 8):
        truths, bits = 0, 0
        for index in range(first, min(first + 8, count)):
            flag = load8(flags + item(order, index))
            truths |= (flag >> 1) << (index - first)
            bits |= (flag != 0) << (index - first)
            nulls += flag == 0
        store8(values + (first >> 3), truths)
        store8(validity + (first >> 3), bits)
    return nulls


@compiled
def _hex_word(half: Any) -> Any:
    """Eight hex digits of the four bytes in the low half of a word, first byte first."""
    spread = (half | half << _SIXTEEN) & _PAIRS
    spread = (spread | spread << _EIGHT) & _BYTES
    digits = (spread >> _FOUR | spread << _EIGHT) & _HALVES
    letters = (digits + _LIFT) >> _FOUR & _CARRY
    return digits + _DIGITS + letters * _LETTERS


@entry_point
def write_hex(order: Any, count: Any, digests: Any, target: Any) -> Any:
    """Write digests in an order as hex digits."""
    for index in range(count):
        at = digests + DIGEST_BYTES * item(order, index)
        for word in range(0, DIGEST_BYTES, 8):
            bits = load64(at + word)
            store64(target, _hex_word(bits & _LOW_WORD))
            store64(target + 8, _hex_word(bits >> _WORD_BITS))
            target += 16
    return 0
