"""A plan as Markdown for people.

What enters: a ``Plan``. What leaves: text. This module must never let a string of the account end the line, the code
block or the list that it stands in.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.remediation.steps import Plan, Step


def render_plan(plan: Plan) -> str:
    """The plan as Markdown, steps in order, then what was left alone and what survives."""
    lines = [f"# Plan {plan.plan_id}", "", f"Account {plan.account_id}. IAM changes take seconds to apply everywhere."]
    for number, step in enumerate(plan.steps, start=1):
        lines += ["", f"## {number}. {_flat(step.changes)}", "", *_describe(step)]
    lines += _list("Left alone", [f"{item.subject}: {item.reason}" for item in plan.refused])
    lines += _list("What survives", plan.survives)
    return "\n".join(lines) + "\n"


def _describe(step: Step) -> list[str]:
    entry = step.to_json()
    lines = [f"Step `{_flat(step.id)}`"]
    lines += [f"Because of events: {_flat(', '.join(step.why))}"] if step.why else []
    lines += [f"**{_flat(step.warning)}**"] if step.warning else []
    if step.after:
        days = f"{step.wait_days} days" if step.wait_days else "at once"
        lines.append(f"Waits for step {_flat(step.after)}, then {days}: run `apply` again.")
    if step.is_manual:
        lines.append("Done by a person; `apply` leaves it out.")
    elif step.inverse is None:
        lines.append("Cannot be undone: `apply` needs `--confirm` with its id.")
    lines += ["", *(f"1. {_flat(text)}" for text in step.console), "", *_block(entry["cli"])]
    return [*lines, "", *_block(entry["python"])]


def _list(title: str, items: Sequence[str]) -> list[str]:
    return ["", f"## {title}", "", *(f"- {_flat(item)}" for item in items)] if items else []


def _flat(text: str) -> str:
    """One line without markup: control characters go, what starts markup is escaped."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return "".join(f"\\{character}" if character in "\\`*<>[]" else character for character in plain)


def _block(text: str) -> list[str]:
    fence = "`" * 3
    while fence in text:
        fence += "`"
    return [fence, *text.rstrip("\n").splitlines(), fence]
