"""The two simple rules that an evaluation compares with."""

from __future__ import annotations

import json

import pytest

from pipeline.jobs.evaluate_baselines import Baseline, count_baselines, names_star
from tests.jobs.test_evaluate_numbers import label


@pytest.mark.parametrize(
    ("document", "is_star"),
    [
        ({"Statement": [{"Effect": "Allow", "Action": "*"}]}, True),
        ({"Statement": {"Effect": "Allow", "Action": ["logs:Put", "s3:*"]}}, True),
        ({"Statement": [{"Effect": "Deny", "Action": "*"}]}, False),
        ({"Statement": [{"Effect": "Allow", "NotAction": "s3:GetObject"}]}, False),
        ({"Statement": [{"Effect": "Allow", "Action": "iam:Put????Policy"}]}, False),
        ({"Statement": ["odd"]}, False),
        (["odd"], False),
    ],
    ids=["star", "service star", "denied", "by exception", "by question marks", "odd statement", "odd document"],
)
def test_the_star_rule_reads_literally(document: object, is_star: bool) -> None:
    """It sees ``*`` and ``service:*`` of an Allow, URL-encoded too, and nothing that hides them."""
    text = json.dumps(document)
    assert names_star(text) == is_star
    assert names_star(text.replace("{", "%7B").replace("}", "%7D")) == is_star


@pytest.mark.parametrize("text", [None, "", "{broken"])
def test_what_is_no_document_raises_no_alarm(text: str | None) -> None:
    """Hidden and broken documents escape a text rule."""
    assert not names_star(text)


def test_alarms_are_counted_against_attacks_only() -> None:
    """Each rule's recall is over attacks, its precision over alarms; quiet instances make false alarms."""
    star = json.dumps({"Statement": [{"Effect": "Allow", "Action": "*"}]})
    narrow = json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:GetObject"}]})
    writes = [
        {"event_id": "g1", "event_name": "PutRolePolicy", "policy_document": star},
        {"event_id": "q1", "event_name": "PutRolePolicy", "policy_document": narrow},
        {"event_id": "g2", "event_name": "AttachRolePolicy", "policy_document": None},
        {"event_id": "n1", "event_name": "PutUserPolicy", "policy_document": star},
    ]
    labels = [
        label(),
        label(instance="attach-1", grant_event_ids=("g2",)),
        label(instance="routine-1", grant_event_ids=("q1",), is_quiet=True),
    ]
    baselines = {"every_put_role_policy": Baseline(), "every_star_action": Baseline()}
    count_baselines(baselines, writes, labels, days=4)
    assert baselines["every_put_role_policy"] == Baseline(attacks=2, attacks_found=1, alarms=2, right_alarms=1, days=4)
    assert baselines["every_star_action"] == Baseline(attacks=2, attacks_found=1, alarms=2, right_alarms=1, days=4)
    assert baselines["every_star_action"].to_json() == {
        "recall": 0.5, "precision": 0.5, "false_alarms_per_day": 0.25,
    }  # fmt: skip
