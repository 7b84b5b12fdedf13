"""The values of ``$`` parameters: detection settings and the bounds of a run.

What enters: settings and dates. What leaves: a mapping that models' ``-- params:`` lines name from. This module must
never read the environment or a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from typing import Any

from pipeline.settings import DetectionSettings

FIRST_DAY = date(1970, 1, 1)
LAST_DAY = date(9999, 12, 31)


def model_params(
    detection: DetectionSettings, *, since: date | None = None, until: date | None = None
) -> Mapping[str, Any]:
    """Return every parameter a model may name.

    Args:
        detection: thresholds; each is a parameter of its own name, lists as text lists.
        since: first date of the run; ``None`` for no bound.
        until: first date after the run; ``None`` for no bound.

    Returns:
        The settings, and ``start_at``, ``end_at``: UTC, half-open.
    """
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(detection).items()}
    return {
        **values,
        "start_at": datetime.combine(since or FIRST_DAY, time(), UTC),
        "end_at": datetime.combine(until or LAST_DAY, time(), UTC),
    }
