"""MariaDB as a source: one consistent, read-only snapshot, rows streamed unbuffered, every value as the text the server sends.

Decides that nothing is converted on the way (no Python date for a zero date, no truth for a tinyint of 2) and that only tables that can be
part of a snapshot are read. What leaves is the plan's.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

import pyarrow as pa
import pymysql
from pymysql import cursors
from sqlglot import exp

from ecluse.adapters.connectors.sql import census
from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.batches import chunks, gathered, shape
from ecluse.adapters.connectors.sql.connect import open_mariadb
from ecluse.adapters.connectors.sql.introspect import introspect_mariadb
from ecluse.adapters.connectors.sql.privileges import privileges_mariadb
from ecluse.adapters.connectors.sql.query import columns_read, render, rows_query
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue, Privilege
from ecluse.terms.plan import Plan, Slice

__all__ = ["MariadbSnapshot", "MariadbSource"]

CUT: Final = frozenset({1053, 1077, 1079, 1080, 1152, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2014, 2055})
CHANGED: Final = frozenset({1054, 1146, 1412, 1051})
DENIED: Final = frozenset({1044, 1142, 1143, 1227})
"""MariaDB's error numbers (mysqld_error.h, errmsg.h): the connection ended; the structure changed; the account may not."""

_ENGINES: Final = """
SELECT t.TABLE_NAME, t.ENGINE FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE
WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE <> 'VIEW' AND COALESCE(e.TRANSACTIONS, 'NO') <> 'YES'
"""


class MariadbSource:
    """Implements `passage.extract.Source` for the database at `address`."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._first: Catalogue | None = None

    def catalogue(self) -> Catalogue:
        """The database's tables. Raises Fault `address/not-reached`."""
        with closing(open_mariadb(self.address)) as connection:
            self._first = introspect_mariadb(connection)
            return self._first

    def privileges(self) -> frozenset[Privilege]:
        """What the account may do."""
        with closing(open_mariadb(self.address)) as connection:
            return privileges_mariadb(connection)

    @contextmanager
    def snapshot(self) -> Iterator[MariadbSnapshot]:
        """One consistent view. Raises Fault `address/not-reached`, `source/...`."""
        connection = open_mariadb(self.address)
        try:
            with _said("the tables"), connection.cursor() as cursor:
                catalogue = introspect_mariadb(connection)
                cursor.execute(_ENGINES)
                fleeting = {str(table): str(engine) for table, engine in cursor.fetchall()}
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            connection.decoders = {}  # every value stays the text that was sent
            yield MariadbSnapshot(connection, catalogue, self._first or catalogue, fleeting)
        finally:
            connection._force_close()  # noqa: SLF001 - close() would first read what is left of a cut result


class MariadbSnapshot:
    """Implements `passage.extract.Snapshot` on one transaction. One statement runs at a time."""

    def __init__(
        self, connection: Any, catalogue: Catalogue, first: Catalogue, fleeting: dict[str, str]
    ) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._first = first
        self._fleeting = fleeting
        self._held: Plan | None = None

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:
        """See `Snapshot.unclassified`."""
        self._hold(plan)
        return census.unclassified(plan, path, ask=self._ask, catalogue=self._catalogue, dialect="mysql")

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """See `Snapshot.census`."""
        self._hold(plan)
        return census.census(plan, piece, ask=self._ask, catalogue=self._catalogue, dialect="mysql")

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        """See `Snapshot.rows`. Left before its end, the rest of the result is read and thrown away, so that the snapshot can go on."""
        self._hold(plan)
        yield from self._read(rows_query(plan, piece, self._catalogue, "mysql"), piece)

    def _read(self, tree: exp.Select, piece: Slice) -> Generator[pa.RecordBatch]:
        with _said(piece.kind), closing(self._connection.cursor(cursors.SSCursor)) as cursor:
            cursor.execute(render(tree, "mysql").sql)
            yield from gathered(chunks(cursor.fetchmany, piece), shape(tree, piece), where=piece.kind)

    def _ask(self, tree: exp.Select, where: str) -> Sequence[Sequence[object]]:
        with _said(where), closing(self._connection.cursor()) as cursor:
            cursor.execute(render(tree, "mysql").sql)
            lines: Sequence[Sequence[object]] = cursor.fetchall()
            return lines

    def _hold(self, plan: Plan) -> None:
        """Refuse a table of the plan that has no snapshot or has changed, and hold the others against changes of structure."""
        if plan is self._held:
            return
        for table, columns in columns_read(plan, self._catalogue, "mysql").items():
            if table in self._fleeting:
                raise Refusal("source/no-snapshot", where=table, got=self._fleeting[table])
            before, now = self._first.tables.get(table), self._catalogue.tables[table]
            if before is None or any(before.columns.get(name) != now.columns[name] for name in columns):
                raise Refusal("source/changed", where=table)
            names = (
                exp.select(exp.column(columns[0], quoted=True))
                .from_(exp.to_identifier(table, quoted=True))
                .limit(1)
            )
            self._ask(
                names, table
            )  # a row, read in the snapshot, takes the lock and shows a table made anew since
        self._held = plan


@contextmanager
def _said(where: str) -> Iterator[None]:
    """The server's complaints as ours, without the values they may hold."""
    try:
        yield
    except pymysql.MySQLError as error:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        if number in CHANGED:
            raise Refusal("source/changed", where=where) from None
        if number in DENIED:
            raise Refusal("source/not-permitted", where=where) from None
        code = (
            "source/connection-cut"
            if number in CUT or isinstance(error, pymysql.InterfaceError)
            else "source/not-read"
        )
        raise Fault(code, where=where, got=f"{type(error).__name__} {number}") from None
    except (OSError, EOFError, AttributeError) as error:  # PyMySQL meets its own closed socket as None
        raise Fault("source/connection-cut", where=where, got=type(error).__name__) from None
    except UnicodeDecodeError:
        raise Refusal("source/encoding", where=where, got="MariaDB") from None
