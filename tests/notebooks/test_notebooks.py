"""The notebooks run from top to bottom over a lake of planted attacks, and define no functions."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from pipeline.jobs.run import RunRequest, run_once
from pipeline.jobs.simulate import simulate_archives
from pipeline.settings import Settings

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def planted_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of two weeks with the demo's attacks in it."""
    root = tmp_path_factory.mktemp("notebook")
    simulate_archives(root / "archives", events=6_000, days=14, seed=20, scenarios=["demo"])
    request = RunRequest(sources=(str(root / "archives" / "AWSLogs"),), lake=str(root / "lake"), out=root / "report")
    run_once(request, Settings())
    return root / "lake"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, planted_lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell runs, and the story leads to a chain and to raw records that were proved."""
    monkeypatch.setenv("POLICYTRAIL_LAKE", str(planted_lake))
    monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    notebook = nbformat.read(path, as_version=4)
    done = NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
    shown = "\n".join(
        str(output.get("text") or output.get("data", {}).get("text/plain", ""))
        for cell in done.cells
        for output in cell.get("outputs", [])
    )
    assert "eventVersion" in shown
    assert "confidence" in shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_defines_no_functions(path: Path) -> None:
    """A notebook tells a story with the public API; logic lives where it is tested. Outputs are not committed."""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
            assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, kinds)]


def test_there_is_a_notebook() -> None:
    """The folder is not empty."""
    assert NOTEBOOKS
