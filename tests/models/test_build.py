from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import SmallLake, event, write_model

from pipeline.errors import ModelError
from pipeline.models.build_inputs import Extension
from pipeline.models.store import MemoryStore

COUNTS = "select event_date, count(*) as event_count from stg_e group by event_date"
BY_DATE = {"grain": "one row per (event_date)", "order": "event_date", "stored": "by event_date"}


def lake_with_counts(folder: Path) -> SmallLake:
    """Two stages: events as they are, and their number by date."""
    write_model(
        folder,
        "stg_e",
        "select event_date, event_id, source_ip_address from lake_events",
        grain="one row per (event_id)",
        order="event_id",
        inputs="lake_events",
    )
    write_model(folder, "int_counts", COUNTS, inputs="stg_e", columns="event_count  events", **BY_DATE)
    return SmallLake(folder)


def test_only_changed_dates_are_made_again(tmp_path: Path) -> None:
    """A second batch on another date leaves the first date's rows as they were written."""
    lake = lake_with_counts(tmp_path)
    lake.commit(event(1, "a"), event(1, "b"), event(2, "c"))
    assert lake.build().written == {"int_counts": 2}
    lake.commit(event(2, "d"), event(3, "e"))
    result = lake.build()
    assert result.written == {"int_counts": 2}
    assert [(row["event_date"].day, row["event_count"]) for row in lake.rows("int_counts")] == [(1, 2), (2, 2), (3, 1)]


def test_an_unchanged_lake_builds_nothing(tmp_path: Path) -> None:
    """Without a new batch no model is written."""
    lake = lake_with_counts(tmp_path)
    lake.commit(event(1, "a"))
    lake.build()
    result = lake.build()
    assert (result.written, result.unchanged) == ({}, ["int_counts"])


def test_a_changed_query_makes_everything_again(tmp_path: Path) -> None:
    """Another definition, of a model or of what it reads, is another result."""
    lake = lake_with_counts(tmp_path)
    lake.commit(event(1, "a"), event(2, "b"))
    lake.build()
    write_model(
        tmp_path,
        "stg_e",
        "select event_date, event_id, source_ip_address from lake_events where event_id <> 'a'",
        grain="one row per (event_id)",
        order="event_id",
        inputs="lake_events",
    )
    lake.build()
    assert [row["event_count"] for row in lake.rows("int_counts")] == [1]


def test_a_changed_parameter_makes_only_its_models_again(tmp_path: Path) -> None:
    """A parameter belongs to the models that name it."""
    lake = lake_with_counts(tmp_path)
    write_model(tmp_path, "int_limit", "select $limit as id", stored="full", params="$limit", columns="id  the limit")
    lake.commit(event(1, "a"))
    lake.build(params={"limit": 3})
    result = lake.build(params={"limit": 4})
    assert result.written == {"int_limit": 1}
    assert lake.rows("int_limit") == [{"id": 4}]


def test_a_full_model_passes_on_only_the_dates_that_differ(tmp_path: Path) -> None:
    """A model that is rewritten whole tells its readers which dates changed."""
    lake = lake_with_counts(tmp_path)
    write_model(
        tmp_path,
        "int_full",
        "select event_date, event_count from int_counts",
        inputs="int_counts",
        **{**BY_DATE, "stored": "full"},
    )
    write_model(tmp_path, "fct_last", "select event_date, event_count from int_full", inputs="int_full", **BY_DATE)
    lake.commit(event(1, "a"), event(2, "b"))
    lake.build()
    lake.commit(event(2, "c"))
    assert lake.build().written == {"int_counts": 1, "int_full": 2, "fct_last": 1}


def test_a_lookback_reads_and_rebuilds_the_days_it_needs(tmp_path: Path) -> None:
    """With a look-back of one day, a change also rebuilds the day after it, from both days."""
    lake = lake_with_counts(tmp_path)
    write_model(
        tmp_path,
        "fct_two_days",
        "select a.event_date, sum(b.event_count)::bigint as event_count from int_counts as a join int_counts as b"
        " on b.event_date between a.event_date - interval 1 day and a.event_date group by a.event_date",
        inputs="int_counts",
        **{**BY_DATE, "stored": "by event_date, lookback 1 day"},
    )
    lake.commit(event(1, "a"), event(2, "b"), event(3, "c"), event(9, "d"))
    lake.build()
    lake.commit(event(2, "e"))
    assert lake.build().written == {"int_counts": 1, "fct_two_days": 2}
    assert [row["event_count"] for row in lake.rows("fct_two_days")] == [1, 3, 3, 1]


@settings(max_examples=10, deadline=None)
@given(batches=st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=4), min_size=1, max_size=4))
def test_building_batch_by_batch_equals_building_at_once(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]
) -> None:
    """Whatever the order of late and new dates, the increment gives the whole."""
    lake = lake_with_counts(tmp_path_factory.mktemp("models"))
    write_model(
        lake.folder,
        "fct_running",
        "select a.event_date, sum(b.event_count)::bigint as event_count from int_counts as a join int_counts as b"
        " on b.event_date <= a.event_date group by a.event_date",
        inputs="int_counts",
        **{**BY_DATE, "stored": "by event_date, lookback all"},
    )
    for number, batch in enumerate(batches):
        lake.commit(*(event(day, f"{number}-{position}") for position, day in enumerate(batch)))
        lake.build()
    whole = MemoryStore()
    lake.build(store=whole)
    for name in ("int_counts", "fct_running"):
        assert lake.store.tables[name].to_pylist() == whole.tables[name].to_pylist()


@pytest.mark.parametrize(
    ("query", "header", "words"),
    [
        ("select unnest([1, 1]) as id", {}, "its grain is not unique or null: 2 row(s) for {'id': '1'}"),
        ("select null::int as id", {}, "its grain is not unique or null: 1 row(s) for {'id': None}"),
        ("select 1 as id, 2 as other", {}, "its header does not describe other"),
        ("select 1 as id", {"columns": "gone  not there"}, "columns that it does not have: gone"),
        ("select 1 as id", {"order": "rank"}, "columns that it does not have: rank"),
        ("select 1 as id", {"stored": "by event_date"}, "event_date"),
        ("select 1 / 'x' as id", {}, "Conversion Error"),
    ],
)
@pytest.mark.parametrize("stored", ["no", "full"])
def test_a_wrong_model_stops_the_build(
    tmp_path: Path, query: str, header: dict[str, str], words: str, stored: str
) -> None:
    """What the header promises is checked on the rows, for views and tables; the error names model and file."""
    path = write_model(tmp_path, "stg_a", query, **{"stored": stored, "columns": "id  a number", **header})
    lake = SmallLake(tmp_path)
    lake.commit(event(1, "a"))
    with pytest.raises(ModelError) as caught:
        lake.build()
    assert str(caught.value).startswith("stg_a: ")
    assert words in str(caught.value)
    assert path.as_uri() in str(caught.value)


def test_a_parameter_without_a_value_is_named(tmp_path: Path) -> None:
    """A parameter that nobody gives is a mistake of the model, not NULL."""
    write_model(tmp_path, "stg_a", "select $nobody as id", stored="full", params="$nobody", columns="id  x")
    with pytest.raises(ModelError, match=r"no value for \$nobody"):
        SmallLake(tmp_path).build()


class Doubling:
    """Counts how often an extension is asked."""

    schema = pa.schema([pa.field("event_date", pa.date32()), pa.field("event_count", pa.int64())])

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, inputs: Any) -> pa.Table:
        """Return every count, doubled."""
        self.calls += 1
        rows = [{**row, "event_count": 2 * row["event_count"]} for row in inputs["int_counts"].to_pylist()]
        return pa.Table.from_pylist(rows, schema=self.schema)


def test_python_makes_a_relation_between_two_stages(tmp_path: Path) -> None:
    """An ``ext_`` relation is made after its inputs, before its readers, and only when they changed."""
    lake = lake_with_counts(tmp_path)
    write_model(
        tmp_path,
        "stg_doubled",
        "select event_date, event_count from ext_doubled",
        inputs="ext_doubled",
        grain="one row per (event_date)",
        order="event_date",
    )
    write_model(tmp_path, "fct_doubled", "from stg_doubled", inputs="stg_doubled", **{**BY_DATE, "stored": "full"})
    make = Doubling()
    extensions = {"ext_doubled": Extension(("int_counts",), Doubling.schema, make)}
    order: list[str] = []
    lake.commit(event(1, "a"))
    lake.build(extensions=extensions, on_model=order.append)
    lake.build(extensions=extensions)
    assert order == ["stg_e", "int_counts", "ext_doubled", "stg_doubled", "fct_doubled"]
    assert make.calls == 1
    assert [row["event_count"] for row in lake.rows("fct_doubled")] == [2]
    lake.commit(event(1, "b"))
    lake.build(extensions=extensions)
    assert make.calls == 2
    assert [row["event_count"] for row in lake.rows("fct_doubled")] == [4]


def test_the_first_model_has_the_cores_to_itself(tmp_path: Path) -> None:
    """What does not need it waits all the same, seeds too; ``on_first`` is told once, before anything else begins."""
    lake = lake_with_counts(tmp_path)
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "words.csv").write_text("word\nx\n")
    words = "select word as id from seed_words"
    write_model(tmp_path, "int_words", words, inputs="seed_words", stored="full", columns="id  a word")
    write_model(tmp_path, "fct_alone", "select 1 as id", stored="full", columns="id  a number")
    order: list[str] = []
    lake.commit(event(1, "a"))
    lake.build(on_model=order.append, on_first=lambda: order.append("(told)"))
    assert order[:2] == ["stg_e", "(told)"]
    assert sorted(order[2:]) == ["fct_alone", "int_counts", "int_words"]


def test_an_extension_with_other_columns_is_refused(tmp_path: Path) -> None:
    """What Python hands to SQL has the declared schema, exactly."""
    write_model(tmp_path, "stg_x", "select id from ext_x", inputs="ext_x", columns="id  x")
    schema = pa.schema([pa.field("id", pa.int64())])
    extension = Extension((), schema, lambda inputs: pa.table({"id": pa.array([1], pa.int32())}))
    with pytest.raises(ModelError, match="other columns than"):
        SmallLake(tmp_path).build(extensions={"ext_x": extension})


def test_an_extension_that_nothing_makes_is_named(tmp_path: Path) -> None:
    """A missing ``ext_`` relation stops the build with its reader's name."""
    write_model(tmp_path, "stg_x", "select id from ext_x", inputs="ext_x", columns="id  x")
    with pytest.raises(ModelError, match="stg_x reads ext_x, which nothing makes"):
        SmallLake(tmp_path).build()


def test_rows_are_stored_in_the_header_order_with_the_grain_as_tie_break(tmp_path: Path) -> None:
    """Order is total: what ``order`` leaves open, the grain decides."""
    write_model(
        tmp_path,
        "stg_a",
        "select * from (values (3, 'x'), (1, 'y'), (2, 'x')) as t (id, word)",
        stored="full",
        order="word",
        columns="id  a number\n--          word  a word",
    )
    lake = SmallLake(tmp_path)
    lake.build()
    assert [row["id"] for row in lake.rows("stg_a")] == [2, 3, 1]


def test_a_seed_keeps_its_text(tmp_path: Path) -> None:
    """Seeds are text: leading zeros stay, an empty cell is NULL; a changed seed rebuilds its readers."""
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "accounts.csv").write_text('id,name\n000000000001,"a, b"\n2,\n')
    write_model(tmp_path, "int_a", "select id, name from seed_accounts", inputs="seed_accounts", stored="full")
    lake = SmallLake(tmp_path)
    lake.build()
    assert lake.rows("int_a") == [{"id": "000000000001", "name": "a, b"}, {"id": "2", "name": None}]
    (tmp_path / "seeds" / "accounts.csv").write_text("id,name\n7,x\n")
    lake.build()
    assert lake.rows("int_a") == [{"id": "7", "name": "x"}]
