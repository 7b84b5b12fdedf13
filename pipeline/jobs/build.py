"""Build the models of a lake: the job behind ``policytrail build``.

What enters: a lake's path and settings. What leaves: ``models/`` and ``policytrail.duckdb`` in the lake, and a
``BuildReport``. This module must never write to ``events``, ``archives`` or ``quarantine``.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.fs

from pipeline import schema
from pipeline.jobs.build_access import LakeModelStore, hold_build_lock, read_inputs
from pipeline.jobs.build_extensions import PolicyStages, policy_extensions
from pipeline.jobs.build_snapshot import AccountSnapshot, keep_snapshot, kept_snapshot, read_snapshot
from pipeline.jobs.lake_access import open_job_lake
from pipeline.jobs.own_calls import keep_own_calls, kept_own_calls, read_journals
from pipeline.jobs.processors import count_processors
from pipeline.jobs.progress import Progress, Silent
from pipeline.jobs.scratch import open_scratch
from pipeline.lake import Lake
from pipeline.models import (
    Build,
    BuildResult,
    BuiltModels,
    EngineLimits,
    Model,
    is_mart,
    load_audits,
    load_models,
    model_params,
    open_engine,
    seed_files,
    sql_folder,
    write_marts,
)
from pipeline.settings import Settings

MARTS_FILE = "policytrail.duckdb"
BUILD_LIMITS = EngineLimits(memory="2GiB", threads=max(1, count_processors() - 1))
"""The second of two lanes is a thread too: lanes and the engine's own are together as many as the cores."""
_STAGE = "build"
_TURN_SECONDS = 0.0002

Meanwhile: TypeAlias = Callable[[BuiltModels, Callable[[], None]], None]


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What one build did.

    Attributes:
        batch_number: the lake's newest batch that the models now include.
        changed_dates: event dates that were new or changed since the last build, sorted.
        rows_written: rows per model that was written.
        models_unchanged: models that needed no work, sorted.
        timings_seconds: per model, and ``total``.
    """

    batch_number: int
    changed_dates: tuple[date, ...]
    rows_written: dict[str, int]
    models_unchanged: tuple[str, ...]
    timings_seconds: dict[str, float] = field(default_factory=dict)


def build_lake(
    lake_path: str,
    settings: Settings,
    *,
    since: date | None = None,
    until: date | None = None,
    snapshot: str | os.PathLike[str] | None = None,
    journals: Sequence[Path] = (),
    progress: Progress | None = None,
    on_first: Callable[[], None] = lambda: None,
    meanwhile: Meanwhile = lambda models, settled: None,
) -> BuildReport:
    """Build every model over the lake's newest version; only what changed is made again.

    Args:
        lake_path: a folder or ``s3://bucket/prefix`` with a lake.
        settings: thresholds become the models' parameters.
        since: first date of the report's period; models that name ``$start_at`` are bounded by it.
        until: first date after it.
        snapshot: a saved ``aws iam get-account-authorization-details``, kept in the lake for later builds.
        journals: apply journals whose calls are one's own remediation; kept in the lake for later builds.
        progress: hears which model is being built.
        on_first: called once the first model is made: it has every core to itself, and work beside the build that
            waits for this call delays nothing.
        meanwhile: called once with what was made, while models are audited together, the last ones stored and their
            copy for other clients is made; and with what waits for audits and store and raises if one fails, to be
            called before anything is shown to anybody.

    Returns:
        What was done.

    Raises:
        UsageError: there is no lake at that path, no snapshot at its path, or a journal that is none.
        PolicyError: the snapshot is not what that command answers.
        ModelError: a model failed to build or failed its audit; models before it are stored, none is half-written.
        LakeError: the lake could not be read or written.
    """
    progress = progress or Silent()
    lake = open_job_lake(lake_path, settings)
    given = read_snapshot(Path(snapshot)) if snapshot is not None else None
    if journals:
        keep_own_calls(lake, read_journals(journals))
    params = model_params(settings.detection, since=since, until=until)
    with hold_build_lock(lake, progress), open_scratch(lake, _STAGE) as scratch, _collect_rarely():
        lake.complete_batches()
        report = _build_models(lake, params, given, scratch, progress, on_first, meanwhile)
        if given is not None:
            keep_snapshot(lake, given)
    return report


def _build_models(
    lake: Lake,
    params: Mapping[str, Any],
    given: AccountSnapshot | None,
    scratch: Path,
    progress: Progress,
    on_first: Callable[[], None],
    meanwhile: Meanwhile,
) -> BuildReport:
    """Make the models of a lake's newest snapshot, then settle them."""
    folder = sql_folder()
    models, seeds, audits = load_models(folder, is_compared=False), seed_files(folder), load_audits(folder)
    store = LakeModelStore.of(lake)
    inputs = read_inputs(lake, lake.snapshot())
    stages = PolicyStages(seeds, given or kept_snapshot(lake))
    extensions = policy_extensions(store, stages, kept_own_calls(lake))
    clock = _Clock(progress)
    progress.start(_STAGE, len(models) + len(extensions) + len(audits) + 1, "models")
    with open_engine(":memory:", BUILD_LIMITS, scratch=scratch) as connection:
        build = Build(
            connection=connection,
            models=models,
            lake=inputs,
            store=store,
            params=params,
            seeds=seeds,
            extensions=extensions,
            known_columns=frozenset({*schema.EVENTS.names, *schema.ARCHIVES.names, *schema.QUARANTINE.names}),
            on_model=clock.begin,
            on_made=clock.end,
            on_news=stages.prepare,
            on_first=on_first,
            audits=audits,
        )
        build.make()
        _settle(lake, build, scratch, clock, meanwhile)
    progress.finish(_STAGE)
    return BuildReport(
        batch_number=inputs.batch_number,
        changed_dates=tuple(sorted(build.result.changed_dates)),
        rows_written=build.result.written,
        models_unchanged=tuple(sorted(build.result.unchanged)),
        timings_seconds=clock.seconds,
    )


def _settle(lake: Lake, build: Build, scratch: Path, clock: _Clock, meanwhile: Meanwhile) -> None:
    """What follows when every model is made, side by side; remembered where models and marts are in place."""
    built = build.open_models()
    with _take_short_turns(), ThreadPoolExecutor(2, thread_name_prefix="settle") as pool:
        settled = pool.submit(build.settle).result
        publishing = pool.submit(_publish_marts, lake, build, scratch, clock, settled)
        try:
            meanwhile(built, settled)
        finally:
            publishing.result()
            build.remember()


def _publish_marts(lake: Lake, build: Build, scratch: Path, clock: _Clock, settled: Callable[[], None]) -> None:
    clock.begin(MARTS_FILE)
    marts = [model for model in build.models if is_mart(model)]
    is_stale = _marts_are_stale(lake, build.result, marts)
    if is_stale:
        write_marts(build.here, marts, scratch / MARTS_FILE)
    settled()
    if is_stale:
        _publish(lake, scratch / MARTS_FILE)
    clock.end(MARTS_FILE)
    clock.stop()


def _marts_are_stale(lake: Lake, result: BuildResult, marts: list[Model]) -> bool:
    if any(model.name in result.written for model in marts):
        return True
    found = lake.location.open_filesystem().get_file_info(MARTS_FILE)
    return bool(found.type != pa.fs.FileType.File)


def _publish(lake: Lake, file: Path) -> None:
    """Put the finished database in its place at once: readers see the old one or the new one."""
    if lake.location.is_remote:
        lake.location.write_file(MARTS_FILE, file.read_bytes())
    else:
        file.replace(Path(lake.location.root) / MARTS_FILE)


@contextmanager
def _collect_rarely() -> Iterator[None]:
    """Let Python look for reference cycles less often: a build leaves hardly any, and each look walks every object
    of the catalogue and the modules, a twentieth of a build's time."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@contextmanager
def _take_short_turns() -> Iterator[None]:
    """Let a thread of Python wait for its turn a fifth of a millisecond at the most, instead of five.

    Marts are described in two hundred statements, each of which waits for whoever makes a report beside them: they end
    a fifth of a second sooner, and the report no later.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


class _Clock:
    """Times models, of which several may be at work, and tells a progress about them."""

    def __init__(self, progress: Progress) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress
        self._begun: dict[str, float] = {}
        self._lock = threading.Lock()
        self._start = time.monotonic()

    def begin(self, name: str) -> None:
        """A model begins."""
        self._begun[name] = time.monotonic()

    def end(self, name: str) -> None:
        """It is done."""
        with self._lock:
            self.seconds[name] = round(time.monotonic() - self._begun[name], 3)
            self._progress.advance(_STAGE)

    def stop(self) -> None:
        """The last one is done."""
        self.seconds["total"] = round(time.monotonic() - self._start, 3)
