"""The archives that benchmarks read: written once by `simulate`, kept under build/bench.

What enters: a name and a size. What leaves: a folder of archives and what is in it. Parts of a corpus are hard links:
they cost no disk, and hold the same bytes.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

from pipeline.jobs.simulate import simulate_archives
from pipeline.simulate import DEFAULT_START

BUILD = Path("build/bench")
SEED = 900
SCALE_EVENTS = 1_000_000
SCALE_DAYS = 10


@dataclass(frozen=True, slots=True)
class Corpus:
    """A folder of archives (its own ``AWSLogs``) and its size."""

    folder: Path
    archives: int
    records: int
    stored_bytes: int
    inflated_bytes: int

    @property
    def megabytes(self) -> float:
        """JSON in units of a million bytes, as all rates here are given."""
        return self.inflated_bytes / 1e6


def make_corpus(
    name: str,
    *,
    events: int,
    days: int,
    layout: str,
    seed: int = SEED,
    later_days: int = 0,
    scenarios: Sequence[str] | None = (),
    build: Path = BUILD,
) -> Corpus:
    """Return the corpus of that name, written if it is not there yet.

    Args:
        name: with ``events`` the name of its folder.
        events: distinct events.
        days: how long the trail runs; few days make large archives.
        layout: ``large``, ``small`` or ``typical`` of ``simulate``.
        seed: names the corpus, and its organisation.
        later_days: how many days after the usual start it begins.
        scenarios: planted attacks; none unless asked for, ``None`` for all.
        build: where corpora are kept.

    Returns:
        The corpus.
    """
    root = build / f"{name}-{events}"
    if not (root / "corpus.json").exists():
        shutil.rmtree(root, ignore_errors=True)
        start = DEFAULT_START + timedelta(later_days)
        made = simulate_archives(
            root / "in", events=events, days=days, seed=seed, scenarios=scenarios, layout=layout, start=start
        )
        _keep_facts(root, made.archive_count, made.record_count, made.stored_bytes, made.inflated_bytes)
    return _read_facts(root)


def take_part(corpus: Corpus, name: str, inflated_bytes: int, *, build: Path = BUILD) -> Corpus:
    """Return a corpus of hard links to the largest archives, about ``inflated_bytes`` of JSON in all."""
    root = build / name
    shutil.rmtree(root, ignore_errors=True)
    archives = records = stored = inflated = 0
    for path in sorted(corpus.folder.rglob("*.json.gz"), key=lambda path: (-path.stat().st_size, path.name)):
        if inflated >= inflated_bytes:
            break
        _link(path, root / "in" / "AWSLogs" / path.relative_to(corpus.folder))
        data = gzip.decompress(path.read_bytes())
        archives, stored, inflated = archives + 1, stored + path.stat().st_size, inflated + len(data)
        records += len(json.loads(data)["Records"])
    _keep_facts(root, archives, records, stored, inflated)
    return _read_facts(root)


def make_trail(millions: int, *, build: Path = BUILD, events: int = SCALE_EVENTS) -> Corpus:
    """Return ``millions`` times ten days of trail, a million events each: a longer trail holds the shorter one."""
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("forkserver")) as pool:
        parts = list(pool.map(_make_trail_part, range(millions), repeat(build), repeat(events)))
    root = build / f"trail-{millions * events}"
    shutil.rmtree(root, ignore_errors=True)
    for part in parts:
        for path in part.folder.rglob("*.json.gz"):
            _link(path, root / "in" / "AWSLogs" / path.relative_to(part.folder))
    sizes = ("archives", "records", "stored_bytes", "inflated_bytes")
    _keep_facts(root, *(sum(getattr(part, name) for part in parts) for name in sizes))
    return _read_facts(root)


def _make_trail_part(number: int, build: Path, events: int) -> Corpus:
    return make_corpus(
        f"part-{number}",
        events=events,
        days=SCALE_DAYS,
        layout="typical",
        seed=SEED + number,
        later_days=SCALE_DAYS * number,
        build=build,
    )


def _link(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.hardlink_to(path)


def _keep_facts(root: Path, archives: int, records: int, stored_bytes: int, inflated_bytes: int) -> None:
    facts = {"archives": archives, "records": records, "stored_bytes": stored_bytes, "inflated_bytes": inflated_bytes}
    (root / "corpus.json").write_text(json.dumps(facts))


def _read_facts(root: Path) -> Corpus:
    return Corpus(folder=root / "in" / "AWSLogs", **json.loads((root / "corpus.json").read_text()))
