"""The template environment that every page is made with, and the style sheet with its hash.

What enters: values of any kind. What leaves: text that is cleaned, masked, cut and escaped. This module must never mark
anything as safe but the program's own style sheet.

Source: W3C "Content Security Policy Level 3"; OWASP "Cross Site Scripting Prevention".
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pipeline.finding import format_time
from pipeline.report.cleaning import present_text
from pipeline.report.principal_label import label_principal, mask_ends, shorten

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TEXT_LIMIT = 2000


def read_style() -> tuple[Markup, str]:
    """The style sheet, and its hash as a Content-Security-Policy names it."""
    from markupsafe import Markup

    # Line feeds only: the hash is taken over what the browser's parser sees, and that normalises line ends.
    style = (files("pipeline.report") / "templates" / "style.css").read_text(encoding="utf-8").replace("\r\n", "\n")
    digest = base64.b64encode(hashlib.sha256(style.encode("utf-8")).digest()).decode("ascii")
    # Style and hash are the program's own; nothing else is ever marked as safe.
    return Markup(style), f"sha256-{digest}"  # noqa: S704


def _make_finalize(show_keys: bool) -> Callable[[Any], Any]:
    """The one gate that every printed value passes; markup that a macro already escaped is let through."""
    from markupsafe import Markup

    def finalize(value: Any) -> Any:
        if type(value) is str:  # nearly all
            return present_text(value, limit=_TEXT_LIMIT, show_keys=show_keys)
        if isinstance(value, Markup):
            return value
        if value is None:
            return ""
        if isinstance(value, (bool, int, float)):
            return str(value)
        text = format_time(value) if isinstance(value, datetime) else str(value)
        return present_text(text, limit=_TEXT_LIMIT, show_keys=show_keys)

    return finalize


def _read_time(value: Any) -> str:
    """A time as people read it: no T, no Z; the page says once that all times are UTC."""
    if isinstance(value, datetime):
        value = format_time(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value or "").replace("T", " ", 1).removesuffix("Z")


def _write_number(value: float) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


TEMPLATES = ("report.html.j2", "card.html.j2", "charts.html.j2", "tables.html.j2", "looked_at.html.j2")
"""Of the report page."""


def prepare_templates(*, show_keys: bool) -> None:
    """Compile the page's templates before they are asked for: a third of a second that can pass beside other work."""
    environment = make_environment(show_keys=show_keys)
    for name in TEMPLATES:
        environment.get_template(name)


@cache
def make_environment(*, show_keys: bool) -> Environment:
    """The environment of the page's templates: autoescape, and the gate before it; made once for each kind."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    folder = files("pipeline.report") / "templates"

    def load(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    environment = Environment(
        loader=FunctionLoader(load),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_make_finalize(show_keys),
    )

    def short(value: Any, width: int) -> str:
        return shorten(mask_ends("" if value is None else str(value), show_keys=show_keys), width)

    def principal(value: Any, width: int = 48) -> Any:
        return label_principal(value, width=width, show_keys=show_keys)

    environment.filters.update(short=short, principal=principal, when=_read_time, number=_write_number, count=_count)
    environment.globals["newline"] = Markup("\n")
    return environment
