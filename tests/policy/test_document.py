from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import PolicyError
from pipeline.policy.document import Statement, parse_document
from tests.policy.documents import allow, deny, document

TEXT = document(allow(["s3:PutObject", "s3:GetObject"], "arn:aws:s3:::b/*"), deny("iam:*"))
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda item: st.lists(item, max_size=3) | st.dictionaries(st.sampled_from(["Statement", "Effect", "x"]), item),
    max_leaves=8,
)


def test_every_recorded_form_gives_one_document() -> None:
    """Text, URL-encoded text (once and twice), an object, a BOM, other layout and order: the same canonical text."""
    shuffled = {
        "statement": [
            {"Resource": ["*"], "Action": ["iam:*"], "Effect": "Deny"},
            {"Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::b/*", "Effect": "Allow"},
        ],
        "Version": "2012-10-17",
    }
    forms: list[Any] = [TEXT, quote(TEXT), quote(quote(TEXT)), json.loads(TEXT), "\ufeff" + TEXT]
    forms += [json.dumps(json.loads(TEXT), indent=4), json.dumps(TEXT), shuffled]
    assert {parse_document(form).sha256 for form in forms} == {parse_document(TEXT).sha256}


def test_a_scalar_statement_is_a_list_of_one() -> None:
    """One statement as an object, with scalar members, is read whole."""
    parsed = parse_document({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "NotResource": "x"}})
    assert parsed.statements == (
        Statement(
            is_allow=True,
            actions=("iam:*",),
            is_not_action=True,
            resources=("x",),
            is_not_resource=True,
            conditions=(),
            principals=(),
            is_not_principal=False,
        ),
    )
    assert parsed.canonical == '{"Statement":[{"Effect":"Allow","NotAction":["iam:*"],"NotResource":["x"]}]}'


def test_a_member_written_twice_is_read_in_the_way_that_grants_more() -> None:
    """Duplicate members hide nothing: statements and actions add up, Allow wins, and the oddity is flagged."""
    text = (
        '{"Statement":[{"Effect":"Allow","Effect":"Deny","Action":"s3:*","Action":"iam:*","Resource":"*"}],'
        '"Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}'
    )
    parsed = parse_document(text)
    assert [(item.is_allow, item.actions) for item in parsed.statements] == [
        (True, ("s3:*", "iam:*")),
        (True, ("ec2:*",)),
    ]
    assert parsed.flags == {"duplicate_member"}


def test_padding_is_flagged() -> None:
    """Whitespace that only serves to push a record over CloudTrail's limit is named."""
    assert parse_document(TEXT[:-1] + " " * 300 + "}").flags == {"padded"}
    assert parse_document(" " * 5_000 + TEXT).flags == {"padded"}
    assert parse_document(TEXT).flags == frozenset()


@pytest.mark.parametrize(
    ("given_text", "said"),
    [
        ("", "not JSON"),
        ("%7B", "not JSON"),
        (quote(quote(quote(TEXT))), "not JSON"),
        ("[]", "no JSON object"),
        ("{}", "no Statement"),
        ('{"Statement":[1]}', "no object"),
        ('{"Statement":{"Action":"*"}}', "Effect"),
        ('{"Statement":{"Effect":"Allow","Resource":"*"}}', "without Action"),
        ('{"Statement":{"Effect":"Allow","Action":[1],"Resource":"*"}}', "neither text"),
        ('{"Statement":{"Effect":"Allow","Action":"*","NotAction":"*"}}', "both Action and NotAction"),
        ('{"Statement":NaN}', "NaN"),
        ("1" * 5_000, "not JSON"),
        ('{"a":' * 40 + "1" + "}" * 40, "deeper than 32"),
        ("[" * 200_000, "deeper than 32"),
        (" " * (1 << 20) + TEXT, "characters"),
        (json.dumps({"Statement": [allow("a:b")] * 5_001}), "statements"),
        ("\ud800", "not JSON"),
    ],
)
def test_what_cannot_be_read_is_refused(given_text: str, said: str) -> None:
    """An unreadable document is an error that says why, never an empty grant."""
    with pytest.raises(PolicyError, match=said):
        parse_document(given_text)


def test_a_text_made_to_be_read_again_and_again_is_refused_at_once() -> None:
    """Unclosed text full of escaped quotes, and blanks in runs just below the limit, cost no more than their length."""
    started = time.process_time()
    with pytest.raises(PolicyError, match="not JSON"):
        parse_document('"' + "[" * 40 + '\\"' * 400_000)
    with pytest.raises(PolicyError, match="not JSON"):
        parse_document((" " * 255 + "x") * 4_000)
    assert time.process_time() - started < 20


def test_a_deep_object_is_refused_like_deep_text() -> None:
    """An object nested beyond the cap does not recurse."""
    nested: Any = "*"
    for _ in range(5_000):
        nested = [nested]
    with pytest.raises(PolicyError, match="deeper than 32"):
        parse_document({"Statement": nested})


def test_brackets_inside_text_are_not_depth() -> None:
    """A Sid full of brackets is not nesting."""
    assert parse_document(document(allow("s3:*", Sid="{[" * 100))).statements


@settings(deadline=None)
@given(JSON | st.text(max_size=40))
def test_any_input_is_a_document_or_a_policy_error(value: Any) -> None:
    """No input raises anything but PolicyError, and what parses has an ASCII canonical form."""
    try:
        parsed = parse_document(value if isinstance(value, (str, dict)) else json.dumps(value))
    except PolicyError:
        return
    assert parsed.canonical.isascii()
    assert parse_document(parsed.canonical).canonical == parsed.canonical
