"""IAM's wildcards: ``*`` for any run of characters, ``?`` for exactly one.

What enters: two strings. What leaves: whether one matches or contains the other.
Patterns come from logs, so an attacker writes them: this module must never hand one to a regular expression,
whose backtracking is exponential on ``*a*a*a*``; every function here is at most quadratic.

Source: AWS IAM User Guide, "IAM JSON policy elements: Action" and "Resource" (wildcards).
"""

from __future__ import annotations

LONG_PATTERN = 64
"""Beyond this many characters two patterns are taken to overlap without trying: the cautious answer, at no cost."""


def is_pattern(text: str) -> bool:
    """Whether ``text`` holds a wildcard."""
    return "*" in text or "?" in text


def plain_start(pattern: str) -> str:
    """The text before the first wildcard."""
    return pattern.split("*", 1)[0].split("?", 1)[0]


def _find(segment: str, text: str, start: int, end: int, wild: str) -> int:
    """Leftmost place in ``text[start:end]`` where ``segment`` fits; -1 if none. ``wild``: what ``?`` may not eat."""
    if "?" not in segment:
        return text.find(segment, start, end)
    size = len(segment)
    for place in range(start, end - size + 1):
        if _fits(segment, text, place, wild):
            return place
    return -1


def _fits(segment: str, text: str, place: int, wild: str) -> bool:
    if "?" not in segment:
        return text.startswith(segment, place)
    for offset, char in enumerate(segment):
        other = text[place + offset]
        if char != other and (char != "?" or other == wild):
            return False
    return True


def _match(pattern: str, text: str, wild: str) -> bool:
    first, *rest = pattern.split("*")
    if len(text) < len(first) or not _fits(first, text, 0, wild):
        return False
    if not rest:
        return len(text) == len(first)
    *middle, last = rest
    start, end = len(first), len(text) - len(last)
    if end < start or not _fits(last, text, end, wild):
        return False
    for segment in middle:
        if segment:
            place = _find(segment, text, start, end, wild)
            if place < 0:
                return False
            start = place + len(segment)
    return True


def match_pattern(pattern: str, text: str) -> bool:
    """Whether ``text``, plain, is one of the strings that ``pattern`` stands for. Case counts."""
    return pattern == "*" or _match(pattern, text, "")


def covers_pattern(wider: str, narrower: str) -> bool:
    """Whether everything that ``narrower`` stands for is also in ``wider``.

    Sound, not complete: ``True`` is always right; a containment that needs ``?`` beside ``*`` to be
    rearranged (``?*`` against ``*?``) may be missed, which errs towards "something was added".

    Args:
        wider: pattern that may contain the other.
        narrower: pattern, or plain text.

    Returns:
        ``True`` if containment is certain.
    """
    return wider in ("*", narrower) or _match(wider, narrower, "*")


def overlaps_pattern(left: str, right: str) -> bool:
    """Whether some string matches both patterns; ``True`` without trying where they are very long."""
    if covers_pattern(left, right) or covers_pattern(right, left):
        return True
    if not (is_pattern(left) and is_pattern(right)) or _ends_differ(left, right):
        return False
    # Both begin (and end) alike as far as the shorter plain text goes: what is left is short.
    start = min(len(plain_start(left)), len(plain_start(right)))
    left, right = left[start:], right[start:]
    end = min(len(plain_start(left[::-1])), len(plain_start(right[::-1])))
    left, right = left[: len(left) - end], right[: len(right) - end]
    if _surely_meet(left, right) or _surely_meet(right, left):
        return True
    return len(left) > LONG_PATTERN or len(right) > LONG_PATTERN or _intersects(left, right)


def _surely_meet(one: str, other: str) -> bool:
    """Whether what both stand for can be written one after, or inside, the other: true of nearly all that overlap."""
    if not one.startswith("*"):
        return False
    return other.endswith("*") or (one.endswith("*") and "*" in other)


def _ends_differ(left: str, right: str) -> bool:
    """Whether the plain text before the first, or after the last, wildcard already rules out a common string."""
    start, other_start = plain_start(left), plain_start(right)
    if not (start.startswith(other_start) or other_start.startswith(start)):
        return True
    end, other_end = plain_start(left[::-1]), plain_start(right[::-1])
    return not (end.startswith(other_end) or other_end.startswith(end))


def _intersects(left: str, right: str) -> bool:
    """Walk both patterns at once; row[j] says whether left[:i] and right[:j] can stand for one string."""
    row = [True]
    for char in right:
        row.append(row[-1] and char == "*")
    for char in left:
        above = row
        row = [above[0] and char == "*"]
        for index, other in enumerate(right):
            if char == "*" or other == "*":
                reachable = above[index + 1] or row[index]
            else:
                reachable = above[index] and (char == other or "?" in (char, other))
            row.append(reachable)
    return row[-1]
