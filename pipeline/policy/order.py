"""The order of calls that share a second: CloudTrail's times are whole seconds, and Terraform is faster.

What enters: writes ordered by account, time and event id. What leaves: the same writes, cause before effect where the
second does not tell: what is created before what is put on it, and what is deleted last.
This module must never move a write to another second or another account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from pipeline.policy.changes import Write

Exists = Callable[[str, str, str], bool]
"""Whether an account is known to have a principal of this kind and name just before the second."""


def _target(write: Write) -> tuple[str, str, str]:
    name = str(write.get("target_name") or "").lower()
    return str(write["recipient_account_id"]), str(write.get("target_kind") or ""), name


def _is_lifecycle(write: Write, verb: str) -> bool:
    made_policy = verb == "create" and write.get("event_name") == "CreatePolicy"
    return made_policy or (write.get("write_kind") == "lifecycle" and write.get("write_verb") == verb)


def order_writes(writes: Iterable[Write], exists: Exists) -> Iterator[Write]:
    """Order writes of one second by what they need.

    A target deleted and created within one second was recreated if it existed before, short-lived if it did not.

    Args:
        writes: ordered by account, time and event id.
        exists: asked when the writes of all earlier seconds have been consumed.

    Yields:
        Every write once.
    """
    for _, group in groupby(writes, key=lambda write: (write["recipient_account_id"], write["event_time"])):
        same = list(group)
        if len(same) == 1:
            yield same[0]
            continue
        created = {_target(write) for write in same if _is_lifecycle(write, "create")}
        recreated = {target for target in created if exists(*target)}

        def rank(write: Write, recreated: set[tuple[str, str, str]] = recreated) -> int:
            if _is_lifecycle(write, "delete"):
                return 0 if _target(write) in recreated else 3
            return 1 if _is_lifecycle(write, "create") else 2

        yield from sorted(same, key=rank)
