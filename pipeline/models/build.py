"""Build every model: in order, only what changed, each one audited.

What enters: ordered models, relations of one lake snapshot, a store with the last build's models, and the functions
that make ``ext_`` relations. What leaves: the store holds the new models; a ``BuildResult`` says what was done. This
module must never read a clock, the network or the lake's own files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from pipeline import __version__
from pipeline.errors import ModelError
from pipeline.models.audit import audit_columns, audit_grain, audit_types, run_audit
from pipeline.models.build_inputs import BuildResult, Extension, LakeInputs
from pipeline.models.built import BuiltModels
from pipeline.models.changes import (
    EVERYTHING,
    NOTHING,
    Change,
    dates_to_read,
    merge_changes,
    split_dates,
    spread_change,
)
from pipeline.models.engine import (
    count_by_date,
    count_threads,
    in_dates,
    keep_table,
    load_seed,
    more_threads,
    read_relation,
)
from pipeline.models.folder import LAKE_RELATIONS, Model, event_readers, plan_steps
from pipeline.models.lanes import Lanes
from pipeline.models.schedule import run_side_by_side
from pipeline.models.store import STATE, STATE_NAME, ModelState, ModelStore, read_states, states_table
from pipeline.models.writing import ModelWriter, fingerprint_rows

RUN_EVENTS = 1_000_000
"""Rows that one statement of a by-date model may read: bounds memory whatever the lake's size."""
FEW_ROWS = 50_000
"""Rows up to which a by-date model is kept as one file: files for a month's dates take two to four times as long."""


@dataclass(slots=True)
class Build:
    """One build in progress: ``make``, ``settle``, then ``remember`` once everything that depends on it is in place.

    ``on_model`` hears of each model before it is looked at, ``on_made`` after it; ``on_news`` once, before the first,
    if the lake changed; ``on_first`` once, after the first, which has every core to itself. Models that do not need
    each other are made side by side, in so many ``lanes``.
    """

    connection: duckdb.DuckDBPyConnection
    models: Sequence[Model]
    lake: LakeInputs
    store: ModelStore
    params: Mapping[str, Any]
    seeds: Mapping[str, Path]
    extensions: Mapping[str, Extension]
    known_columns: frozenset[str]
    on_model: Callable[[str], None] = lambda name: None
    on_made: Callable[[str], None] = lambda name: None
    on_news: Callable[[], None] = lambda: None
    on_first: Callable[[], None] = lambda: None
    audits: Mapping[str, tuple[str, Path]] = field(default_factory=dict)
    lanes: int = 2
    changes: dict[str, Change] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    states: dict[str, ModelState] = field(default_factory=dict)
    before: dict[str, ModelState] = field(default_factory=dict)
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)
    result: BuildResult = field(default_factory=BuildResult)
    writer: ModelWriter = field(init=False)
    cursors: Lanes = field(init=False)

    def make(self) -> None:
        """Make every model, and begin to store them; who reads them may begin when it returns.

        Raises:
            ModelError: a query failed, or its result has another grain than promised; nothing later was made.
        """
        self.cursors = Lanes(self.connection)
        with ExitStack() as stack:
            self.writer = stack.enter_context(ModelWriter(self.connection, self.store))
            self._make_all()
            stack.pop_all()

    def settle(self) -> None:
        """Audit the models together and wait until all are in the store; then what was read of them may be shown.

        Raises:
            ModelError: an audit found them wrong.
        """
        with self.writer:
            run_side_by_side(dict.fromkeys(self.audits, ()), self._audit, lanes=self.lanes)
            self.writer.finish()

    @property
    def here(self) -> duckdb.DuckDBPyConnection:
        """The connection of the thread that asks."""
        return self.cursors.here

    def _make_all(self) -> None:
        stored = self.store.read(STATE_NAME)
        if stored is not None:
            self.before = read_states(read_relation(stored, STATE.names))
        self._register_lake()
        if self.result.changed_dates:
            self.on_news()
        plan = plan_steps(self.models, {name: item.inputs for name, item in self.extensions.items()}, self.seeds)
        models = {model.name: model for model in self.models}
        first = next(iter(plan), "")

        def make(name: str) -> None:
            if name in models:
                self.on_model(name)
                with more_threads(self.here, self.lanes - 1) if name == first else nullcontext():
                    self._build(models[name])
                self.on_made(name)
            elif name in self.seeds:
                load_seed(self.here, name, self.seeds[name])
                self._note_relation(name, hashlib.sha256(self.seeds[name].read_bytes()).hexdigest())
            else:
                self._extend(name)
            if name == first:
                self.on_first()

        # Nearly all else waits for the first one: it gets every lane's threads, and what is small waits with the rest
        # until cores are idle.
        needs = {name: items if name == first else {*items, first} for name, items in plan.items()}
        run_side_by_side(needs, make, lanes=self.lanes, alone=self._lone_models())
        self.cursors.catch_up()
        self.result.unchanged.sort()

    def _audit(self, name: str) -> None:
        """Run one of the audits over all models."""
        self.on_model(name)
        run_audit(self.here, name, *self.audits[name])
        self.on_made(name)

    def _lone_models(self) -> frozenset[str]:
        """Models of which one is made at a time: those that read the events, where one query has several threads.

        It keeps the cores busy by itself then, and memory is that of one. Where a query has one thread, two of them
        side by side need no more than one of two threads.
        """
        return event_readers(self.models) if count_threads(self.connection) > 1 else frozenset()

    def open_models(self) -> BuiltModels:
        """What was made, to be read in the thread that asks while others go on; ``make`` came before."""
        return BuiltModels(self.cursors.open())

    def remember(self) -> None:
        """Note in the store what was built, so that the next build makes only what changed; ``run`` came before."""
        table = states_table(self.states)
        self.store.write(STATE_NAME, table.to_reader(), replace_dates=None, by_event_date=False)

    def _register_lake(self) -> None:
        last = {self.before[name].batch_number for name in self.before}
        dates = self.lake.changed_dates(min(last)) if last else self.lake.event_dates
        change = Change(frozenset(dates))
        self.result.changed_dates = change.dates
        for name, relation in zip(
            LAKE_RELATIONS, (self.lake.events, self.lake.archives, self.lake.quarantine), strict=True
        ):
            self.cursors.register(name, relation)
            self._note_relation(name, name)
            self.changes[name] = change

    def _note_relation(self, name: str, digest: str) -> None:
        """Remember a relation that is no model: its columns, hash, and whether it is what it was."""
        self.columns[name] = tuple(self.here.table(name).columns)
        self.hashes[name] = digest
        known = self.before.get(name)
        self.changes[name] = NOTHING if known and known.definition_sha256 == digest else EVERYTHING
        self.states[name] = ModelState(digest, self.lake.batch_number)

    def _definition(self, text: str, inputs: Iterable[str], params: Iterable[str]) -> str:
        """Hash what a model's rows depend on, the engine's version included."""
        values = {name: repr(self.params[name]) for name in params}
        below = {name: self.hashes[name] for name in inputs}
        whole = json.dumps([duckdb.__version__, text, values, below], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()

    def _extend(self, name: str) -> None:
        """Make one ``ext_`` relation, unless its inputs are what they were."""
        extension = self.extensions[name]
        digest = self._definition(f"{__version__} {extension.schema} {extension.salt}", extension.inputs, ())
        self.hashes[name] = digest
        self.columns[name] = tuple(extension.schema.names)
        before = self.before.get(name)
        change = merge_changes(self.changes[item] for item in extension.inputs)
        kept = self.store.read(name) if before and before.definition_sha256 == digest and not change else None
        if kept is not None and before is not None:
            self.cursors.register(name, kept)
            self.states[name] = replace(before, batch_number=self.lake.batch_number)
            self.changes[name] = NOTHING
            return
        self.on_model(name)
        inputs = {item: self.here.sql(f"from {item}").to_arrow_table() for item in extension.inputs}
        table = extension.make(inputs)
        if not table.schema.equals(extension.schema):
            raise ModelError(f"{name} was made with other columns than schema.py declares: {table.schema}")
        keep_table(self.here, name, table)
        self._store_whole(name, table.num_rows, before, digest)
        self.on_made(name)

    def _build(self, model: Model) -> None:
        header = model.header
        unknown = sorted(set(header.params) - set(self.params))
        if unknown:
            raise model.error(f"no value for {', '.join('$' + name for name in unknown)}")
        digest = self._definition(model.sql, header.inputs, header.params)
        self.hashes[model.name] = digest
        before = self.before.get(model.name)
        change = merge_changes(self.changes[name] for name in header.inputs)
        if before is None or before.definition_sha256 != digest:
            change = EVERYTHING
        try:
            if header.stored == "no":
                self._build_view(model, change, digest)
            elif header.stored == "by event_date":
                self._build_dates(model, change, digest)
            else:
                self._build_whole(model, change, before, digest)
        except duckdb.Error as error:
            self._blame_header(model)
            raise model.error(str(error)) from error
        if model.name not in self.columns:
            self.columns[model.name] = tuple(self.here.table(model.name).columns)
        self.stored[model.name] = header.stored

    def _build_view(self, model: Model, change: Change, digest: str) -> None:
        self.here.execute(f"create view {model.name} as {model.sql}")
        columns = self.columns[model.name] = tuple(self.here.table(model.name).columns)
        self._audit_columns(model, columns)
        dated = "event_date" in columns
        self.changes[model.name] = change if dated or not change else EVERYTHING
        self.states[model.name] = ModelState(digest, self.lake.batch_number)
        if not change:
            return
        days = spread_change(change, 0, known_dates=self.lake.event_dates)
        if not dated:
            # Without dates a view over the events is the whole lake: what it costs, who asks it pays.
            if "lake_events" not in model.header.inputs:
                audit_grain(self.here, model, model.name)
            return
        for run in split_dates(days, dict(self.lake.event_dates), limit=RUN_EVENTS):
            audit_grain(self.here, model, model.name, where=in_dates(run))

    def _build_whole(self, model: Model, change: Change, before: ModelState | None, digest: str) -> None:
        kept = None if change else self.store.read(model.name)
        if kept is not None and before is not None:
            self.cursors.register(model.name, kept)
            self.states[model.name] = replace(before, batch_number=self.lake.batch_number)
            self.changes[model.name] = NOTHING
            self.result.unchanged.append(model.name)
            return
        self.here.execute(
            f"create table {model.name} as select * from ({model.sql}\n) order by {model.sorting}",  # noqa: S608
            self._values(model),
        )
        rows = self._audit_table(model, model.name)
        self._store_whole(model.name, rows, before, digest)

    def _store_whole(self, name: str, rows: int, before: ModelState | None, digest: str) -> None:
        """Write a whole relation unless its rows are what they were, and note which dates differ."""
        if before is None:
            self._store_first(name, rows, digest)
            return
        prints = fingerprint_rows(self.here, name, is_dated="event_date" in self.columns[name])
        old = before.fingerprints
        self.states[name] = ModelState(digest, self.lake.batch_number, prints)
        differing = {key for key in set(prints) | set(old) if prints.get(key) != old.get(key)}
        if "" in prints or "" in old:
            self.changes[name] = EVERYTHING if differing else NOTHING
        else:
            self.changes[name] = Change(frozenset(date.fromisoformat(key) for key in differing if key != "-"))
        if not differing and self.store.has(name):
            self.result.unchanged.append(name)
            return
        self.result.written[name] = rows
        self.writer.add(name, name, replace_dates=None, by_event_date=False)

    def _store_first(self, name: str, rows: int, digest: str) -> None:
        """Write a relation that was never built: what it is compared by next time, the writer works out."""

        def note(cursor: duckdb.DuckDBPyConnection) -> None:
            prints = fingerprint_rows(cursor, name, is_dated="event_date" in self.columns[name])
            self.states[name] = ModelState(digest, self.lake.batch_number, prints)

        self.changes[name] = EVERYTHING
        self.result.written[name] = rows
        self.writer.add(name, name, replace_dates=None, by_event_date=False, then=note)

    def _build_dates(self, model: Model, change: Change, digest: str) -> None:
        kept = self.store.read(model.name)
        if kept is None:
            change = EVERYTHING
        rebuild = spread_change(change, model.header.lookback_days, known_dates=self.lake.event_dates)
        self.states[model.name] = ModelState(digest, self.lake.batch_number)
        self.changes[model.name] = EVERYTHING if change.is_whole else Change(rebuild)
        runs = split_dates(rebuild, self._weights(model, rebuild), limit=RUN_EVENTS)
        if kept is None and not runs:
            runs = [[]]
        if kept is not None and not runs:
            self.result.unchanged.append(model.name)
            self.cursors.register(model.name, kept)
            return
        fresh, rows = list[str](), 0
        is_divided = kept is not None and self.store.is_by_event_date(model.name)
        for number, run in enumerate(runs):
            fresh.append(f"fresh_{model.name}_{number}")
            rows += self._build_run(model, run, fresh[-1])
            is_divided = is_divided or (change.is_whole and (len(runs) > 1 or rows > FEW_ROWS))
            if is_divided:
                dates = None if change.is_whole and number == 0 else run
                self.writer.add(model.name, fresh[-1], replace_dates=dates, by_event_date=True)
        self.result.written[model.name] = rows
        parts = [f"from {name}" for name in fresh]
        if kept is not None and not change.is_whole:
            self.cursors.register(f"kept_{model.name}", kept)
            parts.append(f"from kept_{model.name} where not ({in_dates(rebuild)})")
        whole = " union all by name ".join(parts)
        if not is_divided:
            if len(parts) > 1:
                fresh = [f"whole_{model.name}"]
                self.here.execute(f"create table {fresh[0]} as {whole} order by {model.sorting}")
            whole = f"from {fresh[0]}"
            is_long = len(self.here.table(fresh[0])) > FEW_ROWS
            self.writer.add(model.name, fresh[0], replace_dates=None, by_event_date=is_long)
        self.here.execute(f"create view {model.name} as {whole}")

    def _weights(self, model: Model, rebuild: frozenset[date]) -> dict[date, int]:
        """Rows of the model's inputs by date; of a view, or where one run holds all, the lake's instead."""
        dated = [name for name in model.header.inputs if "event_date" in self.columns[name]]
        is_small = sum(self.lake.event_dates.get(day, 0) for day in rebuild) <= RUN_EVENTS
        if is_small or not dated or any(self.stored.get(name, "no") == "no" for name in dated):
            return dict(self.lake.event_dates)
        return count_by_date(self.here, dated, in_dates(rebuild))

    def _build_run(self, model: Model, run: list[date], fresh: str) -> int:
        """Make one run of dates of a by-date model as the table ``fresh``; returns its number of rows."""
        header = model.header
        known = self.lake.event_dates
        read = dates_to_read(run, header.lookback_days, known_dates=known)
        bounds = [
            f"{name} as not materialized (select * from main.{name} where {in_dates(read, known)})"  # noqa: S608 - own names
            for name in header.inputs
            if "event_date" in self.columns[name]
        ]
        prefix = f"with {', '.join(bounds)} " if bounds else ""
        self.here.execute(
            f"create table {fresh} as {prefix}select * from ({model.sql}\n)"  # noqa: S608 - checked at load
            f" where {in_dates(run, known)} order by {model.sorting}",
            self._values(model),
        )
        return self._audit_table(model, fresh)

    def _audit_table(self, model: Model, table: str) -> int:
        """Check what was made against the header; returns its number of rows."""
        made = self.here.table(table)
        columns = self.columns[model.name] = tuple(made.columns)
        self._audit_columns(model, columns)
        audit_types(model, dict(zip(columns, map(str, made.types), strict=True)))
        return audit_grain(self.here, model, table)

    def _blame_header(self, model: Model) -> None:
        """After a failure: an unknown name in ``order`` or ``stored`` is the header's mistake, and is told as such."""
        try:
            columns = self.here.sql(f"from ({model.sql}\n) limit 0", params=self._values(model)).columns
        except duckdb.Error:
            return
        self._audit_columns(model, columns)

    def _values(self, model: Model) -> dict[str, Any] | None:
        """Return the values of a model's parameters."""
        return {name: self.params[name] for name in model.header.params} or None

    def _audit_columns(self, model: Model, columns: Iterable[str]) -> None:
        inherited = {column for name in model.header.inputs for column in self.columns[name]}
        audit_columns(model, columns, inherited | self.known_columns)
