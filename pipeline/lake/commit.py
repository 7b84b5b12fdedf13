"""Committing a batch exactly once, with any number of runs on one lake.

What enters: the parts of a batch, most of their Parquet files already written. What leaves: one more batch on
``events``, ``archives`` and ``quarantine``, or the parts that another run has committed meanwhile. This module must
never make a row visible that no plan names, and never change a plan that exists.

The protocol. n is the number of ``events``; every step is repeatable, and any run completes a plan that it finds.

1. Load ``events`` (n) and ``_plans`` (p). p is n or n+1: a plan comes before its batch, and no plan n+2 before batch
   n+1 is complete.
2. Complete plan p: on each of ``events``, ``archives``, ``quarantine`` that is behind, commit the plan's files as
   transaction p on the very object whose number was read.
3. Drop the parts that the ledger has meanwhile.
4. Write the parts' stray events, ledger and quarantine files, then create plan n+1 if it is absent. Who loses begins
   again at 1: which parts are left decides what the files of stray events hold, and their names.
5. Complete plan n+1 as in 2.

A crash before 4 leaves files that nothing names; after it, a plan that the next run completes. A stale run cannot
create an old plan again, nor commit one twice: its transaction number is taken on the table it wants to change.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.dataset as pads
from deltalake import DeltaTable

from pipeline.errors import CommitConflictError, LakeError
from pipeline.lake.batch import BatchPart, CommitResult
from pipeline.lake.layout import ARCHIVES, EVENTS, QUARANTINE, LakeLocation
from pipeline.lake.ledger import KNOWN_COLUMNS, KnownVersions, number_rows
from pipeline.lake.parquet import FileAction, encode_parquet, render_stats
from pipeline.lake.plans import FIRST_CHAIN, Plan, create_plan, load_plans, read_plan
from pipeline.lake.snapshot import open_table_dataset
from pipeline.lake.stray_events import write_stray_events
from pipeline.lake.tables import advance, load_table, read_number
from pipeline.schema import ARCHIVES as ARCHIVES_SCHEMA
from pipeline.schema import QUARANTINE as QUARANTINE_SCHEMA

STEPS = (
    "batch_files_written",
    "plan_created",
    "events_committed",
    "archives_committed",
    "quarantine_committed",
)
"""Names of the points between the steps, in order: tests stop a run dead at each."""

_MAX_ATTEMPTS = 200


@dataclass
class Committer:
    """One run's view of the ledger's head; give each run its own.

    Attributes:
        location: the lake.
        on_step: called with a name of ``STEPS`` after each step.
        seen: the newest batch that this run's view of the ledger includes.
    """

    location: LakeLocation
    on_step: Callable[[str], None] = field(default=lambda step: None)
    seen: int = 0
    _foreign: KnownVersions = field(default_factory=KnownVersions)
    _complete_number: int = 0
    _writer: str = field(default_factory=lambda: uuid.uuid4().hex)

    def complete(self) -> int:
        """Complete the newest plan where a run left it unfinished.

        Returns:
            The number of the newest complete batch.

        Raises:
            LakeError: the lake cannot be read or written, or its tables contradict each other.
        """
        return self._complete_newest()[0]

    def commit(self, parts: Sequence[BatchPart]) -> CommitResult:
        """Commit a batch, or tell which of its parts are there already.

        Raises:
            LakeError: the lake cannot be read or written; nothing of the batch is visible, or all of it will be.
        """
        for _ in range(_MAX_ATTEMPTS):
            number, chain, plans = self._complete_newest()
            self._look_at_others(number)
            kept, dropped = self._divide(parts)
            if not kept:
                return CommitResult(None, (), dropped)
            plan = self._prepare([parts[index] for index in kept], number + 1, chain)
            self.on_step("batch_files_written")
            try:
                create_plan(self.location, plans, plan)
            except CommitConflictError:
                continue
            self.on_step("plan_created")
            self._complete(plan)
            self.seen = plan.number
            return CommitResult(plan.number, kept, dropped, tuple(plan.files[EVENTS]))
        raise LakeError(
            f"other runs won {_MAX_ATTEMPTS} races in a row for {self.location.root}", hint="run fewer at once"
        )

    def taken_by_others(self, keys: Sequence[tuple[str, str]]) -> frozenset[tuple[str, str]]:
        """Those of some (uri, version) pairs that other runs have committed since this run began."""
        return frozenset(key for key in keys if key in self._foreign)

    def _complete_newest(self) -> tuple[int, str, DeltaTable]:
        plans = load_plans(self.location)
        plan = read_plan(self.location, plans)
        if plan is None:
            return 0, FIRST_CHAIN, plans
        self._complete(plan)
        return plan.number, plan.chain_sha256, plans

    def _complete(self, plan: Plan) -> None:
        if plan.number == self._complete_number:
            return  # by this run itself: what is complete stays so
        for name in (EVENTS, ARCHIVES, QUARANTINE):
            self._complete_table(name, plan)
            self.on_step(f"{name}_committed")
        self._complete_number = plan.number

    def _complete_table(self, name: str, plan: Plan) -> None:
        for _ in range(_MAX_ATTEMPTS):
            table = load_table(self.location, name)
            number = read_number(table)
            if number >= plan.number:
                return
            if number < plan.number - 1:
                raise LakeError(
                    f"{self.location.join(name)} stands at batch {number}, its plan at {plan.number}",
                    hint="the lake was changed by hand or restored in part; restore all of it",
                )
            try:
                advance(table, plan.number, plan.files.get(name, ()))
            except CommitConflictError:
                continue
            return
        raise LakeError(f"{self.location.join(name)} changed {_MAX_ATTEMPTS} times during one commit")

    def _look_at_others(self, number: int) -> None:
        if number > self.seen:
            table = load_table(self.location, ARCHIVES)
            dataset = open_table_dataset(self.location, ARCHIVES, table, ARCHIVES_SCHEMA)
            later = pads.field("batch_number") > self.seen
            self._foreign.update(dataset.to_table(columns=KNOWN_COLUMNS, filter=later))
            self.seen = number

    def _divide(self, parts: Sequence[BatchPart]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        taken = [
            len(self._foreign) > 0 and any(key in self._foreign for key in part.archive_versions()) for part in parts
        ]
        kept = tuple(index for index, is_taken in enumerate(taken) if not is_taken)
        return kept, tuple(index for index, is_taken in enumerate(taken) if is_taken)

    def _prepare(self, parts: Sequence[BatchPart], number: int, chain: str) -> Plan:
        rows, chain = number_rows(pa.concat_tables([part.ledger for part in parts]), number, chain)
        left = [part.strays for part in parts if part.strays is not None]
        strays = write_stray_events(left, self.location, batch_number=number)
        files = {
            EVENTS: (*(item for part in parts for item in part.events), *strays),
            ARCHIVES: (self._write_rows(ARCHIVES, rows, number),),
        }
        bad = pa.concat_tables([part.quarantine for part in parts], promote_options="permissive")
        if bad.num_rows:
            column = pa.array([number], pa.int64()).take(pa.array([0] * bad.num_rows, pa.int32()))
            bad = bad.add_column(0, QUARANTINE_SCHEMA.field("batch_number"), column)
            files[QUARANTINE] = (self._write_rows(QUARANTINE, bad, number),)
        return Plan(number, files, chain, self._writer)

    def _write_rows(self, table: str, rows: pa.Table, number: int) -> FileAction:
        data = encode_parquet(rows)
        stem = hashlib.sha256(data).hexdigest()[:16]
        path = f"batch-{number:010d}-{stem}.parquet"
        self.location.write_file(f"{table}/{path}", data)
        return FileAction(path, data.size, {}, rows.num_rows, render_stats(rows, ["batch_number"]))
