"""What everybody shares: the organisation, and bodies of calls rendered once per place.

What enters: an organisation. What leaves: a ``Cast``. This module must never hold a caller.
"""

from __future__ import annotations

from pipeline.simulate.organisation import Organisation
from pipeline.simulate.workload import Body, render_bodies


class Cast:
    """The organisation with its rendered bodies: background and scenarios draw from the same."""

    def __init__(self, org: Organisation) -> None:
        self.org = org
        self._bodies: dict[tuple[str, str, str], list[tuple[str, Body]]] = {}

    def bodies(self, profile: str, account_id: str, region: str) -> list[tuple[str, Body]]:
        """Return the bodies of a profile in one place, rendered at the first asking."""
        place = (profile, account_id, region)
        if place not in self._bodies:
            self._bodies[place] = render_bodies(self.org.ids.branch("bodies", *place), profile, account_id, region)
        return self._bodies[place]
