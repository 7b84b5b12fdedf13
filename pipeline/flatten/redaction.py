"""Session tokens and secret keys never reach lake, log or report: the one place that knows them.

What enters: text, JSON or a damaged piece of it. What leaves: the same text with each secret replaced by
``MARKER``, every other character as it was. This module must never fail, and never take quadratic time.

Source: STS API reference, "Credentials"; S3 user guide, "CreateSession" and presigned URLs (X-Amz-Security-Token).
"""

from __future__ import annotations

import json
import re

MARKER = "***REDACTED***"

SECRET_KEYS = frozenset(
    {
        "sessiontoken",
        "securitytoken",
        "xamzsecuritytoken",
        "awssessiontoken",
        "awssecuritytoken",
        "secretaccesskey",
        "secretkey",
        "accesstoken",
        "refreshtoken",
        "idtoken",
        "authtoken",
        "authorizationtoken",
        "bearertoken",
        "signintoken",
        "webidentitytoken",
        "samlassertion",
        "federationtoken",
    }
)
"""Names of members whose value is a secret: lower case, without ``-`` and ``_``. Idempotency and paging tokens
(clientToken, nextToken) are none."""

LONGEST_SECRET_KEY = 48
"""Keys longer than this are not looked at; escapes and separators included."""

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
"""CloudTrail's own marker: nothing to hide, and worth keeping."""

_KEY = re.compile(r'"((?:[^"\\]|\\.){1,300}?)"[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_SCALAR = re.compile(r"[^ \t\r\n,\]}]*")
_TO_BRACKET = re.compile(r'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+[{}\[\]]', re.DOTALL)
_SEPARATORS = str.maketrans("", "", "-_ ")
# Inside a string: a query of a presigned URL, or JSON embedded at any level of escaping.
_EMBEDDED = re.compile(
    r"((?:x[-_]amz[-_]security|aws[-_ ]?(?:session|security)|session|security)[-_]?token|secret[-_]?access[-_]?key)"
    r"""((?:\\|["'&]|%22|%5C|u0022|quot;|\s){0,12}(?:=|:|%3[DA]|\\{1,8}u003[da])(?:\\|["'&]|%22|%5C|u0022|quot;|\s){0,12})"""
    r"([A-Za-z0-9+/=_%.~-]{8,})",
    re.IGNORECASE | re.ASCII,
)
_HINT = re.compile(r"token|secret|assertion|\\u00", re.IGNORECASE | re.ASCII)
_HARMLESS = frozenset({'""', "null", "true", "false", f'"{HIDDEN}"', f'"{MARKER}"'})


def redact_tokens(text: str) -> str:
    """Replace every secret in ``text`` by ``MARKER``.

    Args:
        text: a JSON value, or any piece of one; it may be cut or malformed.

    Returns:
        The same text; JSON stays JSON. The value of a member named like a secret becomes the marker unless it is
        null, a boolean, empty, or CloudTrail's own hidden marker; secrets inside strings lose their characters.
    """
    if _HINT.search(text) is None:
        return text
    parts: list[str] = []
    copied = 0
    for match in _KEY.finditer(text):
        if match.start() < copied or not is_secret_key(match[1]):
            continue
        end = _value_end(text, match.end())
        if text[match.end() : end] in _HARMLESS:
            continue
        parts.append(text[copied : match.end()])
        parts.append(f'"{MARKER}"')
        copied = end
    parts.append(text[copied:])
    return _EMBEDDED.sub(_redact_embedded, "".join(parts))


def is_secret_key(raw_key: str) -> bool:
    """Whether a member's key, given as raw text between its quotes, names a secret."""
    if "\\" in raw_key:
        try:
            raw_key = json.loads(f'"{raw_key}"', strict=False)
        except json.JSONDecodeError:
            return False
    return (
        len(raw_key) <= LONGEST_SECRET_KEY
        and raw_key.isascii()
        and raw_key.lower().translate(_SEPARATORS) in SECRET_KEYS
    )


def _redact_embedded(match: re.Match[str]) -> str:
    return match[0] if match[3] == HIDDEN else f"{match[1]}{match[2]}{MARKER}"


def _value_end(text: str, at: int) -> int:
    """End of the value at ``at``; the end of the text where it does not end."""
    first = text[at : at + 1]
    if first == '"':
        string = _STRING.match(text, at)
        return string.end() if string else len(text)
    if first not in ("{", "["):
        scalar = _SCALAR.match(text, at)
        return scalar.end() if scalar else len(text)
    level = 0
    while True:
        match = _TO_BRACKET.match(text, at)
        if match is None:
            return len(text)
        at = match.end()
        level += 1 if text[at - 1] in "{[" else -1
        if level == 0:
            return at
