"""Fetching objects from S3: the exact version that was listed, or an error that names it.

What enters: a client and listed objects. What leaves: their bytes, in order. This module must never yield a byte of
another version or a part of a body, nor hold more bytes than its bound (one object larger than it excepted).
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from botocore.exceptions import HTTPClientError, IncompleteReadError, ResponseStreamingError

from pipeline.errors import Location, ObjectChangedError, SourceError
from pipeline.source.objects import ListedObject
from pipeline.source.s3_errors import FAILURES, explain_object

BYTES_IN_FLIGHT = 64 * 1024 * 1024
"""How many bytes may be under way or waiting to be taken."""

_BODY_ATTEMPTS = 6
_BROKEN_BODY = (IncompleteReadError, ResponseStreamingError, HTTPClientError, OSError)


def fetch_one(client: Any, listed: ListedObject) -> bytes:
    """One object through boto3, which retries requests; a body that breaks off is asked for again here.

    Raises:
        ObjectChangedError: the object was replaced or deleted since it was listed.
        SourceError: it could not be fetched.
    """
    for attempt in range(_BODY_ATTEMPTS):
        try:
            answer = client.get_object(Bucket=listed.bucket, Key=listed.object_key, IfMatch=f'"{listed.version}"')
            data: bytes = answer["Body"].read()
        except _BROKEN_BODY as error:
            if attempt == _BODY_ATTEMPTS - 1:
                raise explain_object(error, listed.uri) from error
            time.sleep(random.uniform(0, min(2.0, 0.1 * 2**attempt)))  # noqa: S311 - jitter, no secret
        except FAILURES as error:
            raise explain_object(error, listed.uri) from error
        else:
            if len(data) != listed.size:
                raise ObjectChangedError("the object's size is not the listed one", location=Location(listed.uri))
            return data
    raise AssertionError("the last attempt returns or raises")


def fetch_in_order(
    client: Any, listed: Sequence[ListedObject], *, concurrency: int
) -> Iterator[tuple[ListedObject, bytes | SourceError]]:
    """Fetch many at once and yield them in the given order."""
    waiting: deque[tuple[ListedObject, Future[bytes]]] = deque()
    in_flight = 0
    todo = deque(listed)
    with ThreadPoolExecutor(max(1, concurrency), thread_name_prefix="fetch") as pool:
        while todo or waiting:
            while todo and len(waiting) < concurrency and (not waiting or in_flight + todo[0].size <= BYTES_IN_FLIGHT):
                one = todo.popleft()
                in_flight += one.size
                waiting.append((one, pool.submit(fetch_one, client, one)))
            one, future = waiting.popleft()
            in_flight -= one.size
            try:
                yield one, future.result()
            except SourceError as error:
                yield one, error
