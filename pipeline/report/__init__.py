"""report: findings and marts become HTML, JSON and CSV that are safe to open.

What enters: ``Finding`` objects, the run's dictionary (``policytrail.run/1``), Arrow tables of the marts. What leaves:
bytes, and text cleaned for a terminal or a spreadsheet. The room must never open a path of the user's, a socket or a
clock, and never hand on a string from a log as markup, formula or control sequence. The same input gives the same
bytes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.report.cleaning import clean_cell, clean_lines, clean_text, mask_key, mask_keys
    from pipeline.report.coverage import build_coverage, describe_iam_visibility
    from pipeline.report.csv_files import SCORE_COLUMNS, TIMELINE_COLUMNS, render_scores, render_timeline
    from pipeline.report.environment import prepare_templates
    from pipeline.report.json_files import render_findings, render_run
    from pipeline.report.page import render_report
    from pipeline.report.posture_page import render_posture_page
    from pipeline.report.report_input import ReportInput
    from pipeline.report.run_file import build_run, check_run

_HOMES = {
    "clean_cell": "cleaning",
    "clean_lines": "cleaning",
    "clean_text": "cleaning",
    "mask_key": "cleaning",
    "mask_keys": "cleaning",
    "build_coverage": "coverage",
    "describe_iam_visibility": "coverage",
    "SCORE_COLUMNS": "csv_files",
    "TIMELINE_COLUMNS": "csv_files",
    "render_scores": "csv_files",
    "render_timeline": "csv_files",
    "prepare_templates": "environment",
    "render_findings": "json_files",
    "render_run": "json_files",
    "render_report": "page",
    "render_posture_page": "posture_page",
    "ReportInput": "report_input",
    "build_run": "run_file",
    "check_run": "run_file",
}

__all__ = [
    "SCORE_COLUMNS",
    "TIMELINE_COLUMNS",
    "ReportInput",
    "build_coverage",
    "build_run",
    "check_run",
    "clean_cell",
    "clean_lines",
    "clean_text",
    "describe_iam_visibility",
    "mask_key",
    "mask_keys",
    "prepare_templates",
    "render_findings",
    "render_posture_page",
    "render_report",
    "render_run",
    "render_scores",
    "render_timeline",
]


def __getattr__(name: str) -> Any:
    # Lazy: the terminal needs clean_text on every call, and Jinja only where a page is made.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
