"""The DuckDB door: find SQL models, order them, build them, audit them; answer one SELECT in a sandbox.

What enters: relations of a lake snapshot (Parquet files or Arrow), a folder of models, parameters.
What leaves: Arrow rows. This room must never know Delta, S3 or where a lake lies, and must never let SQL that a user
wrote open a file or write anything.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.models.build import Build, BuildResult, Extension, LakeInputs
    from pipeline.models.engine import EngineLimits, ParquetFiles, Relation, open_engine
    from pipeline.models.folder import Model, load_models, seed_files, sql_folder
    from pipeline.models.store import MemoryStore, ModelStore

_HOMES = {
    "Build": "build",
    "BuildResult": "build",
    "Extension": "build",
    "LakeInputs": "build",
    "EngineLimits": "engine",
    "ParquetFiles": "engine",
    "Relation": "engine",
    "open_engine": "engine",
    "Model": "folder",
    "load_models": "folder",
    "seed_files": "folder",
    "sql_folder": "folder",
    "MemoryStore": "store",
    "ModelStore": "store",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name on first use: workers must not pay for DuckDB."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
