"""Every SQL model against its cases: ``tests/sql/<model>/<case>/{<input>.yaml, expect.yaml}``."""

from __future__ import annotations

import pytest
from sql_cases import Case, all_models, find_cases, run_case


@pytest.mark.parametrize("case", find_cases(), ids=str)
def test_model_case(case: Case) -> None:
    """A model turns the rows of a case into exactly the rows it expects, in the model's order."""
    actual, expected = run_case(case)
    assert actual == expected


@pytest.mark.parametrize("name", sorted(all_models()))
def test_every_model_has_a_case(name: str) -> None:
    """No model ships without a case that shows what it does."""
    assert any(case.model == name for case in find_cases())
