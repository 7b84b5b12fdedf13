"""The house rules that a reader counts on, walked over the whole tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "pipeline").rglob("*.py"))
MODEL_FOLDERS = ("staging", "intermediate", "marts", "detections")
LONGEST_FILE, LONGEST_FUNCTION = 400, 40
COMPILED = {
    (
        "flatten/kernels/scanner.py",
        "scan_record",
    ): "one loop that is compiled whole: a call per character would cost its speed",
}


def _functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each function's body, its docstring left out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            has_docstring = ast.get_docstring(node, clean=False) is not None
            start = (first.end_lineno or first.lineno) + 1 if has_docstring else first.lineno
            yield node.name, (node.end_lineno or start) - start + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_small_and_says_what_it_is(path: Path) -> None:
    """At most 400 lines, functions of at most 40, a docstring, and a name that says what is in it."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "misc"}
    assert ast.get_docstring(ast.parse(text)), "no docstring"
    place = path.relative_to(ROOT / "pipeline").as_posix()
    long = {name: size for name, size in _functions(path) if size > LONGEST_FUNCTION and (place, name) not in COMPILED}
    assert long == {}


def test_every_model_has_a_case_with_whole_rows() -> None:
    """``tests/sql/<model>/<case>/expect.yaml``: at least one for each file of sql/."""
    models = {path.stem for part in MODEL_FOLDERS for path in (ROOT / "sql" / part).glob("*.sql")}
    cases = {path.parents[1].name for path in (ROOT / "tests" / "sql").glob("*/*/expect.yaml")}
    assert models == cases


def test_every_room_has_its_tests() -> None:
    """tests/ mirrors pipeline/, and each file of tests in it tests something."""
    rooms = {path.parent.name for path in (ROOT / "pipeline").glob("*/__init__.py")}
    tested = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert rooms <= tested
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        assert re.search(r"^(async )?def test_|^    def test_|^class Test", path.read_text(), re.MULTILINE), path.name


def test_every_target_of_the_makefile_is_explained() -> None:
    """``make help`` is the front door: each phony target has a line of help."""
    text = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert phony is not None
    explained = set(re.findall(r"^([a-z-]+):[^\n]*## \S", text, re.MULTILINE))
    assert set(phony[1].split()) == explained


def test_decisions_are_short_and_numbered_once() -> None:
    """An ADR has at most 30 lines of its own, and its number belongs to it alone."""
    paths = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [path.name[:4] for path in paths]
    assert sorted(set(numbers)) == numbers
