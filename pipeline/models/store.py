"""Where built models are kept between builds, as the runner sees it.

What enters: rows of a model. What leaves: relations to read them by. ``jobs`` gives a store backed by the lake;
``MemoryStore`` keeps everything in memory for a build that should leave nothing behind. This module must never know
Delta or a file system.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.models.engine import Relation

STATE_NAME = "build_state"
STATE = pa.schema(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("definition_sha256", pa.string(), nullable=False),
        pa.field("batch_number", pa.int64(), nullable=False),
        pa.field("fingerprints", pa.string(), nullable=False),
    ]
)


class ModelStore(Protocol):
    """Keeps models by name."""

    def read(self, name: str) -> Relation | None:
        """Return the model's rows as last written, or ``None`` if it never was."""

    def has(self, name: str) -> bool:
        """Whether the model was ever written."""

    def is_by_event_date(self, name: str) -> bool:
        """Whether its rows lie by event date, so that those of some dates can be replaced."""

    def write(
        self, name: str, rows: pa.RecordBatchReader, *, replace_dates: Collection[date] | None, by_event_date: bool
    ) -> None:
        """Replace the whole model, or only its rows of some event dates; ``by_event_date`` says how it is kept."""


@dataclass(slots=True)
class MemoryStore:
    """A store that forgets everything with the process."""

    tables: dict[str, pa.Table] = field(default_factory=dict)

    def read(self, name: str) -> Relation | None:
        """Return the table kept under ``name``."""
        return self.tables.get(name)

    def has(self, name: str) -> bool:
        """Whether a table is kept under ``name``."""
        return name in self.tables

    def is_by_event_date(self, name: str) -> bool:
        """Never: a table in memory is one piece."""
        return False

    def write(
        self, name: str, rows: pa.RecordBatchReader, *, replace_dates: Collection[date] | None, by_event_date: bool
    ) -> None:
        """Keep the rows, beside those of other dates where only some are replaced."""
        table = rows.read_all()
        kept = self.tables.get(name)
        if by_event_date and replace_dates is not None and kept is not None:
            gone = pc.is_in(kept["event_date"], value_set=pa.array(sorted(replace_dates), pa.date32()))
            table = pa.concat_tables([kept.filter(pc.invert(gone)), table]).sort_by("event_date")
        self.tables[name] = table


@dataclass(frozen=True, slots=True)
class ModelState:
    """What the last build knew about one model.

    Attributes:
        definition_sha256: hash of its query, parameters, and of everything below it.
        batch_number: the lake's batch that it was built from.
        fingerprints: per event date (or ``""`` for the whole) a hash of its rows.
    """

    definition_sha256: str
    batch_number: int
    fingerprints: Mapping[str, str] = field(default_factory=dict)


def read_states(table: pa.Table) -> dict[str, ModelState]:
    """Return what a stored ``build_state`` says, by model."""
    return {
        row["name"]: ModelState(row["definition_sha256"], row["batch_number"], json.loads(row["fingerprints"]))
        for row in table.to_pylist()
    }


def states_table(states: Mapping[str, ModelState]) -> pa.Table:
    """Return the table to store as ``build_state``, ordered by name."""
    rows = [
        {
            "name": name,
            "definition_sha256": state.definition_sha256,
            "batch_number": state.batch_number,
            "fingerprints": json.dumps(dict(state.fingerprints), sort_keys=True),
        }
        for name, state in sorted(states.items())
    ]
    return pa.Table.from_pylist(rows, schema=STATE)
