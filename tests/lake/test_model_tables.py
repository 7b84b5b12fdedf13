"""Models are written whole or by event date, in one commit."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.errors import LakeError
from pipeline.lake import Lake, open_lake_tables

FIRST, SECOND = date(2024, 5, 1), date(2024, 5, 2)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return open_lake_tables(str(tmp_path / "lake"))


def rows(*values: tuple[date, int]) -> pa.Table:
    """Rows of a model by event date."""
    days, numbers = zip(*values, strict=True) if values else ((), ())
    return pa.table({"event_date": pa.array(days, pa.date32()), "number": pa.array(numbers, pa.int64())})


def read(lake: Lake, name: str = "fct_things") -> list[dict[str, object]]:
    """A model's rows, sorted."""
    return lake.read_model(name).to_table().sort_by([("event_date", "ascending"), ("number", "ascending")]).to_pylist()


def test_some_dates_are_replaced_and_others_stay(lake: Lake) -> None:
    """Replacing one date leaves the other's rows and files as they are."""
    lake.write_model("fct_things", rows((FIRST, 1), (SECOND, 2)), by_event_date=True)
    kept = {item.path for item in lake.model_files("fct_things") if item.event_date == FIRST}
    lake.write_model("fct_things", rows((SECOND, 5), (SECOND, 6)), replace_dates=[SECOND])
    assert read(lake) == [
        {"event_date": FIRST, "number": 1},
        {"event_date": SECOND, "number": 5},
        {"event_date": SECOND, "number": 6},
    ]
    assert {item.path for item in lake.model_files("fct_things") if item.event_date == FIRST} == kept


def test_a_model_of_one_file_can_be_divided_by_date(lake: Lake) -> None:
    """What was one file is replaced by a file for each date, and stays divided from then on."""
    lake.write_model("fct_things", rows((FIRST, 1), (SECOND, 2)))
    assert not lake.is_model_by_date("fct_things")
    assert [item.event_date for item in lake.model_files("fct_things")] == [None]
    for by_event_date in (True, False):
        lake.write_model("fct_things", rows((FIRST, 1), (SECOND, 3)), by_event_date=by_event_date)
        assert lake.is_model_by_date("fct_things")
        assert [item.event_date for item in lake.model_files("fct_things")] == [FIRST, SECOND]
    assert read(lake) == [{"event_date": FIRST, "number": 1}, {"event_date": SECOND, "number": 3}]


def test_a_date_without_rows_is_emptied(lake: Lake) -> None:
    """Replacing a date by nothing removes its rows: they are not left over from the last build."""
    lake.write_model("fct_things", rows((FIRST, 1), (SECOND, 2)), by_event_date=True)
    lake.write_model("fct_things", rows(), replace_dates=[SECOND])
    assert read(lake) == [{"event_date": FIRST, "number": 1}]


def test_a_whole_model_is_replaced_with_its_schema(lake: Lake) -> None:
    """A full write takes the new columns; a model without rows still exists."""
    lake.write_model("fct_things", rows((FIRST, 1)))
    lake.write_model("fct_things", pa.table({"other": pa.array([], pa.string())}))
    assert lake.read_model("fct_things").to_table().to_pydict() == {"other": []}
    assert lake.list_models() == ["fct_things"]


def test_rows_of_another_date_are_refused(lake: Lake) -> None:
    """A row outside the dates to replace would double: the write fails and the model stays as it was."""
    lake.write_model("fct_things", rows((FIRST, 1), (SECOND, 2)), by_event_date=True)
    with pytest.raises(LakeError, match="cannot write model fct_things"):
        lake.write_model("fct_things", rows((FIRST, 9)), replace_dates=[SECOND])
    assert read(lake) == [{"event_date": FIRST, "number": 1}, {"event_date": SECOND, "number": 2}]


def test_types_that_delta_lacks_are_widened(lake: Lake) -> None:
    """Unsigned, dictionary-encoded, nested and zone-less columns become what every Delta reader knows."""
    moment = datetime(2024, 5, 1, 12, 0, 0, 123456)  # noqa: DTZ001  the zone-less case
    table = pa.table(
        {
            "count": pa.array([1], pa.uint16()),
            "word": pa.array(["a"]).dictionary_encode(),
            "at": pa.array([moment], pa.timestamp("us")),
            "nested": pa.array([[{"n": 1}]], pa.list_(pa.struct([("n", pa.uint8())]))),
        }
    )
    lake.write_model("fct_things", table)
    assert lake.read_model("fct_things").to_table().to_pylist() == [
        {"count": 1, "word": "a", "at": moment.replace(tzinfo=UTC), "nested": [{"n": 1}]}
    ]


def test_metadata_stays_with_its_write(lake: Lake) -> None:
    """What is kept with a write is read back from the newest one; nothing for a model never built."""
    assert lake.model_metadata("fct_things") == {}
    lake.write_model("fct_things", rows((FIRST, 1)), metadata={"batch_number": "7"})
    assert lake.model_metadata("fct_things") == {"batch_number": "7"}


def test_a_model_that_was_never_built_says_so(lake: Lake) -> None:
    """Reading a model that is not there is one sentence with what to do; a name with a slash is refused."""
    with pytest.raises(LakeError, match="fct_things is not in the lake"):
        lake.read_model("fct_things")
    with pytest.raises(LakeError, match="no model's name"):
        lake.read_model("../events")
