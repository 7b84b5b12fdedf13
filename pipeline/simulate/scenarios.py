"""The catalogue of scenarios: DETECTION's list, by name.

What enters: nothing. What leaves: ``SCENARIOS``, name to function, in the order of the list. This module must never
hold a scenario itself.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.simulate import (
    scenarios_escalation,
    scenarios_evasion,
    scenarios_misuse,
    scenarios_quiet,
    scenarios_unauthorized,
)
from pipeline.simulate.labels import Label
from pipeline.simulate.stage import Stage

SCENARIOS: dict[str, Callable[[Stage, int], Label]] = {
    **scenarios_escalation.SCENARIOS,
    **scenarios_unauthorized.SCENARIOS,
    **scenarios_misuse.SCENARIOS,
    **scenarios_evasion.SCENARIOS,
    **scenarios_quiet.SCENARIOS,
}
