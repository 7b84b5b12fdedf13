"""The compiled side of ``redaction``: does a record hold a secret, and where.

What enters: addresses. What leaves: verdicts. This module must never call a record clean that ``redact_tokens``
would change: whatever is not plainly a string under a secret's name makes the record odd.
"""

# ruff: noqa: SIM109, SIM110 - compiled code: plain comparisons and loops are what becomes good machine code.

# mypy: disable-error-code=untyped-decorator
# numba ships no types for its decorators.

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from pipeline.flatten.kernels.memory import (
    compiled,
    constant,
    count_trailing_zeros,
    equal_bytes,
    item,
    load8,
)
from pipeline.flatten.redaction import HIDDEN, LONGEST_SECRET_KEY, MARKER, SECRET_KEYS
from pipeline.flatten.state import VECTOR

PLAIN_KEY, SECRET_KEY, SESSION_KEY = 0, 1, 2
"""What a key names: nothing secret, a secret, a secret whose name also occurs within strings."""

FOLD = np.uint64(0x2020202020202020)
ASSERTION_TAIL = np.uint64(int.from_bytes(b"ssertion", "little"))

_FNV_BASIS, _FNV_PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
_LOWER, _DASH, _UNDERSCORE, _BLANK, _UPPER_A, _UPPER_Z = 0x20, ord("-"), ord("_"), ord(" "), ord("A"), ord("Z")
_QUOTE, _COMMA, _END_OBJECT, _END_LIST = ord('"'), ord(","), ord("}"), ord("]")
_ASCII_END = 128
_A, _C, _E, _K, _N, _O, _R, _T = (ord(letter) for letter in "aceknort")
_WORD_REACH = VECTOR + 4


def _fnv(text: str) -> int:
    value = int(_FNV_BASIS)
    for byte in text.encode():
        value = ((value ^ byte) * int(_FNV_PRIME)) & 0xFFFFFFFFFFFFFFFF
    return value


_IN_STRINGS = [key for key in sorted(SECRET_KEYS) if "session" in key or "security" in key]
_OTHERS = [key for key in sorted(SECRET_KEYS) if key not in _IN_STRINGS]
_HASHES = constant(np.array([_fnv(key) for key in _IN_STRINGS + _OTHERS], dtype=np.uint64).tobytes())
_SESSION_COUNT, _HASH_COUNT = len(_IN_STRINGS), len(SECRET_KEYS)
_HARMLESS = constant(f'"{HIDDEN}""{MARKER}"'.encode())
_HIDDEN_LENGTH, _MARKER_LENGTH = len(HIDDEN) + 2, len(MARKER) + 2
_SESSION, _SECURITY = constant(b"session"), constant(b"security")


@compiled
def judge_key(at: Any, length: Any) -> Any:
    """What the key at ``at`` names, read as ``redaction.is_secret_key`` reads it."""
    if length > LONGEST_SECRET_KEY:
        return PLAIN_KEY
    hashed = _FNV_BASIS
    for index in range(length):
        byte = load8(at + index)
        if byte >= _ASCII_END:
            return PLAIN_KEY
        if byte == _DASH or byte == _UNDERSCORE or byte == _BLANK:
            continue
        if _UPPER_A <= byte <= _UPPER_Z:
            byte |= _LOWER
        hashed = (hashed ^ np.uint64(byte)) * _FNV_PRIME
    for known in range(_HASH_COUNT):
        if item(_HASHES(), known) == np.int64(hashed):
            return SESSION_KEY if known < _SESSION_COUNT else SECRET_KEY
    return PLAIN_KEY


@compiled
def is_harmless_secret(at: Any, end: Any) -> Any:
    """Whether a string under a secret's name, quotes included, hides nothing: empty, or a marker."""
    length = end - at
    if length == 2:
        return True
    known = _HARMLESS()
    if length == _HIDDEN_LENGTH:
        return equal_bytes(known, at, length)
    return length == _MARKER_LENGTH and equal_bytes(known + _HIDDEN_LENGTH, at, length)


@intrinsic
def mark_hints(typing_context: Any, address: Any) -> Any:
    """Bits for the 32 bytes at ``address`` behind which ``ken`` or ``cre`` stands, in any case; 35 are read.

    Whether the byte itself makes that ``oken`` or ``ecre`` is asked only where it matters.
    """

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = ir.VectorType(ir.IntType(8), VECTOR)
        fold = ir.Constant(vector, [_LOWER] * VECTOR)
        loads = []
        for offset in range(1, 4):
            moved = builder.add(args[0], ir.Constant(ir.IntType(64), offset))
            load = builder.load(builder.inttoptr(moved, vector.as_pointer()))
            load.align = 1
            loads.append(builder.or_(load, fold))
        found = []
        for word in ("ken", "cre"):
            hits = [
                builder.icmp_unsigned("==", load, ir.Constant(vector, [ord(letter)] * VECTOR))
                for load, letter in zip(loads, word, strict=True)
            ]
            found.append(builder.and_(builder.and_(hits[0], hits[1]), hits[2]))
        bits = builder.bitcast(builder.or_(*found), ir.IntType(VECTOR))
        return builder.zext(bits, ir.IntType(64))

    return types.int64(types.int64), generate


@compiled
def _is_hint(at: Any) -> Any:
    """Whether the byte before ``ken`` or ``cre`` makes it one."""
    first, second = load8(at) | _LOWER, load8(at + 1) | _LOWER
    return (first == _O and second == _K) or (first == _E and second == _C)


@compiled
def _ends_with(at: Any, start: Any, word: Any, length: Any) -> Any:
    """Whether the bytes before ``at``, not before ``start``, are those of ``word`` in any case."""
    if at - length < start:
        return False
    for index in range(length):
        if load8(at - length + index) | _LOWER != load8(word + index):
            return False
    return True


@compiled
def _is_separator(byte: Any) -> Any:
    return byte == _DASH or byte == _UNDERSCORE or byte == _BLANK


@compiled
def judge_hint(at: Any, start: Any, end: Any) -> Any:
    """What the hint at ``at`` is part of: 1 the name of a session token, 2 that of a secret key, 0 neither."""
    if load8(at) | _LOWER == _O:
        last = load8(at + 5)
        if load8(at + 4) == _QUOTE and (last == _COMMA or last == _END_OBJECT or last == _END_LIST):
            return 0  # the end of a value, such as the event name GetSessionToken: no secret can follow
        before = at - 1
        if before < start or load8(before) | _LOWER != _T:
            return 0
        while before > start and _is_separator(load8(before - 1)):
            before -= 1
        return 1 if _ends_with(before, start, _SESSION(), 7) or _ends_with(before, start, _SECURITY(), 8) else 0
    after = at + 5
    while after < end and _is_separator(load8(after)):
        after += 1
    if after + 2 > end:
        return 0
    first, second = load8(after) | _LOWER, load8(after + 1) | _LOWER
    return 2 if (first == _A and second == _C) or (first == _K and second == _E) else 0


@compiled
def _find_last_hints(at: Any, last: Any, found: Any) -> Any:
    """The same for the buffer's last bytes, which no vector may read past."""
    while at < last:
        third, fourth = load8(at + 2) | _LOWER, load8(at + 3) | _LOWER
        if _is_hint(at) and ((third == _E and fourth == _N) or (third == _R and fourth == _E)):
            return -2
        at += 1
    return found


@compiled
def find_hints(at: Any, stop: Any, start: Any, end: Any, limit: Any) -> Any:
    """Hints of secrets that begin between ``at`` and ``stop`` in the record from ``start`` to ``end``.

    Returns -1 if there are none; -2 if the record must be read exactly; else how often a session token is named.
    """
    found = -1
    last = min(stop, end - 3)  # a hint has four letters
    while at < last:
        if at + _WORD_REACH > limit:
            return _find_last_hints(at, last, found)
        bits = mark_hints(at)
        while bits:
            hint = at + count_trailing_zeros(bits)
            bits &= bits - 1
            if hint >= last:
                break
            if not _is_hint(hint):
                continue
            found = 0 if found < 0 else found
            kind = judge_hint(hint, start, end)
            if kind == 2:
                return -2
            found += kind
        at += VECTOR
    return found
