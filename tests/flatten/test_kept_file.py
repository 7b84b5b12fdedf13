"""Machine code kept between processes is believed only if it is as it was written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.flatten import kept_file
from pipeline.flatten.kept_file import read_kept, write_kept

NAME, STAMP, CONTENT = "kernels-1.bin", "a" * 64, b"line\nmachine\0code" * 99


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that is looked at; it does not exist yet."""
    monkeypatch.setattr(kept_file, "_folders", lambda: iter([tmp_path / "kept"]))
    return tmp_path / "kept"


def test_what_was_kept_is_read_again(folder: Path) -> None:
    """Byte for byte, by its name and stamp only; nothing else is left in the folder."""
    assert read_kept(NAME, STAMP) is None
    assert write_kept(NAME, STAMP, CONTENT)
    assert read_kept(NAME, STAMP) == CONTENT
    assert read_kept(NAME, "b" * 64) is None
    assert read_kept("kernels-2.bin", STAMP) is None
    assert [path.name for path in folder.iterdir()] == [NAME]


@pytest.mark.parametrize("size", [0, 1, 64, 65, 129, 130, 131, 500, -1])
def test_a_truncated_file_is_nothing(folder: Path, size: int) -> None:
    """Wherever it ends, and it is replaced by the next one written."""
    write_kept(NAME, STAMP, CONTENT)
    (folder / NAME).write_bytes((folder / NAME).read_bytes()[:size])
    assert read_kept(NAME, STAMP) is None
    assert write_kept(NAME, STAMP, CONTENT)
    assert read_kept(NAME, STAMP) == CONTENT


@pytest.mark.parametrize("place", [0, 70, 129, 130, 700, -1])
def test_a_damaged_file_is_nothing(folder: Path, place: int) -> None:
    """One wrong bit in head or content."""
    write_kept(NAME, STAMP, CONTENT)
    data = bytearray((folder / NAME).read_bytes())
    data[place] ^= 1
    (folder / NAME).write_bytes(data)
    assert read_kept(NAME, STAMP) is None


def test_the_next_folder_is_taken_where_one_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only installation keeps its code in the user's cache; without one nothing is kept, and nothing fails."""
    (tmp_path / "file").touch()
    blocked = tmp_path / "file" / "kept"
    monkeypatch.setattr(kept_file, "_folders", lambda: iter([blocked]))
    assert not write_kept(NAME, STAMP, CONTENT)
    assert read_kept(NAME, STAMP) is None
    monkeypatch.setattr(kept_file, "_folders", lambda: iter([blocked, tmp_path / "cache" / "policytrail"]))
    assert write_kept(NAME, STAMP, CONTENT)
    assert read_kept(NAME, STAMP) == CONTENT


def test_a_stale_file_that_cannot_be_replaced_hides_no_fresh_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first folder with the right stamp is read, not the first with a file."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, stamp in ((first, "b" * 64), (second, STAMP)):
        monkeypatch.setattr(kept_file, "_folders", lambda folder=folder: iter([folder]))
        assert write_kept(NAME, stamp, CONTENT)
    monkeypatch.setattr(kept_file, "_folders", lambda: iter([first, second]))
    assert read_kept(NAME, STAMP) == CONTENT


def test_writers_that_race_leave_a_whole_file(folder: Path) -> None:
    """A reader meets nothing or everything, never a part."""

    def write_and_read(number: int) -> bool:
        return write_kept(NAME, STAMP, CONTENT) and read_kept(NAME, STAMP) == CONTENT

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(write_and_read, range(200)))
    assert [path.name for path in folder.iterdir()] == [NAME]
