"""The evaluation over the real pipeline: simulated, ingested, built, counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.jobs.evaluate import REPORT_SEEDS, main, run_seed


def test_a_small_corpus_goes_through_the_whole_pipeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One tuning seed with little background: most attacks are found, cited events exist, the last line is JSON."""
    page = tmp_path / "evaluation.md"
    code = main(["--seeds", "1", "--events", "1500", "--keep", str(tmp_path), "--page", str(page), "--misses"])
    lines = capsys.readouterr().out.splitlines()
    figures = json.loads(lines[-1])
    assert code == 0
    assert (figures["attacks"], figures["quiet_instances"], figures["days"]) == (24, 8, 14)
    assert figures["recall_loose"] >= 0.8
    assert figures["recall_strict"] <= figures["recall_loose"]
    assert figures["recall_loose"] > figures["baselines"]["every_star_action"]["recall"]
    assert figures["unresolved_event_ids"] == 0
    assert "## By scenario" in page.read_text()
    assert "## Missed" in lines


@pytest.mark.soak
def test_unseen_seeds_reach_the_promised_figures(tmp_path: Path) -> None:
    """What docs/evaluation.md reports holds on the reported seeds: the bars of the detection design."""
    from pipeline.jobs.evaluate import BACKGROUND_EVENTS, DAYS, evaluate
    from pipeline.jobs.evaluate_page import Setting, summarise

    numbers, baselines = evaluate(
        REPORT_SEEDS, background_events=BACKGROUND_EVENTS, days=DAYS, instances=1, keep=tmp_path
    )
    figures = summarise(numbers, baselines, Setting(REPORT_SEEDS, BACKGROUND_EVENTS, DAYS, 1))
    assert figures["recall_strict"] >= 0.95
    assert min(figures["recall_strict_by_class"].values()) >= 0.9
    assert figures["recall_loose"] >= 0.98
    assert figures["precision_medium"] >= 0.9
    assert figures["quiet_violations"] == 0
    assert figures["false_alarms_per_day_medium"] <= 1
    assert figures["chain_edge_recall"] >= 0.95
    assert figures["chain_edge_precision"] >= 0.97
    assert figures["unresolved_event_ids"] == 0


def test_a_seed_gives_labels_findings_and_writes(tmp_path: Path) -> None:
    """Everything that the counting needs comes from the folder alone, and what is cited exists."""
    result = run_seed(tmp_path, seed=2, background_events=500, days=14, instances=1)
    assert len(result.labels) == 32
    assert result.findings
    granted = {event for label in result.labels if label.scenario != "denied_put" for event in label.grant_event_ids}
    written = {row["event_id"] for row in result.writes}
    assert granted <= written
