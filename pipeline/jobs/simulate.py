"""The simulate job: a corpus as files in a folder.

What enters: a folder, numbers, a seed. What leaves: archives under AWS's keys, ``labels.json`` beside them, a
``SimulationReport``. Two runs with the same arguments write the same bytes. This job must never overwrite a corpus.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.jobs.progress import Progress, Silent
from pipeline.simulate import (
    DEFAULT_START,
    SCENARIOS,
    Archive,
    Corpus,
    CorpusOptions,
    Signer,
    TrailName,
    make_digests,
    public_keys_answer,
)

DEMO_SCENARIOS = (
    "own_role_to_admin",
    "trust_then_assume",
    "cross_account",
    "pass_role_lambda",
    "denied_granted_used",
    "stolen_key",
    "logging_stopped",
    "admin_grants_everything",
    "condition_dropped",
    "not_action",
    "pipeline_grants",
    "identical_put",
    "denied_put",
    "stack_roles",
)
"""Small corpora for the demo: some attacks of each kind and some quiet ones."""


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """What was written. ``record_count`` includes the duplicates that delivery makes."""

    out_dir: Path
    archive_count: int
    record_count: int
    event_count: int
    duplicate_count: int
    late_count: int
    scenario_count: int
    stored_bytes: int
    inflated_bytes: int
    labels_file: Path


def simulate_archives(
    out_dir: str | Path,
    *,
    events: int,
    days: int,
    seed: int,
    scenarios: Sequence[str] | None = None,
    instances: int = 1,
    start: datetime = DEFAULT_START,
    layout: str = "typical",
    signer: Signer | None = None,
    progress: Progress | None = None,
) -> SimulationReport:
    """Write simulated archives with planted scenarios.

    Args:
        out_dir: folder to write to; made if absent, refused if it holds something.
        events: distinct events, the planted ones included (more only if those alone are more).
        days: length of the corpus; below 11 days nothing is planted, for want of a history.
        seed: names the corpus.
        scenarios: names from ``SCENARIOS``; None for all, ``["demo"]`` for the demo's, an empty list for none.
        instances: how many of each scenario.
        start: first day, UTC.
        layout: ``typical``, ``small`` (10 records an archive) or ``large`` (10,000).
        signer: writes signed digests as well, and ``public-keys.json`` for ``verify --keys``.
        progress: watches.

    Returns:
        Counts, and where the labels are.

    Raises:
        UsageError: the folder is not empty or not writable, or an option is out of range.
    """
    root = Path(out_dir)
    chosen = None if scenarios is None else tuple(DEMO_SCENARIOS if list(scenarios) == ["demo"] else scenarios)
    options = CorpusOptions(events, days, seed, chosen, instances, start, layout, is_hashed=signer is not None)
    corpus = Corpus(options)
    _prepare(root)
    written = _write_archives(root, corpus, progress or Silent())
    if signer is not None:
        _write_digests(root, written, signer, options)
    labels = root / "labels.json"
    labels.write_text(json.dumps(corpus.labels_json(), indent=1) + "\n", encoding="utf-8")
    delivery, records = corpus.delivery, sum(item.record_count for item in written)
    assert records == delivery.event_count + delivery.duplicate_count, "each event is delivered, each repeat counted"
    return SimulationReport(
        out_dir=root,
        archive_count=len(written),
        record_count=records,
        event_count=delivery.event_count,
        duplicate_count=delivery.duplicate_count,
        late_count=delivery.late_count,
        scenario_count=len(corpus.labels),
        stored_bytes=sum(item.stored_bytes for item in written),
        inflated_bytes=sum(item.inflated_bytes for item in written),
        labels_file=labels,
    )


def _write_archives(root: Path, corpus: Corpus, watch: Progress) -> list[Archive]:
    """Write each archive as it is made, and keep of it what counts and digests need."""
    watch.start("simulate", corpus.options.events, "events")
    written = []
    for archive in corpus.archives():
        path = root / archive.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(archive.data)
        written.append(replace(archive, data=b""))
        watch.advance("simulate", archive.record_count)
    watch.finish("simulate")
    return written


def _write_digests(root: Path, delivered: Sequence[Archive], signer: Signer, options: CorpusOptions) -> None:
    start = options.start.timestamp()
    for digest in make_digests(delivered, signer, TrailName(), start):
        path = root / digest.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(digest.data)
        path.with_name(f"{path.name}.metadata.json").write_text(json.dumps(digest.metadata), encoding="utf-8")
    keys = public_keys_answer(signer, start, start + (options.days + 31) * 86_400)
    (root / "public-keys.json").write_text(json.dumps(keys, indent=1) + "\n", encoding="utf-8")


def _prepare(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
        is_empty = not any(root.iterdir())
    except OSError as error:
        raise UsageError(f"cannot write to {root}: {error.strerror}") from error
    if not is_empty:
        raise UsageError(f"{root} is not empty", hint="give a new folder: a corpus is never overwritten")


__all__ = ["SCENARIOS", "SimulationReport", "simulate_archives"]
