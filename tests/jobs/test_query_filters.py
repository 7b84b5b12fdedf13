"""A filter finds its rows, whichever columns the Delta log has statistics of."""

from __future__ import annotations

from pathlib import Path

from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.query import run_query
from pipeline.models import quote_text
from pipeline.settings import Settings


def test_every_column_can_be_filtered(real_data: Path, tmp_path: Path) -> None:
    """An equality on each text column of the ledger and of the events finds the row that it was read from."""
    lake, settings = str(tmp_path / "lake"), Settings()
    ingest_sources([str(real_data / "bucket" / "opensearch-catalog")], lake, settings)
    for relation in ("archives", "events", "deliveries"):
        row = run_query(lake, f"select * from {relation} limit 1", settings).to_pylist()[0]
        texts = {name: value for name, value in row.items() if isinstance(value, str) and len(value) < 500}
        assert len(texts) >= 10
        counts = ", ".join(
            f"(select count(*) from {relation} where {name} = {quote_text(value)}) as {name}"
            for name, value in texts.items()
        )
        found = run_query(lake, f"select {counts}", settings).to_pylist()[0]
        assert [name for name, count in found.items() if count == 0] == []
