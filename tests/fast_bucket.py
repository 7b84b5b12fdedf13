"""A signed corpus behind the bare S3 of the benchmarks: a bucket in memory, made in a millisecond."""

from __future__ import annotations

import hashlib

from benchmarks.s3_static.store import Store, Stored
from tests.signed_corpus import START, SignedCorpus


def store_of(corpus: SignedCorpus) -> Store:
    """The corpus as objects with their metadata."""
    return Store(
        {
            key: Stored(
                len(data), hashlib.md5(data).hexdigest(), START, data=data, metadata=corpus.metadata.get(key, {})
            )
            for key, data in corpus.objects.items()
        }
    )
