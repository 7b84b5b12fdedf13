"""What a query really reads and which parameters it takes, by DuckDB's own parser.

What enters: SQL text. What leaves: names. This module must never bind or run the query: its relations need not exist.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import duckdb

from pipeline.errors import ModelError

_LOCK = threading.Lock()

READERS = frozenset({"unnest", "range", "generate_series", "json_each", "json_tree"})
"""Table functions a model or a query may call: none of them opens a file, a setting or a catalogue."""


@dataclass(frozen=True, slots=True)
class References:
    """Relations, table functions, parameters and all called functions of one SELECT."""

    relations: frozenset[str]
    functions: frozenset[str]
    params: frozenset[str]
    calls: frozenset[str] = frozenset()


@lru_cache(maxsize=1024)
def parse_references(sql: str) -> References:
    """List what one SELECT refers to.

    Args:
        sql: the text of exactly one SELECT statement.

    Returns:
        Relations without the query's own CTEs, table functions, named parameters, and every function called.

    Raises:
        ModelError: not SQL, not a SELECT, more than one statement, or more than the parser can hold.
    """
    try:
        with _LOCK:
            rows = _parser().execute("select json_serialize_sql(?)", [sql]).fetchall()
    except duckdb.Error as error:
        raise ModelError(f"no SELECT that can be parsed: {error}") from error
    tree = json.loads(rows[0][0])
    if tree["error"]:
        raise ModelError(f"no single SELECT: {tree['error_message']}")
    if len(tree["statements"]) != 1:
        raise ModelError(f"exactly one SELECT is expected, found {len(tree['statements'])} statements")
    relations: set[str] = set()
    functions: set[str] = set()
    params: set[str] = set()
    calls: set[str] = set()
    for node, scope in _walk(tree["statements"][0]["node"], frozenset()):
        kind = node.get("type")
        if kind == "BASE_TABLE":
            qualified = ".".join(part for part in (_schema(node), node["table_name"]) if part)
            if qualified not in scope:
                relations.add(qualified)
        elif kind == "TABLE_FUNCTION":
            functions.add(str(node["function"]["function_name"]).lower())
        elif kind == "VALUE_PARAMETER":
            params.add(str(node["identifier"]))
        elif kind == "FUNCTION" and not node.get("is_operator"):
            calls.add(str(node["function_name"]).lower())
    return References(frozenset(relations), frozenset(functions), frozenset(params), frozenset(calls))


def statement_types(sql: str) -> list[str]:
    """Return the kind of each statement in a text, e.g. ``["SELECT"]``.

    Raises:
        duckdb.Error: the text is not SQL.
    """
    with _LOCK:
        return [statement.type.name for statement in _parser().extract_statements(sql)]


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    """Return the connection that only parses; opening one per text costs more than the parsing."""
    return duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "256MiB"})


def _schema(node: dict[str, Any]) -> str:
    return ".".join(part for part in (node.get("catalog_name"), node.get("schema_name")) if part)


def _walk(node: Any, scope: frozenset[str]) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Yield every object of the tree with the CTE names visible there."""
    if isinstance(node, dict):
        ctes = node.get("cte_map")
        if isinstance(ctes, dict):
            scope = scope | {entry["key"] for entry in ctes["map"]}
        if node.get("type") == "RECURSIVE_CTE_NODE":
            scope = scope | {str(node.get("cte_name", ""))}
        yield node, scope
        for value in node.values():
            yield from _walk(value, scope)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value, scope)
