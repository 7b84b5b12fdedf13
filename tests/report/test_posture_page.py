"""The posture page: what it says, and that names of the account cannot make it say or do anything else."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from pipeline.report import render_posture_page
from pipeline.report.posture_page import MAX_ROWS
from tests.hostile_values import HOSTILE


class Page(HTMLParser):
    """Tags with their attributes, and the text of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep text."""
        self.text += data


def check(status: str = "fail", severity: str = "high", **more: Any) -> dict[str, Any]:
    """One entry of policytrail.posture/1."""
    entry = {"id": "user_mfa", "resource": "arn:aws:iam::111122223333:user/ann", "detail": "console user without MFA"}
    return entry | {"status": status, "severity": severity, "evidence": {"user": "ann"}} | more


def render(*checks: dict[str, Any]) -> str:
    """The page of an account."""
    posture = {"schema": "policytrail.posture/1", "account_id": "111122223333", "checks": list(checks)}
    return render_posture_page(posture).decode("utf-8")


def test_weak_points_come_first_by_severity_and_unknown_is_said() -> None:
    """The headline counts; what could not be read stands apart; the same input gives the same bytes."""
    checks = [
        check(severity="low", id="unused_credential", detail="password never used"),
        check(severity="critical", id="root_mfa", detail="root has no MFA"),
        check(status="unknown", severity="info", id="role_inline_policy", detail="could not be read: AccessDenied"),
        check(status="pass"),
    ]
    html = render(*checks)
    page = Page(html)
    assert "2 weak points; 1 check could not be made" in page.text
    assert page.text.index("root has no MFA") < page.text.index("password never used")
    assert page.text.index("password never used") < page.text.index("could not be read: AccessDenied")
    assert html == render(*checks)
    assert "No weak point was found" in Page(render(check(status="pass"))).text


def test_the_page_runs_nothing_and_its_style_has_the_hash_that_the_policy_names() -> None:
    """No script, no handler, no link out; default-src 'none'."""
    html = render(check())
    page = Page(html)
    policy = next(given["content"] for tag, given in page.tags if given.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert "script" not in {tag for tag, _ in page.tags}
    assert [given for _, given in page.tags if any(name.startswith("on") for name in given)] == []
    assert {given["href"][:1] for tag, given in page.tags if tag == "a" and given["href"]} == {"#"}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_name_adds_no_markup(text: str) -> None:
    """Whatever a user is called, the page has the tags and attributes that it has for ann."""
    plain = Page(render(check(), check(status="unknown")))
    hostile = {"resource": text, "detail": text, "id": text, "evidence": {text: text}}
    odd = Page(render(check(**hostile), check(status="unknown", **hostile)))
    assert [(tag, sorted(given)) for tag, given in odd.tags] == [(tag, sorted(given)) for tag, given in plain.tags]
    severe = Page(render(check(severity=text), check(status="unknown")))
    assert [given["class"] for tag, given in severe.tags if tag == "span"] == ["chip ", "chip high"]


def test_what_is_cut_is_said() -> None:
    """A table has an end; how many there are beyond is said."""
    users = [f"arn:aws:iam::111122223333:user/u{number}" for number in range(MAX_ROWS + 3)]
    page = Page(render(*(check(resource=name) for name in users)))
    assert f"{MAX_ROWS} of {MAX_ROWS + 3:,}" in page.text
