"""Labels survive their JSON form."""

from __future__ import annotations

import json

from pipeline.simulate import LABELS_SCHEMA, read_label
from tests.simulate.conftest import Made


def test_labels_json_reads_back_as_it_was(full: Made) -> None:
    """Every label of a full corpus is the same after a round trip through JSON."""
    data = json.loads(json.dumps(full.corpus.labels_json()))
    assert data["schema"] == LABELS_SCHEMA
    assert [read_label(item) for item in data["instances"]] == full.corpus.labels
    assert data["planned_events"] + data["background_events"] == 9_000


def test_edges_are_written_as_findings_write_them(full: Made) -> None:
    """``from``, ``to``, ``edge``, ``event_id``, and ids of copies."""
    item = full.corpus.labels[0].to_json()["chain"][0]
    assert list(item) == ["from", "to", "edge", "event_id", "copies"]
