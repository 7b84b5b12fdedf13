"""Small folders of models for the runner's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import schema
from pipeline.models.build import Build
from pipeline.models.build_inputs import BuildResult, Extension, LakeInputs
from pipeline.models.engine import EngineLimits, open_engine
from pipeline.models.folder import load_models, seed_files
from pipeline.models.store import MemoryStore

ACCOUNT = "111111111111"


def write_model(folder: Path, name: str, query: str, *, layer: str = "staging", **header: str) -> Path:
    """Write one model with a whole header; ``header`` replaces or adds lines."""
    lines = {
        "model": name,
        "purpose": "A model of a test.",
        "grain": "one row per (id)",
        "order": "id",
        "inputs": "none",
    }
    lines.update(header)
    path = folder / layer / f"{name}.sql"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"-- {key}: {value}\n" for key, value in lines.items()) + query + "\n", encoding="utf-8")
    return path


def event(day: int, event_id: str, **values: Any) -> dict[str, Any]:
    """One row of EVENTS on a day of March 2024."""
    return {
        "event_date": date(2024, 3, day),
        "event_time": datetime(2024, 3, day, 12, tzinfo=UTC),
        "event_id": event_id,
        "recipient_account_id": ACCOUNT,
        "is_denied": False,
        "session_id": "session-a",
        "archive_uri": "file:///a",
        "archive_version": "v",
        "record_index": 0,
        **values,
    }


@dataclass
class SmallLake:
    """Events in memory, committed batch by batch, and what was built over them."""

    folder: Path
    events: list[dict[str, Any]] = field(default_factory=list)
    touched: list[set[date]] = field(default_factory=list)
    store: MemoryStore = field(default_factory=MemoryStore)

    def commit(self, *rows: dict[str, Any]) -> None:
        """Add one batch."""
        self.events.extend(rows)
        self.touched.append({row["event_date"] for row in rows})

    def _changed(self, since_batch: int) -> Iterable[date]:
        return set().union(*self.touched[since_batch:])

    def inputs(self) -> LakeInputs:
        """Return the newest snapshot."""
        counts: dict[date, int] = {}
        for row in self.events:
            counts[row["event_date"]] = counts.get(row["event_date"], 0) + 1
        return LakeInputs(
            events=pa.Table.from_pylist(self.events, schema=schema.EVENTS),
            archives=schema.ARCHIVES.empty_table(),
            quarantine=schema.QUARANTINE.empty_table(),
            batch_number=len(self.touched),
            event_dates=counts,
            changed_dates=self._changed,
        )

    def build(
        self,
        *,
        params: Mapping[str, Any] | None = None,
        extensions: Mapping[str, Extension] | None = None,
        store: MemoryStore | None = None,
        on_model: Callable[[str], None] = lambda name: None,
        on_first: Callable[[], None] = lambda: None,
    ) -> BuildResult:
        """Build the folder's models."""
        with open_engine(":memory:", EngineLimits(memory="512MiB", threads=2), scratch=None) as connection:
            build = Build(
                connection=connection,
                models=load_models(self.folder),
                lake=self.inputs(),
                store=store if store is not None else self.store,
                params=params or {},
                seeds=seed_files(self.folder),
                extensions=extensions or {},
                known_columns=frozenset(schema.EVENTS.names),
                on_model=on_model,
                on_first=on_first,
            )
            build.make()
            build.settle()
            result = build.result
            build.remember()
            return result

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return a stored model's rows."""
        return self.store.tables[name].to_pylist()
