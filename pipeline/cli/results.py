"""Results of ``query`` on stdout: a table for people, CSV, JSON or Parquet for programs.

What enters: an Arrow table of whatever a query gave. What leaves: text that opens safely, or Parquet bytes. This
module must never print a value of the log unclean where a person or a spreadsheet reads it.
"""

from __future__ import annotations

import csv
import json
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.cli.options import TableFormat
from pipeline.cli.terminal import show_table
from pipeline.errors import UsageError
from pipeline.finding import format_time
from pipeline.report import clean_cell

SHOWN_ROWS = 1_000
CELL_CHARACTERS = 200


def write_result(table: pa.Table, form: TableFormat, stream: TextIO) -> None:
    """Write a result in the form asked for.

    Raises:
        UsageError: Parquet was asked for and stdout is a terminal.
    """
    if form is TableFormat.PARQUET:
        if stream.isatty():
            raise UsageError("Parquet is no text", hint="redirect it: policytrail query ... --format parquet > FILE")
        pq.write_table(table, stream.buffer, compression="zstd")
    elif form is TableFormat.JSON:
        for row in _rows(table):
            stream.write(json.dumps(row, ensure_ascii=True, default=str) + "\n")
    elif form is TableFormat.CSV:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(clean_cell(name) for name in table.column_names)
        for row in _rows(table):
            writer.writerow(_cell(value) for value in row.values())
    else:
        shown = [[_shorten(value) for value in row.values()] for row in _rows(table.slice(0, SHOWN_ROWS))]
        rest = table.num_rows - len(shown)
        note = f"{table.num_rows:,} rows" + (f", {rest:,} not shown: --format csv shows all" if rest else "")
        show_table(table.column_names, shown, note=note)


def _rows(table: pa.Table) -> Any:
    for batch in table.to_batches(max_chunksize=4096):
        for row in batch.to_pylist():
            yield {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if hasattr(value, "astimezone"):
        return format_time(value)
    if isinstance(value, bytes):
        return value.hex()
    return value


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return clean_cell(value)
    if isinstance(value, (list, dict)):
        return clean_cell(json.dumps(value, ensure_ascii=False, default=str))
    return value


def _shorten(value: Any) -> str | None:
    if value is None:
        return None
    text = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (list, dict)) else str(value)
    return text if len(text) <= CELL_CHARACTERS else text[: CELL_CHARACTERS - 1] + "…"
