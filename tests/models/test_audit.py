from __future__ import annotations

from pathlib import Path

import pytest
from model_files import write_model

from pipeline.errors import ModelError
from pipeline.models.audit import audit_types, load_audits, run_audit
from pipeline.models.engine import EngineLimits, open_engine
from pipeline.models.folder import read_model_file


def test_an_audit_that_finds_a_row_stops_and_shows_it(tmp_path: Path) -> None:
    """An audit is a query for what must not be: no row passes, a row is shown with the file."""
    (tmp_path / "audits").mkdir()
    (tmp_path / "audits" / "no_negative.sql").write_text("select n from numbers where n < 0")
    audits = load_audits(tmp_path)
    assert list(audits) == ["no_negative"]
    sql, path = audits["no_negative"]
    with open_engine(":memory:", EngineLimits(), scratch=None) as connection:
        connection.execute("create table numbers as select 1 as n")
        run_audit(connection, "no_negative", sql, path)
        connection.execute("insert into numbers values (-7)")
        with pytest.raises(ModelError) as caught:
            run_audit(connection, "no_negative", sql, path)
    assert "audit no_negative found {'n': -7}" in str(caught.value)
    assert path.as_uri() in str(caught.value)


@pytest.mark.parametrize("kind", ["UBIGINT", "HUGEINT", "STRUCT(a UINTEGER)", "UTINYINT[]"])
def test_a_type_that_delta_would_change_is_refused(tmp_path: Path, kind: str) -> None:
    """What is read back from the store must be what was made, so such a column has to be cast."""
    path = write_model(tmp_path, "int_a", "select 1 as id", stored="full", columns="id  x")
    with pytest.raises(ModelError, match="cast it to bigint"):
        audit_types(read_model_file(path), {"id": kind})


@pytest.mark.parametrize("kind", ["BIGINT", "VARCHAR", "TIMESTAMP WITH TIME ZONE", "STRUCT(hint VARCHAR)[]", "DOUBLE"])
def test_types_that_delta_keeps_pass(tmp_path: Path, kind: str) -> None:
    """Signed whole numbers of up to 64 bits, text, instants, lists and structs stay what they are."""
    path = write_model(tmp_path, "int_a", "select 1 as id", stored="full", columns="id  x")
    audit_types(read_model_file(path), {"id": kind})
