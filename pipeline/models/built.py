"""The models that a build has made, read where they are: for what is said of them right afterwards.

What enters: the build's connection. What leaves: datasets with the columns and types that the store gives. This module
must never answer before a build is done.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.dataset as pads


class BuiltModels:
    """Reads models as ``Lake.read_model`` does, without opening what was only just written."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Take a cursor of its own, in which every model is readable; see ``Lanes.open``."""
        self._cursor = cursor

    def read_model(self, name: str, columns: Sequence[str] = ()) -> pads.Dataset:
        """A model's rows as a dataset, of some columns or all; their order is the build's."""
        chosen = ", ".join(columns) or "*"
        rows: pa.Table = self._cursor.sql(f"select {chosen} from {name}").to_arrow_table()  # noqa: S608 - own names
        return pads.dataset(rows)
