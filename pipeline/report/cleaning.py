"""Text from logs, made harmless for a terminal, a spreadsheet and a page.

What enters: any Python string, lone surrogates included. What leaves: text in which every invisible or controlling
character stands as a visible escape. This module must never drop a character: what is hidden is what an attacker
would hide in.

Source: Unicode Standard, chapter 23.2 (format controls) and UAX #9 (bidirectional controls); OWASP "CSV Injection".
"""

from __future__ import annotations

import re

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Controls, format characters, surrogates, line separators and what Unicode calls default-ignorable: all that changes
# what a reader sees without being seen. Ranges rather than a table made at import: the walk over Unicode costs 0.2 s.
_UNSEEN = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "]"
)

# Wide forms too: spreadsheets in East Asian locales read them as the ASCII ones.
_FORMULA_STARTS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")

_KEY_ID = re.compile(r"(?<![A-Za-z0-9])(A[KS]IA|ABIA|ACCA)([A-Z0-9]{8,124})(?![A-Za-z0-9])")


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character in _NAMED:
        return _NAMED[character]
    point = ord(character)
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def is_plain(text: str) -> bool:
    """Whether a text hides nothing: printable ASCII, as good as all text of logs; asking costs nothing."""
    return text.isascii() and text.isprintable()


def _show_unseen(text: str) -> str:
    if is_plain(text):
        return text
    return _UNSEEN.sub(_escape, text)


def clean_text(value: object, *, limit: int | None = None) -> str:
    """Make a value safe to print: no control, bidirectional or invisible character stays raw.

    Args:
        value: a string from a log, or anything that has a text form; ``None`` gives ``""``.
        limit: longest text to return; what is cut is said, never silently lost.

    Returns:
        One line; each escaped character as ``\\n``, ``\\x1b``, ``\\u202e`` or ``\\U000e0041``. It encodes as UTF-8.

    Source:
        UAX #9; ECMA-48 (control sequences).
    """
    text = "" if value is None else str(value)
    cut = 0
    if limit is not None and len(text) > limit:
        cut = len(text) - limit
        text = text[:limit]
    text = _show_unseen(text)
    return f"{text}… ({cut:,} more characters)" if cut else text


def clean_lines(text: str) -> str:
    """Make a rendered text of several lines safe to print: as ``clean_text`` does, line ends kept.

    Args:
        text: a table or page that was drawn from values of logs.

    Returns:
        The text; escapes are longer than what they stand for, so that a drawn column may be off by some characters.
    """
    return "\n".join(_show_unseen(line) for line in text.split("\n"))


def present_text(value: str, *, limit: int, show_keys: bool = False) -> str:
    """Clean a text for the page, keys masked, however long it is.

    Args:
        value: any text, a megabyte of it too.
        limit: longest text to return; what is cut is said.
        show_keys: leave access key ids as they are.

    Returns:
        As ``clean_text`` does; of a long text only the head is looked at.
    """
    if len(value) <= limit and is_plain(value) and not _may_hold_key(value):
        return value
    # A key that crosses the limit is masked as a whole before the cut, hence the margin: no id is longer than 128.
    head = value[: limit + 256]
    text = clean_text((head if show_keys else mask_keys(head))[:limit])
    return f"{text}\u2026 ({len(value) - limit:,} more characters)" if len(value) > limit else text


def clean_cell(value: object) -> str:
    """Make a value safe as a CSV cell: cleaned as for a terminal, and never a formula.

    Args:
        value: a string from a log, or anything that has a text form; ``None`` gives ``""``.

    Returns:
        The text, with a leading ``'`` where it begins, after any blanks, with ``= + - @``, tab or carriage return.

    Source:
        OWASP "CSV Injection".
    """
    text = "" if value is None else str(value)
    # A hidden first character (a zero-width space before "=") is escaped, which ends the formula's disguise.
    cleaned = _show_unseen(text)
    is_formula = text[:1] in _FORMULA_STARTS or text.lstrip()[:1] in _FORMULA_STARTS
    return f"'{cleaned}" if is_formula and text else cleaned


def mask_key(key_id: str) -> str:
    """Mask one access key id: its kind (``AKIA``, ``ASIA``) and its last four characters stay.

    Args:
        key_id: an access key id; anything else comes back as it is.

    Returns:
        The id with stars between.

    Source:
        IAM user guide, "IAM identifiers": prefixes of unique ids.
    """
    return mask_keys(key_id)


def mask_keys(text: str) -> str:
    """Mask every access key id inside a text; role and user ids (AROA, AIDA) are no credentials and stay.

    Args:
        text: any text.

    Returns:
        The text, of the same length.

    Source:
        IAM user guide, "IAM identifiers": prefixes of unique ids.
    """
    if not _may_hold_key(text):
        return text
    return _KEY_ID.sub(lambda match: match[1] + "*" * (len(match[2]) - 4) + match[2][-4:], text)


def _may_hold_key(text: str) -> bool:
    return "IA" in text or "ACCA" in text
