"""Hypothesis strategies for CloudTrail records: true shapes, odd values, and raw mutations of their text."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from pipeline.flatten.members import IDENTITY_COLUMNS, KNOWN_MEMBERS
from pipeline.flatten.promotions import CONSUMERS
from tests.archive.hostile import record

_KEYS = st.sampled_from(
    [
        "roleName",
        "policyName",
        "policyDocument",
        "userName",
        "credentials",
        "accessKeyId",
        "sessionToken",
        "SessionToken",
        "X-Amz-Security-Token",
        "session_token",
        "secretAccessKey",
        "nextToken",
        "clientToken",
        "SAMLAssertion",
        "omitted",
        "items",
        "instanceIds",
        "tags",
        "a",
        "",
        "kéy",
        "a key that is rather longer than others are",
    ]
)
_TEXTS = st.one_of(
    st.sampled_from(
        [
            "",
            "true",
            "false",
            "Yes",
            "HIDDEN_DUE_TO_SECURITY_REASONS",
            "***REDACTED***",
            "https://b.s3.amazonaws.com/k?X-Amz-Security-Token=FwoGZXIvYXdzEXAMPLE%3D&x=1",
            '{"sessionToken":"FwoGZXIvYXdzEXAMPLETOKEN"}',
            "session token: none",
            "secretsmanager",
            "2024-05-01T10:00:00Z",
            "Dec 2, 2021, 11:16:32 PM",
            'quote " slash \\ / \b\f\n\r\t é 😀 \x1f \x7f',
            "User: arn:aws:iam::111122223333:user/ada is not authorized to perform: iam:PutRolePolicy on resource: "
            "role admin because no identity-based policy allows the iam:PutRolePolicy action",
            "User: x is not authorized to perform: iam:PassRole on resource: arn:aws:iam::111122223333:role/p/admin",
        ]
    ),
    st.text(max_size=40),
)
_SCALARS = st.one_of(
    _TEXTS,
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
)
VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=4)),
    max_leaves=12,
)
_EVENTS = st.sampled_from(
    [
        ("iam.amazonaws.com", "PutRolePolicy"),
        ("iam.amazonaws.com", "CreatePolicyVersion"),
        ("sts.amazonaws.com", "AssumeRole"),
        ("sts.amazonaws.com", "AssumeRoleWithWebIdentity"),
        ("signin.amazonaws.com", "ConsoleLogin"),
        ("sso.amazonaws.com", "PutInlinePolicyToPermissionSet"),
        ("s3.amazonaws.com", "ListBuckets"),
        *((f"{service}.amazonaws.com", name) for service, name, _, _ in CONSUMERS),
    ]
)


@st.composite
def _along_paths(draw: st.DrawFn) -> dict[str, Any]:
    """requestParameters or responseElements with values where the rules look for them."""
    made: dict[str, Any] = {}
    for path in draw(st.lists(st.sampled_from(_PATHS), max_size=5)):
        here = made
        for step in path[:-1]:
            below = here.setdefault(step, {})
            if not isinstance(below, dict):
                break
            here = below
        else:
            here[path[-1]] = draw(VALUES)
    return made


_PATHS = [
    *(tuple(text.split(".")[1:]) for _, _, role, compute in CONSUMERS for text in role + compute if "[]" not in text),
    ("roleName",),
    ("roleArn",),
    ("policyDocument",),
    ("setAsDefault",),
    ("omitted",),
    ("instanceIds",),
    ("instancesSet", "items"),
    ("credentials", "accessKeyId"),
    ("credentials", "sessionToken"),
    ("credentials", "expiration"),
    ("assumedRoleUser", "arn"),
    ("role", "arn"),
    ("provider",),
    ("subjectFromWebIdentityToken",),
    ("ConsoleLogin",),
    ("MFAUsed",),
]
_BODIES = st.one_of(VALUES, _along_paths())


@st.composite
def _identities(draw: st.DrawFn) -> Any:
    made: dict[str, Any] = {}
    for item in draw(st.lists(st.sampled_from(IDENTITY_COLUMNS), max_size=8)):
        here = made
        for step in item.path[:-1]:
            below = here.setdefault(step, {})
            if not isinstance(below, dict):
                break
            here = below
        else:
            here[item.path[-1]] = draw(st.one_of(_TEXTS, _TEXTS, VALUES))
    return made


@st.composite
def records(draw: st.DrawFn) -> bytes:
    """The raw text of one record, ordinary but for a few members."""
    source, name = draw(_EVENTS)
    members: dict[str, Any] = {"eventSource": source, "eventName": name}
    for member in draw(st.lists(st.sampled_from(sorted(KNOWN_MEMBERS)), max_size=3)):
        members[member] = draw(st.one_of(_TEXTS, VALUES, st.just(...)))
    for member in ("requestParameters", "responseElements", "additionalEventData"):
        members[member] = draw(_BODIES)
    if draw(st.booleans()):
        members["userIdentity"] = draw(_identities())
    if draw(st.booleans()):
        members["errorCode"] = draw(st.sampled_from(["AccessDenied", "200", "", "NoSuchEntity"]))
        members["errorMessage"] = draw(_TEXTS)
    if draw(st.integers(0, 9)) == 0:
        members[draw(_KEYS)] = draw(VALUES)
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " :\t")]))
    made = record(draw(st.integers(0, 99)), **members)
    text = json.dumps(made, separators=separators, ensure_ascii=draw(st.booleans()))
    return text.encode("utf-8", "surrogatepass")


@st.composite
def mutated_records(draw: st.DrawFn) -> bytes:
    """A record with a piece of its text replaced by another."""
    raw = draw(records())
    at = draw(st.integers(0, len(raw)))
    end = draw(st.integers(at, min(len(raw), at + 6)))
    piece = draw(
        st.sampled_from(
            [
                *(b"", b'"', b"\\", b"\\u0074", b"\\u0000", b"\\ud83d", b"\x00", b"\xff", b",", b"}", b"{", b"[", b"]"),
                *(b":", b"NaN", b"1e999", b"0", b'"sessionToken":"x",', b"\\/", b'\\"', b" ", b"null"),
            ]
        )
    )
    return raw[:at] + piece + raw[end:]
