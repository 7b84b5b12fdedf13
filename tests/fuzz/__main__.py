"""`make fuzz`: coverage-guided fuzzing of ingest; the first argument is the time in seconds."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pipeline.archive", "pipeline.flatten"]):
    from tests.fuzz.ingest import check_bytes

from tests.archive.hostile import HOSTILE_CASES, text

_SMALL = 20_000


def main() -> None:
    """Fuzz from the hostile corpus for the given time."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    corpus = Path(tempfile.mkdtemp(prefix="policytrail-fuzz-"))
    seeds = [stored for _, stored, _ in HOSTILE_CASES if len(stored) < _SMALL] + [text()]
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number:03d}").write_bytes(seed)
    check_bytes(text())  # compiles, so that libFuzzer does not take the first input for a slow one
    options = [f"-max_total_time={seconds}", f"-max_len={_SMALL}", f"-artifact_prefix={corpus}/"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], check_bytes)
    atheris.Fuzz()


main()
