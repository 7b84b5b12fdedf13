"""The ledger ``archives``: which objects were seen, what came of each, and a hash chain over it all.

What enters: rows that a run wants to append. What leaves: the rows with their batch number and chain, the set of
objects that need no reading again, and the dates that changed. This module must never update a row: a verdict or a
retry is a new one, and the latest per (uri, version) counts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

from pipeline.lake.batch import LEDGER_ROWS
from pipeline.lake.ledger_texts import row_texts
from pipeline.schema import ARCHIVES

FINAL_OUTCOMES = ("committed", "empty", "quarantined", "skipped")
"""Outcomes that are not tried again; ``failed`` is."""

# A moved folder must give the same chain: nothing that names its place is hashed.
_PLACE_COLUMNS = {"archive_uri", "source_uri", "digest_uri", "detail", "chain_sha256"}
_HASHED_COLUMNS = [field.name for field in ARCHIVES if field.name not in _PLACE_COLUMNS]


CHAIN_START = "0" * 64
"""What the first row's chain follows."""


def number_rows(rows: pa.Table, batch_number: int, chain: str) -> tuple[pa.Table, str]:
    """Give a batch's ledger rows their number, position and chain.

    Args:
        rows: schema LEDGER_ROWS, in the batch's order.
        batch_number: the batch that writes them.
        chain: chain_sha256 of the row before.

    Returns:
        Rows of schema ARCHIVES, and the chain after the last one.
    """
    count = rows.num_rows
    columns = {name: rows.column(name) for name in LEDGER_ROWS.names}
    columns["batch_number"] = pa.array([batch_number] * count, pa.int64())
    columns["batch_position"] = pa.array(range(count), pa.int32())
    columns["chain_sha256"] = pa.nulls(count, pa.string())
    table = pa.table([columns[name] for name in ARCHIVES.names], schema=ARCHIVES)
    links = []
    for text in row_texts(table, _HASHED_COLUMNS):
        chain = _link(chain, text)
        links.append(chain)
    position = ARCHIVES.get_field_index("chain_sha256")
    return table.set_column(position, ARCHIVES.field(position), pa.array(links, pa.string())), chain


def find_chain_break(ledger: pa.Table, chain: str = CHAIN_START) -> int | None:
    """Position of the first row whose chain does not follow from the rows before it.

    Args:
        ledger: every ledger row (not only the latest), in any order.
        chain: what the first row follows.

    Returns:
        The row's position in ledger order, or ``None`` where the chain holds.
    """
    ordered = ledger.sort_by([("batch_number", "ascending"), ("batch_position", "ascending")])
    stated = ordered.column("chain_sha256").to_pylist()
    for position, text in enumerate(row_texts(ordered, _HASHED_COLUMNS)):
        chain = _link(chain, text)
        if chain != stated[position]:
            return position
    return None


def follows_chain(row: Mapping[str, Any], chain: str) -> bool:
    """Whether one ledger row is the one that its ``chain_sha256`` was made of.

    Args:
        row: its columns; dates and times may stand in ISO 8601.
        chain: ``chain_sha256`` of the row before.
    """
    if not all(name in row for name in _HASHED_COLUMNS):
        return False
    try:
        return _link(chain, _encode([row[name] for name in _HASHED_COLUMNS])[1:-1]) == row.get("chain_sha256")
    except (TypeError, ValueError, RecursionError, UnicodeEncodeError):
        return False


def _link(chain: str, text: str) -> str:
    return hashlib.sha256(f"[{_encode(chain)},{text}]".encode()).hexdigest()


def _plain(value: Any) -> str:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"no JSON form for {type(value).__name__}")


_encode = json.JSONEncoder(default=_plain, separators=(",", ":")).encode


def select_latest(ledger: pa.Table) -> pa.Table:
    """The latest row per (archive_uri, archive_version), in ledger order."""
    if ledger.num_rows == 0:
        return ledger
    ordered = ledger.sort_by([("batch_number", "ascending"), ("batch_position", "ascending")])
    numbered = pa.table(
        {
            "uri": ordered.column("archive_uri"),
            "version": ordered.column("archive_version"),
            "row": pa.array(range(ordered.num_rows), pa.int64()),
        }
    )
    latest = numbered.group_by(["uri", "version"], use_threads=False).aggregate([("row", "max")])
    rows = latest.column("row_max").combine_chunks()
    return ordered.take(rows.take(pc.sort_indices(rows)))


class KnownVersions:
    """The (uri, version) pairs whose latest outcome is final: 16 bytes each, so that millions fit."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._digests)

    def __contains__(self, item: tuple[str, str]) -> bool:
        return _digest(*item) in self._digests

    def update(self, rows: pa.Table) -> None:
        """Take in ledger rows; within one call and between calls, the later row counts."""
        if rows.num_rows == 0:
            return
        is_final = pc.is_in(rows.column("outcome"), value_set=pa.array(FINAL_OUTCOMES))
        if pc.all(is_final).as_py():  # then their order does not matter: a row takes nothing back
            pairs = (rows.column(name).to_pylist() for name in ("archive_uri", "archive_version"))
            self._digests.update(map(_digest, *pairs))
            return
        ordered = rows.sort_by([("batch_number", "ascending"), ("batch_position", "ascending")])
        names = ("archive_uri", "archive_version", "outcome")
        for uri, version, outcome in zip(*(ordered.column(name).to_pylist() for name in names), strict=True):
            if outcome in FINAL_OUTCOMES:
                self._digests.add(_digest(uri, version))
            else:
                self._digests.discard(_digest(uri, version))


LEDGER_KEYS = ("batch_number", "batch_position", "archive_uri", "archive_version")
"""What orders the ledger and tells a later row of the same object: read whatever else is asked for."""

KNOWN_COLUMNS = [*LEDGER_KEYS, "outcome"]
"""All that ``KnownVersions`` needs: a few bytes a row of the ledger's files."""


def collect_contents(dataset: pads.Dataset, uris: Sequence[str]) -> dict[str, dict[str, str]]:
    """What each of some objects held in the versions already taken in: uri -> SHA-256 -> outcome.

    An object that was copied or touched has a new version and the same bytes: it is unchanged.
    """
    wanted = pads.field("archive_uri").isin(pa.array(uris, pa.string()))
    final = pads.field("outcome").isin(FINAL_OUTCOMES)
    names = ["archive_uri", "archive_sha256", "outcome"]
    rows = dataset.to_table(columns=[*names, "batch_number", "batch_position"], filter=wanted & final)
    rows = rows.sort_by([("batch_number", "ascending"), ("batch_position", "ascending")])
    contents: dict[str, dict[str, str]] = {}
    for uri, sha256, outcome in zip(*(rows.column(name).to_pylist() for name in names), strict=True):
        if sha256:
            contents.setdefault(uri, {})[sha256] = outcome
    return contents


def collect_dates(dataset: pads.Dataset, since_batch: int) -> set[date]:
    """Event dates that ledger rows after a batch list."""
    rows = dataset.to_table(columns=["event_dates"], filter=pads.field("batch_number") > since_batch)
    return _distinct_dates(rows.column("event_dates").to_pylist())


def _distinct_dates(lists: Iterable[list[date] | None]) -> set[date]:
    return {day for days in lists if days for day in days}


def _digest(uri: str, version: str) -> bytes:
    return hashlib.blake2b(f"{uri}\0{version}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
