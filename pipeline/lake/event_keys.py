"""Keys of the rows that a run writes, kept beside them until its new events are counted.

What enters: rows of one event date, and a folder of this machine. What leaves: ``KeyFile``, and the keys again, read
where they lie. This module must never be where a key is only: what it keeps can be read from the event files as well,
at several times the cost.
"""

from __future__ import annotations

import os
import tempfile
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from pipeline.errors import LakeError

KEY = ["recipient_account_id", "event_id"]
"""What tells events of one date apart: the account of few values, as a dictionary, and the id."""


class KeyFile(NamedTuple):
    """Where the keys of some rows of one event date are."""

    event_date: date
    path: str
    rows: int


def write_keys(rows: pa.Table, event_date: date, folder: Path) -> KeyFile:
    """Keep the keys of rows of one date.

    Args:
        rows: with the columns of ``KEY``; accounts may be dictionary-encoded.
        event_date: their date.
        folder: where; removed by whoever made it, once all is counted.

    Returns:
        The file, of a name that no other has.

    Raises:
        LakeError: the disk is full.
    """
    keys = encode_accounts(rows.select(KEY)).unify_dictionaries().combine_chunks()
    try:
        handle, path = tempfile.mkstemp(prefix=f"keys-{event_date}-", dir=folder)
        with os.fdopen(handle, "wb") as file, pa.ipc.new_stream(file, keys.schema) as writer:
            writer.write_table(keys)
    except OSError as error:
        raise LakeError(
            f"cannot keep the keys of {event_date}: {error}", hint="the lake stays readable at its last version"
        ) from error
    return KeyFile(event_date, path, keys.num_rows)


def read_keys(path: str) -> pa.Table:
    """The keys of a file: columns ``KEY``, accounts dictionary-encoded; nothing is copied.

    Raises:
        LakeError: it cannot be read any more.
    """
    try:
        with pa.memory_map(path) as file, pa.ipc.open_stream(file) as reader:
            return reader.read_all()
    except OSError as error:
        raise LakeError(f"cannot read kept keys: {error}", hint="run it again") from error


def encode_accounts(keys: pa.Table) -> pa.Table:
    """The same keys with accounts dictionary-encoded: one schema, whoever wrote them."""
    accounts, ids = (keys.column(name) for name in KEY)
    return pa.table([accounts if pa.types.is_dictionary(accounts.type) else accounts.dictionary_encode(), ids], KEY)
