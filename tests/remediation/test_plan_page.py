"""The Markdown of a plan: names of the account stand in it and end nothing."""

from __future__ import annotations

from pipeline.remediation import Plan, Refusal, Step, render_plan

NAME = "x` **bold** <img src=x> [a](b)\n# heading\n```\nend"


def test_a_hostile_name_opens_no_heading_block_or_tag() -> None:
    """Controls become blanks, markup is escaped, a fence grows longer than any in its block."""
    step = Step(
        id=f"s.{NAME}", finding_id="pt-1", why=("e1",), service="iam", operation="DeleteUser",
        parameters={"UserName": NAME}, console=(f"IAM > Users > {NAME}",), changes=f"Delete {NAME}",
    )  # fmt: skip
    page = render_plan(Plan("123456789012", (step,), (Refusal("pt-1", NAME, NAME),), (NAME,)))
    outside, fence = [], ""
    for line in page.splitlines():
        if not fence and line.startswith("```"):
            fence = line
        elif line == fence:
            fence = ""
        elif not fence:
            outside.append(line)
    assert fence == ""
    assert [line for line in outside if line.startswith("#")] == [
        f"# Plan {Plan('123456789012', (step,)).plan_id}",
        "## 1. Delete x\\` \\*\\*bold\\*\\* \\<img src=x\\> \\[a\\](b) # heading \\`\\`\\` end",
        "## Left alone",
        "## What survives",
    ]
    assert [line for line in outside if "<img" in line.replace("\\<", "")] == []
    assert "Cannot be undone" in page
    assert "Because of events: e1" in page
