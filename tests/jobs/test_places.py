"""A run never writes into what it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import UsageError
from pipeline.jobs.places import refuse_overlap


@pytest.mark.parametrize(
    ("source", "lake", "out"),
    [
        ("logs", "logs/lake", None),
        (".", "lake", None),
        ("logs", "logs", None),
        ("logs", "lake", Path("logs/report")),
        ("s3://b/AWSLogs/", "s3://b/AWSLogs/lake", None),
        ("s3://b", "s3://b/lake", None),
    ],
)
def test_inside_a_source_is_refused(source: str, lake: str, out: Path | None) -> None:
    """The sentence names what lies where, and the option that helps."""
    with pytest.raises(UsageError, match="lies inside the source") as caught:
        refuse_overlap([source], lake, out)
    assert caught.value.hint is not None
    assert "--" in caught.value.hint


@pytest.mark.parametrize(
    ("source", "lake", "out"),
    [
        ("logs", "lake", Path("report")),
        ("logs", "logs-lake", None),
        ("s3://b/AWSLogs/", "s3://b/AWSLogs-lake", None),
        ("s3://b/AWSLogs/1", "s3://b/lake", None),
        ("logs/one", "logs/lake", None),
    ],
)
def test_beside_a_source_is_fine(source: str, lake: str, out: Path | None) -> None:
    """A name that merely begins alike is another place."""
    refuse_overlap([source], lake, out)
