from __future__ import annotations

from pathlib import Path

from model_files import write_model

from pipeline.models.describe import describe_models


def test_the_page_draws_and_lists_every_model(tmp_path: Path) -> None:
    """Each model has its section and its arrows; a bar in a description does not break the table."""
    write_model(tmp_path, "stg_a", "select event_id as id from lake_events", inputs="lake_events", columns="id  a | b")
    write_model(tmp_path, "fct_b", "select id from stg_a", layer="marts", inputs="stg_a", stored="full")
    page = describe_models(tmp_path)
    drawing = page.split("```mermaid\n")[1].split("```")[0]
    assert drawing == "flowchart LR\n    lake_events --> stg_a\n    stg_a --> fct_b\n"
    assert "## Staging: the lake, once each\n\n### stg_a\n\nA model of a test.\n" in page
    assert "| `id` | a \\| b |" in page
    assert "- one row per (id); ordered by id\n- stored: full\n- inputs: stg_a\n" in page
