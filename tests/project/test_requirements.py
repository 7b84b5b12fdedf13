"""The locked requirements say what pyproject.toml says, and name no index host."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_run_requirements_equal_pyproject() -> None:
    """requirements/run.in lists exactly the project's dependencies."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    lines = (ROOT / "requirements" / "run.in").read_text().splitlines()
    assert sorted(line for line in lines if line and not line.startswith("#")) == sorted(project)


def test_every_dependency_has_its_reason() -> None:
    """docs/adr/0002 names each dependency of the program."""
    reasons = (ROOT / "docs" / "adr" / "0002-dependencies.md").read_text()
    for line in (ROOT / "requirements" / "run.in").read_text().splitlines():
        name = re.match(r"[a-zA-Z0-9-]+", line)
        if name:
            assert re.search(rf"\b{name[0]}\b", reasons, re.IGNORECASE), name[0]


def test_locks_are_hashed_and_name_no_host() -> None:
    """Every locked requirement has a hash; no line holds an address."""
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text()
        assert "://" not in text
        pins = re.findall(r"^[a-z0-9A-Z._-]+==\S+(?: ; [^\\\n]+)? \\\n    --hash=sha256:", text, re.MULTILINE)
        assert len(pins) == len(re.findall(r"^[a-zA-Z0-9]", text, re.MULTILINE)) > 0, path.name
    assert not (ROOT / "uv.lock").exists()


def test_an_audit_that_reached_nobody_is_no_clean_bill() -> None:
    """pip-audit ends with 0 where it could look nothing up, unless it is strict; `make check` asks for no network."""
    rules = dict(re.findall(r"^([a-z-]+):[^\n]*\n((?:\t[^\n]*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert "pip-audit --strict" in rules["audit"]
    assert "nothing is known, which is not the same as nothing found" in rules["audit"]
    assert "audit" not in rules["check"]
    assert "cyclonedx_py requirements --pyproject pyproject.toml requirements/run.txt" in rules["sbom"]
