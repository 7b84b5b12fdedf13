"""All that the page is made from.

What enters and leaves: findings, the run's dictionary and Arrow tables, held together. This module must never compute
or read anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from pipeline.finding import Finding

PRINCIPAL_COLUMNS = (
    "principal_arn",
    "recipient_account_id",
    "principal_kind",
    "first_event_time",
    "last_event_time",
    "event_count",
    "policy_write_count",
    "denied_count",
    "max_anomaly_score",
)
"""Columns of ``principals`` that the page shows, as far as they are there."""

COVERAGE_COLUMNS = ("account_id", "region", "hour_at", "archive_count", "event_count", "state")
"""Columns of ``coverage``. ``state``: seen, empty (a digest vouches for silence), late, missing, unknown."""

OWN_ACTION_COLUMNS = (
    "event_time",
    "event_name",
    "phase",
    "target_role_name",
    "target_user_name",
    "user_identity_arn",
    "plan_id",
    "step_id",
    "event_id",
)
"""Columns of ``own_actions`` that the page shows, as far as they are there."""

QUARANTINE_COLUMNS = ("archive_uri", "record_index", "reason", "detail")
"""Columns of ``quarantine`` that the page shows, as far as they are there; ``schema.QUARANTINE`` has them all."""


@dataclass(frozen=True, slots=True)
class ReportInput:
    """What one report shows. There is no time of making in it: the same input gives the same page.

    Attributes:
        findings: in any order; the page orders them as findings.json does.
        run: a ``policytrail.run/1`` dictionary (``build_run``), checked again here. Its times, timings and peak
            memory are not shown, so that two runs over the same archives give the same page.
        timeline: ``fct_role_policy_timeline``, at least ``TIMELINE_COLUMNS``, in its order.
        scores: ``fct_principal_anomaly_scores``, at least ``SCORE_COLUMNS``.
        principals: one row per principal, any of ``PRINCIPAL_COLUMNS``; ``None`` leaves the table out.
        coverage: one row per account, region and hour, ``COVERAGE_COLUMNS``; ``None`` leaves the map out.
        quarantine: a sample of the quarantine, any of ``QUARANTINE_COLUMNS``; ``None`` shows run.json's entries.
        own_actions: events that were one's own remediation, any of ``OWN_ACTION_COLUMNS``; ``None`` leaves the table
            out.
        period: what was asked for (``--since``, ``--until``) as text; ``""`` where unbounded.
        settings: settings worth showing, name -> text: lookback, thresholds, allow-list sizes.
        steps: remediation step id -> its plan entry (``policytrail.plan/1``: why, cli, console, python, warning,
            inverse); an id without an entry is shown by itself.
        notes: sentences that belong at the top, e.g. that baselines were missing.
        show_keys: show access key ids in full; the default masks them.
    """

    findings: Sequence[Finding]
    run: Mapping[str, Any]
    timeline: pa.Table
    scores: pa.Table
    principals: pa.Table | None = None
    coverage: pa.Table | None = None
    quarantine: pa.Table | None = None
    own_actions: pa.Table | None = None
    period: tuple[str, str] = ("", "")
    settings: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    show_keys: bool = False
