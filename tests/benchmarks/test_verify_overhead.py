"""The pieces that measure what verification adds, on a trail of few events; nothing is timed against a bound."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from benchmarks.page import render_overhead
from benchmarks.process_tree import TreeCost, measure_tree
from benchmarks.verify_overhead import check_run, make_trail, summarise
from pipeline.jobs.verify import verify_sources
from pipeline.settings import Settings

SPIN = "import time; start = time.process_time()\nwhile time.process_time() - start < 0.3: pass"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux gives orphans to another process")
def test_a_process_that_outlives_its_parent_is_counted() -> None:
    """The command ends at once; what it left behind spends 0.3 s, which are in the tree's time and not in its own."""
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SPIN!r}]); print('done')"
    cost = measure_tree([sys.executable, "-c", code], environment=os.environ)
    assert cost.said == "done"
    assert cost.cpu_seconds - cost.root_cpu_seconds >= 0.3
    assert cost.wall_seconds >= 0.3


def test_a_command_that_fails_is_no_measurement() -> None:
    """An exit code that is not expected is told with what the command said."""
    command = [sys.executable, "-c", "import sys; sys.exit('out of luck')"]
    with pytest.raises(RuntimeError, match="out of luck"):
        measure_tree(command, environment=os.environ)


def test_a_trail_verifies_whole_and_is_written_once(tmp_path: Path) -> None:
    """2 accounts, 2 regions, a digest of every hour, all signatures good: what is measured is verification."""
    trail = make_trail("small", 2_000, 1, tmp_path)
    facts = json.loads((trail / "facts.json").read_text())
    report = verify_sources([str(trail / "bucket")], Settings(), keys_file=trail / "keys.json")
    assert report.counts["verified"] == len(report.objects) == facts["archives"] + facts["digests"]
    assert facts["digests"] == 2 * 2 * 24
    written = (trail / "facts.json").stat().st_mtime_ns
    assert make_trail("small", 2_000, 1, tmp_path) == trail
    assert (trail / "facts.json").stat().st_mtime_ns == written


def test_ratios_are_medians_over_rounds() -> None:
    """With over without, round by round; one round that something else slowed does not decide."""
    runs = {
        "verified": [TreeCost(1.0, 2.2, 0.4, ""), TreeCost(1.0, 9.0, 0.4, ""), TreeCost(1.0, 2.2, 0.4, "")],
        "plain": [TreeCost(2.0, 2.0, 0.3, ""), TreeCost(2.0, 2.0, 0.3, ""), TreeCost(2.0, 2.0, 0.3, "")],
    }
    found = summarise(runs)
    assert (found["cpu_ratio"], found["cpu_spread"]) == (1.1, [1.1, 4.5])
    assert (found["wall_ratio"], found["root_cpu_added"]) == (0.5, 0.05)
    trail = {"archives": 3, "digests": 4, "archive_kb": 5.0}
    (line,) = render_overhead({"trail": trail, "rounds": 3, "folder": found, "s3": found})
    assert "from a folder 1.1 times the processor seconds (2.0 to 2.2)" in line


@pytest.mark.parametrize(("kept", "verified"), [(29, 7), (30, 6), (30, 0)])
def test_a_run_that_left_something_out_is_no_measurement(kept: int, verified: int) -> None:
    """Fewer records, or fewer verdicts than objects, stop the benchmark."""
    facts = {"records": 30, "archives": 3, "digests": 4}
    check_run({"records": {"kept": 30}, "verification": {"verified": 7}}, facts, is_verified=True)
    with pytest.raises(AssertionError, match="verified"):
        check_run({"records": {"kept": kept}, "verification": {"verified": verified}}, facts, is_verified=True)
