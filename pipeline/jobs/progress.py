"""How a job tells whoever watches where it stands.

What enters: counts from a job. What leaves: calls on a ``Progress``; the command line draws them, a log prints them,
``Silent`` drops them. This module must never print or know a terminal.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the stages of a long job; every method returns at once."""

    def start(self, stage: str, total: int | None = None, unit: str = "") -> None:
        """A stage begins; ``total`` is ``None`` while it is not known."""

    def advance(self, stage: str, amount: int = 1) -> None:
        """``amount`` more units of the stage are done."""

    def finish(self, stage: str) -> None:
        """The stage is over."""

    def note(self, message: str) -> None:
        """Something worth a line: an archive quarantined, a batch committed. Control characters are escaped later."""


class Silent:
    """A ``Progress`` that shows nothing: the default of every job used as a library."""

    def start(self, stage: str, total: int | None = None, unit: str = "") -> None:
        """Ignore the start of a stage."""

    def advance(self, stage: str, amount: int = 1) -> None:
        """Ignore progress."""

    def finish(self, stage: str) -> None:
        """Ignore the end of a stage."""

    def note(self, message: str) -> None:
        """Ignore a note."""
