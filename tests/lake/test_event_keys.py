"""Keys that a run keeps until it has counted: the same whatever wrote them, and a full disk is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import LakeError
from pipeline.lake import write_keys
from pipeline.lake.event_keys import KEY, read_keys
from tests.lake.rows import DAY, event, events


@pytest.mark.parametrize("is_encoded", [False, True])
def test_keys_are_read_as_they_were(tmp_path: Path, is_encoded: bool) -> None:
    """Accounts as text or as a dictionary, rows in the middle of a table: one schema, the same keys."""
    table = events([event(number) for number in range(5)])
    if is_encoded:
        index = table.schema.get_field_index(KEY[0])
        table = table.set_column(index, KEY[0], table.column(KEY[0]).dictionary_encode())
    kept = write_keys(table.slice(1, 3), DAY, tmp_path)
    assert (kept.event_date, kept.rows) == (DAY, 3)
    found = read_keys(kept.path)
    assert found.to_pylist() == [
        {"recipient_account_id": "111122223333", "event_id": f"event-{number:04d}"} for number in (1, 2, 3)
    ]
    assert str(found.schema.field(KEY[0]).type) == "dictionary<values=string, indices=int32, ordered=0>"


def test_each_file_has_a_name_of_its_own(tmp_path: Path) -> None:
    """A task that is run again writes beside what it wrote before, which somebody may be reading."""
    rows = events([event(1)])
    assert write_keys(rows, DAY, tmp_path).path != write_keys(rows, DAY, tmp_path).path


def test_keys_that_cannot_be_kept_or_read_are_an_error(tmp_path: Path) -> None:
    """A folder that is gone, a file that is gone: one sentence."""
    with pytest.raises(LakeError, match="cannot keep the keys of 2024-05-01"):
        write_keys(events([event(1)]), DAY, tmp_path / "gone")
    with pytest.raises(LakeError, match="cannot read kept keys"):
        read_keys(str(tmp_path / "gone"))
