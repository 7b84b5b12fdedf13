"""`make demo` finds what it plants, on an S3 server of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from demo.__main__ import main


def test_demo_finds_every_planted_attack(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """It ends with 0: each planted attack is a finding with its grant in evidence, look-alikes stay quiet."""
    assert main(tmp_path / "demo") == 0
    shown = capfd.readouterr().out
    assert "MISSED" not in shown
    assert "IS LOUD" not in shown
    labels = json.loads((tmp_path / "demo" / "archives" / "labels.json").read_text())["instances"]
    assert len([label for label in labels if not label["is_quiet"]]) >= 8
    findings = json.loads((tmp_path / "demo" / "report" / "findings.json").read_text())["findings"]
    cited = {entry["event_id"] for finding in findings for entry in finding["evidence"]}
    for label in labels:
        assert label["is_quiet"] or cited & set(label["grant_event_ids"])
    assert (tmp_path / "demo" / "report" / "report.html").stat().st_size > 10_000
