"""A lossless JSON reader: every value keeps its place in the text, and oddities are named instead of refused.

What enters: the text of one record. What leaves: a tree of ``Value`` and the set of flags. This module must never
recurse on input, round a number, or drop a duplicate.

Source: RFC 8259; what Python's json accepts beyond it (NaN, control characters, lone surrogates).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

PLAIN_DEPTH = 64
"""Levels of nesting beyond which a record is flagged ``deep_nesting``."""

HARD_DEPTH = 512
"""Levels beyond which no reader downstream is known to be safe: the record is quarantined."""

_DECODER = json.JSONDecoder(strict=False)
_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"[^"\\]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\]*+)*+"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WORD = re.compile(r"true|false|null|NaN|-?Infinity")
_CONTROL = re.compile(r"[\x00-\x1f]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_NUL_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_BIG, _SMALL = 2**64 - 1, -(2**63)
_NON_FINITE = ("NaN", "Infinity", "-Infinity")


@dataclass(slots=True)
class Value:
    """One JSON value and where its text is.

    Attributes:
        kind: ``object``, ``array``, ``string``, ``number`` or ``word`` (true, false, null, NaN ...).
        start: first character.
        end: one past the last.
        members: of an object: (decoded key, start of the key's text, value), duplicates included.
        items: of an array.
    """

    kind: str
    start: int
    end: int = -1
    members: list[tuple[str, int, Value]] = field(default_factory=list)
    items: list[Value] = field(default_factory=list)

    def member(self, key: str) -> Value | None:
        """Value of ``key``; the last one where it is repeated, as most readers have it."""
        for name, _, value in reversed(self.members):
            if name == key:
                return value
        return None


class MalformedError(ValueError):
    """The text is no JSON, even read leniently."""


class TooDeepError(ValueError):
    """The text nests deeper than anything downstream should be asked to read."""


def decode_string(token: str) -> str:
    """Text of a string token; lone surrogates become U+FFFD, which UTF-8 can hold."""
    if "\\" not in token:
        return token[1:-1]
    text: str = _DECODER.decode(token)
    return _LONE_SURROGATE.sub("\ufffd", text)


class TreeReader:
    """Reads one text; ``flags`` fills while it reads."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.flags: set[str] = set()

    def read(self) -> Value:
        """The value that the whole text is.

        Returns:
            Its tree.

        Raises:
            MalformedError: it is no JSON, or something follows it.
            TooDeepError: it nests deeper than ``HARD_DEPTH``.
        """
        root, at = self._begin(self._skip(0))
        stack = [root] if at < 0 else []
        if stack:
            at = root.start + 1
        while stack:
            at = self._step(stack, at)
        if self._skip(at) != len(self._text):
            raise MalformedError(f"something follows the value at character {at}")
        return root

    def _step(self, stack: list[Value], at: int) -> int:
        """Read one element of the innermost container, or its end."""
        container = stack[-1]
        at = self._skip(at)
        closer = "}" if container.kind == "object" else "]"
        is_first = not (container.members or container.items)
        if self._text[at : at + 1] == closer:
            container.end = at + 1
            stack.pop()
            return at + 1
        if not is_first:
            if self._text[at : at + 1] != ",":
                raise MalformedError(f"no comma at character {at}")
            at = self._skip(at + 1)
        if container.kind == "object":
            key_start = at
            key, at = self._read_key(container, at)
            child, end = self._begin(self._skip(at))
            container.members.append((key, key_start, child))
        else:
            child, end = self._begin(at)
            container.items.append(child)
        if end >= 0:
            return end
        stack.append(child)
        if len(stack) > PLAIN_DEPTH:
            self.flags.add("deep_nesting")
        if len(stack) > HARD_DEPTH:
            raise TooDeepError(f"nested over {HARD_DEPTH} levels deep")
        return child.start + 1

    def _read_key(self, container: Value, at: int) -> tuple[str, int]:
        match = _STRING.match(self._text, at)
        if match is None:
            raise MalformedError(f"no key at character {at}")
        self._check_string(match[0])
        if "\\" in match[0]:
            self.flags.add("escaped_key")
        colon = self._skip(match.end())
        if self._text[colon : colon + 1] != ":":
            raise MalformedError(f"no colon at character {colon}")
        return decode_string(match[0]), colon + 1

    def _begin(self, at: int) -> tuple[Value, int]:
        """Begin the value at ``at``: a scalar with its end, or a container with -1."""
        first = self._text[at : at + 1]
        if first == "{":
            return Value("object", at), -1
        if first == "[":
            return Value("array", at), -1
        if first == '"':
            match = _STRING.match(self._text, at)
            if match is not None:
                self._check_string(match[0])
                return Value("string", at, match.end()), match.end()
        word = _WORD.match(self._text, at)
        if word is not None:
            if word[0] in _NON_FINITE:
                self.flags.add("nan")
            return Value("word", at, word.end()), word.end()
        number = _NUMBER.match(self._text, at)
        if number is None:
            raise MalformedError(f"no value at character {at}")
        self._check_number(number)
        return Value("number", at, number.end()), number.end()

    def _check_string(self, token: str) -> None:
        if _CONTROL.search(token):
            self.flags.add("control_character")
            if "\0" in token:
                self.flags.add("nul")
        if "\\u" in token:
            if _NUL_ESCAPE.search(token):
                self.flags.add("nul")
            if _LONE_SURROGATE.search(_DECODER.decode(token)):
                self.flags.add("lone_surrogate")

    def _check_number(self, number: re.Match[str]) -> None:
        token = number[0]
        if number[1] is None and number[2] is None:
            if len(token) > 21 or not _SMALL <= int(token) <= _BIG:
                self.flags.add("big_integer")
        elif float(token) in (float("inf"), float("-inf")):
            self.flags.add("number_overflow")

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at


def has_duplicates(root: Value) -> bool:
    """Whether any object in the tree repeats a key."""
    waiting = [root]
    while waiting:
        value = waiting.pop()
        if len({name for name, _, _ in value.members}) < len(value.members):
            return True
        waiting += [child for _, _, child in value.members]
        waiting += value.items
    return False
