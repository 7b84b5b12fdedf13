from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.policy.document import parse_document
from pipeline.policy.trust import compare_trust
from tests.policy.documents import trust

ROOT = "arn:aws:iam::111122223333:root"
USER = "arn:aws:iam::111122223333:user/bob"
EXTERNAL = {"StringEquals": {"sts:ExternalId": "x"}}


@pytest.mark.parametrize(
    ("before", "after", "added", "dropped"),
    [
        (None, trust(ROOT), (ROOT,), ()),
        (trust(ROOT), trust("111122223333"), (), ()),
        (trust(ROOT), trust(USER), (), ()),
        (trust(USER), trust(ROOT), (ROOT,), ()),
        (trust(USER), trust(USER, "arn:aws:iam::999999999999:root"), ("arn:aws:iam::999999999999:root",), ()),
        (trust("*"), trust(USER), (), ()),
        (trust(USER), trust("*"), ("*",), ()),
        (trust(USER, Condition=EXTERNAL), trust(USER), (USER,), ("sts:externalid",)),
        (trust(USER), trust(USER, Condition=EXTERNAL), (), ()),
        (trust(USER), trust("ec2.amazonaws.com", kind="Service"), ("ec2.amazonaws.com",), ()),
        (trust(USER), trust(USER, Effect="Deny"), (), ()),
        (trust(USER), trust("*", Action="sts:TagSession"), (), ()),
        (trust(USER), trust(ROOT, Action="sts:Assume*"), (ROOT,), ()),
    ],
)
def test_widened_trust(before: str | None, after: str, added: tuple[str, ...], dropped: tuple[str, ...]) -> None:
    """Who is let in anew: a spelling of the same principal is not, a principal of a trusted account is not."""
    earlier = parse_document(before) if before is not None else None
    assert compare_trust(earlier, parse_document(after)) == (added, dropped)


def test_everyone_but_one_is_everyone() -> None:
    """An Allow with NotPrincipal lets in whoever is not named."""
    document: dict[str, Any] = json.loads(trust(USER))
    document["Statement"][0]["NotPrincipal"] = document["Statement"][0].pop("Principal")
    assert compare_trust(parse_document(trust(USER)), parse_document(document)).added == ("*",)
