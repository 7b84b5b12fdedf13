"""One run of one command, watched from outside: its time, its processor time, the peak memory of its process tree.

What enters: a command that prints a line of JSON last. What leaves: a ``Sample``. Runs are cold processes, one at a
time, taken in turns; what is compared is medians.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

_WATCH_SECONDS = 0.05  # each look costs milliseconds of what is watched


@dataclass(frozen=True, slots=True)
class Sample:
    """What one run cost.

    Attributes:
        seconds: as the run measured itself, imports left out.
        wall_seconds: the whole process.
        cpu_seconds: processor time of the process and all that it started, imports included.
        peak_rss_bytes: largest sum over its processes of resident memory.
        answer: the line that it printed last.
    """

    seconds: float
    wall_seconds: float
    cpu_seconds: float
    peak_rss_bytes: int
    answer: Mapping[str, Any]


def run_module(module: str, arguments: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Sample:
    """Run ``python -m module`` and watch it.

    Raises:
        RuntimeError: it failed; carries what it said.
    """
    command = [sys.executable, "-m", module, *arguments]
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complained:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=said, stderr=complained, env=dict(os.environ) | dict(environment or {})
        )
        peak, cpu = 0, dict[int, float]()
        while process.poll() is None:
            peak = max(peak, _look(process.pid, cpu))
            time.sleep(_WATCH_SECONDS)
        wall = time.perf_counter() - started
        said.seek(0)
        complained.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command[1:4])} ended with {process.returncode}: {complained.read()[-2000:]}")
        answer = json.loads(said.read().strip().splitlines()[-1])
    return Sample(answer.get("seconds", wall), wall, sum(cpu.values()), peak, answer)


def _look(pid: int, cpu_seconds: dict[int, float]) -> int:
    """Resident bytes of a process and its descendants (what a fork shares counts in each); note their time so far."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            try:
                with process.oneshot():
                    total += process.memory_info().rss
                    times = process.cpu_times()
                    cpu_seconds[process.pid] = times.user + times.system
            except psutil.NoSuchProcess:
                continue  # ended between the listing and the look
    except psutil.NoSuchProcess:
        return 0
    return total


def run_contender(
    name: str, source: str | Path, rows: int, out: Path, *, environment: Mapping[str, str] | None = None
) -> Sample:
    """Run one contender into an empty folder, removed afterwards.

    Raises:
        AssertionError: it made another number of rows than there are records.
    """
    shutil.rmtree(out, ignore_errors=True)
    os.sync()  # what the one before left to be written is not this one's
    sample = run_module("benchmarks.contenders", [name, str(source), str(out)], environment=environment)
    shutil.rmtree(out, ignore_errors=True)
    assert sample.answer["rows"] == rows, f"{name} made {sample.answer['rows']} rows of {rows} records"
    return sample


def middle(samples: Sequence[Sample], name: str = "seconds") -> float:
    """The median of one figure."""
    return median(float(getattr(sample, name)) for sample in samples)


def describe_machine() -> dict[str, Any]:
    """Processors, memory, and how busy the machine was with something else: nothing that names it."""
    return {
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "load_before": round(os.getloadavg()[0], 1),
    }
