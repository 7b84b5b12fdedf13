"""Fetching one object from S3: the exact version that was listed, or an error that names it.

What enters: a client and a listed object. What leaves: its bytes. This module must never yield a byte of another
version, or a part of a body.
"""

from __future__ import annotations

import random
import time
from typing import Any

from botocore.exceptions import HTTPClientError, IncompleteReadError, ResponseStreamingError

from pipeline.errors import Location, ObjectChangedError
from pipeline.source.objects import DescribedObject, ListedObject
from pipeline.source.s3_errors import FAILURES, explain_object

_BODY_ATTEMPTS = 6
_BROKEN_BODY = (IncompleteReadError, ResponseStreamingError, HTTPClientError, OSError)


def fetch_one(client: Any, listed: ListedObject) -> bytes:
    """The bytes of one object; see ``fetch_one_described``."""
    return fetch_one_described(client, listed).data


def fetch_one_described(client: Any, listed: ListedObject) -> DescribedObject:
    """One object through boto3, which retries requests; a body that breaks off is asked for again here.

    Raises:
        ObjectChangedError: the object was replaced or deleted since it was listed.
        SourceError: it could not be fetched.
    """
    location = Location(listed.uri)
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
            # A server that ignores If-Match must not pass off another version.
            if len(data) != listed.size or answer["ETag"].strip('"') != listed.version:
                raise ObjectChangedError("the object was replaced since it was listed; run again", location=location)
            return DescribedObject(data, {name.lower(): str(value) for name, value in answer["Metadata"].items()})
    raise AssertionError("the last attempt returns or raises")
