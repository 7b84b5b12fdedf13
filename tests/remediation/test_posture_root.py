"""Posture of the root user, in states that no server of the tests can be put into."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.remediation.posture import _check_root

ACCOUNT = "123456789012"


@pytest.mark.parametrize(
    ("summary", "told"),
    [
        (
            {"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 0},
            [("root_mfa", "pass", "root has MFA"), ("root_access_key", "pass", "root has no access key")],
        ),
        (
            {"AccountMFAEnabled": 1, "AccountAccessKeysPresent": 1},
            [("root_mfa", "pass", "root has MFA"), ("root_access_key", "fail", "root has an access key")],
        ),
        (
            {"AccountMFAEnabled": 0},
            [
                ("root_mfa", "fail", "root has no MFA"),
                ("root_access_key", "unknown", "the account summary has no AccountAccessKeysPresent"),
            ],
        ),
    ],
)
def test_root_is_judged_by_the_account_summary(summary: dict[str, Any], told: list[tuple[str, str, str]]) -> None:
    """A key or missing MFA of root fails; what the summary leaves out is unknown, not passed."""
    assert [(item.id, item.status, item.detail) for item in _check_root(summary, ACCOUNT)] == told
