"""Checks after a build: the grain that a header promises is the grain that the rows have.

What enters: a connection and a built relation. What leaves: nothing, or a ``ModelError``. This module must never
repair what it finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from pipeline.errors import Location, ModelError
from pipeline.models.folder import Model

_UNSTORABLE = re.compile(r"\b(U(TINY|SMALL|BIG|HUGE)?INT(EGER)?|HUGEINT)\b")


def audit_columns(model: Model, actual: Iterable[str], known: Iterable[str]) -> None:
    """Compare a model's output with its header.

    Args:
        model: what was built.
        actual: its columns, in order.
        known: columns that need no entry: AWS's own and those of inputs.

    Raises:
        ModelError: a described column is missing, a new one is not described, or the grain or order is no column.
    """
    columns = list(actual)
    header = model.header
    missing = sorted((set(header.columns) | set(header.grain) | set(header.order)) - set(columns))
    silent = sorted(set(columns) - set(header.columns) - set(known))
    if header.stored == "by event_date" and "event_date" not in columns:
        missing.append("event_date")
    if missing:
        raise model.error(f"its header names columns that it does not have: {', '.join(missing)}")
    if silent:
        raise model.error(f"its header does not describe {', '.join(silent)}")


def audit_types(model: Model, types: Mapping[str, str]) -> None:
    """Refuse types that a Delta table would change: what is read back must be what was made.

    Raises:
        ModelError: a column is unsigned or wider than 64 bits.
    """
    for column, kind in types.items():
        if _UNSTORABLE.search(kind):
            raise model.error(f"its column {column} is {kind}, which Delta tables do not have: cast it to bigint")


def audit_grain(connection: duckdb.DuckDBPyConnection, model: Model, relation: str, *, where: str = "true") -> int:
    """Check that the grain is unique and never null in ``relation``.

    Returns:
        Its number of rows, which had to be counted for that.

    Raises:
        ModelError: it is not; names the first offending key.
    """
    keys = ", ".join(model.header.grain)
    shown = ", ".join(f"{key}::varchar" for key in model.header.grain)
    nulls = " or ".join(f"{key} is null" for key in model.header.grain)
    # Eight bytes a row settle it nearly always, sorted rather than counted apart, which costs DuckDB as much as reading
    # them; only where two hashes agree are the keys themselves compared.
    found = connection.execute(
        f"select hash({keys}) as key_hash, {nulls} as is_null from {relation} where {where}"  # noqa: S608 - from headers
    ).fetchnumpy()
    hashes = found["key_hash"]
    hashes.sort()
    if not found["is_null"].any() and not (hashes[1:] == hashes[:-1]).any():
        return len(hashes)
    rows = connection.execute(
        f"select {shown}, count(*) from {relation} where {where} group by {keys}"  # noqa: S608 - names from headers
        f" having count(*) > 1 or {nulls} order by all limit 1"
    ).fetchall()
    for row in rows:
        key = dict(zip(model.header.grain, row[:-1], strict=True))
        raise model.error(f"its grain is not unique or null: {row[-1]} row(s) for {key!r}")
    return len(hashes)


def load_audits(folder: Path) -> Mapping[str, tuple[str, Path]]:
    """Return the audits of ``folder/audits``: queries that must find no row."""
    return {path.stem: (path.read_text(encoding="utf-8"), path) for path in sorted((folder / "audits").glob("*.sql"))}


def run_audit(connection: duckdb.DuckDBPyConnection, name: str, sql: str, path: Path) -> None:
    """Run one audit.

    Raises:
        ModelError: it found a row, which is shown.
    """
    for row in connection.sql(sql).limit(1).to_arrow_table().to_pylist():
        raise ModelError(f"audit {name} found {row!r}", location=Location(path.absolute().as_uri()))
