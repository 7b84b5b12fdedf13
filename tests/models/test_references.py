from __future__ import annotations

import pytest

from pipeline.errors import ModelError
from pipeline.models.references import References, parse_references


def refs(relations: str = "", functions: str = "", params: str = "", calls: str = "") -> References:
    """Return references written as words."""
    return References(*(frozenset(words.split()) for words in (relations, functions, params, calls)))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1", refs()),
        ("select * from a join b using (id)", refs("a b")),
        ("with a as (select * from x) select * from a", refs("x")),
        ("with a as (select * from a) select * from a", refs()),
        ("select (select max(i) from deep) from (select * from sub)", refs("deep sub", calls="max")),
        (
            "with recursive w as (select 1 as n union all select n + 1 from w join e on n < 9) select * from w",
            refs("e"),
        ),
        ("select * from other.x", refs("other.x")),
        ("select * from read_csv('f'), unnest([1])", refs("", "read_csv unnest", calls="list_value read_csv unnest")),
        ("select $one + $two from x where i in (select $one)", refs("x", "", "one two")),
        ("from x", refs("x")),
        ("select A(b(1)), 'c'.d() from x order by main.e(2)", refs("x", calls="a b d e")),
        ("select * from a where exists (select 1 from b where b.i = a.i)", refs("a b")),
        ("select * from a union all by name select * from b", refs("a b")),
        ("describe select * from x", refs("x")),
    ],
)
def test_references_are_what_the_query_reads(sql: str, expected: References) -> None:
    """Relations at any depth count, the query's own names do not."""
    assert parse_references(sql) == expected


@pytest.mark.parametrize("sql", ["", "selec 1", "select 1; select 2", "copy x to 'y'", "create table t as select 1"])
def test_what_is_not_one_select_is_refused(sql: str) -> None:
    """Anything but one SELECT raises a sentence."""
    with pytest.raises(ModelError):
        parse_references(sql)
