"""Reading a database to profile it: read-only, sampled, on a budget of rows and seconds.

Decides how a sample is drawn without sorting or scanning a large table: TABLESAMPLE SYSTEM on PostgreSQL, ranges of the row's number on
SQLite, ranges of the key on MariaDB; Firebird, which has none of these, draws each row by chance. It keeps nothing: the sample goes to `terms.profile`, which keeps counts.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import psycopg
import pymysql
from psycopg import sql

from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.connect import open_mariadb, open_postgres, open_sqlite
from ecluse.adapters.connectors.sql.introspect import (
    introspect_mariadb,
    introspect_postgres,
    introspect_sqlite,
)
from ecluse.adapters.connectors.sql.profile_firebird import sampled
from ecluse.base.refusal import Fault, Refusal
from ecluse.terms.catalogue import Catalogue, CatalogueTable
from ecluse.terms.profile import Profile, TableProfile, profile_table

__all__ = ["Budget", "profile_database"]

WINDOWS: Final = 10
"""Places of a large table where a window of rows is read, spread evenly over its key."""

CELL: Final = 4_096
"""Characters or bytes kept of one value: enough to recognise it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What reading may cost: `rows` of a table, `seconds` in all, `statement_seconds` for one statement."""

    rows: int = 10_000
    seconds: float = 120.0
    statement_seconds: int = 20


class Reader(Protocol):
    """One dialect's way to count and to sample."""

    def catalogue(self) -> Catalogue:
        """Tables, columns, keys, as introspected."""
        ...

    def rows(self, table: str) -> int:
        """How many rows, as cheaply as the database can say."""
        ...

    def sample(self, table: CatalogueTable, *, rows: int, of: int) -> list[tuple[Any, ...]]:
        """At most `rows` rows of a table of `of`, columns in the catalogue's order."""
        ...


def profile_database(
    address: Address, *, system: str, budget: Budget = Budget()
) -> tuple[Profile, Catalogue]:
    """The profile of the database at `address`, and its catalogue. A table that cannot be read in time is named in `skipped`.

    Raises Fault `address/not-reached`, `profile/failed`.
    """
    until = time.monotonic() + budget.seconds
    with _reader(address, budget) as (reader, refused):
        try:
            catalogue = reader.catalogue()
        except refused:
            raise Fault("profile/failed", where=str(address)) from None
        tables: dict[str, TableProfile] = {}
        skipped = []
        for table in catalogue.tables.values():
            found = _profiled(reader, table, budget, refused) if time.monotonic() < until else None
            if found is None:
                skipped.append(table.name)
            else:
                tables[table.name] = found
    return Profile(system, catalogue.dialect, tables, tuple(skipped)), catalogue


def _profiled(
    reader: Reader, table: CatalogueTable, budget: Budget, refused: tuple[type[Exception], ...]
) -> TableProfile | None:
    """The table's profile, None when a statement took too long or the account may not read it."""
    try:
        count = reader.rows(table.name)
        lines = reader.sample(table, rows=budget.rows, of=count)
    except refused:
        return None
    names = list(table.columns)
    columns: dict[str, Sequence[object]] = {
        name: [_short(line[place]) for line in lines] for place, name in enumerate(names)
    }
    return profile_table(table, rows=max(count, len(lines)), sample=columns)


def _short(value: Any) -> Any:
    if isinstance(value, bytearray | memoryview):
        value = bytes(value)
    return value[:CELL] if isinstance(value, str | bytes) else value


@contextmanager
def _reader(address: Address, budget: Budget) -> Iterator[tuple[Reader, tuple[type[Exception], ...]]]:
    if address.dialect == "sqlite":
        with closing(open_sqlite(address)) as connection:
            yield _Sqlite(connection, budget), (sqlite3.Error,)
    elif address.dialect == "postgres":
        with closing(open_postgres(address)) as server:
            server.execute(
                sql.SQL("SET statement_timeout = {}").format(sql.Literal(budget.statement_seconds * 1000))
            )
            yield _Postgres(server), (psycopg.Error,)
    elif address.dialect == "firebird":
        with sampled(address) as reader:
            yield reader, (Fault, Refusal)
    elif address.dialect in ("tsql", "oracle"):
        raise Refusal("address/only-a-source", got=address.dialect)
    else:
        with closing(open_mariadb(address)) as maria:
            with maria.cursor() as cursor:
                cursor.execute("SET max_statement_time = %s", (budget.statement_seconds,))
            yield _Mariadb(maria), (pymysql.Error,)


class _Sqlite:
    """Ranges of rowid; a table without one is read from its start."""

    def __init__(self, connection: sqlite3.Connection, budget: Budget) -> None:
        self._connection = connection
        self._seconds = budget.statement_seconds

    def catalogue(self) -> Catalogue:
        return introspect_sqlite(self._connection)

    def rows(self, table: str) -> int:
        """SQLite keeps no estimate: the highest row number where there is one, else a count."""
        try:
            return int(self._ask(f"SELECT max(rowid) FROM {_double(table)}")[0][0] or 0)  # noqa: S608 - a name of the catalogue, quoted
        except sqlite3.OperationalError:
            return int(self._ask(f"SELECT count(*) FROM {_double(table)}")[0][0])  # noqa: S608

    def sample(self, table: CatalogueTable, *, rows: int, of: int) -> list[tuple[Any, ...]]:
        names = ", ".join(map(_double, table.columns))
        query = f"SELECT {names} FROM {_double(table.name)}"  # noqa: S608 - names of the catalogue, quoted
        if of <= rows:
            return self._ask(f"{query} LIMIT {rows:d}")
        each, step = rows // WINDOWS, of // WINDOWS
        try:
            return [
                line
                for place in range(WINDOWS)
                for line in self._ask(f"{query} WHERE rowid > ? LIMIT {each:d}", place * step)
            ]
        except sqlite3.OperationalError:
            return self._ask(f"{query} LIMIT {rows:d}")

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        until = time.monotonic() + self._seconds
        self._connection.set_progress_handler(lambda: int(time.monotonic() > until), 100_000)
        return self._connection.execute(query, values).fetchall()


class _Postgres:
    """TABLESAMPLE SYSTEM: whole pages drawn at random, the others never read."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def catalogue(self) -> Catalogue:
        return introspect_postgres(self._connection)

    def rows(self, table: str) -> int:
        """The server's own estimate; a table it has not counted yet is counted, up to a limit."""
        named = sql.Identifier(*table.split(".", 1))
        query = "SELECT reltuples::bigint, relkind::text FROM pg_class WHERE oid = to_regclass(%s)"
        estimate, kind = self._connection.execute(query, (named.as_string(self._connection),)).fetchall()[0]
        if estimate > 0 and kind in ("r", "m"):
            return int(estimate)
        counted = sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT 1000000) counted").format(named)
        return int(self._connection.execute(counted).fetchall()[0][0])

    def sample(self, table: CatalogueTable, *, rows: int, of: int) -> list[tuple[Any, ...]]:
        names = sql.SQL(", ").join(map(sql.Identifier, table.columns))
        query = sql.SQL("SELECT {} FROM {}").format(names, sql.Identifier(*table.name.split(".", 1)))
        limit = sql.SQL(" LIMIT {}").format(sql.Literal(rows))
        if of > rows:
            share = sql.Literal(min(100.0, 120.0 * rows / of))
            drawn = sql.SQL(" TABLESAMPLE SYSTEM ({}) REPEATABLE (1)").format(share)
            try:
                return self._connection.execute(query + drawn + limit).fetchall()
            except psycopg.errors.WrongObjectType:  # a view has no pages
                pass
        return self._connection.execute(query + limit).fetchall()


class _Mariadb:
    """Windows at even steps of a numeric key; a table without one is read from its start."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def catalogue(self) -> Catalogue:
        return introspect_mariadb(self._connection)

    def rows(self, table: str) -> int:
        """The engine's own estimate."""
        lines = self._ask(
            "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
            table,
        )
        return int(lines[0][0] or 0)

    def sample(self, table: CatalogueTable, *, rows: int, of: int) -> list[tuple[Any, ...]]:
        names = ", ".join(map(_back, table.columns))
        query = f"SELECT {names} FROM {_back(table.name)}"  # noqa: S608 - names of the catalogue, quoted
        key = table.primary_key[0] if len(table.primary_key) == 1 else None
        if of <= rows or key is None:
            return self._ask(f"{query} LIMIT %s", rows)
        starts = self._starts(table, key)
        each = rows // len(starts)
        return [
            line
            for start in starts
            for line in self._ask(
                f"{query} WHERE {_back(key)} >= %s ORDER BY {_back(key)} LIMIT %s", start, each
            )
        ]

    def _starts(self, table: CatalogueTable, key: str) -> list[Any]:
        """Where the windows begin: even steps between the ends of a number, else the first key alone."""
        low, high = self._ask(f"SELECT min({_back(key)}), max({_back(key)}) FROM {_back(table.name)}")[0]  # noqa: S608
        if table.columns[key].family != "integer" or low is None:
            return [low]
        return [low + (high - low) * place // WINDOWS for place in range(WINDOWS)]

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall())


def _double(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _back(name: str) -> str:
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"
