"""Whether workers may be forked from this very process, which has all that they need loaded.

What enters: nothing but this process. What leaves: an answer. A fork copies the thread that asks for it, and every lock
as it stands: one that another thread holds stays locked for ever in the copy. This module must never say yes where a
thread runs that does not see to that itself.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

_THREADS = Path("/proc/self/task")
_READY_FOR_FORKS = frozenset({"jemalloc_bg_thd"})
"""Names of threads whose locks are taken before a fork and made anew after it, by handlers of their own (jemalloc,
``jemalloc_prefork`` and its neighbours): Arrow and deltalake each bring one."""


def is_forkable() -> bool:
    """Whether a fork of this process is as sound as one of the fork server: no thread can hold a lock meanwhile.

    Returns:
        False wherever it cannot be known: on other systems than Linux, beside threads of Python's or of libraries.
    """
    if sys.platform != "linux" or threading.active_count() > 1:
        return False
    try:
        names = [(thread / "comm").read_text().strip() for thread in _THREADS.iterdir() if thread.name != _own_id()]
    except OSError:
        return False
    return _READY_FOR_FORKS.issuperset(names)


def _own_id() -> str:
    return str(threading.get_native_id())
