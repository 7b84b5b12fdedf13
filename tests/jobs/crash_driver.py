"""Runs ingest in children that can be killed, each in milliseconds: a parent imports everything once and forks.

Reads one JSON command a line: ``source``, ``lake``, and, or null, ``kill_at`` (a step), ``kill_after`` (seconds),
``file_limit`` (bytes), ``limit_at`` (a step). Answers with one JSON line: the signal that ended the child (0 if none),
its exit code, and the error's text.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pipeline.flatten.batch  # noqa: F401  compiled code is loaded once, before any fork
from pipeline.errors import PipelineError
from pipeline.jobs.ingest import ingest_sources
from pipeline.settings import IngestSettings, Settings
from pipeline.source.folder import open_folder  # noqa: F401  imported once, before any fork

SETTINGS = Settings(ingest=IngestSettings(workers=1, task_archives=2, batch_tasks=1))


def limit_files(size: int) -> None:
    """From now on no file may grow beyond a size: what a full disk looks like to a writer."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def run_child(command: dict[str, Any], answer: int) -> None:
    """Ingest; die by SIGKILL right after the step asked for."""

    def on_step(step: str) -> None:
        if step == command["kill_at"]:
            os.kill(os.getpid(), signal.SIGKILL)
        if step == command["limit_at"]:
            limit_files(command["file_limit"])

    if command["limit_at"] is None and command["file_limit"] is not None:
        limit_files(command["file_limit"])
    text = ""
    try:
        with ThreadPoolExecutor(1) as executor:
            ingest_sources([command["source"]], command["lake"], SETTINGS, executor=executor, on_step=on_step)
    except PipelineError as error:
        text = f"{type(error).__name__}: {error}"
    os.write(answer, text.encode()[:4000])
    os._exit(1 if text else 0)


def main() -> None:
    """Serve commands until stdin ends."""
    for line in sys.stdin:
        command = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            run_child(command, writing)
        os.close(writing)
        if command["kill_after"] is not None:
            time.sleep(command["kill_after"])
            os.kill(child, signal.SIGKILL)  # the child is not waited for yet: its id cannot be another's
        _, status = os.waitpid(child, 0)
        text = os.read(reading, 4096).decode()
        os.close(reading)
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        sys.stdout.write(json.dumps({"signal": ended, "code": code, "error": text}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
