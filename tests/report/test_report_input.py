"""The page's input: little of it is required."""

from __future__ import annotations

import dataclasses

import pytest

from pipeline.report import ReportInput
from tests.report.samples import SCORE_SCHEMA, TIMELINE_SCHEMA, make_run


def test_findings_run_and_two_marts_are_enough() -> None:
    """All else has a default that leaves its part of the page out; keys are masked by default."""
    report = ReportInput([], make_run(), TIMELINE_SCHEMA.empty_table(), SCORE_SCHEMA.empty_table())
    left = {field.name: getattr(report, field.name) for field in dataclasses.fields(report)[4:]}
    assert left == {
        "principals": None,
        "coverage": None,
        "quarantine": None,
        "own_actions": None,
        "period": ("", ""),
        "settings": {},
        "steps": {},
        "notes": (),
        "show_keys": False,
    }


def test_an_input_does_not_change_while_it_is_rendered() -> None:
    """It is frozen."""
    report = ReportInput([], make_run(), TIMELINE_SCHEMA.empty_table(), SCORE_SCHEMA.empty_table())
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.show_keys = True  # type: ignore[misc]
