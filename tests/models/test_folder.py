from __future__ import annotations

from pathlib import Path

import pytest
from model_files import write_model

from pipeline.errors import ModelError
from pipeline.models.folder import event_readers, load_models, plan_steps, read_model_file, seed_files, sql_folder


def test_inputs_come_first(tmp_path: Path) -> None:
    """Models are ordered so that each one's inputs are built before it, by name among equals."""
    write_model(tmp_path, "fct_c", "select id from int_b", layer="marts", inputs="int_b")
    write_model(
        tmp_path, "int_b", "select id from stg_a join stg_d using (id)", layer="intermediate", inputs="stg_a, stg_d"
    )
    write_model(tmp_path, "stg_d", "select event_id as id from lake_events", inputs="lake_events")
    write_model(tmp_path, "stg_a", "select 1 as id")
    assert [model.name for model in load_models(tmp_path)] == ["stg_a", "stg_d", "int_b", "fct_c"]


def test_a_circle_is_refused_and_named(tmp_path: Path) -> None:
    """Models that need each other cannot be built."""
    write_model(tmp_path, "int_a", "select id from int_b", inputs="int_b")
    write_model(tmp_path, "int_b", "select id from int_a", inputs="int_a")
    with pytest.raises(ModelError, match="circle: int_a -> int_b -> int_a"):
        load_models(tmp_path)


@pytest.mark.parametrize(
    ("name", "query", "header", "words"),
    [
        ("stg_a", "select 1 as id", {"model": "stg_b"}, "must equal the file's name stg_a"),
        ("tmp_a", "select 1 as id", {}, "start with stg_"),
        ("stg_a", "select id from lake_events", {}, "'-- inputs:' lacks lake_events"),
        ("stg_a", "select 1 as id", {"inputs": "lake_events"}, "lists lake_events, which the query does not use"),
        ("stg_a", "select $x as id", {"stored": "full"}, "'-- params:' lacks x"),
        ("stg_a", "select 1 as id", {"stored": "full", "params": "$x"}, "lists x, which the query does not use"),
        ("int_a", "select id from lake_events", {"inputs": "lake_events"}, "only stg_ models read the lake"),
        ("int_a", "select id from ext_x", {"inputs": "ext_x"}, "only stg_ models read the lake"),
        ("int_a", "select id from nowhere", {"inputs": "nowhere"}, "which is no model and no seed"),
        ("int_a", "select id from seed_gone", {"inputs": "seed_gone"}, "which is no model and no seed"),
        ("stg_a", "select * from read_csv('x')", {}, "calls table functions ['read_csv']"),
        ("stg_a", "select 1 as id; select 2", {}, "exactly one SELECT"),
        ("stg_a", "delete from x", {}, "no single SELECT"),
    ],
)
def test_a_header_that_disagrees_is_refused(
    tmp_path: Path, name: str, query: str, header: dict[str, str], words: str
) -> None:
    """What a header says about its query is checked before anything runs; the error names the file."""
    path = write_model(tmp_path, name, query, **header)
    with pytest.raises(ModelError) as caught:
        load_models(tmp_path)
    assert words in str(caught.value)
    assert path.as_uri() in str(caught.value)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    """A name is one model, whichever folder it lies in."""
    write_model(tmp_path, "stg_a", "select 1 as id")
    write_model(tmp_path, "stg_a", "select 2 as id", layer="marts")
    with pytest.raises(ModelError, match="two files define stg_a"):
        load_models(tmp_path)


def test_seeds_are_relations_by_file_name(tmp_path: Path) -> None:
    """``seeds/<name>.csv`` is read as ``seed_<name>``."""
    (tmp_path / "seeds").mkdir()
    seed = tmp_path / "seeds" / "paths.csv"
    seed.write_text("id\niam-005\n")
    assert seed_files(tmp_path) == {"seed_paths": seed}


def test_the_models_of_the_checkout_load() -> None:
    """Every model that ships has a header that agrees with its query."""
    names = [model.name for model in load_models(sql_folder())]
    assert "fct_lineage" in names
    assert names.index("stg_events") < names.index("int_identity_events")


def test_a_plan_names_what_each_step_reads_of_the_others(tmp_path: Path) -> None:
    """Models and the ``ext_`` relations that they read, inputs first; the lake is there already."""
    write_model(tmp_path, "stg_e", "from lake_events", inputs="lake_events")
    write_model(tmp_path, "stg_x", "from ext_x", inputs="ext_x")
    write_model(tmp_path, "int_a", "from stg_e, seed_s", inputs="stg_e, seed_s")
    models = [read_model_file(path, is_compared=False) for path in sorted(tmp_path.glob("*/*.sql"))]
    plan = plan_steps(models, {"ext_x": ("int_a", "seed_s"), "ext_unread": ()}, ["seed_s", "seed_unread"])
    assert list(plan.items()) == [
        ("seed_s", ()), ("stg_e", ()), ("int_a", ("stg_e", "seed_s")), ("ext_x", ("int_a", "seed_s")),
        ("stg_x", ("ext_x",)),
    ]  # fmt: skip
    with pytest.raises(ModelError, match="stg_x reads ext_x, which nothing makes"):
        plan_steps(models, {})


def test_python_between_two_stages_begins_early(tmp_path: Path) -> None:
    """It takes longer than a model, so what it reads comes before a model that as much waits for."""
    for name in ("int_a", "int_z"):
        write_model(tmp_path, name, "select 1 as id", stored="full")
    write_model(tmp_path, "stg_x", "from ext_x", inputs="ext_x")
    write_model(tmp_path, "int_b", "from int_a", inputs="int_a", stored="full")
    models = [read_model_file(path, is_compared=False) for path in sorted(tmp_path.glob("*/*.sql"))]
    assert list(plan_steps(models, {"ext_x": ("int_z",)})) == ["int_z", "ext_x", "int_a", "int_b", "stg_x"]


def test_readers_of_the_events_are_found_through_views(tmp_path: Path) -> None:
    """A view passes the events on; a stored model does not."""
    write_model(tmp_path, "stg_e", "from lake_events", inputs="lake_events")
    write_model(tmp_path, "int_a", "from stg_e", inputs="stg_e", stored="full")
    write_model(tmp_path, "int_b", "from int_a", inputs="int_a", stored="full")
    models = [read_model_file(path, is_compared=False) for path in sorted(tmp_path.glob("*/*.sql"))]
    assert event_readers(models) == {"stg_e", "int_a"}
