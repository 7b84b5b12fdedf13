"""From what CloudTrail calls an event to what IAM calls the action.

What enters: ``eventSource`` and ``eventName``, and the exceptions of ``event_actions.csv``. What leaves:
``service:Action`` as a policy would name it.
This module must never guess that a call needed no permission: that is a row with a reference.

Source: AWS Service Authorization Reference; CloudTrail user guide, "services that use other names".
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from functools import lru_cache

from pipeline.errors import PolicyError
from pipeline.policy.catalogue import Catalogue

_SUFFIX = re.compile(r"(?:_?\d{4}_?\d{2}_?\d{2}(?:v\d+)?)$")
"""API dates at the end of a name, e.g. CreateFunction20150331, UpdateFunctionCode20150331v2."""


@dataclass(frozen=True, slots=True)
class ActionMap:
    """Exceptions from the rule "service prefix of the source, name without date suffix".

    Attributes:
        services: event source -> service prefix.
        actions: (event source, event name) -> action; empty text where no permission is needed.
    """

    services: dict[str, str]
    actions: dict[tuple[str, str], str]


def parse_event_actions(csv_text: str) -> ActionMap:
    """Read ``event_actions.csv``.

    Args:
        csv_text: the file's text; columns event_source, event_name (``*`` for a whole source), iam_action
            (``prefix:*`` for a whole source; ``none`` where the call needs no permission), reference.

    Returns:
        The exceptions.

    Raises:
        PolicyError: a column is missing or a cell empty.
    """
    services: dict[str, str] = {}
    actions: dict[tuple[str, str], str] = {}
    reader = csv.DictReader(io.StringIO(csv_text), strict=True)
    for number, row in enumerate(reader, start=2):
        cells = [row.get(name) for name in ("event_source", "event_name", "iam_action", "reference")]
        if not all(cells):
            raise PolicyError(f"event_actions.csv, row {number}: a cell is empty or a column missing")
        source, name, action = str(cells[0]), str(cells[1]), str(cells[2])
        if name == "*":
            services[source] = action.removesuffix(":*")
        else:
            actions[(source, name)] = "" if action == "none" else action
    return ActionMap(services, actions)


@lru_cache(maxsize=16_384)
def _strip_suffix(name: str) -> str:
    return _SUFFIX.sub("", name)


def iam_action_of(event_source: str, event_name: str, actions: ActionMap, catalogue: Catalogue | None = None) -> str:
    """Name the IAM action that a recorded call needed.

    Args:
        event_source: e.g. ``lambda.amazonaws.com``.
        event_name: as recorded, suffix included.
        actions: the exceptions.
        catalogue: if given, its spelling is used where it has the action.

    Returns:
        ``service:Action``; ``""`` for a call that needs no permission, such as GetCallerIdentity.
    """
    name = _strip_suffix(event_name)
    exception = actions.actions.get((event_source, event_name))
    if exception is None:
        exception = actions.actions.get((event_source, name))
    if exception is None:
        prefix = actions.services.get(event_source) or event_source.split(".", 1)[0]
        exception = f"{prefix}:{name}"
    if catalogue is None or not exception:
        return exception
    return catalogue.spelling_of(exception) or exception
