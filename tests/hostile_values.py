"""Hostile values: what an attacker can put into any member of a CloudTrail record, or into a key of the bucket.

``HOSTILE`` maps a name to a value. Values that execute do so visibly: a script sets ``document.title`` or asks for
``MARKER_URL``, so that a test can see that nothing ran. ``build_hostile_event`` puts one value into every string member
of a record. Import it as ``from tests.hostile_values import HOSTILE`` or load it by path; it needs no other module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

MARKER = "pwned-by-a-log"
MARKER_URL = "http://127.0.0.1:9/pwned-by-a-log"

MARKUP: Mapping[str, str] = {
    "script_tag": f"<script>document.title='{MARKER}'</script>",
    "script_tag_src": f"<script src='{MARKER_URL}'></script>",
    "script_end": f"</script><script>document.title='{MARKER}'</script>",
    "style_end": f"</style><script>document.title='{MARKER}'</script>",
    "title_end": f"</title><script>document.title='{MARKER}'</script>",
    "textarea_end": f"</textarea></pre></code><img src=x onerror=document.title='{MARKER}'>",
    "comment_end": f"--><script>document.title='{MARKER}'</script><!--",
    "cdata_end": f"]]><script>document.title='{MARKER}'</script><![CDATA[",
    "image_handler": f"<img src=x onerror=\"document.title='{MARKER}'\">",
    "image_remote": f"<img src='{MARKER_URL}'>",
    "svg_handler": f"<svg onload=\"document.title='{MARKER}'\"><script>document.title='{MARKER}'</script></svg>",
    "svg_title_end": f"</title></svg><svg onload=document.title='{MARKER}'>",
    "svg_foreign": f"<foreignObject><body onload=document.title='{MARKER}'></foreignObject>",
    "attribute_double": f"\" onmouseover=\"document.title='{MARKER}'\" autofocus onfocus=\"document.title='{MARKER}'",
    "attribute_single": f"' onmouseover='document.title=\"{MARKER}\"' autofocus onfocus='document.title=\"{MARKER}\"",
    "attribute_backtick": f"` onmouseover=`document.title='{MARKER}'`",
    "javascript_url": f"javascript:document.title='{MARKER}'",
    "javascript_url_odd": f"jAvA\tsc\nript&colon;document.title='{MARKER}'",
    "data_url": f"data:text/html,<script>document.title='{MARKER}'</script>",
    "meta_refresh": f"<meta http-equiv=refresh content='0;url={MARKER_URL}'>",
    "base_tag": f"<base href='{MARKER_URL}/'>",
    "iframe": f"<iframe srcdoc=\"<script>parent.document.title='{MARKER}'</script>\" src='{MARKER_URL}'></iframe>",
    "link_tag": f"<link rel=stylesheet href='{MARKER_URL}'><link rel=preload as=image href='{MARKER_URL}'>",
    "form_tag": f"<form action='{MARKER_URL}'><input autofocus onfocus=document.title='{MARKER}'></form>",
    "details_toggle": f"<details open ontoggle=document.title='{MARKER}'>",
    "mutation": f"<noscript><p title=\"</noscript><img src=x onerror=document.title='{MARKER}'>\">",
    "entities": f"&lt;script&gt;document.title='{MARKER}'&lt;/script&gt; &#x3c;img src=x&#x3e; &amp;amp;",
    "markdown": f"[x](javascript:document.title='{MARKER}') ![x]({MARKER_URL})",
}
"""HTML and SVG that would run, or load, if it ever reached a page as markup."""

STYLE: Mapping[str, str] = {
    "css_import": f"@import url('{MARKER_URL}');",
    "css_url": f"red;background:url({MARKER_URL})",
    "css_expression": f"expression(document.title='{MARKER}')",
    "css_block_end": f"}} body {{ display: none; background: url('{MARKER_URL}') }} {{",
    "css_attribute": f"\" style=\"position:fixed;inset:0;background:url('{MARKER_URL}')",
}
"""Style sheets that would load something or hide the page."""

TEMPLATE: Mapping[str, str] = {
    "jinja_expression": "{{ 7*7*191 }}{{ self.__init__.__globals__ }}",
    "jinja_statement": "{% for x in range(9999999) %}{{ x }}{% endfor %}{% include '/etc/passwd' %}",
    "jinja_comment": "{# hidden #}",
    "python_format": "{0.__class__.__mro__} %(x)s %n %s ${HOME} $(id) `id`",
    "rich_markup": "[red]alert[/red] [link=http://127.0.0.1:9/]x[/link] [/]",
    "log4j": "${jndi:ldap://127.0.0.1:9/x}",
}
"""Template languages that anything between log and reader might speak."""

FORMULAS: Mapping[str, str] = {
    "formula_equals": '=HYPERLINK("http://127.0.0.1:9/?"&A1,"open")',
    "formula_dde": "=cmd|' /C calc'!A0",
    "formula_plus": "+1+1",
    "formula_minus": "-2+3",
    "formula_at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "formula_tab": "\t=1+1",
    "formula_return": "\r=1+1",
    "formula_newline": "\n=1+1",
    "formula_blank": " =1+1",
    "formula_no_break_space": "\u00a0=1+1",
    "formula_wide": "\uff1d1+1",
    "formula_quoted": '"=1+1"',
    "formula_separator": 'x",=1+1,"\n=1+1\r\n;=1+1',
    "formula_hidden": "\u200b=1+1",
}
"""What a spreadsheet would take for a formula, at the start of a cell or by breaking out of one."""

CONTROLS: Mapping[str, str] = {
    "nul": "before\x00after",
    "c0": "".join(chr(point) for point in range(32)) + "\x7f",
    "c1": "".join(chr(point) for point in range(128, 160)),
    "ansi_colour": "\x1b[31mred\x1b[0m \x1b[2J\x1b[1;1H\x1b[8mhidden",
    "ansi_title": f"\x1b]0;{MARKER}\x07",
    "osc_link": "\x1b]8;;http://127.0.0.1:9/\x1b\\text\x1b]8;;\x1b\\",
    "osc_clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "csi_c1": "\x9b31mred\x9d0;title\x9c",
    "backspace": "arn:aws:iam::1:role/evil\b\b\b\bgood\rrole/fine",
    "bidi_override": "\u202egpj.exe\u202c \u2066isolated\u2069 \u200f\u200e\u061c",
    "right_to_left": "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "zero_width": "ad\u200bm\u200c\u200din\u2060\ufeff\u00ad",
    "tags": "user" + "".join(chr(0xE0000 + ord(letter)) for letter in "admin"),
    "line_separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "lone_surrogate": "high \ud800 low \udfff",
    "surrogate_order": "\udc00\ud800",
    "noncharacter": "\ufffe\uffff\ufdd0",
    "combining": "a" + "\u0301\u0489" * 200,
    "fillers": "\u3164\u115f\uffa0\u034f",
}
"""Characters that control a terminal, reorder or hide text, or have no encoding."""

INJECTIONS: Mapping[str, str] = {
    "sql": "'; DROP TABLE events; --",
    "sql_comment": "x' OR '1'='1' /* \" ; COPY (SELECT 1) TO '/tmp/pwned' --",
    "like_and_glob": "%_*?[a-z]{a,b}**/../*",
    "path_traversal": "../../../../etc/passwd",
    "path_windows": "..\\..\\windows\\system32\\con.json:stream",
    "path_absolute": "/etc/passwd",
    "path_encoded": "%2e%2e%2f%252e%252e%252f",
    "uri": "file:///etc/passwd#?x=1",
    "shell": "$(touch /tmp/pwned); `touch /tmp/pwned` | & > <",
    "json": '"}],"findings":[{"severity":"info"}]}//',
    "long_words": "A" * 5000,
    "long_spaces": "x" + " " * 5000 + "y",
    "empty": "",
    "blank": " ",
    "none_word": "None",
    "number": "1e999",
    "emoji": "\U0001f469\u200d\U0001f4bb\ufe0f \U0001f1e9\U0001f1ea",
}
"""Strings for what lies behind the page: SQL, shells, paths, parsers."""

HOSTILE: Mapping[str, str] = {**MARKUP, **STYLE, **TEMPLATE, **FORMULAS, **CONTROLS, **INJECTIONS}
"""Every hostile value by its name."""

MEGABYTE = MARKUP["script_tag"] * (1_000_000 // len(MARKUP["script_tag"]))
"""A string of a megabyte that is markup all through; apart from ``HOSTILE``, because it makes every test slow."""


def walk_hostile(*, with_megabyte: bool = False) -> Iterator[tuple[str, str]]:
    """Yield (name, value) of every hostile value.

    Args:
        with_megabyte: also the one of a megabyte.
    """
    yield from HOSTILE.items()
    if with_megabyte:
        yield "megabyte", MEGABYTE


def has_utf8_form(value: str) -> bool:
    """Return whether the value can be written as UTF-8; lone surrogates only travel as JSON escapes."""
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in value)


def build_hostile_event(value: str, *, event_id: str, event_time: str = "2024-03-05T10:11:12Z") -> dict[str, Any]:
    """Build a PutRolePolicy record with the value in every string member that a caller can influence, keys included.

    Args:
        value: the hostile string.
        event_id: ``eventID`` of the record, so that it can be found again.
        event_time: ``eventTime``; the record is refused without a good one.
    """
    return {
        "eventVersion": "1.10",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": value,
            "arn": value,
            "accountId": "111122223333",
            "accessKeyId": value,
            "userName": value,
            "invokedBy": value,
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": value,
                    "arn": value,
                    "accountId": value,
                    "userName": value,
                },
                "attributes": {"creationDate": "2024-03-05T10:00:00Z", "mfaAuthenticated": value},
                "sourceIdentity": value,
            },
            value: value,
        },
        "eventTime": event_time,
        "eventSource": "iam.amazonaws.com",
        "eventName": "PutRolePolicy",
        "awsRegion": "us-east-1",
        "sourceIPAddress": value,
        "userAgent": value,
        "errorMessage": value,
        "requestParameters": {"roleName": value, "policyName": value, "policyDocument": value, value: {value: [value]}},
        "responseElements": {value: value},
        "additionalEventData": {value: value},
        "requestID": value,
        "eventID": event_id,
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
        value: value,
    }
