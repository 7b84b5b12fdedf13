"""The command line: argv -> settings -> one job -> exit code.

What enters: arguments, and through ``settings`` the environment and TOML. What leaves: results on stdout, progress and
errors on stderr, an exit code (0 done, 1 failed, 2 wrong use, 3 done but something is missing or quarantined,
4 a finding reached ``--fail-on``). This room must never decide anything about archives, policies or findings.
"""

from __future__ import annotations

import os

import pipeline.jobs.ingest_libraries  # noqa: F401 - before anything loads a library


def main() -> None:
    """Run the ``policytrail`` command and end the process with its code."""
    import sys

    from pipeline.cli.app import run_command

    try:
        run_command()
    except SystemExit as stop:
        # Not sys.exit: a query with a LIMIT leaves Arrow threads in the middle of a scan, and those that read
        # through Python's file system wait for an interpreter that is going away. Every file is closed by now.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(stop.code if isinstance(stop.code, int) else 0)
