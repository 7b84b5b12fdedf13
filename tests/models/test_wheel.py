from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import pipeline
from pipeline.models import load_models, open_engine, EngineLimits, seed_files, sql_folder
folder = sql_folder()
assert Path(pipeline.__file__).is_relative_to(sys.argv[1]), pipeline.__file__
assert folder == Path(sys.argv[1]) / "pipeline" / "sql", folder
models = {model.name: model for model in load_models(folder)}
from pipeline.schema import QUARANTINE
row = {"batch_number": 1, "archive_uri": "file:///a", "archive_version": "v", "reason": "zero_bytes"}
import pyarrow as pa
connection = open_engine(":memory:", EngineLimits(threads=1), scratch=None)
connection.register("lake_quarantine", pa.Table.from_pylist([row], schema=QUARANTINE))
rows = connection.sql(models["stg_quarantine"].sql).to_arrow_table().to_pylist()
print(len(models), len(seed_files(folder)), rows[0]["quarantine_number"], rows[0]["reason"])
"""


def run(*command: str, cwd: Path) -> str:
    """Run a command; its output is shown if it fails."""
    done = subprocess.run(command, check=False, cwd=cwd, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without network and unpacked where nothing of the checkout is."""
    out = tmp_path_factory.mktemp("wheel")
    build = "import sys, hatchling.build as b; print(b.build_wheel(sys.argv[1]))"
    name = run(sys.executable, "-c", build, str(out), cwd=ROOT).strip().splitlines()[-1]
    target = out / "site"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    run(*pip, "--target", str(target), str(out / name), cwd=out)
    return target


def test_a_model_runs_from_the_installed_wheel(installed: Path, tmp_path: Path) -> None:
    """Outside the checkout, the package finds its own SQL files, and one of them gives rows."""
    models = len([path for path in (ROOT / "sql").rglob("*.sql") if path.parent.name not in ("audits", "examples")])
    seeds = len(list((ROOT / "sql" / "seeds").glob("*.csv")))
    shown = run(sys.executable, "-P", "-c", CHECK, str(installed), cwd=tmp_path)
    assert shown.split() == [str(models), str(seeds), "1", "zero_bytes"]


def test_the_wheel_holds_every_sql_file(installed: Path) -> None:
    """Models, audits, seeds and examples ship; nothing of the tests does."""
    wheel = next(installed.parent.glob("*.whl"))
    inside = set(zipfile.ZipFile(wheel).namelist())
    shipped = {
        f"pipeline/sql/{path.relative_to(ROOT / 'sql').as_posix()}"
        for path in (ROOT / "sql").rglob("*")
        if path.is_file()
    }
    assert shipped <= inside
    assert not [name for name in inside if name.startswith(("tests/", "benchmarks/"))]
