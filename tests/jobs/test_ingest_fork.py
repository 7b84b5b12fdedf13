"""Workers forked from the process that coordinates them: when that is done, and that it costs nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no process is forked")

START = """
import sys
import pipeline.cli
from pipeline.jobs.ingest_fork import is_forkable
"""


def run_script(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter of its own: that of the tests has threads."""
    command = [sys.executable, "-W", "error::DeprecationWarning:pipeline", "-c", START + script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_is_forkable_until_a_thread_starts() -> None:
    """With all loaded that ingest needs it is; beside a thread of Python's, or one of a library's, it is not."""
    script = """
import threading, time
import pipeline.jobs.ingest, pipeline.jobs.ingest_warm
print(is_forkable())
end = threading.Event()
thread = threading.Thread(target=end.wait)
thread.start()
print(is_forkable())
end.set()
thread.join()
while not is_forkable():  # the system takes a moment to clear it away
    time.sleep(0.01)
print(True)
import duckdb
connection = duckdb.connect(config={"threads": 4})
print(is_forkable())
"""
    done = run_script(script)
    assert done.stdout.split() == ["True", "False", "True", "False"], done.stderr


def test_a_forked_worker_that_dies_costs_its_archive_alone(tmp_path: Path) -> None:
    """The same as with workers of the fork server."""
    script = """
from pathlib import Path
from tests.jobs.test_ingest_pool import EXPECTED, make_pool, outcomes
pool, work, tasks = make_pool(Path(sys.argv[1]) / "source", "0000004.json")
print(is_forkable())
pool.prepare()
print(is_forkable(), outcomes(pool, work, tasks) == EXPECTED)
"""
    done = run_script(script, str(tmp_path))
    assert done.stdout.split() == ["True", "False", "True"], done.stderr


def test_a_forked_worker_has_none_of_its_coordinators_ways(tmp_path: Path) -> None:
    """It is a child of the coordinator, ends at SIGTERM whatever that does, and says nothing twice."""
    script = """
import os, signal
from pipeline.jobs.ingest_pool import WorkerPool
signal.signal(signal.SIGTERM, lambda *_: None)
print("once", end=" ")
pool = WorkerPool(2)
pool.prepare()
print(pool.call(os.getppid).result() == os.getpid(), pool.call(signal.getsignal, signal.SIGTERM).result().name)
pool.close()
"""
    done = run_script(script)
    assert done.stdout.split() == ["once", "True", "SIG_DFL"], done.stderr


def test_forked_workers_end_with_a_killed_coordinator() -> None:
    """Both do, though the second holds a pipe of the first."""
    script = """
import os, signal
from pipeline.jobs.ingest_pool import WorkerPool
pool = WorkerPool(2)
pool.prepare()
pool.call(os.getpid).result()
print(*sorted(pool._own._processes), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = run_script(script)
    workers = [int(pid) for pid in done.stdout.split()]
    assert len(workers) == 2, done.stderr
    until = time.monotonic() + 20
    while any(is_running(pid) for pid in workers):
        assert time.monotonic() < until, f"one of {workers} is left"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Whether a process is there, and no zombie that nobody asked for yet."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_command_and_fork_server_say_the_same_to_libraries() -> None:
    """Both have one allocator, and neither has numpy start threads, whichever a worker is forked from."""
    script = """
import os, sys
import pyarrow, numpy
print(pyarrow.default_memory_pool().backend_name, len(os.listdir("/proc/self/task")) <= 3)
"""
    for first in ("pipeline.cli", "pipeline.jobs.ingest_lean"):
        command = [sys.executable, "-c", f"import {first}\n{script}"]
        environment = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
        assert done.stdout.split() == ["system", "True"], (first, done.stderr)
