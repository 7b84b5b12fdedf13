import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.flatten import MARKER, redact_tokens
from pipeline.flatten.redaction import SECRET_KEYS

_SECRET = "FwoGZXIvYXdzEEXAMPLE+/=="
_KEYS = [
    "sessionToken",
    "SessionToken",
    "SESSIONTOKEN",
    "session_token",
    "x-amz-security-token",
    "X-Amz-Security-Token",
    "secretAccessKey",
    "AWS_SECRET_ACCESS_KEY"[4:],
    "SAMLAssertion",
    "webIdentityToken",
]


@pytest.mark.parametrize("key", _KEYS)
@pytest.mark.parametrize("depth", [0, 1, 70])
def test_a_secret_is_replaced_at_any_depth(key: str, depth: int) -> None:
    """The JSON stays valid and everything else stays as it is."""
    text = '{"a":' * depth + json.dumps({"n": 1.50, key: _SECRET, "z": [1]}) + "}" * depth
    assert redact_tokens(text) == text.replace(_SECRET, MARKER)


@pytest.mark.parametrize("position", range(len("sessionToken")))
def test_an_escaped_letter_in_the_key_hides_nothing(position: int) -> None:
    """The key is what it spells."""
    key = "sessionToken"
    escaped = key[:position] + f"\\u{ord(key[position]):04x}" + key[position + 1 :]
    assert redact_tokens(f'{{"{escaped}":"{_SECRET}"}}') == f'{{"{escaped}":"{MARKER}"}}'


@pytest.mark.parametrize("value", ["null", "true", "false", '""', '"HIDDEN_DUE_TO_SECURITY_REASONS"'])
def test_what_hides_nothing_stays(value: str) -> None:
    """No token is there to be replaced."""
    assert redact_tokens(f'{{"sessionToken":{value}}}') == f'{{"sessionToken":{value}}}'


@pytest.mark.parametrize("value", ["12345", '{"a":["}"]}', '[1,"]"]', '"a\\"b"'])
def test_a_value_of_any_type_is_replaced_whole(value: str) -> None:
    """Objects and lists under a secret's name as well."""
    assert redact_tokens(f'{{"sessionToken":{value},"b":1}}') == f'{{"sessionToken":"{MARKER}","b":1}}'


@pytest.mark.parametrize(
    "text",
    [
        f"https://b.s3.amazonaws.com/k?X-Amz-Date=1&X-Amz-Security-Token={_SECRET}&X-Amz-SignedHeaders=host",
        json.dumps({"body": json.dumps({"sessionToken": _SECRET})}),
        json.dumps({"body": json.dumps({"a": json.dumps({"SessionToken": _SECRET})})}),
        f'{{"sessionToken":"{_SECRET}',
        f'{{"a" "sessionToken" : "{_SECRET}", ',
        f"aws_session_token = {_SECRET}",
    ],
)
def test_secrets_within_text_and_in_damaged_json_are_replaced(text: str) -> None:
    """Presigned URLs, embedded JSON, cut excerpts."""
    assert _SECRET.rstrip("=") not in redact_tokens(text)


@pytest.mark.parametrize(
    "key", ["nextToken", "clientToken", "continuationToken", "tokenType", "secretId", "accessKeyId"]
)
def test_tokens_that_are_no_secrets_stay(key: str) -> None:
    """Paging, idempotency, names and key ids are evidence."""
    text = json.dumps({key: _SECRET})
    assert redact_tokens(text) == text


@given(st.text(max_size=80), st.sampled_from(sorted(SECRET_KEYS)), st.text(max_size=80))
def test_redaction_never_fails_and_is_stable(before: str, key: str, after: str) -> None:
    """Any text is accepted, and a second pass changes nothing."""
    once = redact_tokens(f'{before}"{key}":"{after}')
    assert redact_tokens(once) == once


def test_redaction_takes_linear_time() -> None:
    """A megabyte of quotes, keys or openers."""
    for text in ('"' * 1_000_000, '"token":' * 120_000, '{"sessionToken":' * 60_000, "sessionToken" * 80_000):
        redact_tokens(text)
