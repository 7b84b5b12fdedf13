"""Ledger rows as the JSON that their chain is made of, a column at a time.

What enters: ledger rows. What leaves: the text of each row's values. This module must never write another text than
``json.dumps`` of the row's values with dates and times in ISO 8601: chains of older lakes are made of that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quote

import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = date(1970, 1, 1)
_NULL = "null"


def row_texts(rows: pa.Table, names: Sequence[str]) -> Iterator[str]:
    """The values of some columns, row by row, as the inside of a JSON list.

    Args:
        rows: columns of text, whole numbers, dates, UTC times in microseconds, and lists of them.
        names: which, in order.

    Raises:
        TypeError: a column of another type.
    """
    columns = [_texts(rows.column(name).combine_chunks()) for name in names]
    return map(",".join, zip(*columns, strict=True))


def _texts(column: pa.Array) -> list[str]:
    """One JSON text a value."""
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inside = _texts(column.flatten())
        lengths = column.value_lengths().to_pylist()
        return list(_join_lists(inside, lengths))
    if pa.types.is_date32(kind):
        return _map(_quote_day, column.view(pa.int32()))
    if pa.types.is_timestamp(kind) and kind.unit == "us" and kind.tz == "UTC":
        return _map(_quote_instant, column.view(pa.int64()))
    if pa.types.is_integer(kind):
        return _map(str, column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _map(_quote, column)
    raise TypeError(f"no JSON form for {kind}")


def _map(write: Callable[..., str], column: pa.Array) -> list[str]:
    return [_NULL if value is None else write(value) for value in column.to_pylist()]


def _join_lists(inside: list[str], lengths: list[int | None]) -> Iterator[str]:
    at = 0
    for length in lengths:
        if length is None:
            yield _NULL
            continue
        yield f"[{','.join(inside[at : at + length])}]"
        at += length


@lru_cache(maxsize=1024)
def _quote_day(days: int) -> str:
    return f'"{(_FIRST_DAY + timedelta(days=days)).isoformat()}"'


@lru_cache(maxsize=4096)
def _quote_instant(microseconds: int) -> str:
    return f'"{(_EPOCH + timedelta(microseconds=microseconds)).isoformat()}"'
