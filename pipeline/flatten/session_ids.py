"""The session behind each row: one short id, made once for each distinct caller of a batch.

What enters: the batch's columns and, by row, the number of its distinct caller. What leaves: ``session_id``. Here and
not in SQL, because every model that follows a session would hash the same callers again, event by event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class Caller(NamedTuple):
    """What tells callers apart, by column of EVENTS; the start in microseconds since 1970."""

    recipient_account_id: str | None
    user_identity_account_id: str | None
    user_identity_principal_id: str | None
    user_identity_arn: str | None
    user_identity_invoked_by: str | None
    user_identity_user_name: str | None
    user_identity_type: str | None
    user_identity_access_key_id: str | None
    session_creation_at: int | None


_ID_BYTES = 10
_LONG_LIVED = "AKIA"
_OTHER_ACCOUNT = "AWSAccount"


def name_session(caller: Caller, shared_event_id: str | None) -> str:
    """Id of one caller's session: 20 hex digits over its account, principal, start and access key.

    Args:
        caller: who called, as the record has it.
        shared_event_id: tells apart calls from another account, whose records carry neither key nor start.

    Returns:
        Equal for all events of a session. A long-lived key has no start, whatever its record says of a service that
        acts for it.

    Source:
        AWS CloudTrail user guide, "CloudTrail userIdentity element".
    """
    key, start = caller.user_identity_access_key_id, caller.session_creation_at
    principal = (
        caller.user_identity_principal_id
        or caller.user_identity_arn
        or caller.user_identity_invoked_by
        or caller.user_identity_user_name
        or caller.user_identity_type
        or ""
    )
    is_long_lived = key is not None and key.startswith(_LONG_LIVED)
    if key is None and caller.user_identity_type == _OTHER_ACCOUNT:
        key = shared_event_id
    parts = (
        caller.user_identity_account_id or caller.recipient_account_id or "",
        principal,
        "" if is_long_lived or start is None else str(start),
        key or "",
    )
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=_ID_BYTES).hexdigest()


@lru_cache(maxsize=4096)
def _name_caller(caller: Caller) -> str:
    """Id of a session that its caller alone tells; a worker meets most of them again in its next batch."""
    return name_session(caller, None)


def session_column(made: Mapping[str, pa.Array], callers: npt.NDArray[np.int64]) -> pa.Array:
    """Name the session of each row.

    Args:
        made: at least the columns of ``Caller`` and ``shared_event_id``, as many rows as ``callers``.
        callers: equal numbers for rows of equal callers.

    Returns:
        ``dictionary<int32, string>`` without nulls.
    """
    numbers = pa.array(callers).dictionary_encode().indices.to_numpy(zero_copy_only=False)
    count = int(numbers.max()) + 1 if len(numbers) else 0
    first = np.empty(count, dtype=np.int64)
    first[numbers[::-1]] = np.arange(len(numbers) - 1, -1, -1)
    distinct = [
        Caller(*values) for values in zip(*(_values(made[name], first) for name in Caller._fields), strict=True)
    ]
    names = [_name_caller(caller) for caller in distinct]
    codes = numbers.astype(np.int32)
    foreign = [
        caller.user_identity_type == _OTHER_ACCOUNT and not caller.user_identity_access_key_id for caller in distinct
    ]
    places = np.flatnonzero(np.array(foreign, dtype=np.bool_)[numbers])
    for place, shared in zip(places.tolist(), _values(made["shared_event_id"], places), strict=True):
        if shared is not None:
            names.append(name_session(distinct[codes[place]], shared))
            codes[place] = len(names) - 1
    dictionary = pa.array(names, type=pa.string()).dictionary_encode()
    local = dictionary.indices.to_numpy(zero_copy_only=False).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(local[codes] if len(codes) else codes), dictionary.dictionary)


def _values(column: pa.Array, rows: npt.NDArray[np.int64]) -> list[Any]:
    taken = column.take(pa.array(rows))
    if pa.types.is_timestamp(taken.type):
        taken = taken.view(pa.int64())
    elif pa.types.is_dictionary(taken.type):
        taken = taken.dictionary.take(taken.indices)  # item by item a dictionary array takes ten times as long
    values: list[Any] = taken.to_pylist()
    return values
