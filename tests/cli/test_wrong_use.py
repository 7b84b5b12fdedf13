"""Wrong use gets one clear sentence on stderr and exit code 2; nothing is made on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.cli.app import run_command

COMMAND = "from pipeline.cli import main; main()"


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run a command in this process; returns its exit code and stderr."""
    with pytest.raises(SystemExit) as stop:
        run_command(list(arguments))
    return int(stop.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "{empty}"], "{empty}"),
        (["run", "{absent}"], "no such folder"),
        (["run", "{file}"], "folder"),
        (["run", "gs://bucket/prefix"], "s3://"),
        (["run", "{archives}", "--since", "yesterday"], "YYYY-MM-DD"),
        (["run", "{archives}", "--since", "2026-02-02", "--until", "2026-02-02"], "not before"),
        (["run", "{archives}", "--fail-on", "urgent"], "urgent"),
        (["run"], "SOURCE"),
        (["run", "{archives}", "--settings", "{absent}"], "settings file"),
        (["query", "select 1", "--lake", "{absent}"], "no lake"),
        (["query"], "one SELECT"),
        (["status", "--lake", "{absent}"], "no lake"),
        (["report", "--lake", "{absent}"], "no lake"),
        (["run", "{archives}", "--lake", "{other_lake}"], "format 99"),
        (["run", "{archives}", "--lake", "{archives}"], "inside the source"),
        (["run", "{archives}", "--lake", "{file}"], "a file, not a lake"),
        (["no-such-command"], "no-such-command"),
    ],
)
def test_wrong_use_is_one_sentence_and_code_2(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each wrong call says what is wrong, ends with 2, and leaves no lake or report behind."""
    monkeypatch.chdir(tmp_path)
    places = {name: tmp_path / name for name in ("empty", "absent", "file", "archives", "other_lake")}
    for name in ("empty", "archives", "other_lake"):
        places[name].mkdir()
    places["file"].write_text("x")
    (places["archives"] / "a.json").write_text('{"Records":[]}')
    (places["other_lake"] / "_format.json").write_text('{"schema":"policytrail.lake","format":99}')
    code, err = call(capsys, *(item.format(**places) for item in arguments))
    assert code == 2, err
    assert said.format(**places) in err
    assert "Traceback" not in err
    assert not (tmp_path / "report").exists()
    assert not (tmp_path / "lake" / "events").is_dir() or arguments[0] == "run"


def test_no_such_bucket(
    s3_endpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket that is not there is named."""
    monkeypatch.chdir(tmp_path)
    code, err = call(capsys, "run", "s3://no-such-bucket-of-ours/AWSLogs/", "--endpoint-url", s3_endpoint)
    assert (code, "no-such-bucket-of-ours" in err) == (2, True), err


def test_empty_prefix(
    s3_endpoint: str,
    s3_bucket: Callable[[], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A prefix that holds nothing is wrong use, not an empty report."""
    monkeypatch.chdir(tmp_path)
    code, err = call(capsys, "run", f"s3://{s3_bucket()}/nothing/here/", "--endpoint-url", s3_endpoint)
    assert (code, "nothing/here" in err) == (2, True), err


def test_no_credentials(s3_endpoint: str, tmp_path: Path) -> None:
    """Without credentials the sentence says how to give some."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "run", "s3://any-bucket/AWSLogs/", "--endpoint-url", s3_endpoint],
        env=environment | {"AWS_SHARED_CREDENTIALS_FILE": os.devnull},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "credentials" in done.stderr) == (2, True), done.stderr
