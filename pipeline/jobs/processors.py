"""How many processors this process may use: the default number of workers.

What enters: nothing but the machine. What leaves: a number. This module must never import another room: light jobs
ask it.
"""

from __future__ import annotations

import os


def count_processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
