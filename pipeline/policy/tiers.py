"""How grave a set of permissions is: T0 to T4, and which escalation paths it completes.

What enters: ``Permissions`` and the rows of ``knowledge``. What leaves: a tier and path ids.
This module must never look at names of policies or roles: only at what they allow.

Source: DETECTION.md, "What a policy grants"; the paths' own references.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.policy.catalogue import Catalogue
from pipeline.policy.knowledge import EscalationPath, SensitiveAction
from pipeline.policy.patterns import covers_pattern
from pipeline.policy.permissions import Grant, Permissions

TIERS = ("T0", "T1", "T2", "T3", "T4")
MIN_SERVICE_ACTIONS = 10
"""A service with fewer actions is a channel (ssmmessages, ec2messages): all of it is no broad grant."""

_ADMIN_STEPS = (
    ("iam:PutRolePolicy", "iam:AttachRolePolicy"),
    ("iam:PutUserPolicy", "iam:AttachUserPolicy"),
    ("iam:UpdateAssumeRolePolicy",),
    ("iam:CreateAccessKey", "iam:CreateLoginProfile", "iam:UpdateLoginProfile"),
)
"""Admin-equivalent: may rewrite any role and any user, and may become any role and any user."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What a change made reachable, against what may be done after it.

    Attributes:
        gained: catalogue actions that reach something they did not reach before.
        gained_wide: those that now reach every resource of a kind and did not, or not so freely.
        unknown: action patterns gained that the catalogue lacks.
        unknown_wide: those of them that hold on ``*``.
    """

    gained: int
    gained_wide: int
    unknown: frozenset[str] = frozenset()
    unknown_wide: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether nothing became reachable."""
        return not (self.gained or self.unknown)


class _Need:
    """What a path needs, as sets of catalogue actions: one for each step, and all together."""

    __slots__ = ("path", "steps", "union")

    def __init__(self, path: EscalationPath, catalogue: Catalogue) -> None:
        self.path = path
        self.steps = [catalogue.mask_of([name]) for name in path.permissions]
        # Permissions are plain names, one bit each: all are allowed where no bit of the union is missing.
        self.union = catalogue.mask_of(path.permissions) if all(self.steps) else -1


class Judge:
    """Tiers and paths against one catalogue and one set of rows, worked out beforehand as bit sets."""

    def __init__(
        self, catalogue: Catalogue, paths: Iterable[EscalationPath], sensitive: Iterable[SensitiveAction]
    ) -> None:
        """Resolve the rows' action names; a name that the catalogue lacks is kept by never being complete."""
        self.catalogue = catalogue
        self.paths = tuple(paths)
        self._needs = [_Need(path, catalogue) for path in self.paths]
        self._own_steps = catalogue.mask_of(
            name for path in self.paths if path.scope == "self" for name in path.permissions
        )
        self._any_step = catalogue.mask_of(name for path in self.paths for name in path.permissions)
        self._sensitive = catalogue.mask_of(item.action for item in sensitive) | catalogue.permission_changes
        self._admin = [catalogue.mask_of(names) for names in _ADMIN_STEPS]
        self._admin_all = catalogue.mask_of(name for names in _ADMIN_STEPS for name in names)

    def is_admin(self, wide: int) -> bool:
        """Whether actions on wide resources amount to administration of every identity."""
        return all(wide & step for step in self._admin)

    def completed_paths(self, permissions: Permissions, self_arn: str | None = None) -> tuple[EscalationPath, ...]:
        """Escalation paths that the permissions complete, alone or on the principal itself.

        Args:
            permissions: all that the principal may do.
            self_arn: its ARN, if known, so that a right on its own role or user counts.

        Returns:
            Paths in the order of the rows.
        """
        return self._completed(permissions, self._any_step, self_arn)

    def _completed(self, permissions: Permissions, touching: int, self_arn: str | None) -> tuple[EscalationPath, ...]:
        """Complete paths of which ``touching`` holds a step."""
        allowed, wide = permissions.allowed, permissions.wide
        touching &= allowed
        if not touching:
            return ()
        own = permissions.find_self(self_arn) & ~permissions.narrowed if allowed & self._own_steps else 0
        closed, not_wide, not_own = ~allowed, ~wide, ~(wide | own)
        done = []
        for need in self._needs:
            if not need.union & touching or need.union & closed:
                continue
            missing = need.union & (not_own if need.path.scope == "self" else not_wide)
            if not missing or (need.path.scope == "same_target" and self._meet(permissions, need.steps)):
                done.append(need.path)
        return tuple(done)

    @staticmethod
    def _meet(permissions: Permissions, needs: list[int]) -> bool:
        """Whether one named resource is reached by every permission of a path."""
        lists = [_resources(permissions, need & permissions.allowed) for need in needs]
        return any(all(_touches(first, others) for others in lists[1:]) for first in lists[0])

    def grade(
        self, reach: Reach, after: Permissions, was_admin: bool, self_arn: str | None = None
    ) -> tuple[str, tuple[EscalationPath, ...]]:
        """Grade what became reachable.

        Args:
            reach: what the change added.
            after: all that may be done after it, inside the boundary.
            was_admin: whether the principal was admin-equivalent before.
            self_arn: ARN of the principal, if known.

        Returns:
            ``T0`` to ``T4``, and the paths complete after the change to which something gained belongs.
        """
        if reach.is_empty:
            return "T0", ()
        paths = self._completed(after, reach.gained, self_arn)
        admin = reach.gained_wide & self._admin_all and self.is_admin(after.wide)
        if admin and (not was_admin or self.is_admin(reach.gained_wide)):
            return "T4", paths
        if paths:
            return "T3", paths
        if reach.gained_wide & self._sensitive or self._whole_service(reach, after.wide):
            return "T2", ()
        changes = any(not _reads(pattern) for pattern in reach.unknown)
        return ("T1" if reach.gained & self.catalogue.writes or changes else "T0"), ()

    def standing(self, permissions: Permissions, self_arn: str | None = None) -> str:
        """Grade all that the permissions allow, as if they had been granted at once to one who had none."""
        return self.grade(full_reach(permissions), permissions, False, self_arn)[0]

    def _whole_service(self, reach: Reach, wide: int) -> bool:
        if any(pattern.endswith(":*") for pattern in reach.unknown_wide):
            return True
        if reach.gained_wide.bit_count() < 2:
            return False
        for _, whole in self.catalogue.services_in(reach.gained_wide):
            big = whole.bit_count() >= MIN_SERVICE_ACTIONS and whole & self.catalogue.writes
            if big and not whole & ~wide:
                return True
        return False


def full_reach(permissions: Permissions) -> Reach:
    """All that permissions allow, seen as a gain over nothing."""
    return Reach(permissions.allowed, permissions.wide, permissions.unknown_allowed, permissions.unknown_wide)


def _resources(permissions: Permissions, need: int) -> list[Grant]:
    return [grant for grant in permissions.grants if grant.mask & need]


def _touches(grant: Grant, others: list[Grant]) -> bool:
    if grant.is_not_resource:
        return bool(others)
    for other in others:
        if other.is_not_resource:
            return True
        for left in grant.resources:
            if any(covers_pattern(left, right) or covers_pattern(right, left) for right in other.resources):
                return True
    return False


def _reads(pattern: str) -> bool:
    """Whether an action that the catalogue lacks only reads, going by AWS's own habit of naming."""
    return pattern.partition(":")[2].startswith(("get", "list", "describe", "batchget", "lookup", "search", "view"))
