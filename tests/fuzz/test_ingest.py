import pytest

from tests.archive.hostile import HOSTILE_CASES, text
from tests.fuzz.ingest import check_bytes

_SEEDS = [(name, stored) for name, stored, _ in HOSTILE_CASES if len(stored) < 20_000] + [("a record", text())]


@pytest.mark.parametrize("stored", [seed[1] for seed in _SEEDS], ids=[seed[0] for seed in _SEEDS])
def test_what_fuzzing_checks_holds_for_its_seeds(stored: bytes) -> None:
    """The fuzz target accepts every seed, so that what it finds later is news."""
    check_bytes(stored)
