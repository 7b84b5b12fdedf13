"""The ledger: numbering, chain, the latest row, what is known."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lake.batch import LEDGER_ROWS
from pipeline.lake.ledger import KnownVersions, find_chain_break, number_rows, select_latest
from pipeline.lake.ledger_texts import row_texts
from pipeline.lake.plans import FIRST_CHAIN
from tests.lake.rows import ledger_row


def number(*rows: dict[str, Any], batch: int = 1, chain: str = FIRST_CHAIN) -> tuple[pa.Table, str]:
    """Ledger rows with their batch's number and chain."""
    return number_rows(pa.Table.from_pylist(list(rows), schema=LEDGER_ROWS), batch, chain)


def make_history() -> pa.Table:
    """Three batches of two rows."""
    tables, chain = [], FIRST_CHAIN
    for batch in (1, 2, 3):
        rows = [ledger_row(f"file:///s/{batch}-{position}.json.gz") for position in range(2)]
        table, chain = number(*rows, batch=batch, chain=chain)
        tables.append(table)
    return pa.concat_tables(tables)


def test_an_untouched_chain_holds_in_any_order() -> None:
    """The chain is checked in ledger order, whatever order the rows come in."""
    history = make_history()
    assert find_chain_break(history) is None
    assert find_chain_break(history.take(pa.array([5, 0, 3, 1, 4, 2]))) is None


@given(position=st.integers(0, 5), column=st.sampled_from(["outcome", "archive_sha256", "archive_key", "reason"]))
def test_a_changed_row_breaks_the_chain_at_its_place(position: int, column: str) -> None:
    """Whatever is changed in a row, the chain names that row."""
    rows = make_history().to_pylist()
    rows[position][column] = "changed"
    assert find_chain_break(pa.Table.from_pylist(rows, schema=make_history().schema)) == position


@given(position=st.integers(0, 4))
def test_a_removed_row_breaks_the_chain(position: int) -> None:
    """A row that is taken out shows at its successor."""
    rows = make_history().to_pylist()
    del rows[position]
    assert find_chain_break(pa.Table.from_pylist(rows, schema=make_history().schema)) == position


_instants = st.integers(0, 250_000_000_000_000_000).map(
    lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
)
_rows = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
        "number": st.none() | st.integers(-(2**63), 2**63 - 1),
        "day": st.none() | st.dates(),
        "instant": st.none() | _instants,
        "days": st.none() | st.lists(st.none() | st.dates(), max_size=3),
    }
)
_schema = pa.schema(
    [
        ("text", pa.string()),
        ("number", pa.int64()),
        ("day", pa.date32()),
        ("instant", pa.timestamp("us", tz="UTC")),
        ("days", pa.list_(pa.date32())),
    ]
)


@given(rows=st.lists(_rows, max_size=6), cut=st.integers(0, 3))
def test_rows_are_hashed_as_json_writes_them(rows: list[dict[str, Any]], cut: int) -> None:
    """A chain can be checked by anyone with ``json.dumps``: dates and times stand in ISO 8601."""
    table = pa.Table.from_pylist(rows, schema=_schema).slice(cut)
    found = [f"[{text}]" for text in row_texts(table, _schema.names)]
    wanted = [
        json.dumps(
            [row[name] for name in _schema.names], default=lambda value: value.isoformat(), separators=(",", ":")
        )
        for row in rows[cut:]
    ]
    assert found == wanted


def test_the_chain_of_a_known_row_never_changes() -> None:
    """Lakes live longer than versions: the link of this row was made by the first one."""
    row = ledger_row("file:///s/a.json.gz", archive_key="a.json.gz", archive_sha256="1")
    assert number(row)[1] == "cd25df3aa4e058055ef576eec8a643a9af0c9c852e4fbcb71965c16da8a1ee2a"


def test_the_chain_does_not_depend_on_where_the_source_is() -> None:
    """A moved folder changes archive_uri and source_uri, not the chain."""
    here = ledger_row("file:///here/a.json.gz", archive_key="a.json.gz", archive_sha256="1")
    there = ledger_row("file:///there/a.json.gz", archive_key="a.json.gz", archive_sha256="1")
    assert number(here)[1] == number(there)[1]


def test_the_latest_row_of_an_object_counts() -> None:
    """A verdict or a retry is a new row and replaces the older one in the view, at its own place."""
    first, chain = number(ledger_row("file:///s/a.json.gz"), ledger_row("file:///s/b.json.gz"))
    second, _ = number(ledger_row("file:///s/a.json.gz", verification="verified"), batch=2, chain=chain)
    latest = select_latest(pa.concat_tables([second, first]))
    assert [(row["archive_uri"], row["batch_number"], row["verification"]) for row in latest.to_pylist()] == [
        ("file:///s/b.json.gz", 1, None),
        ("file:///s/a.json.gz", 2, "verified"),
    ]


def test_only_final_outcomes_are_known() -> None:
    """A failed object is tried again; a later failure of one once committed makes it unknown, and back."""
    known = KnownVersions()
    a, b = "file:///s/a.json.gz", "file:///s/b.json.gz"
    first, chain = number(ledger_row(a), ledger_row(b, outcome="failed"))
    known.update(first)
    assert [(uri, "v1") in known for uri in (a, b)] == [True, False]
    assert (a, "v2") not in known
    second, _ = number(ledger_row(b), ledger_row(a, outcome="failed"), batch=2, chain=chain)
    known.update(second)
    assert [(uri, "v1") in known for uri in (a, b)] == [False, True]
