"""The evaluation as text."""

from __future__ import annotations

import json

from pipeline.jobs.evaluate_baselines import Baseline
from pipeline.jobs.evaluate_numbers import Numbers, count_corpus
from pipeline.jobs.evaluate_page import Setting, render_page, render_tables, summarise
from tests.jobs.test_evaluate_numbers import evidence, finding, label

SETTING = Setting((101,), 60_000, 14, 1)
BASELINES = {"every_put_role_policy": Baseline(2, 1, 10, 1, 14), "every_star_action": Baseline(2, 2, 4, 2, 14)}


def _numbers() -> Numbers:
    numbers = Numbers()
    missed = label(instance="own_role-2", grant_event_ids=("g2",), expected_class="resource_misuse")
    noise = finding("f2", evidence=(evidence("x1"),))
    count_corpus(numbers, [label(), missed], [finding(), noise], days=14, name="seed 101")
    return numbers


def test_the_last_line_holds_every_promised_figure() -> None:
    """Names and values of the JSON object; it survives JSON."""
    summary = summarise(_numbers(), BASELINES, SETTING)
    assert json.loads(json.dumps(summary)) == summary
    assert summary == {
        "schema": "policytrail.evaluation/1",
        "seeds": [101],
        "days": 14,
        "attacks": 2,
        "recall_strict": 0.5,
        "recall_loose": 0.5,
        "recall_strict_by_class": {"privilege_escalation": 1.0, "resource_misuse": 0.0},
        "recall_loose_by_class": {"privilege_escalation": 1.0, "resource_misuse": 0.0},
        "precision_medium": 0.5,
        "false_alarms_per_day_medium": 0.0714,
        "recall_at_1_per_day": 0.5,
        "recall_at_1_per_day_ceiling": 0.5,
        "recall_at_5_per_day": 0.5,
        "recall_at_5_per_day_ceiling": 1.0,
        "recall_at_20_per_day": 0.5,
        "recall_at_20_per_day_ceiling": 1.0,
        "chain_edge_recall": 0.5,
        "chain_edge_precision": 1.0,
        "root_principal_ratio": 1.0,
        "quiet_instances": 0,
        "quiet_violations": 0,
        "context_findings": 0,
        "unresolved_event_ids": 0,
        "baselines": {
            "every_put_role_policy": {"recall": 0.5, "precision": 0.1, "false_alarms_per_day": 0.6429},
            "every_star_action": {"recall": 1.0, "precision": 0.5, "false_alarms_per_day": 0.1429},
        },
    }


def test_the_page_says_figures_method_and_limits() -> None:
    """The page holds the tables, names its seeds, and says what it does not show."""
    numbers = _numbers()
    page = render_page(numbers, BASELINES, SETTING)
    assert "Seeds 101; each 14 days, 60,000 events of background" in page
    assert "| strict recall | 0.500 (1 of 2) |" in page
    assert "| resource_misuse | 1 | 0 |" in page, "the confusion matrix shows what was taken for nothing"
    assert "| every put role policy | 0.500 | 0.100 | 0.64 |" in page
    assert render_tables(numbers, BASELINES) in page
    assert "synthetic" in page
