"""What a build is given and what it tells: a lake's snapshot, Python's relations between stages, the outcome.

What enters: nothing. What leaves: types. This module must never build anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa

from pipeline.models.engine import Relation


@dataclass(frozen=True, slots=True)
class LakeInputs:
    """One snapshot of the lake.

    Attributes:
        events: every delivery; the other two likewise.
        batch_number: the snapshot's last batch.
        event_dates: the dates that have events, with their number.
        changed_dates: dates that batches after a given one touched.
    """

    events: Relation
    archives: Relation
    quarantine: Relation
    batch_number: int
    event_dates: Mapping[date, int]
    changed_dates: Callable[[int], Iterable[date]]


@dataclass(frozen=True, slots=True)
class Extension:
    """An ``ext_`` relation: Python's work between two SQL stages.

    Attributes:
        inputs: relations it is made from.
        schema: what ``make`` must return.
        make: gets its inputs as tables, in their models' order.
        salt: what else the result depends on; another salt makes it anew.
    """

    inputs: tuple[str, ...]
    schema: pa.Schema
    make: Callable[[Mapping[str, pa.Table]], pa.Table]
    salt: str = ""


@dataclass(slots=True)
class BuildResult:
    """What a build did: rows written per rebuilt model, models left as they were, and every changed date."""

    written: dict[str, int] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    changed_dates: frozenset[date] = frozenset()
