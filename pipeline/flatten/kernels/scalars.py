"""Scalars of a record in compiled code: instants and booleans, as text or as words.

What enters: addresses of a value's bytes. What leaves: microseconds, or one byte. This module must never accept a form
that ``exact`` reads otherwise: anything unusual is refused, and its record takes the exact path.

Source: AWS CloudTrail user guide, "CloudTrail record contents" (``eventTime``).
"""

# ruff: noqa: SIM110 - compiled code: plain comparisons and loops are what becomes good machine code.

from __future__ import annotations

from typing import Any

from pipeline.flatten.kernels.memory import compiled, constant, equal_bytes, load8
from pipeline.flatten.state import FALSE, STRING, TRUE

FALSE_BYTE, TRUE_BYTE = 1, 2
_WORDS = constant(b"truefalseyesno")
_LOWER = 0x20
_DAY_MICROSECONDS = 86_400_000_000


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
        if load8(at + index) | _LOWER != load8(_WORDS() + offset + index):
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
def is_written_true(kind: Any, at: Any, end: Any) -> Any:
    """Whether a value is ``true``, or text that is exactly that."""
    if kind != STRING:
        return kind == TRUE
    return end - at == 4 and equal_bytes(_WORDS(), at, 4)
