"""The DuckDB door: find SQL models, order them, build them, audit them; answer one SELECT in a sandbox.

What enters: relations of a lake snapshot (Parquet files or Arrow), a folder of models, parameters.
What leaves: Arrow rows. This room must never know Delta, S3 or where a lake lies, and must never let SQL that a user
wrote open a file or write anything.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.models.audit import load_audits, run_audit
    from pipeline.models.build import Build
    from pipeline.models.build_inputs import BuildResult, Extension, LakeInputs
    from pipeline.models.built import BuiltModels
    from pipeline.models.describe import describe_models
    from pipeline.models.engine import EngineLimits, ParquetFiles, Relation, open_engine, quote_text, read_relation
    from pipeline.models.folder import Model, load_models, seed_files, sql_folder
    from pipeline.models.marts import is_mart, write_marts
    from pipeline.models.params import model_params
    from pipeline.models.references import parse_references
    from pipeline.models.sandbox import Sandbox, check_query, open_sandbox
    from pipeline.models.store import STATE_NAME, MemoryStore, ModelStore, read_states

_HOMES = {
    "Build": "build",
    "BuildResult": "build_inputs",
    "BuiltModels": "built",
    "EngineLimits": "engine",
    "Extension": "build_inputs",
    "LakeInputs": "build_inputs",
    "MemoryStore": "store",
    "Model": "folder",
    "ModelStore": "store",
    "ParquetFiles": "engine",
    "Relation": "engine",
    "STATE_NAME": "store",
    "Sandbox": "sandbox",
    "check_query": "sandbox",
    "describe_models": "describe",
    "is_mart": "marts",
    "load_audits": "audit",
    "load_models": "folder",
    "model_params": "params",
    "open_engine": "engine",
    "open_sandbox": "sandbox",
    "parse_references": "references",
    "quote_text": "engine",
    "read_relation": "engine",
    "read_states": "store",
    "run_audit": "audit",
    "seed_files": "folder",
    "sql_folder": "folder",
    "write_marts": "marts",
}
__all__ = [
    "STATE_NAME",
    "Build",
    "BuildResult",
    "BuiltModels",
    "EngineLimits",
    "Extension",
    "LakeInputs",
    "MemoryStore",
    "Model",
    "ModelStore",
    "ParquetFiles",
    "Relation",
    "Sandbox",
    "check_query",
    "describe_models",
    "is_mart",
    "load_audits",
    "load_models",
    "model_params",
    "open_engine",
    "open_sandbox",
    "parse_references",
    "quote_text",
    "read_relation",
    "read_states",
    "run_audit",
    "seed_files",
    "sql_folder",
    "write_marts",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use: workers must not pay for DuckDB."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
