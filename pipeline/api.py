"""A lake in a notebook: ``open_lake(path)`` and five questions, each answered as a polars frame.

What enters: a lake that is built. What leaves: polars frames. This module must never write to the lake, and never
let SQL reach anything but it.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.errors import UsageError
from pipeline.jobs.explain import explain_subject, read_findings
from pipeline.jobs.query import run_query
from pipeline.models import quote_text
from pipeline.report import clean_lines, clean_text
from pipeline.settings import Settings, load_settings


class Frame(pl.DataFrame):
    """A polars frame of text from logs: its values are exactly as logged, and what is printed of them is cleaned.

    Frames that polars derives from it are plain ones; in a notebook ``open_lake`` has all frames shown like this.
    """

    def __str__(self) -> str:
        return clean_lines(super().__str__())

    def __repr__(self) -> str:
        return self.__str__()

    def _repr_html_(self, *, _from_series: bool = False) -> str:
        return clean_lines(super()._repr_html_(_from_series=_from_series))


def show_frames_cleaned(shell: Any) -> None:
    """Have a notebook show every polars frame without control, bidirectional or invisible characters.

    Args:
        shell: IPython's, or ``None`` outside of one.
    """
    if shell is None:
        return
    formatters = shell.display_formatter.formatters
    formatters["text/html"].for_type(pl.DataFrame, lambda frame: clean_lines(frame._repr_html_()))
    formatters["text/plain"].for_type(pl.DataFrame, lambda frame, out, cycle: out.text(clean_lines(str(frame))))


class OpenLake:
    """A lake, open for reading. Frames hold text exactly as logged, and show it cleaned."""

    def __init__(self, path: str, settings: Settings) -> None:
        self.path = path
        self._settings = settings

    def __repr__(self) -> str:
        return f"<PolicyTrail lake at {clean_text(self.path)}>"

    def _repr_html_(self) -> str:
        return f"<p>PolicyTrail lake at <code>{escape(clean_text(self.path))}</code></p>"

    def sql(self, statement: str) -> pl.DataFrame:
        """Run one SELECT over ``events``, ``deliveries``, ``archives``, ``quarantine`` and the models.

        Args:
            statement: DuckDB SQL, one SELECT; it can read nothing else and write nothing.

        Returns:
            Its rows.

        Raises:
            UsageError: it is no single SELECT, or names what is not there.
        """
        frame = pl.from_arrow(run_query(self.path, statement, self._settings))
        if not isinstance(frame, pl.DataFrame):
            raise UsageError("the query gave no table")
        return Frame(frame)

    def timeline(self, principal: str | None = None, *, target: str | None = None) -> pl.DataFrame:
        """Every PutRolePolicy attempt, in order; of one principal (ARN of actor or root) or on one role, if given."""
        wanted = []
        if principal is not None:
            name = quote_text(principal)
            wanted.append(f"(principal_arn = {name} or root_principal_arn = {name})")
        if target is not None:
            wanted.append(f"target_role_arn = {quote_text(target)}")
        where = f" where {' and '.join(wanted)}" if wanted else ""
        return self.sql(f"select * from fct_role_policy_timeline{where} order by event_time, event_id")  # noqa: S608 - quoted

    def findings(self) -> pl.DataFrame:
        """The findings, one row each, in the order of findings.json; nested members as structs and lists."""
        rows = [finding.to_json() for finding in read_findings(self.path, self._settings)]
        return Frame(rows, infer_schema_length=None) if rows else Frame({"finding_id": []})

    def chain(self, finding_id: str) -> pl.DataFrame:
        """The edges of one finding's chain, in order: from, to, edge, confidence, event_id.

        Raises:
            UsageError: no such finding.
        """
        for finding in read_findings(self.path, self._settings):
            if finding.finding_id == finding_id:
                schema = {"from": pl.String, "to": pl.String, "edge": pl.String, "confidence": pl.Float64}
                return Frame([edge.to_json() for edge in finding.chain], schema=schema | {"event_id": pl.String})
        raise UsageError(f"no finding {finding_id!r} in this lake", hint="findings() lists them")

    def explain(self, subject: str) -> dict[str, Any]:
        """The whole story of a finding, event, access key, principal or address, as ``policytrail explain --json``."""
        return explain_subject(self.path, subject, self._settings)


def open_lake(path: str | Path, *, settings: Settings | None = None) -> OpenLake:
    """Open a lake for reading.

    Args:
        path: folder or ``s3://bucket/prefix`` that ``policytrail run`` wrote.
        settings: how to reach S3; read from the environment and ``policytrail.toml`` where not given.

    Returns:
        The lake. Nothing is read before it is asked for.
    """
    running = sys.modules.get("IPython")
    show_frames_cleaned(None if running is None else running.get_ipython())
    return OpenLake(str(path), load_settings() if settings is None else settings)
