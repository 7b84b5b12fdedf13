"""Titles and summaries say who, what, what came of it and how sure, and carry nothing but text."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from finding_rows import finding_row
from hypothesis import given
from hypothesis import strategies as st

from pipeline.findings.sentences import printable, short_name, write_summary, write_title

ROLE_SESSION = "arn:aws:sts::111122223333:assumed-role/deploy/ci"


@pytest.mark.parametrize(
    ("members", "title"),
    [
        ({}, "user/alice granted role/app administrator rights and used them"),
        ({"beneficiary": "own"}, "user/alice granted itself administrator rights and used them"),
        (
            {"beneficiary": "own", "used_action_count": 0, "delta_tier": "T3"},
            "user/alice granted itself rights that lead to administrator rights",
        ),
        (
            {"beneficiary": "outside", "trust_added": ["arn:aws:iam::999988887777:root"], "delta_tier": "T3"},
            "user/alice opened role/app, with rights that lead to administrator rights,"
            " to arn:aws:iam::999988887777:root",
        ),
        (
            {"class": "unauthorized_access", "delta_tier": "T2"},
            "user/alice granted role/app rights over data, secrets or a whole service,"
            " with signs that someone else acts in its name",
        ),
        ({"class": "resource_misuse"}, "user/alice, who may grant, gave role/app administrator rights"),
        (
            {"class": "indeterminate", "delta_tier": "T1", "target_count": 40},
            "user/alice granted role/app and 39 other targets narrow rights; too little is known to judge it",
        ),
        ({"class": "attempt", "denied_count": 1}, "user/alice was denied a permission change on role/app"),
        ({"class": "attempt", "denied_count": 7}, "user/alice was denied 7 permission changes on role/app"),
        (
            {"target_arn": "", "principal_arn": ROLE_SESSION},
            "assumed-role/deploy/ci granted a role that the record hides administrator rights and used them",
        ),
        (
            {"target_arn": "", "target_kind": "unknown"},
            "user/alice granted a principal that the record hides administrator rights and used them",
        ),
        (
            {"target_arn": "", "target_kind": "permission_set"},
            "user/alice granted a permission set that the record hides administrator rights and used them",
        ),
    ],
)
def test_title(members: dict[str, Any], title: str) -> None:
    """Each class says its own claim in one sentence."""
    assert write_title(finding_row(**members)) == title


def test_summary_names_the_root_beside_the_actor() -> None:
    """Where a session chain leads back to somebody, both are named."""
    text = write_summary(finding_row(actor_arn=ROLE_SESSION, is_denied_first=True))
    assert text.startswith(f"The record names {ROLE_SESSION}; the session chain leads back to arn:aws:iam::")
    assert "the same lineage having been denied before" in text


def test_summary_of_an_unused_grant_says_so() -> None:
    """No use seen is said, not left out."""
    row = finding_row(beneficiary=None, used_actions=[], used_action_count=0, status="suspected", compromise="high")
    assert "No use of it by the same lineage is seen. Suspected:" in write_summary(row)
    assert write_summary(row).endswith("; strong signs of compromise.")


def test_summary_of_an_attempt_says_that_nothing_was_granted() -> None:
    """An attempt makes no claim about what came of it."""
    assert write_summary(finding_row(**{"class": "attempt"}, denied_count=1)).endswith(
        "PutRolePolicy on role/app in account 111122223333 was denied once; nothing was granted."
    )


def test_hostile_names_stay_text() -> None:
    """Escape codes and direction marks of a log never reach a sentence; markup stays data for the report to escape."""
    hostile = "arn:aws:iam::1:user/\x1b[31m\u202e<script>\n"
    assert short_name(hostile) == "user/\ufffd[31m\ufffd<script>\ufffd"


def test_long_names_are_cut() -> None:
    """A megabyte of name does not make a megabyte of title."""
    assert printable("x" * 1_000_000) == "x" * 199 + "…"


@given(st.text())
def test_printable_text_has_no_control_characters(text: str) -> None:
    """Whatever a log holds, a sentence holds no control, format or surrogate character."""
    assert not {unicodedata.category(char) for char in printable(text)} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
