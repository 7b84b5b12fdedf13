"""The example queries run over a small simulated lake and answer what their first line says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.jobs.build import build_lake
from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.query import run_query
from pipeline.jobs.simulate import simulate_archives
from pipeline.settings import IngestSettings, Settings

SETTINGS = Settings(ingest=IngestSettings(workers=1))
EXAMPLES = Path(__file__).resolve().parents[2] / "sql" / "examples"
PLANTED = ("denied_granted_used", "own_role_to_admin", "admin_grants_everything", "denied_put")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake with four planted scenarios."""
    folder = tmp_path_factory.mktemp("examples")
    simulate_archives(folder / "archives", events=3_000, days=12, seed=5, scenarios=PLANTED, layout="large")
    ingest_sources([str(folder / "archives" / "AWSLogs")], str(folder / "lake"), SETTINGS)
    build_lake(str(folder / "lake"), SETTINGS)
    return str(folder / "lake")


def answer(lake: str, name: str) -> list[Mapping[str, Any]]:
    """Run one example."""
    return run_query(lake, (EXAMPLES / f"{name}.sql").read_text(encoding="utf-8"), SETTINGS).to_pylist()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.sql")), ids=lambda path: path.stem)
def test_example_runs_twice_alike(path: Path, lake: str) -> None:
    """Each example starts with a sentence, finds something here, and gives the same rows in the same order again."""
    assert path.read_text(encoding="utf-8").startswith("-- ")
    first = answer(lake, path.stem)
    assert first
    assert answer(lake, path.stem) == first


def test_new_rights_are_those_of_the_newest_day(lake: str) -> None:
    """Yesterday's grants are not today's news."""
    days = run_query(lake, "select max(event_date) as day from fct_grants", SETTINGS).to_pylist()
    assert {row["event_time"].date() for row in answer(lake, "new_rights_since_yesterday")} == {days[0]["day"]}


def test_denied_then_granted_finds_the_planted_story(lake: str) -> None:
    """A lineage that was denied a call and then granted itself that call is found with the denied call's name."""
    stories = [row for row in answer(lake, "denied_then_granted") if row["class"] == "privilege_escalation"]
    assert {row["denied_what"] for row in stories} <= {"secretsmanager:GetSecretValue", "kms:Decrypt"}
    assert stories and all(row["denied_at"] < row["granted_at"] for row in stories)


def test_grants_by_root_principal_follow_one_principal(lake: str) -> None:
    """All rows are of one root, whatever roles it acted through."""
    assert len({row["root_principal_arn"] for row in answer(lake, "grants_by_root_principal")}) == 1
