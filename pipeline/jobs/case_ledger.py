"""The ledger's part of a case: the rows of what it holds, each with the chain that it follows.

What enters: the whole ledger, or what a case says of it. What leaves: rows and the ledger's head, or a sentence on each
row that does not hold. This module must never take a row's word for what the bytes beside it say.

A row's ``chain_sha256`` is a hash over the row before's and its own columns. A case holds both, so that a row that was
edited shows without the ledger; ``status`` walks the chain of the lake itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from pipeline.lake import CHAIN_START, find_chain_break, follows_chain

_SAME = ("archive_sha256", "inflated_sha256", "verification", "digest_uri")
"""What the manifest and the ledger both say of an archive."""


def describe_ledger(history: pa.Table, wanted: set[tuple[str, str]]) -> dict[str, Any]:
    """Rows for a case.

    Args:
        history: every ledger row, in ledger order.
        wanted: the (uri, version) pairs of the case's archives and digests.

    Returns:
        ``rows``: the latest row of each, with ``previous_chain_sha256``; ``head``: rows, last chain, and whether the
        chain held from the first row to the last.
    """
    chains = [CHAIN_START, *history.column("chain_sha256").to_pylist()]
    pairs = zip(*(history.column(name).to_pylist() for name in ("archive_uri", "archive_version")), strict=True)
    latest = {pair: position for position, pair in enumerate(pairs) if pair in wanted}
    rows = []
    for position in sorted(latest.values()):
        (row,) = history.slice(position, 1).to_pylist()
        rows.append({name: _plain(value) for name, value in row.items()} | {"previous_chain_sha256": chains[position]})
    broken_at = find_chain_break(history)
    head = {"rows": history.num_rows, "chain_sha256": chains[-1], "is_intact": broken_at is None}
    return {"head": head, "rows": rows}


def check_ledger(content: bytes | None, archives: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Check a case's ledger rows.

    Args:
        content: of ``ledger.json``.
        archives: the manifest's, each with ``archive_sha256`` computed from the bytes in the case.

    Returns:
        Subject and problem, "" where it holds: of the ledger, of each row, of each archive without one.
    """
    try:
        document = json.loads(content or b"")
        rows = {(row["archive_uri"], row["archive_version"]): row for row in document["rows"]}
        is_intact, chains = document["head"]["is_intact"], [row["previous_chain_sha256"] for row in document["rows"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        yield "ledger.json", "it holds no ledger rows"
        return
    yield "ledger.json", "" if is_intact is True else "the ledger's hash chain did not hold when the case was made"
    for row, chain in zip(document["rows"], chains, strict=True):
        holds = len(rows) == len(chains) and follows_chain(row, chain)
        yield str(row["archive_uri"]), "" if holds else "its ledger row is not the one that its hash chain was made of"
    for item in archives:
        row = rows.get((item["uri"], item.get("archive_version")))
        if row is None:
            yield item["uri"], "the ledger in the case has no row of it"
            continue
        others = [name for name in _SAME if row.get(name) != item.get(name)]
        yield item["uri"], f"its ledger row says otherwise: {', '.join(others)}" if others else ""


def _plain(value: Any) -> Any:
    """As the chain was made of it: dates and times in ISO 8601."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return [_plain(item) for item in value] if isinstance(value, list) else value
