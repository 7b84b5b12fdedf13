"""Archives and settings for the tests of jobs."""

from __future__ import annotations

import pytest

from pipeline.settings import IngestSettings, Settings


@pytest.fixture(scope="session")
def one_worker() -> Settings:
    """Settings for small runs: one worker process."""
    return Settings(ingest=IngestSettings(workers=1))
