"""One evaluator for all tests of the room: the catalogue is read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.policy.evaluator import SEEDS, Evaluator, load_evaluator

SEED_FOLDER = Path(__file__).resolve().parents[2] / "sql" / "seeds"


@pytest.fixture(scope="session")
def seeds() -> dict[str, str]:
    """Text of the seeds that the room needs."""
    return {name: (SEED_FOLDER / f"{name}.csv").read_text(encoding="utf-8") for name in SEEDS}


@pytest.fixture(scope="session")
def evaluator(seeds: dict[str, str]) -> Evaluator:
    """The evaluator as ``jobs`` makes it."""
    return load_evaluator(seeds)
