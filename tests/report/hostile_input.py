"""A page's input with one hostile value in every field that a log, a bucket's key or a plan can reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pyarrow as pa

from pipeline.finding import ChainEdge, DeltaSummary, Finding, Principal, Reason, Target
from pipeline.report import ReportInput, build_coverage
from tests.hostile_values import has_utf8_form
from tests.report.samples import (
    COVERAGE_SCHEMA,
    SCORE_SCHEMA,
    TIMELINE_SCHEMA,
    make_coverage_table,
    make_finding,
    make_principals,
    make_run,
    make_scores,
    make_timeline,
)


def make_hostile_finding(value: str, number: int = 0) -> Finding:
    """A finding with the value in every string."""
    base = make_finding()
    evidence: Any = tuple(
        replace(
            item, event_id=f"{value}{index}", recipient_account_id=value, event_name=value, archive_uri=value,
            verification=value,
        )
        for index, item in enumerate(base.evidence)
    )  # fmt: skip
    return replace(
        base,
        finding_id=f"{value}{number}",
        title=value,
        summary=value,
        principal=Principal(value, value, value),
        target=Target(f"arn:aws:iam::{value}:role/{value}", value),
        path_ids=(value,),
        supersedes=(value,),
        delta=DeltaSummary("T4", "known", (value,) * 3, 3, (value,), (value,)),
        reasons=(Reason(value, value, 5),),
        evidence=evidence,
        chain=(
            ChainEdge(value, f"{value}1", "grant", 1.0, value),
            ChainEdge(f"{value}1", value, "use", 0.5, value),
            ChainEdge(value, value, "temporal", 0.5, value),
        ),
        remediation=(value, f"{value}2"),
    )


def _poison_table(table: pa.Table, schema: pa.Schema, value: str) -> pa.Table:
    """The table with the value in each of its text columns, one row a shape of ARN."""
    shaped = [value, f"arn:aws:iam::111122223333:user/{value}", f"AKIAIOSFODNN7EXAMPLE{value}"]
    columns = []
    for field in schema:
        column = table[field.name]
        if pa.types.is_string(field.type):
            column = pa.array([shaped[index % 3] for index in range(table.num_rows)], field.type)
        elif pa.types.is_list(field.type):
            column = pa.array([[value]] * table.num_rows, field.type)
        columns.append(column)
    return pa.table(columns, schema=schema)


def make_hostile_input(values: Iterable[str]) -> ReportInput:
    """The input of a page with a finding per value, and the tables full of the first that Arrow can hold."""
    values = list(values)
    value = next((item for item in values if has_utf8_form(item)), "")
    account = {
        "account_id": value, "region": value, "first_event_time": value, "last_event_time": value, "archives": 1,
        "events": 1, "hours_expected": 1, "hours_seen": 1, "missing": 0, "late": 0,
    }  # fmt: skip
    problem = {"uri": value, "kind": value, "verdict": value, "detail": value}
    coverage = build_coverage([account], verification={value: 1, "mismatch": 1}, problems=[problem])
    coverage["iam_visible"][value] = {"visible": False, "sentence": f"x{value}"}
    entry = {"uri": value, "record_index": 1, "reason": value}
    step = {
        "service": value, "operation": value, "console": [value], "cli": value, "python": value, "warning": value,
        "inverse": None,
    }  # fmt: skip
    quarantine = pa.table({"archive_uri": [value], "record_index": [1], "reason": [value], "detail": [value]})
    principals = make_principals()
    return ReportInput(
        findings=[make_hostile_finding(item, number) for number, item in enumerate(values)],
        run=make_run(version=value, sources=[value], coverage=coverage, quarantine=[entry], quarantine_total=1),
        timeline=_poison_table(make_timeline(6), TIMELINE_SCHEMA, value),
        scores=_poison_table(make_scores(6, people=6), SCORE_SCHEMA, value),
        principals=_poison_table(principals, principals.schema, value),
        coverage=_poison_table(make_coverage_table(6), COVERAGE_SCHEMA, value),
        quarantine=quarantine,
        period=(value, value),
        settings={value or "empty": value},
        steps={value: step},
        notes=(value,),
    )
