"""Archives in a bucket.

What enters: ``s3://bucket/prefix`` and settings. What leaves: listed objects and their bytes, one GET each. This module
must never read an object other than the version that was listed, nor write to a bucket.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from pipeline.errors import SourceError, UsageError
from pipeline.settings import S3Settings
from pipeline.source.fetching import fetch_one
from pipeline.source.keys import is_delivered_within, is_metadata_key, parse_key
from pipeline.source.lane import open_lane
from pipeline.source.listing import Listing
from pipeline.source.objects import DescribedObject, ListedObject
from pipeline.source.s3_clients import make_client
from pipeline.source.s3_errors import FAILURES, explain_bucket, explain_object, status_of

_PROBE_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class S3Source:
    """A prefix of a bucket; see ``Source`` for what each method promises."""

    uri: str
    bucket: str
    prefix: str
    region: str
    settings: S3Settings

    def list_objects(self, *, since: date | None = None, until: date | None = None) -> Iterator[ListedObject]:
        """List all objects below the prefix; see ``Source.list_objects``."""
        client = make_client("s3", self.settings, region=self.region)
        listing = Listing(client, self.bucket, self.prefix, since, until, self.settings.concurrency)
        root, start = f"s3://{self.bucket}/", len(self.prefix)
        for key, etag, size, modified_at in listing.entries():
            if (size == 0 and key.endswith("/")) or is_metadata_key(key):
                continue
            parsed = parse_key(key)
            if is_delivered_within(key, parsed, since, until):
                yield ListedObject(root + key, key[start:], etag, size, modified_at, self.uri, parsed, self.bucket, key)

    def fetch_object(self, listed: ListedObject) -> bytes:
        """One GET of the version that was listed; see ``Source.fetch_object``."""
        return fetch_one(make_client("s3", self.settings, region=self.region), listed)

    def fetch_objects(self, listed: Sequence[ListedObject]) -> Iterator[tuple[ListedObject, bytes | SourceError]]:
        """Concurrent GETs in the given order; see ``Source.fetch_objects``."""
        return open_lane(self.settings, self.bucket, self.region).fetch(listed)

    def fetch_described(
        self, listed: Sequence[ListedObject]
    ) -> Iterator[tuple[ListedObject, DescribedObject | SourceError]]:
        """Bytes and metadata from one GET each; see ``Source.fetch_described``."""
        return open_lane(self.settings, self.bucket, self.region).fetch_described(listed)

    def fetch_metadata(self, listed: ListedObject) -> dict[str, str]:
        """One HEAD of the version that was listed; see ``Source.fetch_metadata``."""
        client = make_client("s3", self.settings, region=self.region)
        try:
            answer = client.head_object(Bucket=listed.bucket, Key=listed.object_key, IfMatch=f'"{listed.version}"')
        except FAILURES as error:
            raise explain_object(error, listed.uri) from error
        return {name.lower(): str(value) for name, value in answer["Metadata"].items()}

    def describe_empty(self) -> str:
        """Say that nothing lies here."""
        return f"no object under {self.uri}"


def open_bucket(uri: str, settings: S3Settings) -> S3Source:
    """Open ``s3://bucket/prefix``; a prefix means the folder of that name, so ``1234`` does not take in ``12345``.

    Raises:
        UsageError: no such bucket, no credentials, not allowed, endpoint out of reach.
        SourceError: S3 keeps failing.
    """
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"no bucket in {uri!r}", hint="give s3://bucket/prefix")
    if prefix and not prefix.endswith("/"):
        prefix += "/"
    region = _probe(bucket, prefix, settings)
    return S3Source(f"s3://{bucket}/{prefix}", bucket, prefix, region, settings)


def _probe(bucket: str, prefix: str, settings: S3Settings) -> str:
    """List one key to see that the bucket can be listed; the answer tells the bucket's own region."""
    # Few attempts at first: a mistyped endpoint should be told in seconds, not after ten back-offs.
    attempts = min(_PROBE_ATTEMPTS, settings.max_attempts)
    arguments = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": 1}
    try:
        try:
            answer = make_client("s3", settings, max_attempts=attempts).list_objects_v2(**arguments)
        except FAILURES as error:
            if status_of(error) < 500:
                raise
            answer = make_client("s3", settings).list_objects_v2(**arguments)
    except FAILURES as error:
        raise explain_bucket(error, bucket, prefix) from error
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    return "" if settings.endpoint_url else str(headers.get("x-amz-bucket-region", ""))
