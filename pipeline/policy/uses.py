"""Was a later call allowed by a grant, and was it allowed before?

What enters: candidates (what sessions of a grant's target then called) and the replay that judged the grants.
What leaves: rows of ``EXT_USE_VERDICTS``.
This module must never say "not allowed before" of a principal whose earlier permissions are not wholly known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from pipeline.policy.patterns import match_pattern
from pipeline.policy.permissions import Permissions
from pipeline.policy.replay import Ground, ReplayResult


def _is_gained(ground: Ground, action: str, result: ReplayResult) -> bool:
    found = result.evaluator.catalogue.find_actions(action)
    if not found.is_unknown:
        return bool(found.actions & ground.gained)
    lower = action.lower()
    return any(match_pattern(pattern, lower) for pattern in ground.unknown)


def judge_uses(candidates: Iterable[Mapping[str, Any]], result: ReplayResult) -> Iterator[dict[str, Any]]:
    """Judge calls made by sessions of a grant's target.

    A grant that lets somebody in (a trust policy, a credential) gives all that the target may do: every successful
    call of its session is allowed by it, and was not by the target's state before as far as the newcomer goes.

    Args:
        candidates: rows with ``recipient_account_id``, ``event_id`` (of the grant), ``target_arn``, ``iam_action``.
        result: of ``replay_writes`` over the same writes.

    Returns:
        One row per candidate, in order; ``was_allowed_before`` is ``None`` where earlier permissions are not known.
    """

    @lru_cache(maxsize=65_536)
    def allows(permissions: Permissions, action: str) -> bool:
        return permissions.allows(action)

    for candidate in candidates:
        action = str(candidate["iam_action"])
        key = (str(candidate["recipient_account_id"]), str(candidate["event_id"]), str(candidate["target_arn"]))
        ground = result.grounds.get(key)
        allowed, earlier = False, None
        if ground is not None and ground.opens:
            allowed, earlier = True, False
        elif ground is not None:
            allowed = _is_gained(ground, action, result)
            before = result.evaluator.effective(ground.before.parts, ground.before.boundary)
            earlier = True if allows(before, action) else (False if ground.before.is_whole else None)
        yield {
            "recipient_account_id": key[0],
            "event_id": key[1],
            "target_arn": key[2],
            "iam_action": action,
            "is_allowed_by_delta": allowed,
            "was_allowed_before": earlier,
        }
