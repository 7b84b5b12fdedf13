"""The ``ext_`` relations: what Python makes between two SQL stages.

What enters: models' rows as Arrow. What leaves: Arrow rows of the schemas in schema.py. This module must never judge:
``policy`` evaluates, ``findings`` inherits ids; here they are only given their rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from pipeline import schema
from pipeline.findings import inherit_ids
from pipeline.models import Extension, ModelStore, read_relation
from pipeline.policy import judge_uses, load_catalogue, replay_writes

STORED_FINDINGS = ("finding_id", "own_finding_id", "grant_keys", "first_event_time", "supersedes")


def policy_extensions(store: ModelStore) -> dict[str, Extension]:
    """Return every ``ext_`` relation with what it is made from.

    Args:
        store: has the findings of the build before, whose ids new ones inherit.
    """
    return {
        "ext_policy_deltas": Extension(("int_policy_writes",), schema.EXT_POLICY_DELTAS, _make_deltas),
        "ext_use_verdicts": Extension(
            ("int_use_candidates", "int_policy_writes"), schema.EXT_USE_VERDICTS, _make_verdicts
        ),
        "ext_finding_ids": Extension(
            ("int_findings",), schema.EXT_FINDING_IDS, lambda inputs: _make_ids(inputs["int_findings"], store)
        ),
    }


def _make_deltas(inputs: Mapping[str, pa.Table]) -> pa.Table:
    rows = replay_writes(inputs["int_policy_writes"].to_pylist(), catalogue=load_catalogue())
    return _table(rows, schema.EXT_POLICY_DELTAS)


def _make_verdicts(inputs: Mapping[str, pa.Table]) -> pa.Table:
    rows = judge_uses(
        inputs["int_use_candidates"].to_pylist(), inputs["int_policy_writes"].to_pylist(), catalogue=load_catalogue()
    )
    return _table(rows, schema.EXT_USE_VERDICTS)


def _make_ids(findings: pa.Table, store: ModelStore) -> pa.Table:
    stored = store.read("fct_findings")
    known = None if stored is None else read_relation(stored, STORED_FINDINGS)
    return inherit_ids(findings, known)


def _table(rows: Iterable[Mapping[str, Any]], columns: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([dict(row) for row in rows], schema=columns)
