"""One database, several threads: each works with a cursor of its own.

What enters: the build's connection. What leaves: for each thread a connection in which the same names are readable.
This module must never let one thread's relation be another's secret: what Arrow lends to one cursor, every cursor gets.
"""

from __future__ import annotations

import threading

import duckdb

from pipeline.models.engine import ParquetFiles, Relation, open_cursor, register_relation


class Lanes:
    """Cursors of one connection, made as threads ask for them; the thread that made this keeps the connection."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Take the connection; it must outlive every lane."""
        self._connection = connection
        self._lent: dict[str, Relation] = {}
        self._local = threading.local()
        self._local.connection, self._local.known = connection, set()

    @property
    def here(self) -> duckdb.DuckDBPyConnection:
        """This thread's connection, in which every relation registered so far is readable."""
        if not hasattr(self._local, "connection"):
            self._local.connection, self._local.known = open_cursor(self._connection), set()
        self.catch_up()
        connection: duckdb.DuckDBPyConnection = self._local.connection
        return connection

    def open(self) -> duckdb.DuckDBPyConnection:
        """A cursor for whoever asks, in which every relation registered so far is readable."""
        cursor = open_cursor(self._connection)
        for name, relation in self._lent.items():
            register_relation(cursor, name, relation)
        return cursor

    def catch_up(self) -> None:
        """Let this thread's connection read what others registered: DuckDB keeps that with one cursor, not for all."""
        for name in [name for name in tuple(self._lent) if name not in self._local.known]:
            register_relation(self._local.connection, name, self._lent[name])
            self._local.known.add(name)

    def register(self, name: str, relation: Relation) -> None:
        """Make a relation readable in every lane under ``name``, which nothing has yet."""
        if isinstance(relation, ParquetFiles) and relation.paths:
            register_relation(self.here, name, relation)
        else:
            self._lent[name] = relation
