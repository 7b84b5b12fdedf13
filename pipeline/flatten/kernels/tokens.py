"""Tokens of JSON in compiled code: where a string, number, word or white space ends, and whether it is one.

What enters: an address within a buffer, and where its readable bytes end. What leaves: an address, or 0 for an odd one.
This module must never pass a token that RFC 8259 does not have, nor read past the NUL that stands behind a buffer.

Source: RFC 8259, "The JavaScript Object Notation (JSON) Data Interchange Format", sections 2, 3, 6 and 7.
"""

# ruff: noqa: SIM109 - compiled code: plain comparisons and loops are what becomes good machine code.

from __future__ import annotations

from typing import Any

from pipeline.flatten.kernels.memory import compiled, count_trailing_zeros, item, load8, mark_ends
from pipeline.flatten.state import VECTOR

PLAIN_DIGITS = 18
"""Integers of more digits may not fit 64 bits; fractions of more are looked at as well."""

_QUOTE, _SLASH, _SOLIDUS, _COMMA = (ord(mark) for mark in '"\\/,')
_CLOSE_OBJECT, _CLOSE_ARRAY = (ord(mark) for mark in "}]")
_SPACE, _TAB, _LINE, _RETURN = (ord(mark) for mark in " \t\n\r")
_B, _E, _F, _L, _N, _R, _S, _T, _U = (ord(letter) for letter in "beflnrstu")
_ZERO, _NINE, _LETTER_A, _LETTER_F, _MINUS, _POINT, _LOWER = (*(ord(mark) for mark in "09af-."), 0x20)


@compiled
def find_end(at: Any, limit: Any) -> Any:
    """Address of the next quote, backslash or control character, or ``limit``, which ends the readable bytes."""
    while at + VECTOR <= limit:
        bits = mark_ends(at)
        if bits:
            return at + count_trailing_zeros(bits)
        at += VECTOR
    while at < limit and load8(at) != _QUOTE and load8(at) != _SLASH and load8(at) >= _SPACE:
        at += 1
    return at


@compiled
def _hex_digit(byte: Any) -> Any:
    """Value of a hex digit; at least 16 for any other byte."""
    if _ZERO <= byte <= _NINE:
        return byte - _ZERO
    byte |= _LOWER
    return byte - _LETTER_A + 10 if _LETTER_A <= byte <= _LETTER_F else 16


@compiled
def read_unit(at: Any, limit: Any) -> Any:
    """The UTF-16 unit of the escape ``\\uXXXX`` at ``at``; -1 if there is none."""
    if at + 6 > limit or load8(at) != _SLASH or load8(at + 1) != _U:
        return -1
    first, second = _hex_digit(load8(at + 2)), _hex_digit(load8(at + 3))
    third, fourth = _hex_digit(load8(at + 4)), _hex_digit(load8(at + 5))
    if (first | second | third | fourth) >= 16:
        return -1
    return first << 12 | second << 8 | third << 4 | fourth


@compiled
def is_odd_unit(unit: Any) -> Any:
    """Whether an escaped character is NUL, or a letter or separator that needs no escape."""
    # A secret's name could hide behind escaped letters, '-' and '_'; quotes, <, =, > and & are escaped by habit.
    return unit == 0 or 0x40 <= unit < 0x80 or unit == 0x20 or unit == 0x2D


@compiled
def _end_escape(at: Any, limit: Any) -> Any:
    """One past the escape at ``at``; 0 if it is odd, or none that JSON has."""
    if at + 2 > limit:
        return 0
    mark = load8(at + 1)
    if mark == _U:
        unit = read_unit(at, limit)
        if unit < 0 or is_odd_unit(unit):
            return 0
        if unit < 0xD800 or unit >= 0xE000:
            return at + 6
        following = read_unit(at + 6, limit)
        return at + 12 if unit < 0xDC00 and 0xDC00 <= following < 0xE000 else 0
    if mark == _QUOTE or mark == _SLASH or mark == _SOLIDUS or mark == _N:
        return at + 2
    return at + 2 if mark == _T or mark == _R or mark == _B or mark == _F else 0


@compiled
def end_string(marks: Any, place: Any, limit: Any) -> Any:
    """Find the end of a string.

    ``place`` is the number of the mark behind its opening quote. Returns the number of the mark that closes it,
    doubled, and 1 more if the string holds a backslash; -1 if it is odd or does not end.
    """
    at = item(marks, place)
    if load8(at) == _QUOTE:
        return place * 2
    while load8(at) == _SLASH:
        after = _end_escape(at, limit)
        if after == 0:
            return -1
        place += 1
        while item(marks, place) < after:
            place += 1
        at = item(marks, place)
    return place * 2 + 1 if load8(at) == _QUOTE else -1


@compiled
def skip_space(at: Any) -> Any:
    """Next byte that is no white space; the NUL behind a buffer is none."""
    while load8(at) <= _SPACE:
        byte = load8(at)
        if byte != _SPACE and byte != _TAB and byte != _LINE and byte != _RETURN:
            break
        at += 1
    return at


@compiled
def _end_digits(at: Any) -> Any:
    while _ZERO <= load8(at) <= _NINE:
        at += 1
    return at


@compiled
def end_number(at: Any) -> Any:
    """End of the number at ``at``; 0 if it is none, has an exponent, or may not fit."""
    whole = at + 1 if load8(at) == _MINUS else at
    end = _end_digits(whole)
    if end == whole or (load8(whole) == _ZERO and end > whole + 1):
        return 0
    if load8(end) == _POINT:
        fraction = end + 1
        end = _end_digits(fraction)
        if end == fraction:
            return 0
    byte = load8(end)
    if byte != _COMMA and byte != _CLOSE_OBJECT and byte != _CLOSE_ARRAY and byte > _SPACE:
        return 0
    return 0 if end - at > PLAIN_DIGITS else end


@compiled
def end_word(at: Any) -> Any:
    """End of ``true``, ``false`` or ``null`` at ``at``; 0 for any other word."""
    if load8(at) == _T:
        return at + 4 if load8(at + 1) == _R and load8(at + 2) == _U and load8(at + 3) == _E else 0
    if load8(at) == _N:
        return at + 4 if load8(at + 1) == _U and load8(at + 2) == _L and load8(at + 3) == _L else 0
    if load8(at + 1) != _LETTER_A or load8(at + 2) != _L or load8(at + 3) != _S:
        return 0
    return at + 5 if load8(at + 4) == _E else 0
