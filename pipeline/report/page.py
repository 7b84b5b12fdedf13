"""report.html: one file that opens offline, runs nothing and asks the network for nothing.

What enters: a ``ReportInput``. What leaves: HTML bytes. This module must never print a value that did not pass
``finalize`` (cleaned, keys masked, cut) and autoescape, nor put one into a style, a script, a URL or a comment.

Source: W3C "Content Security Policy Level 3"; OWASP "Cross Site Scripting Prevention".
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.finding import SEVERITIES, Finding
from pipeline.report.csv_files import TIMELINE_COLUMNS, select_columns
from pipeline.report.environment import make_environment, read_style
from pipeline.report.finding_view import view_finding
from pipeline.report.heat_maps import draw_coverage, draw_scores
from pipeline.report.overview_view import view_overview
from pipeline.report.report_input import ReportInput
from pipeline.report.run_file import check_run
from pipeline.report.table_view import choose_timeline, view_table
from pipeline.report.timeline_chart import draw_timeline

if TYPE_CHECKING:
    from jinja2 import Environment

MAX_CARDS = 120
"""Findings shown in full; the rest are lines of the list above them, and whole in findings.json."""

CARDS_BYTES = 3_000_000
"""No further card once the cards have this size: a page that hostile values swell must still open."""


def render_report(report: ReportInput) -> bytes:
    """Render the page.

    Args:
        report: all that is shown.

    Returns:
        A self-contained HTML document, UTF-8; the same input gives the same bytes.

    Raises:
        ReportError: the run's counts do not add up, or a table lacks a column.
    """
    check_run(report.run)
    findings = sorted(report.findings, key=Finding.sort_key)
    style, style_hash = read_style()
    environment = make_environment(show_keys=report.show_keys)
    cards, anchors = _render_cards(environment, report, findings)
    html = environment.get_template("report.html.j2").render(
        style=style,
        style_hash=style_hash,
        report=report,
        run=report.run,
        overview=view_overview(findings, report.run),
        findings=findings,
        lines=_split(findings, list(zip_longest(findings, anchors, fillvalue=""))),
        cards=_split(findings, cards),
        **_view_tables(report, findings, anchors),
    )
    return html.encode("utf-8")


def _is_notable(finding: Finding) -> bool:
    return SEVERITIES.index(finding.severity) >= SEVERITIES.index("medium")


def _split(findings: list[Finding], items: list[Any]) -> tuple[list[Any], list[Any]]:
    """Items of the findings of medium severity and above, and of the others: a score can be high where a rule caps
    the severity, so the order by score does not part them."""
    pairs = list(zip(findings, items, strict=False))
    return [item for one, item in pairs if _is_notable(one)], [item for one, item in pairs if not _is_notable(one)]


def _render_cards(
    environment: Environment, report: ReportInput, findings: list[Finding]
) -> tuple[list[Any], list[str]]:
    """Cards, autoescaped by their own template, as far as they fit; and the anchor of each."""
    from markupsafe import Markup

    template = environment.get_template("card.html.j2")
    cards: list[Any] = []
    anchors: list[str] = []
    size = 0
    for number, finding in enumerate(findings[:MAX_CARDS], start=1):
        view = view_finding(finding, number, report.steps, show_keys=report.show_keys)
        # What the template returns has been escaped by it.
        card = Markup(template.render(card=view))  # noqa: S704
        size += len(card)
        if size > CARDS_BYTES and cards:
            break
        cards.append(card)
        anchors.append(view.anchor)
    return cards, anchors


def _view_tables(report: ReportInput, findings: list[Finding], anchors: list[str]) -> dict[str, Any]:
    timeline = select_columns(report.timeline, TIMELINE_COLUMNS, "fct_role_policy_timeline")
    by_event: dict[str, str] = {}
    for finding, anchor in zip(findings, anchors, strict=False):
        for item in finding.evidence:
            by_event.setdefault(item.event_id, anchor)
    cited = {item.event_id for finding in findings if _is_notable(finding) for item in finding.evidence}
    return {
        "timeline": choose_timeline(timeline, cited),
        "anchors": by_event,
        "chart": draw_timeline(timeline, cited, show_keys=report.show_keys),
        "score_map": draw_scores(report.scores, show_keys=report.show_keys),
        "coverage_map": draw_coverage(report.coverage) if report.coverage is not None else None,
        "principals": view_table(report.principals, "principals"),
        "own_actions": view_table(report.own_actions, "own_actions"),
        "quarantine": view_table(_quarantine_table(report), "quarantine"),
    }


def _quarantine_table(report: ReportInput) -> pa.Table:
    if report.quarantine is not None:
        return report.quarantine
    entries = report.run["quarantine"]
    return pa.table(
        {
            "archive_uri": pa.array([entry["uri"] for entry in entries], pa.string()),
            "record_index": pa.array([entry["record_index"] for entry in entries], pa.int64()),
            "reason": pa.array([entry["reason"] for entry in entries], pa.string()),
        }
    )
