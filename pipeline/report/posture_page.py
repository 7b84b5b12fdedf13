"""The posture page: an account's weak points as one HTML file that opens offline.

What enters: a ``policytrail.posture/1`` dictionary. What leaves: HTML bytes. This module must never print a value that
did not pass the environment's gate: names of users and roles are data.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.finding import SEVERITIES
from pipeline.report.environment import make_environment, read_style

MAX_ROWS = 2_000
"""Rows of one table; the rest is said to be in the JSON."""

CHECK_WORDS = {
    "password_policy": "Password policy",
    "user_mfa": "Console user's MFA",
    "root_mfa": "Root's MFA",
    "root_access_key": "Root's access keys",
    "access_key_age": "Age of access keys",
    "unused_credential": "Unused credentials",
    "trail_multi_region": "Trail of every region",
    "trail_log_validation": "Log file validation",
    "trail_logging": "Trail is logging now",
    "trail_global_events": "IAM events reach a trail",
    "trail_encryption": "Trail's own KMS key",
    "role_inline_policy": "Role's inline policies",
}


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One check as a row; ``evidence`` is compact JSON, or ``""``."""

    check_id: str
    words: str
    status: str
    severity: str
    resource: str
    detail: str
    evidence: str


@dataclass(frozen=True, slots=True)
class CheckTable:
    """Rows of one status, as many as are shown, and how many there are."""

    rows: tuple[CheckRow, ...]
    total: int


def render_posture_page(posture: Mapping[str, Any]) -> bytes:
    """Render the page.

    Args:
        posture: the published form, as ``policytrail posture --json`` prints it.

    Returns:
        A self-contained HTML document, UTF-8; the same input gives the same bytes.
    """
    style, style_hash = read_style()
    rows = sorted((_view(check) for check in posture["checks"]), key=_order)
    tables = {status: _cut([row for row in rows if row.status == status]) for status in ("fail", "unknown", "pass")}
    severities = Counter(row.severity for row in rows if row.status == "fail")
    html = (
        make_environment(show_keys=False)
        .get_template("posture.html.j2")
        .render(
            style=style,
            style_hash=style_hash,
            account_id=posture["account_id"],
            headline=_headline(tables),
            severities=[(name, severities[name]) for name in reversed(SEVERITIES) if severities[name]],
            tables=tables,
            checks=_count_checks(rows),
        )
    )
    return html.encode("utf-8")


def _view(check: Mapping[str, Any]) -> CheckRow:
    evidence = json.dumps(check["evidence"], sort_keys=True, default=str) if check["evidence"] else ""
    words = CHECK_WORDS.get(check["id"], check["id"])
    return CheckRow(
        check["id"], words, check["status"], check["severity"], check["resource"], check["detail"], evidence
    )


def _order(row: CheckRow) -> tuple[int, str, str]:
    rank = -SEVERITIES.index(row.severity) if row.severity in SEVERITIES else 1
    return (rank, row.check_id, row.resource)


def _cut(rows: Sequence[CheckRow]) -> CheckTable:
    return CheckTable(tuple(rows[:MAX_ROWS]), len(rows))


def _headline(tables: Mapping[str, CheckTable]) -> str:
    weak, unknown = tables["fail"].total, tables["unknown"].total
    said = "No weak point was found" if not weak else f"{weak:,} weak point{'' if weak == 1 else 's'}"
    return said + (f"; {unknown:,} check{'' if unknown == 1 else 's'} could not be made" if unknown else "")


def _count_checks(rows: Sequence[CheckRow]) -> list[tuple[str, int, int, int]]:
    """Per kind of check: its words, and how many failed, passed and are unknown; failures first."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row.words, Counter())[row.status] += 1
    lines = [(words, one["fail"], one["unknown"], one["pass"]) for words, one in counts.items()]
    return sorted(lines, key=lambda line: (-line[1], -line[2], line[0]))
