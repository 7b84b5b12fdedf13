"""Corpora for the tests: each made once."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import Any

import pytest

from pipeline.simulate import Archive, Corpus, CorpusOptions


@dataclass(frozen=True)
class Made:
    """A corpus, its archives, and every delivered record with the archive it came in."""

    corpus: Corpus
    archives: list[Archive]
    records: list[tuple[Archive, dict[str, Any]]]
    by_id: dict[str, dict[str, Any]]


def make(**options: Any) -> Made:
    """Make a corpus whole."""
    corpus = Corpus(CorpusOptions(**{"events": 9_000, "days": 14, "seed": 11} | options))
    archives = list(corpus.archives())
    records = [(item, record) for item in archives for record in json.loads(gzip.decompress(item.data))["Records"]]
    return Made(corpus, archives, records, {record["eventID"]: record for _, record in records})


@pytest.fixture(scope="session")
def full() -> Made:
    """Two weeks with every scenario twice."""
    return make(instances=2)


@pytest.fixture(scope="session")
def plain() -> Made:
    """Two days of background alone."""
    return make(events=3_000, days=2, seed=5)
