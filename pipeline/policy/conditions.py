"""Conditions of a statement: which always hold, and whether one set of them is at least as strict as another.

What enters: a ``Condition`` member as parsed. What leaves: ``Condition`` triples, those that always hold set apart.
This module must never evaluate a condition against a request: the log does not hold the keys it would need.

Source: AWS IAM User Guide, "IAM JSON policy elements: Condition operators" and "AWS global condition context keys".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

ALWAYS_PRESENT = frozenset(
    {
        "aws:principalarn",
        "aws:principalaccount",
        "aws:principaltype",
        "aws:userid",
        "aws:currenttime",
        "aws:epochtime",
        "aws:securetransport",
        "aws:useragent",
        "aws:requestedregion",
    }
)
"""Keys that every request carries: only for these does "matches anything" say nothing."""

_EVERYWHERE = frozenset({"0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1"})
_WHOLE_RANGE = ({"0.0.0.0/0"}, {"::/0"}, {"0.0.0.0/1", "128.0.0.0/1"})
_LAUNCH_YEAR, _FAR_YEAR = 2011, 2100  # IAM began in 2011: no request is older


class Condition(NamedTuple):
    """One operator on one key; operator and key in lower case, values sorted and as written."""

    operator: str
    key: str
    values: tuple[str, ...]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _values(raw: Any) -> tuple[str, ...]:
    items = raw if isinstance(raw, list) else [raw]
    return tuple(sorted({_text(item) for item in items}))


def _year(text: str) -> int | None:
    return int(text[:4]) if text[:4].isascii() and text[:4].isdigit() and text[4:5] in ("", "-") else None


def _dates_hold(operator: str, values: tuple[str, ...]) -> bool:
    years = [_year(value) for value in values]
    if operator.startswith("dategreaterthan"):
        return any(year is not None and year <= _LAUNCH_YEAR for year in years)
    return any(year is not None and year >= _FAR_YEAR for year in years)


def is_vacuous(condition: Condition) -> bool:
    """Whether the condition holds for every request, so that it restricts nothing.

    ``StringLike aws:PrincipalArn "*"`` does; ``StringLike aws:SourceVpce "*"`` does not, since that key is absent
    outside an endpoint, unless the operator ends in ``IfExists``.

    Args:
        condition: operator, key and values.

    Returns:
        ``True`` only where no request can fail it.
    """
    operator, key, values = condition
    base = operator.removesuffix("ifexists")
    present = key in ALWAYS_PRESENT or base != operator
    if base in ("stringlike", "arnlike", "arnequals", "stringequalsignorecase"):
        return present and base != "stringequalsignorecase" and any(set(value) == {"*"} for value in values)
    if base == "bool":
        # AWS serves its APIs over TLS only; a both-ways Bool holds for whatever is present.
        lowered = {value.lower() for value in values}
        return (present and lowered >= {"true", "false"}) or (key == "aws:securetransport" and "true" in lowered)
    if base == "ipaddress":
        return key == "aws:sourceip" and any(whole <= set(values) for whole in _WHOLE_RANGE)
    if base == "null":
        return key in ALWAYS_PRESENT and {value.lower() for value in values} == {"false"}
    if base.startswith(("dategreaterthan", "datelessthan")):
        return key == "aws:currenttime" and _dates_hold(base, values)
    return False


def parse_conditions(raw: Any) -> tuple[tuple[Condition, ...], tuple[Condition, ...]]:
    """Split a ``Condition`` member into what restricts and what does not.

    Args:
        raw: the member: operator -> key -> value or list; ``None`` or anything else counts as no condition
            only if it is empty.

    Returns:
        Conditions that restrict, and vacuous ones, each sorted.
    """
    binding: list[Condition] = []
    vacuous: list[Condition] = []
    if not isinstance(raw, Mapping):
        # AWS refuses such a document; kept as a condition that nothing equals, so that it is seen to change.
        return ((Condition("malformed", "malformed", _values(raw)),), ()) if raw else ((), ())
    for operator, block in raw.items():
        pairs = block.items() if isinstance(block, Mapping) else [("malformed", block)]
        for key, values in pairs:
            condition = Condition(operator.lower(), str(key).lower(), _values(values))
            (vacuous if is_vacuous(condition) else binding).append(condition)
    return tuple(sorted(binding)), tuple(sorted(vacuous))


def _is_negated(operator: str) -> bool:
    return "not" in operator.split(":")[-1].removeprefix("numeric")


def _weaker(old: Condition, new: Condition) -> bool:
    """Whether ``old`` lets everything through that ``new`` lets through."""
    if old == new:
        return True
    if (old.operator, old.key) != (new.operator, new.key) or old.operator.startswith("forallvalues:"):
        return False
    if _is_negated(old.operator):
        return set(old.values) <= set(new.values)
    return set(old.values) >= set(new.values)


def are_weaker(old: tuple[Condition, ...], new: tuple[Condition, ...]) -> bool:
    """Whether every request that passes ``new`` also passes ``old``: nothing was dropped or loosened.

    Args:
        old: conditions of the earlier statement.
        new: conditions of the later one.

    Returns:
        ``True`` if certain; values of one operator and key are compared as sets.
    """
    return all(any(_weaker(one, other) for other in new) for one in old)
