"""Just enough lexing to find where a JSON value ends, without recursion and in linear time.

What enters: a buffer and an offset. What leaves: offsets. This module must never judge whether a value is valid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SPACE = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR = re.compile(rb'[^ \t\r\n,\]}\[{":]+')
# Everything up to the next bracket outside strings. Possessive: a failure costs one pass, not many.
_TO_BRACKET = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL)
_OPENERS = b"{["


@dataclass(frozen=True, slots=True)
class ValueEnd:
    """End of a value and how deep it nests.

    Attributes:
        end: one past the value; ``None`` where the buffer ends first or no value begins.
        depth: levels of objects and lists seen.
    """

    end: int | None
    depth: int = 0


def skip_space(buffer: bytes, at: int) -> int:
    """Offset of the first byte from ``at`` on that is no JSON white space."""
    match = _SPACE.match(buffer, at)
    return match.end() if match else at


def match_string(buffer: bytes, at: int) -> int | None:
    """One past the string that begins at ``at``, or ``None``."""
    match = _STRING.match(buffer, at)
    return match.end() if match else None


def find_value_end(buffer: bytes, at: int) -> ValueEnd:
    """Where the value that begins at ``at`` ends: by its brackets, its closing quote, or the next delimiter."""
    first = buffer[at : at + 1]
    if first == b'"':
        return ValueEnd(match_string(buffer, at))
    if first not in (b"{", b"["):
        match = _SCALAR.match(buffer, at)
        return ValueEnd(match.end() if match else None)
    level = deepest = 0
    while True:
        match = _TO_BRACKET.match(buffer, at)
        if match is None:
            return ValueEnd(None, deepest)
        at = match.end()
        if match[1] in _OPENERS:
            level += 1
            deepest = max(deepest, level)
        else:
            level -= 1
            if level == 0:
                return ValueEnd(at, deepest)
