"""The contenders, each the whole of one process: ``python -m benchmarks.contenders NAME SOURCE OUT``.

What enters: a folder of archives (ours also takes ``s3://``). What leaves: Parquet (for the limit, compressed bytes)
in OUT and one line of JSON: rows, seconds from after the imports to the last byte written. Ours does
more than the peers: it hashes each archive and record, keeps every member, finds duplicates, sorts, and commits; they
convert. A peer must never be given less than its best form: what was tried and lost stays in ``peers.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.peers import PROCESSES, run_chdb, run_duckdb, run_polars

CHDB_FORMS = ("rows", "tuple", "array", "processes")


def run_policytrail(source: str, out: Path) -> int:
    """The product's own ingest, Delta commit included; how to reach S3 stands in the environment."""
    from pipeline.jobs.ingest import ingest_sources
    from pipeline.settings import load_settings

    report = ingest_sources([source], str(out / "lake"), load_settings())
    (out / "report.json").write_text(
        json.dumps({"timings": dict(report.timings_seconds), "workers": dict(report.worker_seconds)})
    )
    return report.records["kept"]


def _limit_of(task: tuple[list[str], str]) -> int:
    import deflate
    import msgspec
    import pyarrow as pa

    archive = msgspec.defstruct("Archive", [("Records", list[msgspec.Raw])])
    decoder, codec, rows = msgspec.json.Decoder(archive), pa.Codec("zstd", 1), 0
    for number, name in enumerate(task[0]):
        stored = Path(name).read_bytes()
        data = deflate.gzip_decompress(stored, int.from_bytes(stored[-4:], "little"))
        hashlib.sha256(data).hexdigest()
        rows += len(decoder.decode(data).Records)
        Path(f"{task[1]}-{number}.zst").write_bytes(codec.compress(data, asbytes=True))
    return rows


def run_limit(source: str, out: Path) -> int:
    """What cannot be left out: inflate, SHA-256, JSON validation, zstd and write of the same bytes; two processes."""
    paths = sorted(Path(source).rglob("*.json.gz"), key=lambda path: -path.stat().st_size)
    tasks = [([str(path) for path in paths[at::PROCESSES]], str(out / f"limit-{at}")) for at in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("forkserver")) as pool:
        return sum(pool.map(_limit_of, tasks))


def _chdb(form: str) -> Callable[[str, Path], int]:
    return lambda source, out: run_chdb(source, out, form=form)


CONTENDERS: dict[str, tuple[Callable[[str, Path], int], tuple[str, ...]]] = {
    "policytrail": (run_policytrail, ("pipeline.cli", "pipeline.jobs.ingest")),
    "duckdb": (run_duckdb, ("duckdb",)),
    **{f"chdb_{form}": (_chdb(form), ("chdb",)) for form in CHDB_FORMS},
    "polars": (run_polars, ("polars",)),
    "limit": (run_limit, ()),
}
"""Name -> what runs, and what it imports before the clock starts, as a long job has."""


def main() -> None:
    """Run one contender."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.contenders")
    parser.add_argument("name", choices=CONTENDERS)
    parser.add_argument("source")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    run, modules = CONTENDERS[given.name]
    for module in modules:
        importlib.import_module(module)
    started = time.perf_counter()
    rows = run(given.source, given.out)
    print(json.dumps({"seconds": time.perf_counter() - started, "rows": rows}))


if __name__ == "__main__":
    main()
