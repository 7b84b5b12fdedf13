from __future__ import annotations

from datetime import UTC, date, datetime

from pipeline.models.params import model_params
from pipeline.settings import DetectionSettings


def test_every_threshold_is_a_parameter() -> None:
    """Settings become parameters by name, lists as lists; a run without bounds spans all time."""
    params = model_params(DetectionSettings(max_hops=3, allow_list=("arn:a",)))
    assert params["max_hops"] == 3
    assert params["allow_list"] == ["arn:a"]
    assert params["start_at"] == datetime(1970, 1, 1, tzinfo=UTC)
    assert params["end_at"] == datetime(9999, 12, 31, tzinfo=UTC)


def test_a_period_is_half_open() -> None:
    """The first day is in, the day after the last is out."""
    params = model_params(DetectionSettings(), since=date(2024, 3, 1), until=date(2024, 3, 8))
    assert (params["start_at"], params["end_at"]) == (
        datetime(2024, 3, 1, tzinfo=UTC),
        datetime(2024, 3, 8, tzinfo=UTC),
    )
