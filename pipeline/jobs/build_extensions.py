"""The ``ext_`` relations: what Python makes between two SQL stages.

What enters: models' rows as Arrow, the seeds, an account snapshot. What leaves: Arrow rows of the schemas in
schema.py. This module must never judge: ``policy`` evaluates, ``findings`` inherits ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline import schema
from pipeline.findings import inherit_ids
from pipeline.jobs.build_snapshot import AccountSnapshot
from pipeline.jobs.own_calls import hash_calls, tabulate_calls
from pipeline.models import Extension, ModelStore, read_relation
from pipeline.policy import SEEDS, Evaluator, ReplayResult, judge_uses, load_evaluator, replay_writes
from pipeline.remediation.journal import OwnCall

WRITES = "int_policy_writes"
STORED_FINDINGS = ("finding_id", "own_finding_id", "grant_keys", "first_event_time", "supersedes")
_KNOWLEDGE = tuple(f"seed_{name}" for name in SEEDS)


@dataclass(slots=True)
class PolicyStages:
    """Replays the policy writes at most once per build, whichever relation asks first.

    Attributes:
        seeds: relation name to CSV file.
        snapshot: the account's state as saved by a user, if there is one.
    """

    seeds: Mapping[str, Path]
    snapshot: AccountSnapshot | None = None
    _loading: Future[Evaluator] | None = field(default=None, init=False)
    _result: ReplayResult | None = field(default=None, init=False)

    def prepare(self) -> None:
        """Begin to load what the replay needs, beside the models before it: the catalogue alone takes a second."""
        texts = {name: self.seeds[f"seed_{name}"].read_text(encoding="utf-8") for name in SEEDS}
        pool = ThreadPoolExecutor(1, thread_name_prefix="catalogue")
        self._loading = pool.submit(load_evaluator, texts)
        pool.shutdown(wait=False)

    def make_deltas(self, inputs: Mapping[str, pa.Table]) -> pa.Table:
        """Return what each policy write added."""
        return _table(self._replay(inputs[WRITES]), schema.EXT_POLICY_DELTAS)

    def make_verdicts(self, inputs: Mapping[str, pa.Table]) -> pa.Table:
        """Return whether each grant allows what its target was used for."""
        result = self._replay(inputs[WRITES])
        return _table(judge_uses(inputs["int_use_candidates"].to_pylist(), result), schema.EXT_USE_VERDICTS)

    def _replay(self, writes: pa.Table) -> ReplayResult:
        if self._result is None:
            if self._loading is None:
                self.prepare()
            assert self._loading is not None
            known = self.snapshot
            self._result = replay_writes(
                writes.to_pylist(),
                evaluator=self._loading.result(),
                snapshot=known.document if known else None,
                snapshot_at=known.taken_at if known else None,
            )
        return self._result


def policy_extensions(
    store: ModelStore, stages: PolicyStages, own_calls: Sequence[OwnCall] = ()
) -> dict[str, Extension]:
    """Return every ``ext_`` relation with what it is made from.

    Args:
        store: has the findings of the build before, whose ids new ones inherit.
        stages: replays the policy writes.
        own_calls: calls of apply journals that the lake knows.
    """
    salt = stages.snapshot.sha256 if stages.snapshot else ""

    def make_ids(inputs: Mapping[str, pa.Table]) -> pa.Table:
        stored = store.read("fct_findings")
        return inherit_ids(inputs["int_findings"], None if stored is None else read_relation(stored, STORED_FINDINGS))

    return {
        "ext_policy_deltas": Extension((WRITES, *_KNOWLEDGE), schema.EXT_POLICY_DELTAS, stages.make_deltas, salt),
        "ext_use_verdicts": Extension(
            (WRITES, "int_use_candidates", *_KNOWLEDGE), schema.EXT_USE_VERDICTS, stages.make_verdicts, salt
        ),
        "ext_finding_ids": Extension(("int_findings",), schema.EXT_FINDING_IDS, make_ids),
        "ext_own_calls": Extension(
            (), schema.EXT_OWN_CALLS, lambda _: tabulate_calls(own_calls), hash_calls(own_calls)
        ),
    }


def _table(rows: Iterable[Mapping[str, Any]], columns: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows], schema=columns)
