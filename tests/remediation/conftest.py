"""An account of moto's own server, and a count of the calls that reach it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.remediation.clients import Account

_NAMES = itertools.count()
READS = ("Get", "List", "Describe", "Generate")


@pytest.fixture
def account(s3_endpoint: str) -> Account:
    """The account that moto serves."""
    return Account(endpoint_url=s3_endpoint)


@pytest.fixture
def unused() -> Callable[[str], str]:
    """A name that no other test uses; the server keeps its state for the session."""
    return lambda kind: f"{kind}-{next(_NAMES):04d}"


@pytest.fixture
def sent(account: Account) -> Iterator[list[str]]:
    """Operations that this account's clients sent, told by botocore itself as each request goes out."""
    seen: list[str] = []

    def note(model: Any, **_: Any) -> None:
        seen.append(model.name)

    for service in ("iam", "sts", "cloudtrail"):
        account.client(service).meta.events.register("before-call", note)
    yield seen
