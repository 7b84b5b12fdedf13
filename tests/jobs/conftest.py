"""Settings and executors for the tests of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from pipeline.settings import IngestSettings, Settings


@pytest.fixture(scope="session")
def one_worker() -> Settings:
    """Settings for small runs: one worker process."""
    return Settings(ingest=IngestSettings(workers=1))


@pytest.fixture(scope="session")
def in_process() -> Iterator[Executor]:
    """An executor that runs tasks in this process: for tests that are not about processes."""
    with ThreadPoolExecutor(1) as executor:
        yield executor
