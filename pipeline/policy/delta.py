"""What a change of permissions added, widened or let go.

What enters: permissions before and after, both inside their boundary. What leaves: a ``Delta``.
This module must never know of roles, accounts or time: ``replay`` does.

Source: DETECTION.md, "What a policy grants" (delta).
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.policy.conditions import Condition, are_weaker
from pipeline.policy.patterns import covers_pattern, is_pattern, overlaps_pattern
from pipeline.policy.permissions import Grant, Permissions, written_actions
from pipeline.policy.tiers import Judge, Reach

MAX_LISTED = 50
_MAX_COMPARED = 20_000


@dataclass(frozen=True, slots=True)
class Delta:
    """A change.

    Attributes:
        tier: of what became reachable.
        reach: the same as sets of catalogue actions.
        actions_added: patterns as written of the statements that added something, sorted, at most 50.
        actions_added_count: catalogue actions (and unknown patterns) that reach something new.
        resources_widened: resource patterns added for actions held before, sorted.
        conditions_dropped: keys of conditions that no longer restrict, sorted.
        denies_removed: action patterns of Deny statements that went, sorted.
        primitives: ids of escalation paths that became complete or wider through it.
        is_noop: nothing became reachable and no trust widened.
    """

    tier: str
    reach: Reach
    actions_added: tuple[str, ...]
    actions_added_count: int
    resources_widened: tuple[str, ...]
    conditions_dropped: tuple[str, ...]
    denies_removed: tuple[str, ...]
    primitives: tuple[str, ...]
    is_noop: bool


class _Comparison:
    """One comparison: statements of after against those of before, gains collected on the way."""

    def __init__(self, before: Permissions, after: Permissions) -> None:
        self.before = before
        self.after = after
        self.gained = after.allowed & ~before.allowed
        self.gained_wide = after.wide & ~before.wide
        self.unknown = frozenset(
            item
            for item in after.unknown_allowed - before.unknown_allowed
            if not any(grant.matches_action(item) for grant in before.grants)
        )
        self.words: set[str] = set()
        self.widened: set[str] = set()
        self.dropped: set[str] = set()
        # By identity: policies that did not change are the same objects; equal ones elsewhere compare as covered.
        self._held = {id(grant) for grant in before.grants}

    def run(self) -> None:
        """Walk the statements that are new; the same statement elsewhere adds nothing."""
        fresh = [grant for grant in self.after.grants if id(grant) not in self._held]
        if len(fresh) * len(self.before.grants) > _MAX_COMPARED:
            # Beyond any real policy: all that the new statements reach counts as gained.
            for grant in fresh:
                self._add(grant, grant.mask, grant.wide)
        else:
            for grant in fresh:
                self._compare(grant)
        self.name(self.gained)

    def name(self, gained: int) -> None:
        """Note the patterns through which ``gained`` is allowed now."""
        if gained or self.unknown:
            for grant in self.after.grants:
                if grant.mask & gained or grant.unknown & self.unknown:
                    self.words.update(written_actions(grant))

    def _add(self, grant: Grant, mask: int, wide: int) -> None:
        gained = mask & self.after.allowed
        if gained:
            self.gained |= gained
            self.gained_wide |= wide & mask & self.after.wide
            self.words.update(written_actions(grant))

    def _compare(self, grant: Grant) -> None:
        held = grant.mask & self.before.allowed
        if not held and not grant.unknown:
            return
        others = [other for other in self.before.grants if other.mask & held or grant.unknown]
        for resource in grant.resources if not grant.is_not_resource else ("*",):
            uncovered = held & self._mask_on(grant, resource)
            unknown = set(grant.unknown) - self.unknown
            blocked: list[tuple[Grant, int]] = []
            for other in others:
                if not (other.mask & uncovered or unknown):
                    continue
                if not _contains(other, grant, resource):
                    continue
                if are_weaker(other.conditions, grant.conditions):
                    uncovered &= ~other.mask
                    unknown = {item for item in unknown if not other.matches_action(item)}
                elif other.mask & uncovered:
                    blocked.append((other, other.mask))
            if uncovered or unknown:
                self._note(grant, resource, uncovered, blocked)
                self.unknown |= unknown

    def _mask_on(self, grant: Grant, resource: str) -> int:
        if grant.is_not_resource:
            return grant.mask
        return self.after.catalogue.find_scope(resource).reachable

    def _note(self, grant: Grant, resource: str, uncovered: int, blocked: list[tuple[Grant, int]]) -> None:
        """Say why something is not covered: a condition stood before it, or the resource did not."""
        behind = 0
        for other, mask in blocked:
            if mask & uncovered:
                behind |= mask
                self.dropped.update(_lost_keys(other.conditions, grant.conditions))
        if uncovered & ~behind or not uncovered:
            self.widened.add(f"NotResource:{','.join(grant.resources)}" if grant.is_not_resource else resource)
        wide = grant.wide
        if not grant.is_not_resource:
            wide &= self.after.catalogue.find_scope(resource).unlimited
        self._add(grant, uncovered, wide)


def _contains(other: Grant, grant: Grant, resource: str) -> bool:
    """Whether the earlier statement reaches everything that ``grant`` reaches through ``resource``."""
    if grant.is_not_resource:
        if other.is_not_resource:
            return all(any(covers_pattern(out, item) for out in grant.resources) for item in other.resources)
        return "*" in other.resources
    if other.is_not_resource:
        return not any(overlaps_pattern(item, resource) for item in other.resources)
    if resource in other.resources or "*" in other.resources:
        return True
    return any(is_pattern(item) and covers_pattern(item, resource) for item in other.resources)


def _lost_keys(old: tuple[Condition, ...], new: tuple[Condition, ...]) -> set[str]:
    return {one.key for one in old if not are_weaker((one,), new)}


def _lost_denies(before: Permissions, after: Permissions) -> tuple[list[Grant], int]:
    """Deny statements that went, and the actions they held back that are allowed now."""
    lost: list[Grant] = []
    freed = 0
    kept = set(after.denies)
    for deny in before.denies:
        if deny in kept:
            continue
        still = 0
        for other in after.denies:
            same = all(_contains(other, deny, item) for item in (("*",) if deny.is_not_resource else deny.resources))
            if same and are_weaker(other.conditions, deny.conditions):
                still |= other.mask
        gone = deny.mask & ~still
        if gone or (deny.unknown and not still):
            lost.append(deny)
            freed |= gone & after.allowed
    return lost, freed


def compare_permissions(before: Permissions, after: Permissions, judge: Judge, *, self_arn: str | None = None) -> Delta:
    """Say what a change made reachable.

    Args:
        before: all that the principal could do before, boundary applied.
        after: all that it can do after, boundary applied.
        judge: tiers and paths.
        self_arn: the principal's ARN, if known.

    Returns:
        The delta; a re-put in other words is ``T0`` and a no-op.
    """
    work = _Comparison(before, after)
    work.run()
    lost, freed = _lost_denies(before, after)
    freed_wide = freed & after.wide & _union_wide(lost)
    gained, gained_wide = work.gained | freed, work.gained_wide | freed_wide
    # A resource widened at a kind's edge makes an action wide that was only narrow: it is gained as well.
    gained |= gained_wide
    unknown = frozenset(work.unknown)
    reach = Reach(gained, gained_wide, unknown, unknown & after.unknown_wide)
    work.name(freed)
    tier, paths = judge.grade(reach, after, judge.is_admin(before.wide), self_arn)
    denied = sorted({word for deny in lost for word in written_actions(deny)}) if lost else []
    return Delta(
        tier=tier,
        reach=reach,
        actions_added=tuple(sorted(work.words)[:MAX_LISTED]),
        actions_added_count=gained.bit_count() + len(unknown),
        resources_widened=tuple(sorted(work.widened)[:MAX_LISTED]),
        conditions_dropped=tuple(sorted(work.dropped)[:MAX_LISTED]),
        denies_removed=tuple(denied[:MAX_LISTED]),
        primitives=tuple(path.path_id for path in paths),
        is_noop=reach.is_empty,
    )


def _union_wide(denies: list[Grant]) -> int:
    mask = 0
    for deny in denies:
        mask |= deny.wide
    return mask
