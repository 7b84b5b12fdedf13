"""Room for a job: empty, gone afterwards, and nobody else's is touched."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pipeline.errors import LakeError
from pipeline.jobs.scratch import SCRATCH, STALE_SECONDS, open_scratch
from pipeline.lake import open_lake_tables


def test_room_is_empty_and_gone_afterwards(tmp_path: Path) -> None:
    """Also where the job fails; two jobs at once have two rooms."""
    lake = open_lake_tables(str(tmp_path / "lake"))
    with pytest.raises(RuntimeError), open_scratch(lake, "ingest") as one, open_scratch(lake, "ingest") as other:
        assert one != other
        assert [*one.iterdir(), *other.iterdir()] == []
        (one / "file").write_text("x")
        raise RuntimeError
    assert list((tmp_path / "lake" / SCRATCH).iterdir()) == []


def test_only_what_was_left_a_day_ago_is_removed(tmp_path: Path) -> None:
    """A killed job's room goes a day later; that of a job which may be running, and the lock, stay."""
    lake = open_lake_tables(str(tmp_path / "lake"))
    folder = tmp_path / "lake" / SCRATCH
    for name, age in (("build-old", STALE_SECONDS + 60), ("ingest-new", 60)):
        (folder / name).mkdir(parents=True)
        os.utime(folder / name, (time.time() - age,) * 2)
    (folder / "build.lock").touch()
    os.utime(folder / "build.lock", (0, 0))
    with open_scratch(lake, "build"):
        pass
    assert sorted(path.name for path in folder.iterdir()) == ["build.lock", "ingest-new"]


def test_a_room_that_goes_meanwhile_is_nobodys_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run ends while this one looks for what is stale: it takes its own room away."""
    lake = open_lake_tables(str(tmp_path / "lake"))
    gone = tmp_path / "lake" / SCRATCH / "ingest-gone"
    gone.mkdir(parents=True)
    is_dir = Path.is_dir

    def look(path: Path) -> bool:
        found = is_dir(path)
        if path == gone:
            gone.rmdir()
        return found

    monkeypatch.setattr(Path, "is_dir", look)
    with open_scratch(lake, "build") as folder:
        assert list(folder.iterdir()) == []


def test_no_room_is_told(tmp_path: Path) -> None:
    """One sentence, not the system's error."""
    lake = open_lake_tables(str(tmp_path / "lake"))
    (tmp_path / "lake" / SCRATCH).write_text("in the way")
    with pytest.raises(LakeError, match="no room for what is needed only meanwhile"), open_scratch(lake, "ingest"):
        raise AssertionError
