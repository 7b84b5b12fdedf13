"""What a lake keeps of one's own calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import LakeError
from pipeline.jobs.lake_access import open_job_lake
from pipeline.jobs.own_calls import KEPT_AS, hash_calls, keep_own_calls, kept_own_calls, tabulate_calls
from pipeline.remediation import OwnCall
from pipeline.settings import Settings

CALL = OwnCall("111122223333", "r1", "PutRolePolicy", "plan-1", "s1", "pt-1", "done")
UNDONE = OwnCall("111122223333", "r2", "DeleteRolePolicy", "plan-1", "s1", "pt-1", "rolled_back")


def test_calls_are_kept_once_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    """Telling a lake again adds nothing, and what it knows has another hash only when it knows more."""
    lake = open_job_lake(tmp_path / "lake", Settings(), create=True)
    assert kept_own_calls(lake) == []
    assert keep_own_calls(lake, [CALL, CALL]) == 1
    first = hash_calls(kept_own_calls(lake))
    assert keep_own_calls(lake, [CALL]) == 0
    assert hash_calls(kept_own_calls(lake)) == first
    assert keep_own_calls(lake, [UNDONE, CALL]) == 1
    assert kept_own_calls(open_job_lake(tmp_path / "lake", Settings())) == [CALL, UNDONE]
    assert hash_calls(kept_own_calls(lake)) != first
    assert [row["request_id"] for row in tabulate_calls([CALL, UNDONE, CALL]).to_pylist()] == ["r1", "r2"]


def test_a_damaged_file_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    """Nothing may pass for remediation by accident, nor be missed in silence."""
    lake = open_job_lake(tmp_path / "lake", Settings(), create=True)
    for content in (b"{", b'[{"request_id": "r1"}]', b"[1]"):
        lake.location.write_file(KEPT_AS, content)
        with pytest.raises(LakeError, match="is damaged"):
            kept_own_calls(lake)
