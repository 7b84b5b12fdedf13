"""One command, and the processor time of everything that it starts.

What enters: a command. What leaves, as one line of JSON: its exit code, wall seconds, and the processor seconds of its
whole tree of processes, orphans included. Use: ``python -m benchmarks.process_tree COMMAND...`` (Linux).

A worker pool's server outlives its parent by a moment, so that the parent's own times miss its workers. This process
asks the kernel for its orphans (PR_SET_CHILD_SUBREAPER) and waits for each descendant with ``os.wait4``: nothing is
sampled and nothing is missed.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class TreeCost:
    """What one command cost.

    Attributes:
        wall_seconds: from its start until the last of its processes ended.
        cpu_seconds: user and system time of all its processes.
        root_cpu_seconds: of the first of them alone, without a pool's workers.
        said: its standard output.
    """

    wall_seconds: float
    cpu_seconds: float
    root_cpu_seconds: float
    said: str


def measure_tree(command: Sequence[str], *, environment: Mapping[str, str], codes: Sequence[int] = (0,)) -> TreeCost:
    """Run a command under this module's watch.

    Args:
        command: what a user would type.
        environment: the whole of it.
        codes: exit codes that are no failure.

    Raises:
        RuntimeError: another exit code; carries what it said.
    """
    watched = [sys.executable, "-m", "benchmarks.process_tree", *command]
    done = subprocess.run(watched, env=dict(environment), capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise RuntimeError(f"the watch of {command[0]} failed: {done.stderr[-2000:]}")
    *said, last = done.stdout.splitlines()
    cost = json.loads(last)
    if cost["code"] not in codes:
        raise RuntimeError(f"{' '.join(command[:3])} ended with {cost['code']}: {done.stderr[-2000:]}")
    return TreeCost(cost["wall_seconds"], cost["cpu_seconds"], cost["root_cpu_seconds"], "\n".join(said))


def watch(command: Sequence[str]) -> dict[str, float]:
    """Run a command, wait for it and for all that it leaves behind; this process must have no other children."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "this kernel gives no orphans away")
    started = time.perf_counter()
    root = os.posix_spawn(command[0], list(command), os.environ)
    code, cpu, root_cpu = 0, 0.0, 0.0
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        cpu += usage.ru_utime + usage.ru_stime
        if pid == root:
            code, root_cpu = os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
    wall = time.perf_counter() - started
    return {"code": code, "wall_seconds": wall, "cpu_seconds": cpu, "root_cpu_seconds": root_cpu}


if __name__ == "__main__":
    cost = watch(sys.argv[1:])
    print(json.dumps(cost))
