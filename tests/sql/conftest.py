"""Makes ``sql_cases`` importable by the tests of this folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session", autouse=True)
def close_models() -> Iterator[None]:
    """Close the connection of the cases before the interpreter ends: DuckDB's binding complains of one left open."""
    yield
    from sql_cases import close_empty_models

    close_empty_models()
