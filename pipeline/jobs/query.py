"""Answer one SELECT over a lake and its models: the job behind ``policytrail query`` and ``open_lake``.

What enters: a lake's path and SQL from anyone. What leaves: Arrow rows. This module must never write, and never let
the SQL reach anything but one snapshot of the lake and the models built over it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import pyarrow as pa

from pipeline.errors import ModelError, UsageError
from pipeline.jobs.lake_access import open_job_lake
from pipeline.lake import Lake
from pipeline.models import (
    STATE_NAME,
    Model,
    Relation,
    check_query,
    load_models,
    open_sandbox,
    parse_references,
    read_relation,
    read_states,
    sql_folder,
)
from pipeline.settings import Settings

ALIASES = {
    "events": "stg_events",
    "deliveries": "lake_events",
    "archives": "stg_archives",
    "quarantine": "stg_quarantine",
}
LAKE_TABLES = {"lake_events": "events", "lake_archives": "archives", "lake_quarantine": "quarantine"}
DUPLICATES = "stg_duplicate_deliveries"


def run_query(lake_path: str, sql: str, settings: Settings, *, timeout_seconds: float | None = None) -> pa.Table:
    """Run one SELECT.

    Args:
        lake_path: a folder or ``s3://bucket/prefix`` with a lake.
        sql: DuckDB SQL over ``events``, ``deliveries``, ``archives``, ``quarantine`` and every model by its name.
        settings: how to reach S3.
        timeout_seconds: stop the query after so long.

    Returns:
        Its rows.

    Raises:
        UsageError: no lake there; or the SQL is not one SELECT, names what is not there, or fails.
    """
    lake = open_job_lake(lake_path, settings)
    catalogue = _Catalogue.of(lake)
    check_query(sql, catalogue.names)
    try:
        wanted = parse_references(sql).relations
    except ModelError as error:
        raise UsageError(f"a query is exactly one SELECT: {error.message}") from error
    relations, views = catalogue.resolve(lake, {name.removeprefix("main.") for name in wanted})
    sandbox = open_sandbox(relations, views)
    try:
        return sandbox.run(sql, timeout_seconds=timeout_seconds)
    finally:
        sandbox.close()


@cache
def _models() -> Mapping[str, Model]:
    """Return the models by name, inputs first; a process reads them once."""
    return {model.name: model for model in load_models(sql_folder(), is_compared=False)}


@dataclass(frozen=True, slots=True)
class _Catalogue:
    """Names that a query may use, and how each is had: a stored model, a view, or a table of the lake."""

    stored: frozenset[str]
    views: Mapping[str, str]

    @classmethod
    def of(cls, lake: Lake) -> _Catalogue:
        stored = frozenset(lake.list_models())
        views = {name: model.sql for name, model in _models().items() if model.header.stored == "no"}
        if not _is_current(lake, stored):
            # The models are behind the lake: its newest duplicates are not listed yet, so list them now.
            stored -= {DUPLICATES}
            views[DUPLICATES] = _models()[DUPLICATES].sql
        views |= {alias: f"from {name}" for alias, name in ALIASES.items()}
        return cls(stored, views)

    @property
    def names(self) -> frozenset[str]:
        """Every name: views only where all that they need is built."""
        base = self.stored | set(LAKE_TABLES)
        found = set(base)
        for name in self.views:
            if all(item in self.views or item in base for item in self._needs(name)):
                found.add(name)
        return frozenset(found)

    def _needs(self, name: str) -> Iterator[str]:
        for item in sorted(parse_references(self.views[name]).relations):
            if item in self.views:
                yield from self._needs(item)
            yield item

    def resolve(self, lake: Lake, wanted: set[str]) -> tuple[dict[str, Relation], list[tuple[str, str]]]:
        """Open what a query needs, and nothing else."""
        views: dict[str, str] = {}
        relations: dict[str, Relation] = {}
        snapshot = lake.snapshot() if wanted else None

        def add(name: str) -> None:
            if name in views or name in relations:
                return
            if name in self.views:
                for item in sorted(parse_references(self.views[name]).relations):
                    add(item)
                views[name] = self.views[name]
            elif name in LAKE_TABLES and snapshot is not None:
                relations[name] = snapshot.open_dataset(LAKE_TABLES[name])
            elif name in self.stored:
                relations[name] = lake.read_model(name)

        for name in sorted(wanted):
            add(name)
        return relations, list(views.items())


def _is_current(lake: Lake, stored: frozenset[str]) -> bool:
    """Whether the duplicates were listed from the lake's newest batch."""
    if STATE_NAME not in stored or DUPLICATES not in stored:
        return False
    state = read_states(read_relation(lake.read_model(STATE_NAME), lake.read_model(STATE_NAME).schema.names))
    return DUPLICATES in state and state[DUPLICATES].batch_number >= lake.snapshot().batch_number
