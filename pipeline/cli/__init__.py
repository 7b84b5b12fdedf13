"""The command line: argv -> settings -> one job -> exit code.

What enters: arguments, and through ``settings`` the environment and TOML. What leaves: results on stdout, progress and
errors on stderr, an exit code (0 done, 1 failed, 2 wrong use, 3 done but something is missing or quarantined,
4 a finding reached ``--fail-on``). This room must never decide anything about archives, policies or findings.
"""

from __future__ import annotations


def main() -> None:
    """Run the ``policytrail`` command and exit with its code."""
    from pipeline.cli.app import run_command

    run_command()
