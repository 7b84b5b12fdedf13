"""Where a lake may be made, and which lakes are refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import LakeVersionError, UsageError
from pipeline.lake import locate_lake, open_lake_tables
from pipeline.lake.layout import LakeLocation


def test_a_new_lake_says_its_format(tmp_path: Path) -> None:
    """A new lake has its tables and a format file; opening it again changes nothing."""
    open_lake_tables(str(tmp_path / "a b" / "lake"))
    folder = tmp_path / "a b" / "lake"
    assert json.loads((folder / "_format.json").read_text()) == {"schema": "policytrail.lake", "format": 2}
    assert sorted(path.name for path in folder.iterdir()) == [
        "_format.json",
        "_plans",
        "archives",
        "events",
        "quarantine",
    ]
    open_lake_tables(str(folder), create=False)


@pytest.mark.parametrize("content", ['{"format": 1}', '{"format": "2"}', "[]", "no json", ""])
def test_a_lake_of_another_format_is_refused(tmp_path: Path, content: str) -> None:
    """Any other format, or a format file that cannot be read, is refused by one sentence."""
    open_lake_tables(str(tmp_path / "lake"))
    (tmp_path / "lake" / "_format.json").write_text(content)
    with pytest.raises(LakeVersionError, match="this version reads and writes 2"):
        open_lake_tables(str(tmp_path / "lake"))


def test_a_creation_that_was_cut_off_is_finished(tmp_path: Path) -> None:
    """Without its format file a lake is made again around the tables that are there."""
    lake = open_lake_tables(str(tmp_path / "lake"))
    (tmp_path / "lake" / "_format.json").unlink()
    assert open_lake_tables(str(tmp_path / "lake")).snapshot().version == lake.snapshot().version


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing can be killed in the middle")
def test_a_creation_killed_while_it_wrote_its_format_is_finished(tmp_path: Path) -> None:
    """What the killed one left in the lake's folder is not taken for somebody else's."""
    script = (
        "import os, pathlib, signal, sys\n"
        "from pipeline.lake.lake import open_lake_tables\n"
        "pathlib.Path.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)\n"
        "open_lake_tables(sys.argv[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "lake")], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    left = [path.name for path in (tmp_path / "lake").iterdir() if path.is_file()]
    assert len(left) == 1
    assert left[0] != "_format.json"
    assert open_lake_tables(str(tmp_path / "lake")).snapshot().version == 0
    assert (tmp_path / "lake" / "_format.json").exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    """A lake is never made among other files, nor in a file's place, nor where none was asked for."""
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"holds 'thesis\.txt'"):
        open_lake_tables(str(tmp_path))
    with pytest.raises(UsageError, match="is a file"):
        open_lake_tables(str(tmp_path / "thesis.txt"))
    with pytest.raises(UsageError, match="there is no lake"):
        open_lake_tables(str(tmp_path / "none"), create=False)
    assert not (tmp_path / "none").exists()


def test_places_are_normalised() -> None:
    """A relative folder becomes absolute, S3 keeps its options, other schemes are refused."""
    assert locate_lake("lake").root == str(Path("lake").absolute())
    assert locate_lake("s3://bucket/lake/", {"aws_region": "eu-west-1"}) == LakeLocation(
        "s3://bucket/lake", {"aws_region": "eu-west-1"}
    )
    for wrong in ("s3://", "gs://bucket/lake"):
        with pytest.raises(UsageError, match="no place for a lake"):
            locate_lake(wrong)
