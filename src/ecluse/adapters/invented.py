"""Invented laboratories put into databases: the old system filled, the new one created empty.

Decides how each database takes rows fastest and keeps them whole: SQLite by `executemany`, PostgreSQL by binary COPY, MariaDB by inserts of
many rows. It decides nothing of what the rows say (`ecluse.invent`). PostgreSQL and SQLite take all or nothing; MariaDB commits its DDL as it
goes, so a failure there leaves a database to throw away.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, Final, Protocol

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pymysql
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql

from ecluse.adapters.connectors.sql.address import Address, parse_address
from ecluse.adapters.connectors.sql.connect import open_mariadb, open_postgres, open_sqlite
from ecluse.base.refusal import Fault, Refusal
from ecluse.invent.laboratory import DOCUMENTS, invent
from ecluse.invent.relations import Dialect, System, Table, quoted
from ecluse.invent.systems import NEW, OLD

__all__ = ["Progress", "create_empty", "fill"]

Progress = Callable[[int, int], None]
"""Called as work goes on, with the patients written so far and all those to write."""

LARGEST_STATEMENT: Final = 4 << 20
"""Bytes of one MariaDB insert, about: well under the 16 MiB that its servers accept unless told otherwise."""

SQLITE_ROWS: Final = 8192
"""Rows made into Python values at once for SQLite."""

_SQLITE_SPEED: Final = (
    "PRAGMA journal_mode = MEMORY",
    "PRAGMA synchronous = OFF",
    "PRAGMA cache_size = -65536",
    "PRAGMA foreign_keys = OFF",
)
_MARIADB_SPEED: Final = (
    "SET SESSION foreign_key_checks = 0",
    "SET SESSION unique_checks = 0",
)


class _Writer(Protocol):
    """One database being filled."""

    dialect: Dialect

    def holds(self, table: Table) -> bool:
        """Whether a table of that name is already there."""

    def create(self, table: Table) -> None:
        """Create the table, ready for a bulk load."""

    def write(self, table: Table, batch: pa.RecordBatch) -> None:
        """Add the rows of one batch."""

    def finish(self, system: System) -> None:
        """Add the keys and references that were left for the end, and commit."""


# --- verbs ------------------------------------------------------------------------------------------------------------


def fill(
    url: str, *, patients: int, seed: int, documents: float = DOCUMENTS, progress: Progress | None = None
) -> dict[str, int]:
    """Create the old system in the empty database at `url` and fill it; the number of rows written to each table.

    `url` is `sqlite:///PATH`, `postgresql://...` or `mysql://USER:PASSWORD@HOST:PORT/NAME`. Raises Refusal `invent/size`,
    `invent/documents`, `invent/not-empty` or those of `parse_address`, and Fault `invent/database` or `address/not-reached`.
    """
    stream = invent(patients=patients, seed=seed, documents=documents)
    written: Counter[str] = Counter({table.name: 0 for table in OLD.tables})
    with _writer(url) as writer:
        _create(writer, OLD)
        for name, batch in stream:
            writer.write(OLD.table(name), batch)
            written[name] += batch.num_rows
            if progress and name == OLD.tables[-1].name:
                progress(written["PATIENT"], patients)
        writer.finish(OLD)
    return dict(written)


def create_empty(url: str) -> None:
    """Create the new system's tables, with keys, references and checks, in the empty database at `url`. Raises as `fill` does."""
    with _writer(url) as writer:
        _create(writer, NEW)
        writer.finish(NEW)


def _create(writer: _Writer, system: System) -> None:
    for table in system.tables:
        if writer.holds(table):
            raise Refusal("invent/not-empty", got=table.name)
    for table in system.tables:
        writer.create(table)


@contextmanager
def _writer(url: str) -> Iterator[_Writer]:
    """The writer for this address, closed at the end; without `finish`, what it wrote is rolled back where that is possible."""
    address = parse_address(url)
    try:
        writer = _WRITERS[address.dialect](address)
        with closing(writer.connection):
            yield writer
    except (sqlite3.Error, psycopg.Error, pymysql.MySQLError) as error:
        raise Fault("invent/database", got=type(error).__name__) from None


# --- SQLite -----------------------------------------------------------------------------------------------------------


class _Sqlite:
    """SQLite by the standard library: it cannot add keys afterwards, so tables have them from the start."""

    dialect: Dialect = "sqlite"

    def __init__(self, address: Address) -> None:
        assert address.path is not None
        with suppress(OSError):
            # Where this cannot be done, opening says so.
            address.path.touch(mode=0o600)
        self.connection = open_sqlite(address, read_only=False)
        for pragma in _SQLITE_SPEED:
            self.connection.execute(pragma)
        self.connection.execute("BEGIN")

    def holds(self, table: Table) -> bool:
        found = self.connection.execute(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table.name,)
        )
        return found.fetchone() is not None

    def create(self, table: Table) -> None:
        self.connection.execute(table.create(self.dialect))

    def write(self, table: Table, batch: pa.RecordBatch) -> None:
        marks = ", ".join("?" * len(table.columns))
        statement = f"INSERT INTO {quoted(table.name, self.dialect)} VALUES ({marks})"  # noqa: S608 - a name of ours
        for first in range(0, batch.num_rows, SQLITE_ROWS):
            columns = [_sqlite_column(column) for column in batch.slice(first, SQLITE_ROWS).columns]
            self.connection.executemany(statement, zip(*columns, strict=True))

    def finish(self, system: System) -> None:
        self.connection.execute("PRAGMA analysis_limit = 1000")
        for table in system.tables:
            self.connection.execute(f"ANALYZE {quoted(table.name, self.dialect)}")
        self.connection.execute("COMMIT")


def _sqlite_column(column: pa.Array) -> list[Any]:
    """The column's values as SQLite keeps them: a timestamp is the text YYYY-MM-DD HH:MM:SS."""
    values: list[Any] = (_seconds(column) if pa.types.is_timestamp(column.type) else column).to_pylist()
    return values


def _seconds(column: pa.Array) -> pa.Array:
    return column.cast(pa.timestamp("s")).cast(pa.string())


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


class _Postgresql:
    """PostgreSQL by binary COPY, in one transaction; keys and references are built after the load, which is faster."""

    dialect: Dialect = "postgresql"

    def __init__(self, address: Address) -> None:
        self.connection = open_postgres(address, read_only=False)
        self.connection.execute("BEGIN")
        self.connection.execute("SET LOCAL maintenance_work_mem = '128MB'")

    def holds(self, table: Table) -> bool:
        name = quoted(table.name, self.dialect)
        found = self.connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone()
        return found is not None and bool(found[0])

    def create(self, table: Table) -> None:
        self._say(table.create(self.dialect, constraints=False))

    def write(self, table: Table, batch: pa.RecordBatch) -> None:
        encoder = ArrowToPostgresBinaryEncoder(batch.schema)
        statement = sql.SQL("COPY {} FROM STDIN WITH (FORMAT binary, FREEZE)").format(
            sql.Identifier(table.name)
        )
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(encoder.write_header())
            copy.write(encoder.write_batch(batch))
            copy.write(encoder.finish())

    def finish(self, system: System) -> None:
        for table in system.tables:
            for statement in table.constrain(self.dialect):
                self._say(statement)
        self._say("ANALYZE")
        self.connection.execute("COMMIT")

    def _say(self, statement: str) -> None:
        self.connection.execute(statement.encode())


# --- MariaDB ----------------------------------------------------------------------------------------------------------


class _Mariadb:
    """MariaDB by inserts of many rows, each statement's text made by Arrow; keys and references are built after the load."""

    dialect: Dialect = "mariadb"

    def __init__(self, address: Address) -> None:
        self.connection = open_mariadb(address, read_only=False)
        for statement in _MARIADB_SPEED:
            self._say(statement)

    def holds(self, table: Table) -> bool:
        with self.connection.cursor() as cursor:
            found = cursor.execute(
                "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = %s",
                (table.name,),
            )
            return bool(found)

    def create(self, table: Table) -> None:
        self._say(table.create(self.dialect, constraints=False))

    def write(self, table: Table, batch: pa.RecordBatch) -> None:
        self.connection.begin()
        rows = max(1, batch.num_rows * LARGEST_STATEMENT // max(1, batch.nbytes))
        for first in range(0, batch.num_rows, rows):
            values = _values_text(batch.slice(first, rows))
            self._say(f"INSERT INTO {quoted(table.name, self.dialect)} VALUES {values}")  # noqa: S608 - all of ours
        self.connection.commit()

    def finish(self, system: System) -> None:
        for table in system.tables:
            for statement in table.constrain(self.dialect):
                self._say(statement)

    def _say(self, statement: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)


def _values_text(batch: pa.RecordBatch) -> str:
    """The rows as SQL literals: `('a', NULL), ('b', 'c')`."""
    literals = [_literal(column) for column in batch.columns]
    lines = pc.binary_join_element_wise(*literals, pa.scalar(", "))
    whole = pa.ListArray.from_arrays(pa.array([0, len(lines)], pa.int32()), lines)
    text: str = pc.binary_join(whole, "), (")[0].as_py()
    return f"({text})"


def _literal(column: pa.Array) -> pa.Array:
    """Each value as a literal: texts quoted, with quotes and backslashes doubled; bytes in hexadecimal."""
    kind = column.type
    if pa.types.is_binary(kind):
        values = [None if value is None else f"X'{value.hex()}'" for value in column.to_pylist()]
        return pc.fill_null(pa.array(values, pa.string()), "NULL")
    if pa.types.is_integer(kind):
        return pc.fill_null(column.cast(pa.string()), "NULL")
    text = _seconds(column) if pa.types.is_timestamp(kind) else column.cast(pa.string())
    text = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), "'", "''")
    return pc.fill_null(pc.binary_join_element_wise("'", text, "'", ""), "NULL")


_WRITERS: Final[dict[str, Callable[[Address], Any]]] = {
    "sqlite": _Sqlite,
    "postgres": _Postgresql,
    "mysql": _Mariadb,
}
