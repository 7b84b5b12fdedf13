from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.models.audit import load_audits, run_audit
from pipeline.models.engine import EngineLimits, open_engine


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
