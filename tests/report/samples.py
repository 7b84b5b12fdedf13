"""Made-up findings and tables for the report's tests: a small incident, a large one, and one hostile in every field."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from pipeline.finding import ChainEdge, DeltaSummary, Evidence, Finding, Principal, Reason, Target
from pipeline.report import ReportInput, build_coverage, build_run

START = datetime(2024, 3, 4, 8, 0, tzinfo=UTC)
ACCOUNT = "111122223333"
ARCHIVE = (
    "s3://trail-logs/AWSLogs/111122223333/CloudTrail/us-east-1/2024/03/05/"
    "111122223333_CloudTrail_us-east-1_20240305T1015Z_q7JkP2mN8xYt.json.gz"
)
ROOT = f"arn:aws:iam::{ACCOUNT}:user/dana.whitfield"
KEY = "AKIAIOSFODNN7EXAMPLE"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/ci-deploy/build-1881"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service/reporting-export"

TIMELINE_SCHEMA = pa.schema(
    [
        ("event_time", pa.timestamp("us", tz="UTC")),
        ("event_id", pa.string()),
        ("recipient_account_id", pa.string()),
        ("principal_arn", pa.string()),
        ("root_principal_arn", pa.string()),
        ("target_role_arn", pa.string()),
        ("policy_name", pa.string()),
        ("is_denied", pa.bool_()),
        ("delta_tier", pa.string()),
        ("actions_added_count", pa.int64()),
        ("is_self_target", pa.bool_()),
        ("anomaly_score", pa.float64()),
        ("source_ip_address", pa.string()),
        ("user_agent", pa.string()),
        ("archive_uri", pa.string()),
        ("record_index", pa.int32()),
    ]
)
SCORE_SCHEMA = pa.schema(
    [
        ("event_date", pa.date32()),
        ("recipient_account_id", pa.string()),
        ("principal_arn", pa.string()),
        ("anomaly_score", pa.float64()),
        ("surprise_bits", pa.float64()),
        ("frequency_bin", pa.string()),
        ("event_count", pa.int64()),
        ("policy_write_count", pa.int64()),
        ("denied_count", pa.int64()),
        ("first_seen_count", pa.int64()),
        ("baseline_event_count", pa.int64()),
        ("reasons", pa.list_(pa.string())),
    ]
)
COVERAGE_SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("region", pa.string()),
        ("hour_at", pa.timestamp("us", tz="UTC")),
        ("archive_count", pa.int64()),
        ("event_count", pa.int64()),
        ("state", pa.string()),
    ]
)


def make_evidence(role: Any, name: str, minute: int, **changes: Any) -> Evidence:
    """One cited event, ``minute`` minutes after the incident's start."""
    item = Evidence(
        event_id=f"5f0c{minute:04d}-9a41-4c56-8d0e-7b1f2c3d4e5f",
        recipient_account_id=ACCOUNT,
        event_time=START + timedelta(days=1, hours=2, minutes=minute),
        event_name=name,
        role=role,
        archive_uri=ARCHIVE,
        record_index=minute,
    )
    return replace(item, **changes)


def make_finding(**changes: Any) -> Finding:
    """A confirmed escalation: a stolen key assumes the CI role, is denied, grants another role, assumes and uses it."""
    evidence = (
        make_evidence("assume", "AssumeRole", 2, verification="verified"),
        make_evidence("denied", "GetSecretValue", 5, verification="verified"),
        make_evidence("grant", "PutRolePolicy", 9, verification="verified"),
        make_evidence("assume", "AssumeRole", 11, verification="verified"),
        make_evidence("use", "GetSecretValue", 14, verification="verified"),
        make_evidence("use", "GetSecretValue", 15, verification="pending"),
        make_evidence("use", "ListSecrets", 16, verification="pending"),
    )
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/reporting-export/x9"
    finding = Finding(
        finding_id="f-3c9a71e04b52d8aa",
        finding_class="privilege_escalation",
        status="confirmed",
        severity="critical",
        score=97,
        title="dana.whitfield's key gave reporting-export administrator permissions, assumed it and read secrets",
        summary=(
            "A key of dana.whitfield, from a network never seen for her, assumed ci-deploy, was denied "
            "secretsmanager:GetSecretValue, put an inline policy with full administrator permissions on "
            "reporting-export, assumed that role two minutes later and read two secrets."
        ),
        principal=Principal(arn=ROOT, account_id=ACCOUNT, actor_arn=SESSION),
        target=Target(arn=ROLE, account_id=ACCOUNT),
        first_event_time=evidence[0].event_time,
        last_event_time=evidence[-1].event_time,
        delta=DeltaSummary(
            tier="T4",
            state="known",
            actions_added=("iam:*", "kms:Decrypt", "s3:*", "secretsmanager:*", "sts:AssumeRole"),
            actions_added_count=612,
            conditions_dropped=("aws:MultiFactorAuthPresent", "aws:SourceIp"),
        ),
        path_ids=("iam-017",),
        reasons=(
            Reason("impact_t4", "The grant reaches administrator permissions", 60),
            Reason("denied_granted_used", "Denied, then granted, then used, by one lineage", 25),
            Reason("new_network", "First call from 198.51.100.0/24 in 412 earlier events", 12),
            Reason("baseline", "31 days of history before the first event", 0),
        ),
        evidence=evidence,
        chain=(
            ChainEdge(ROOT, KEY, "issued_key", 1.0, evidence[0].event_id),
            ChainEdge(KEY, SESSION, "assumed_role_id", 0.9, evidence[0].event_id),
            ChainEdge(SESSION, ROLE, "grant", 1.0, evidence[2].event_id),
            ChainEdge(ROLE, session, "issued_key", 1.0, evidence[3].event_id),
            ChainEdge(SESSION, session, "assumed_role_id", 0.9, evidence[3].event_id),
            ChainEdge(session, "secretsmanager.amazonaws.com", "use", 1.0, evidence[4].event_id),
        ),
        remediation=("contain-1", "restore-1", "rotate-1"),
    )
    return replace(finding, **changes)


def make_misuse() -> Finding:
    """A suspected misuse of medium severity, by an administrator on a role of their own."""
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_PlatformAdmin_0a1b2c3d4e5f6071/lee.ortega"
    grant = make_evidence("grant", "PutRolePolicy", 180)
    return make_finding(
        finding_id="f-91d0e2c35a7b4410",
        finding_class="resource_misuse",
        status="suspected",
        severity="medium",
        score=48,
        title="lee.ortega, who usually grants, let batch-runner read and write every bucket",
        summary="An authorised person widened s3:* to all buckets. No use of the new permission was seen.",
        principal=Principal(arn=who, account_id=ACCOUNT, actor_arn=who),
        target=Target(arn=f"arn:aws:iam::{ACCOUNT}:role/batch-runner", account_id=ACCOUNT),
        first_event_time=grant.event_time,
        last_event_time=grant.event_time,
        delta=DeltaSummary("T2", "upper_bound", ("s3:*",), 168),
        path_ids=(),
        reasons=(
            Reason("impact_t2", "Whole-service wildcard on wide resources", 40),
            Reason("rare_day", "Day above the 97th percentile", 8),
        ),
        evidence=(grant,),
        chain=(ChainEdge(who, f"arn:aws:iam::{ACCOUNT}:role/batch-runner", "grant", 1.0, grant.event_id),),
        remediation=("restore-2",),
    )


def make_attempt() -> Finding:
    """A low attempt whose role comes from the error message."""
    who = f"arn:aws:iam::{ACCOUNT}:user/contractor-7"
    denied = make_evidence("denied", "PutRolePolicy", 300)
    return make_finding(
        finding_id="f-0b5c11aa90de3377",
        finding_class="attempt",
        status="suspected",
        severity="low",
        score=12,
        title="contractor-7 was denied PutRolePolicy on OrganizationAccountAccessRole",
        summary="One denied call. The role is taken from the error message.",
        principal=Principal(arn=who, account_id=ACCOUNT, actor_arn=who),
        target=Target(arn=f"arn:aws:iam::{ACCOUNT}:role/OrganizationAccountAccessRole", account_id=ACCOUNT),
        first_event_time=denied.event_time,
        last_event_time=denied.event_time,
        delta=DeltaSummary("T3", "unknown"),
        path_ids=(),
        reasons=(Reason("denied", "Denied by AWS", 12),),
        evidence=(denied,),
        chain=(),
        remediation=(),
    )


def make_timeline(count: int = 60, *, people: int = 7, seed: int = 3) -> pa.Table:
    """Attempts spread over two weeks; the first is the sample finding's grant."""
    chance = random.Random(seed)
    names = ["ci-deploy", "terraform", "dana.whitfield", "lee.ortega", "platform-bootstrap", "cdk-exec", "contractor-7"]
    grant = make_finding().evidence[2]
    rows = [
        {
            "event_time": grant.event_time,
            "event_id": grant.event_id,
            "recipient_account_id": ACCOUNT,
            "principal_arn": SESSION,
            "root_principal_arn": ROOT,
            "target_role_arn": ROLE,
            "policy_name": "tmp-admin",
            "is_denied": False,
            "delta_tier": "T4",
            "actions_added_count": 612,
            "is_self_target": False,
            "anomaly_score": 99.7,
            "source_ip_address": "198.51.100.23",
            "user_agent": "Boto3/1.34.2 Botocore/1.34.2",
            "archive_uri": ARCHIVE,
            "record_index": 9,
        }
    ]
    for index in range(1, count):
        name = names[index % min(people, 7)] + ("" if people <= 7 else f"-{index % people}")
        arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
        rows.append(
            {
                "event_time": START + timedelta(seconds=chance.randrange(14 * 86400)),
                "event_id": f"e-{index:06d}",
                "recipient_account_id": ACCOUNT,
                "principal_arn": arn,
                "root_principal_arn": arn if index % 3 else None,
                "target_role_arn": f"arn:aws:iam::{ACCOUNT}:role/app-{index % 40}",
                "policy_name": f"inline-{index % 9}",
                "is_denied": chance.random() < 0.1,
                "delta_tier": chance.choice(["T0", "T0", "T1", "T1", "T2", None]),
                "actions_added_count": chance.randrange(40),
                "is_self_target": chance.random() < 0.05,
                "anomaly_score": round(100 * chance.random(), 2) if index % 4 else None,
                "source_ip_address": "203.0.113.9",
                "user_agent": "APN/1.0 HashiCorp/1.0 Terraform/1.7.4",
                "archive_uri": ARCHIVE,
                "record_index": index,
            }
        )
    rows.sort(key=lambda row: (row["principal_arn"], row["event_time"], row["event_id"]))
    return pa.Table.from_pylist(rows, schema=TIMELINE_SCHEMA)


def make_scores(days: int = 14, *, people: int = 12, seed: int = 5) -> pa.Table:
    """Principal-days; the first days have no score, for want of history."""
    chance = random.Random(seed)
    rows = []
    for person in range(people):
        for day in range(days):
            if chance.random() < 0.2:
                continue
            score = None if day < 3 else round(min(100.0, abs(chance.gauss(40, 28))), 2)
            if (person, day) == (2, 1 + days // 2):
                score = 99.83
            rows.append(
                {
                    "event_date": date(2024, 3, 4) + timedelta(days=day),
                    "recipient_account_id": ACCOUNT,
                    "principal_arn": f"arn:aws:iam::{ACCOUNT}:user/person-{person:02d}",
                    "anomaly_score": score,
                    "surprise_bits": round(chance.random() * 22, 3),
                    "frequency_bin": chance.choice(["RARE", "FREQUENT"]),
                    "event_count": chance.randrange(1, 400),
                    "policy_write_count": chance.randrange(3),
                    "denied_count": 0,
                    "first_seen_count": chance.randrange(4),
                    "baseline_event_count": 120 * day,
                    "reasons": ["action iam:PutRolePolicy: 9.1 bits", "hour 03: 5.2 bits"],
                }
            )
    return pa.Table.from_pylist(rows, schema=SCORE_SCHEMA)


def make_coverage_table(hours: int = 72) -> pa.Table:
    """Three lines of hours with a gap, late deliveries and silence that a digest vouches for."""
    chance = random.Random(9)
    rows = []
    for account, region in ((ACCOUNT, "us-east-1"), (ACCOUNT, "eu-west-1"), ("444455556666", "us-east-1")):
        for hour in range(hours):
            state = "empty" if chance.random() < 0.12 else "seen"
            if region == "eu-west-1" and 30 <= hour < 36:
                state = "missing"
            if account != ACCOUNT and hour in (50, 51):
                state = "late"
            events = 0 if state in ("empty", "missing") else chance.randrange(5, 900)
            at = START + timedelta(hours=hour)
            rows.append((account, region, at, 0 if not events else 1 + events // 200, events, state))
    columns = list(zip(*rows, strict=True))
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, COVERAGE_SCHEMA, strict=True)], COVERAGE_SCHEMA
    )


def make_run(**changes: Any) -> dict[str, Any]:
    """A run whose counts add up."""
    accounts = [
        {
            "account_id": account,
            "region": region,
            "first_event_time": "2024-03-04T08:00:12Z",
            "last_event_time": "2024-03-18T07:59:48Z",
            "archives": archives,
            "events": events,
            "hours_expected": 336,
            "hours_seen": 336 - missing,
            "missing": missing,
            "late": late,
        }
        for account, region, archives, events, missing, late in (
            (ACCOUNT, "us-east-1", 1290, 61_204, 0, 0),
            (ACCOUNT, "eu-west-1", 702, 20_118, 6, 0),
            ("444455556666", "us-east-1", 640, 18_402, 0, 2),
        )
    ]
    values: dict[str, Any] = {
        "version": "0.1.0",
        "started_at": START,
        "finished_at": START + timedelta(minutes=2),
        "sources": ["s3://trail-logs/AWSLogs/"],
        "archives": {"listed": 2700, "committed": 2632, "empty": 21, "quarantined": 3, "skipped": 44},
        "records": {"read": 101_912, "kept": 101_910, "distinct": 99_724, "duplicates": 2186, "quarantined": 2},
        "coverage": build_coverage(
            accounts, verification={"verified": 2610, "pending": 19, "missing": 6, "no_digest": 3}
        ),
        "quarantine": [
            {"uri": ARCHIVE.replace("q7Jk", "Zz9c"), "record_index": None, "reason": "truncated_gzip"},
            {"uri": ARCHIVE, "record_index": 17, "reason": "no_event_time"},
        ],
        "quarantine_total": 5,
        "timings_seconds": {"ingest": 61.2, "build": 12.0},
        "peak_rss_bytes": 700_000_000,
    }
    return build_run(**(values | changes))


def make_steps() -> dict[str, dict[str, Any]]:
    """Plan entries of two of the sample finding's three steps."""
    command = "aws iam put-role-policy --role-name reporting-export \\\n    --policy-name contain --policy-document file://deny.json"
    return {
        "contain-1": {
            "service": "iam",
            "operation": "PutRolePolicy",
            "cli": command,
            "console": ["IAM > Roles > reporting-export", "Revoke sessions > Revoke active sessions"],
            "python": "client.put_role_policy(RoleName='reporting-export', PolicyName='contain', PolicyDocument=deny)",
            "warning": "Every session of the role is cut off, the scheduled export's too.",
            "inverse": {"operation": "DeleteRolePolicy"},
        },
        "rotate-1": {
            "service": "iam",
            "operation": "UpdateAccessKey",
            "cli": f"aws iam update-access-key --user-name dana.whitfield --access-key-id {KEY} --status Inactive",
            "console": ["IAM > Users > dana.whitfield > Security credentials"],
            "python": "",
            "warning": "",
            "inverse": None,
        },
    }


def make_principals() -> pa.Table:
    """A few principals."""
    return pa.table(
        {
            "principal_arn": [ROOT, SESSION],
            "recipient_account_id": [ACCOUNT, ACCOUNT],
            "principal_kind": ["user", "session"],
            "first_event_time": pa.array([START, START], pa.timestamp("us", tz="UTC")),
            "last_event_time": pa.array([START, START], pa.timestamp("us", tz="UTC")),
            "event_count": [4122, 17],
            "policy_write_count": [1, 1],
            "denied_count": [3, 1],
            "max_anomaly_score": [99.7, None],
        }
    )


def make_input(findings: Sequence[Finding] | None = None, **changes: Any) -> ReportInput:
    """The small incident as the page's input."""
    values: dict[str, Any] = {
        "findings": [make_attempt(), make_finding(), make_misuse()] if findings is None else findings,
        "run": make_run(),
        "timeline": make_timeline(),
        "scores": make_scores(),
        "principals": make_principals(),
        "coverage": make_coverage_table(),
        "settings": {"lookback": "30 days", "allow-list": "2 principals"},
        "steps": make_steps(),
        "notes": ["31 days of history lie before the period; baselines rest on them."],
    }
    return ReportInput(**(values | changes))
