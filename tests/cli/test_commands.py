"""Every reading command answers over a real lake, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.cli.app import run_command


@pytest.fixture(scope="module")
def lake(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The opening of a real incident, ingested, built and reported by the command."""
    root = tmp_path_factory.mktemp("commands")
    source = real_data / "bucket" / "invictus-aws_dataset"
    with pytest.raises(SystemExit) as stop:
        run_command(["run", str(source), "--lake", str(root / "lake"), "--out", str(root / "report")])
    assert stop.value.code == 0
    return root / "lake"


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must end with 0; returns stdout."""
    with pytest.raises(SystemExit) as stop:
        run_command(list(arguments))
    shown = capsys.readouterr()
    assert stop.value.code == 0, shown.err
    return shown.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status"], "608 deliveries"),
        (["quarantine"], "0 entries"),
        (["compact"], "events"),
        (["build"], "unchanged"),
        (["query", "select count(*) as n from events"], "608"),
        (["explain", "user/bert-jan-is-not-here-but-this-key"], ""),
        (["explain", "bert-jan"], "PutRolePolicy"),
    ],
)
def test_answers_for_people(arguments: list[str], said: str, lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer names what was asked for; a subject that is not in the lake is wrong use."""
    if not said:
        with pytest.raises(SystemExit) as stop:
            run_command([*arguments, "--lake", str(lake)])
        assert stop.value.code == 2
        return
    assert said in answer(capsys, *arguments, "--lake", str(lake))


@pytest.mark.parametrize("command", ["status", "quarantine", "build", "explain"])
def test_answers_for_programs(command: str, lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json stdout is one JSON document."""
    subject = ["bert-jan"] if command == "explain" else []
    json.loads(answer(capsys, command, *subject, "--json", "--lake", str(lake)))


def test_query_formats(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CSV has a header and a row a record; JSON is a document a line."""
    sql = "select event_name, count(*) as n from events group by 1 order by n desc, event_name limit 2"
    assert answer(capsys, "query", sql, "--format", "csv", "--lake", str(lake)) == (
        "event_name,n\nDecrypt,74\nGetSecretValue,40\n"
    )
    lines = answer(capsys, "query", sql, "--format", "json", "--lake", str(lake)).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"event_name": "Decrypt", "n": 74},
        {"event_name": "GetSecretValue", "n": 40},
    ]


def test_a_query_ends_at_its_limit(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--timeout stops what would run for ever, in one sentence; a query that is quick enough is not hurt."""
    endless = "select count(*) from range(1000000000000)"
    with pytest.raises(SystemExit):
        run_command(["query", endless, "--timeout", "0.2", "--lake", str(lake)])
    assert "longer than 0.2 seconds" in capsys.readouterr().err
    assert answer(capsys, "query", "select 1 as one", "--timeout", "60", "--format", "csv", "--lake", str(lake)) == (
        "one\n1\n"
    )


def test_every_example_runs(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The queries of sql/examples run as they are."""
    examples = sorted((Path(__file__).resolve().parents[2] / "sql" / "examples").glob("*.sql"))
    assert len(examples) >= 5
    for path in examples:
        assert "rows" in answer(capsys, "query", "-f", str(path), "--lake", str(lake)), path.name
