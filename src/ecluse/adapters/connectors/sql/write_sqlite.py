"""SQLite as a target: prepared INSERTs, one transaction for a batch and its mark.

Decides how an Arrow value stands in a file whose types are only promises: dates and times as ISO text, flags as 0 and 1, decimals as
the text they came in. Journal mode is left as the file's owner set it; each commit waits for the disk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.complaints import of_sqlite
from ecluse.adapters.connectors.sql.connect import open_sqlite
from ecluse.adapters.connectors.sql.fit import check_fit, check_keys
from ecluse.adapters.connectors.sql.introspect import introspect_sqlite
from ecluse.adapters.connectors.sql.lookup import one_to_one
from ecluse.adapters.connectors.sql.privileges import privileges_sqlite
from ecluse.base.refusal import Refusal
from ecluse.passage.load import Mark, TableRows
from ecluse.terms.catalogue import Catalogue, Privilege

__all__ = ["SqliteTarget"]

SLICE: Final = 8_192
"""Rows made into Python values at a time."""

_MARKS: Final = (
    "CREATE TABLE IF NOT EXISTS ecluse_load (migration TEXT NOT NULL, part INTEGER NOT NULL, kind TEXT NOT NULL, "
    "records INTEGER NOT NULL, start INTEGER NOT NULL, PRIMARY KEY (migration, part, kind, start))"
)


class SqliteTarget:
    """A `Target` in a SQLite file, which must be there."""

    def __init__(self, address: Address) -> None:
        self._connection = open_sqlite(address, read_only=False)
        self._connection.execute("PRAGMA synchronous = FULL")
        self._catalogue: Catalogue | None = None

    def close(self) -> None:
        """Leave the file; a batch under way is not written."""
        self._connection.close()

    def catalogue(self) -> Catalogue:
        """Tables, columns, keys, as introspected once."""
        if self._catalogue is None:
            with self._said(["catalogue"]):
                self._catalogue = introspect_sqlite(self._connection)
        return self._catalogue

    def privileges(self) -> frozenset[Privilege]:
        """What the connection may do: everything the file's tables allow."""
        return privileges_sqlite(self._connection)

    def marks(self, migration: str) -> list[Mark]:
        """The batches of this migration that are committed, by part and kind."""
        with self._said(["ecluse_load"]):
            if not self._connection.execute(
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'ecluse_load'"
            ).fetchone():
                return []
            return sorted(
                Mark(*line)
                for line in self._connection.execute(
                    "SELECT * FROM ecluse_load WHERE migration = ?", (migration,)
                )
            )

    def lookup(self, table: str, key: str, value: str) -> dict[str, str]:
        """{text of `key`: text of `value`} of a dictionary table. Raises Refusal `target/lookup-ambiguous`."""
        for name in (key, value):
            self.catalogue().column(table, name, where="lookup")
        a, b, named = _quoted(key), _quoted(value), _quoted(table)
        query = f"SELECT DISTINCT CAST({a} AS TEXT), CAST({b} AS TEXT) FROM {named} WHERE {a} IS NOT NULL AND {b} IS NOT NULL"  # noqa: S608 - names of the catalogue, quoted
        with self._said([table]):
            return one_to_one(self._connection.execute(query), table=table)

    def write(self, tables: Sequence[TableRows], *, mark: Mark, replace: bool = False) -> None:
        """Write all and the mark in one transaction. Raises as the port says, and Refusal `target/batch-twice`."""
        with self._batch() as at:
            self._put_mark(mark)
            for given in tables:
                at.append(given.table)
                check_fit(self.catalogue().table(given.table, where=mark.kind), given, dialect="sqlite")
                if replace:
                    check_keys(given)
                    self._replace(given)
                else:
                    names = given.rows.schema.names
                    self._connection.executemany(_insert(given.table, names), _lines(given.rows))

    def remove(self, tables: Sequence[TableRows], *, mark: Mark) -> None:
        """Take out the rows with these keys, and the mark, in one transaction. Raises Refusal `target/batch-absent`."""
        with self._batch() as at:
            taken = self._connection.execute(
                "DELETE FROM ecluse_load WHERE migration = ? AND part = ? AND kind = ? AND start = ?",
                (mark.migration, mark.part, mark.kind, mark.start),
            )
            if taken.rowcount != 1:
                raise Refusal("target/batch-absent", where=mark.kind, got=mark.part)
            for given in tables:
                at.append(given.table)
                order = f"DELETE FROM {_quoted(given.table)} WHERE {_same(given.rows.schema.names)}"  # noqa: S608 - quoted
                self._connection.executemany(order, _lines(given.rows))

    def settle(self, migration: str) -> None:
        """Forget this migration's marks."""
        with self._batch():
            self._connection.execute("DELETE FROM ecluse_load WHERE migration = ?", (migration,))

    @contextmanager
    def _batch(self) -> Iterator[list[str]]:
        """One transaction; the list receives the tables under way, whose names a complaint takes."""
        at: list[str] = []
        with self._said(at):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute(_MARKS)
                yield at
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _said(self, at: list[str]) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise of_sqlite(error, table=at[-1] if at else "ecluse_load") from None

    def _put_mark(self, mark: Mark) -> None:
        try:
            self._connection.execute(
                "INSERT INTO ecluse_load VALUES (?, ?, ?, ?, ?)",
                (mark.migration, mark.part, mark.kind, mark.records, mark.start),
            )
        except sqlite3.IntegrityError:
            raise Refusal("target/batch-twice", where=mark.kind, got=mark.part) from None

    def _replace(self, given: TableRows) -> None:
        """UPDATE by the exact key, else INSERT: needs no constraint on it, and touches no other row than the one with this key."""
        names = given.rows.schema.names
        rest = [name for name in names if name not in given.key]
        # Where only the key is given, the row is looked for by an update that changes nothing.
        news = ", ".join(f"{_quoted(name)} = ?" for name in rest or given.key)
        update = f"UPDATE {_quoted(given.table)} SET {news} WHERE {_same(given.key)}"  # noqa: S608 - quoted
        keys, others = (
            _lines(given.rows.select(list(given.key))),
            _lines(given.rows.select(list(rest or given.key))),
        )
        insert = _insert(given.table, names)
        for key, other, line in zip(keys, others, _lines(given.rows), strict=True):
            changed = self._connection.execute(update, (*other, *key)).rowcount
            if changed > 1:
                raise Refusal("target/key-not-unique", where=given.table)
            if not changed:
                self._connection.execute(insert, line)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _insert(table: str, names: Sequence[str]) -> str:
    columns, places = ", ".join(map(_quoted, names)), ", ".join("?" * len(names))
    return f"INSERT INTO {_quoted(table)} ({columns}) VALUES ({places})"  # noqa: S608 - names of the catalogue, quoted


def _same(names: Sequence[str]) -> str:
    """Equal whatever collation the column has: a key that differs by case or a blank is another key."""
    return " AND ".join(f"{_quoted(name)} = ? COLLATE BINARY" for name in names)


def _lines(rows: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """The rows as SQLite keeps them: dates and times as ISO 8601 text, with a fraction only where there is one."""
    for start in range(0, rows.num_rows, SLICE):
        columns = [_plain(column).to_pylist() for column in rows.slice(start, SLICE).columns]
        yield from zip(*columns, strict=True)


def _plain(values: pa.Array) -> pa.Array:
    if pa.types.is_date(values.type):
        return values.cast(pa.string())
    if pa.types.is_timestamp(values.type):
        return pc.replace_substring_regex(values.cast(pa.string()), r"\.000000$", "")
    return values
