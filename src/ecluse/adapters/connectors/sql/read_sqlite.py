"""A SQLite file as a source: opened read-only, read in one snapshot, and held to the very columns that the plan names.

Decides how SQLite's least privilege is kept (an authorizer that denies everything but reading the columns of the statement) and how its
values, of whatever type they are stored, become exact text. What leaves is the plan's.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

import pyarrow as pa
from sqlglot import exp

from ecluse.adapters.connectors.sql import census
from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.batches import chunks, gathered, shape
from ecluse.adapters.connectors.sql.columns import TABLE
from ecluse.adapters.connectors.sql.connect import open_sqlite
from ecluse.adapters.connectors.sql.introspect import introspect_sqlite
from ecluse.adapters.connectors.sql.privileges import privileges_sqlite
from ecluse.adapters.connectors.sql.query import render, rows_query
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue, Privilege
from ecluse.terms.plan import Plan, Slice

__all__ = ["SqliteSnapshot", "SqliteSource"]

FUNCTIONS: Final = frozenset({"substr", "substring", "length", "rtrim", "count", "sum", "min", "coalesce"})
"""The functions our statements use: all else (load_extension, writefile...) is denied."""


class SqliteSource:
    """Implements `passage.extract.Source` for the file at `address`."""

    def __init__(self, address: Address) -> None:
        self.address = address

    def catalogue(self) -> Catalogue:
        """The file's tables. Raises Fault `address/not-reached`."""
        with closing(open_sqlite(self.address)) as connection:
            return introspect_sqlite(connection)

    def privileges(self) -> frozenset[Privilege]:
        """What opening the file gives; each statement is then held to its own columns."""
        with closing(open_sqlite(self.address)) as connection:
            return privileges_sqlite(connection)

    @contextmanager
    def snapshot(self) -> Iterator[SqliteSnapshot]:
        """One read transaction, from its first read on. Raises Fault `address/not-reached`, `source/...`."""
        with closing(open_sqlite(self.address)) as connection:
            with _said("the tables"):
                connection.execute("BEGIN")
                catalogue = introspect_sqlite(connection)
            snapshot = SqliteSnapshot(connection, catalogue)
            connection.set_authorizer(snapshot.authorize)
            yield snapshot


class SqliteSnapshot:
    """Implements `passage.extract.Snapshot` on one read transaction. One statement runs at a time."""

    def __init__(self, connection: sqlite3.Connection, catalogue: Catalogue) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._allowed: frozenset[tuple[str, str]] = frozenset()

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:
        """See `Snapshot.unclassified`."""
        return census.unclassified(plan, path, ask=self._ask, catalogue=self._catalogue, dialect="sqlite")

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """See `Snapshot.census`."""
        return census.census(plan, piece, ask=self._ask, catalogue=self._catalogue, dialect="sqlite")

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        """See `Snapshot.rows`. Raises Refusal `source/encoding`, `source/octets-as-text`."""
        tree = rows_query(plan, piece, self._catalogue, "sqlite")
        with _said(piece.kind), closing(self._run(tree)) as cursor:
            yield from gathered(chunks(cursor.fetchmany, piece), shape(tree, piece), where=piece.kind)

    def authorize(
        self, action: int, first: str | None, second: str | None, _database: str | None, view: str | None
    ) -> int:
        """SQLite asks this while it compiles a statement (sqlite3_set_authorizer): yes to reading the statement's columns, no to all else."""
        if action == sqlite3.SQLITE_SELECT:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and second in FUNCTIONS:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and self._may_read(first or "", second or "", view):
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    def _may_read(self, table: str, column: str, view: str | None) -> bool:
        tables = {known for known, _ in self._allowed}
        if view is not None and view in tables:  # what a view that we may read reads itself
            return True
        return (table, column) in self._allowed or (column == "" and table in tables)

    def _ask(self, tree: exp.Select, where: str) -> Sequence[Sequence[object]]:
        with _said(where), closing(self._run(tree)) as cursor:
            return cursor.fetchall()

    def _run(self, tree: exp.Select) -> sqlite3.Cursor:
        columns = (
            (column.meta[TABLE], column.name) for column in tree.find_all(exp.Column) if TABLE in column.meta
        )
        tables = ((table.name, "") for table in tree.find_all(exp.Table))
        self._allowed = frozenset((*columns, *tables))
        query = render(tree, "sqlite")
        return self._connection.execute(query.sql, query.values)


@contextmanager
def _said(where: str) -> Iterator[None]:
    """SQLite's complaints as ours, without the values they may hold."""
    try:
        yield
    except sqlite3.OperationalError as error:
        undecoded = re.match(r"Could not decode to UTF-8 column '(\w+)'", str(error))
        if undecoded:
            raise Refusal("source/encoding", where=f"{where}.{undecoded.group(1)}", got="SQLite") from None
        raise Fault("source/not-read", where=where, got=error.sqlite_errorname) from None
    except sqlite3.Error as error:
        raise Fault(
            "source/not-read", where=where, got=getattr(error, "sqlite_errorname", type(error).__name__)
        ) from None
