"""Runs one case of one SQL model: rows from YAML in, whole rows out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from pipeline import schema
from pipeline.models.audit import audit_columns, audit_grain
from pipeline.models.engine import EngineLimits, load_seed, open_engine
from pipeline.models.folder import Model, load_models, seed_files, sql_folder
from pipeline.models.params import model_params
from pipeline.settings import DetectionSettings

ROOT = Path(__file__).parent
OUTSIDE = {
    "lake_events": schema.EVENTS,
    "lake_archives": schema.ARCHIVES,
    "lake_quarantine": schema.QUARANTINE,
    "ext_policy_deltas": schema.EXT_POLICY_DELTAS,
    "ext_use_verdicts": schema.EXT_USE_VERDICTS,
    "ext_finding_ids": schema.EXT_FINDING_IDS,
    "ext_own_calls": schema.EXT_OWN_CALLS,
}
AWS_COLUMNS = frozenset(name for item in OUTSIDE.values() for name in item.names)


@dataclass(frozen=True)
class Case:
    """One folder ``tests/sql/<model>/<case>``."""

    model: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.model}/{self.folder.name}"


def find_cases() -> list[Case]:
    """Return every case; a folder of a model without ``expect.yaml`` in a case fails when it runs."""
    return [
        Case(model.name, folder)
        for model in sorted(path for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__")
        for folder in sorted(path for path in model.iterdir() if path.is_dir())
    ]


@cache
def all_models() -> Mapping[str, Model]:
    """Return the checkout's models by name, in build order."""
    return {model.name: model for model in load_models(sql_folder())}


def _defaults(row: Mapping[str, Any], columns: list[str]) -> dict[str, Any]:
    """Fill what follows from a row's other members, so that a fixture states only what matters."""
    filled = dict(row)
    if "event_time" in row and "event_date" in columns:
        filled.setdefault("event_date", row["event_time"].date())
    if "is_denied" in columns:
        filled.setdefault("is_denied", False)
    if "is_success" in columns:
        filled.setdefault("is_success", row.get("error_code") in (None, "200"))
    return filled


def _table(rows: list[Mapping[str, Any]], columns: pa.Schema, origin: Path) -> pa.Table:
    for row in rows:
        unknown = set(row) - set(columns.names)
        assert not unknown, f"{origin}: no such column: {sorted(unknown)}"
    filled = [_defaults(row, columns.names) for row in rows]
    nullable = pa.schema([field.with_nullable(True) for field in columns])
    return pa.Table.from_pylist(filled, schema=nullable)


def _params(folder: Path) -> dict[str, Any]:
    given = folder / "params.yaml"
    params = dict(model_params(DetectionSettings()))
    if given.exists():
        values = yaml.safe_load(given.read_text(encoding="utf-8"))
        assert set(values) <= set(params), f"{given}: unknown parameters"
        params.update(values)
    return params


def _create(connection: duckdb.DuckDBPyConnection, model: Model, params: Mapping[str, Any]) -> None:
    values = {name: params[name] for name in model.header.params}
    order = ", ".join(dict.fromkeys((*model.header.order, *model.header.grain)))
    connection.execute(f"create table {model.name} as select * from ({model.sql}\n) order by {order}", values or None)


@cache
def _empty_models() -> duckdb.DuckDBPyConnection:
    """Return a connection in which every relation and model exists, made from no rows; made once a process."""
    connection = open_engine(":memory:", EngineLimits(memory="512MiB", threads=1), scratch=None)
    for name, columns in OUTSIDE.items():
        connection.register("no_rows", columns.empty_table())
        connection.execute(f"create table {name} as from no_rows")
        connection.unregister("no_rows")
    for name, path in seed_files(sql_folder()).items():
        load_seed(connection, name, path)
    params = model_params(DetectionSettings())
    for model in all_models().values():
        _create(connection, model, params)
    return connection


def close_empty_models() -> None:
    """Close that connection, if it was ever made."""
    if _empty_models.cache_info().currsize:
        _empty_models().close()
        _empty_models.cache_clear()


def run_case(case: Case) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Run a case; returns the actual and the expected rows, columns that are null left out of both."""
    folder = case.folder
    model = all_models()[case.model]
    known = {"expect", "params", *model.header.inputs}
    strays = sorted(path.name for path in folder.iterdir() if path.stem not in known or path.suffix != ".yaml")
    assert not strays, f"{case}: {strays} are neither expect.yaml, params.yaml nor an input"
    connection = _empty_models()
    connection.execute("begin transaction")
    try:
        actual = _run_model(connection, model, folder)
    finally:
        connection.execute("rollback")  # the next case finds every model empty again
    expected = yaml.safe_load((folder / "expect.yaml").read_text(encoding="utf-8")) or []
    return [_bare(row) for row in actual], [_bare(row) for row in expected]


def _run_model(connection: duckdb.DuckDBPyConnection, model: Model, folder: Path) -> list[dict[str, Any]]:
    for name in model.header.inputs:
        given = folder / f"{name}.yaml"
        if given.exists():
            rows = yaml.safe_load(given.read_text(encoding="utf-8")) or []
            table = _table(rows, connection.sql(f"from {name}").to_arrow_table().schema, given)
            connection.register("given_rows", table)
            connection.execute(f"create or replace table {name} as from given_rows")
            connection.unregister("given_rows")
    inherited = {column for name in model.header.inputs for column in connection.table(name).columns}
    connection.execute(f"drop table {model.name}")
    _create(connection, model, _params(folder))
    audit_columns(model, connection.table(model.name).columns, inherited | AWS_COLUMNS)
    audit_grain(connection, model, model.name)
    found: list[dict[str, Any]] = connection.sql(f"from {model.name}").to_arrow_table().to_pylist()
    return found


def _bare(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
