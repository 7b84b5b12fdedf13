"""Every finding on the real sets, reviewed by hand; why each is right stands beside it.

The sets hold an hour or single events of an account, so nobody's past is known: what a grant means decides, and the
reasons say that baselines were missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from pipeline.finding import Finding
from pipeline.findings import collect_findings
from pipeline.jobs.build import build_lake
from pipeline.jobs.ingest import ingest_sources
from pipeline.jobs.query import run_query
from pipeline.settings import IngestSettings, Settings

SETTINGS = Settings(ingest=IngestSettings(workers=1))
RELATIONS = ("fct_findings", "fct_finding_evidence", "fct_finding_reasons", "fct_escalation_chains")


@dataclass(frozen=True)
class Reviewed:
    """One expected finding, and why it is right."""

    why: str
    finding_class: str
    severity: str
    status: str
    principal: str
    target: str
    grants: tuple[str, ...]
    reasons: tuple[str, ...]


EXPECTED: Mapping[str, tuple[Reviewed, ...]] = {
    "invictus-aws_dataset": (
        Reviewed(
            why=(
                "AmazonSSMManagedInstanceCore on a role made a moment before, after dozens of denied GetPasswordData"
                " calls of the same lineage: wide Systems Manager rights, nobody's past known. The two Terraform"
                " PutRolePolicy beside it grant ec2:Describe* only and are no finding."
            ),
            finding_class="indeterminate",
            severity="medium",
            status="suspected",
            principal="arn:aws:iam::123837392027:user/bert-jan",
            target="arn:aws:iam::123837392027:role/stratus-red-team-ec2-steal-credentials-role",
            grants=("AttachRolePolicy",),
            reasons=("impact_t2", "no_baseline", "denial_burst", "anomaly"),
        ),
    ),
    "traildiscover": (
        Reviewed(
            why=(
                "Seventeen different permission changes, every one denied, thirteen within an hour; the PutRolePolicy"
                " among them names its role only in the message."
            ),
            finding_class="attempt",
            severity="medium",
            status="suspected",
            principal="arn:aws:iam::111111111111:user/TrailDiscover",
            target="arn:aws:iam::111111111111:role/TrailDiscover-Role",
            grants=(),
            reasons=("denied",),
        ),
        Reviewed(
            why="One denied CreatePolicy of a read-only session; its message names no policy.",
            finding_class="attempt",
            severity="low",
            status="suspected",
            principal=(
                "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_ReadOnlyAccess_ff7f8c5c5851aa11/TrailDiscover"
            ),
            target="",
            grants=(),
            reasons=("denied",),
        ),
    ),
    "opensearch-catalog": (),
    "stratus-red-team": (
        Reviewed(
            why=(
                "AdministratorAccess for a user made in the same second, and a key for it: a backdoor user. Nothing"
                " shows the key in use, so it stays suspected. The role of the sister technique gets"
                " AdministratorAccess under a deny-all boundary, which grants nothing: no finding."
            ),
            finding_class="privilege_escalation",
            severity="medium",
            status="suspected",
            principal="arn:aws:iam::229654561268:user/christophe",
            target="arn:aws:iam::229654561268:user/malicious-iam-user",
            grants=("AttachUserPolicy",),
            reasons=("impact_t4", "key_made", "no_baseline"),
        ),
        Reviewed(
            why="The trust of a role opened to an account outside; what the role may do was never seen.",
            finding_class="privilege_escalation",
            severity="medium",
            status="suspected",
            principal="arn:aws:iam::751203476945:user/christophe",
            target="arn:aws:iam::751203476945:role/stratus-red-team-backdoor-r-role",
            grants=("UpdateAssumeRolePolicy",),
            reasons=("impact_t3", "trust_opened", "delta_upper_bound", "no_baseline"),
        ),
    ),
}


@pytest.fixture(scope="module")
def build_set(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Take a set in and build its models, once for all tests; returns the lake's path."""

    @cache
    def build(name: str) -> str:
        lake = str(tmp_path_factory.mktemp("real") / name)
        ingest_sources([str(real_data / "bucket" / name)], lake, SETTINGS)
        build_lake(lake, SETTINGS)
        return lake

    return build


def read_findings(lake: str) -> list[Finding]:
    """Collect the findings of a lake, as the report does."""
    evidence, reasons, edges = (run_query(lake, f"select * from {name}", SETTINGS) for name in RELATIONS[1:])
    return collect_findings(run_query(lake, "select * from fct_findings", SETTINGS), evidence, reasons, edges)


def describe(finding: Finding) -> dict[str, Any]:
    """Return what was reviewed of a finding."""
    return {
        "class": finding.finding_class,
        "severity": finding.severity,
        "status": finding.status,
        "principal": finding.principal.arn,
        "target": finding.target.arn,
        "grants": tuple(item.event_name for item in finding.evidence if item.role == "grant"),
        "reasons": tuple(reason.code for reason in finding.reasons),
    }


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_real_set(name: str, build_set: Callable[[str], str]) -> None:
    """A real set gives exactly the reviewed findings, each resting on events that the lake holds."""
    lake = build_set(name)
    found = read_findings(lake)
    assert [describe(item) for item in found] == [
        {
            "class": item.finding_class,
            "severity": item.severity,
            "status": item.status,
            "principal": item.principal,
            "target": item.target,
            "grants": item.grants,
            "reasons": item.reasons,
        }
        for item in EXPECTED[name]
    ]
    known = set(run_query(lake, "select event_id from events", SETTINGS).column("event_id").to_pylist())
    assert {proof.event_id for item in found for proof in item.evidence} <= known


def test_terraform_puts_are_in_the_timeline_and_denied_put_keeps_its_role(build_set: Callable[[str], str]) -> None:
    """What is no finding is still in the timeline; a denied put stays there as denied, with the role of its message."""
    rows = {}
    for name in ("invictus-aws_dataset", "traildiscover"):
        query = (
            "select target_role_name, is_denied, delta_tier from fct_role_policy_timeline order by event_time, event_id"
        )
        rows[name] = run_query(build_set(name), query, SETTINGS).to_pylist()
    assert rows == {
        "invictus-aws_dataset": [
            {"target_role_name": "stratus-red-team-ec2-get-password-data-role", "is_denied": False, "delta_tier": "T0"},
            {"target_role_name": "stratus-red-team-ec2-steal-credentials-role", "is_denied": False, "delta_tier": "T0"},
        ],
        "traildiscover": [{"target_role_name": "TrailDiscover-Role", "is_denied": True, "delta_tier": None}],
    }
