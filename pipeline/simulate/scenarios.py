"""The catalogue of scenarios: DETECTION's list, by name.

What enters: nothing. What leaves: ``SCENARIOS``, name to function, in the order of the list. This module must never
hold a scenario itself.
"""

from __future__ import annotations

from collections.abc import Callable

from pipeline.simulate import scenarios_escalation
from pipeline.simulate.labels import Label
from pipeline.simulate.stage import Stage

SCENARIOS: dict[str, Callable[[Stage, int], Label]] = {**scenarios_escalation.SCENARIOS}
