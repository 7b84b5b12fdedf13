"""findings.json and run.json: published members in the published order, ASCII, the same bytes every time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.report import render_findings, render_run
from tests.hostile_values import HOSTILE
from tests.report.samples import ACCOUNT, ARCHIVE, make_attempt, make_finding, make_misuse, make_run

MEMBERS = [
    "finding_id", "class", "status", "severity", "score", "title", "summary", "principal", "target",
    "first_event_time", "last_event_time", "supersedes", "path_ids", "delta", "reasons", "evidence", "chain",
    "remediation",
]  # fmt: skip


def test_a_finding_has_every_published_member_in_order() -> None:
    """An attempt is written whole, member for member, as INTERFACE.md shows it."""
    attempt = make_attempt()
    document = json.loads(render_findings([attempt]))
    assert list(document) == ["schema", "findings"]
    assert list(document["findings"][0]) == MEMBERS
    who = f"arn:aws:iam::{ACCOUNT}:user/contractor-7"
    assert document == {
        "schema": "policytrail.findings/1",
        "findings": [
            {
                "finding_id": "f-0b5c11aa90de3377",
                "class": "attempt",
                "status": "suspected",
                "severity": "low",
                "score": 12,
                "title": attempt.title,
                "summary": attempt.summary,
                "principal": {"arn": who, "account_id": ACCOUNT, "actor_arn": who},
                "target": {"arn": attempt.target.arn, "account_id": ACCOUNT},
                "first_event_time": "2024-03-05T15:00:00Z",
                "last_event_time": "2024-03-05T15:00:00Z",
                "supersedes": [],
                "path_ids": [],
                "delta": {
                    "tier": "T3",
                    "state": "unknown",
                    "actions_added": [],
                    "actions_added_count": 0,
                    "denies_removed": [],
                    "conditions_dropped": [],
                },
                "reasons": [{"code": "denied", "text": "Denied by AWS", "points": 12}],
                "evidence": [
                    {
                        "event_id": attempt.evidence[0].event_id,
                        "recipient_account_id": ACCOUNT,
                        "event_time": "2024-03-05T15:00:00Z",
                        "event_name": "PutRolePolicy",
                        "role": "denied",
                        "archive_uri": ARCHIVE,
                        "record_index": 300,
                    }
                ],
                "chain": [],
                "remediation": [],
            }
        ],
    }


def test_findings_are_ordered_by_score_then_time_then_id() -> None:
    """The order does not depend on the order in which findings come."""
    base = make_finding()
    later = replace(base, finding_id="a", first_event_time=base.first_event_time + timedelta(seconds=1))
    same = replace(base, finding_id="f-0")
    findings = [make_attempt(), later, base, make_misuse(), same]
    ordered = ["f-0", "f-3c9a71e04b52d8aa", "a", "f-91d0e2c35a7b4410", "f-0b5c11aa90de3377"]
    assert [item["finding_id"] for item in json.loads(render_findings(findings))["findings"]] == ordered
    assert render_findings(findings) == render_findings(reversed(findings))


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_values_survive_as_ascii(name: str) -> None:
    """A hostile title reads back exactly, and the bytes hold nothing but printable ASCII and line feeds."""
    data = render_findings([make_finding(title=HOSTILE[name])])
    assert json.loads(data)["findings"][0]["title"] == HOSTILE[name]
    assert set(data) <= {10, *range(32, 127)}


def test_a_run_is_written_in_the_published_order() -> None:
    """Members come in INTERFACE.md's order whatever order they were given in; added ones follow."""
    run = make_run(period={"since": "2024-03-01"})
    shuffled = dict(sorted(run.items(), reverse=True))
    assert render_run(shuffled) == render_run(run)
    assert list(json.loads(render_run(shuffled))) == [
        "schema", "version", "started_at", "finished_at", "sources", "archives", "records", "coverage", "quarantine",
        "timings_seconds", "peak_rss_bytes", "quarantine_total", "period",
    ]  # fmt: skip
    assert json.loads(render_run(run)) == run
