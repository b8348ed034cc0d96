"""MariaDB as a target: many rows in each INSERT, one transaction for a batch and its mark.

Decides that nothing is changed in silence: strict modes, zone +00:00, utf8mb4, bytes as bytes, and only tables whose engine keeps a
transaction whole. It never opens LOAD DATA LOCAL: a server could then ask for any file of this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, Final

import pyarrow as pa
import pymysql

from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.complaints import of_mariadb
from ecluse.adapters.connectors.sql.connect import open_mariadb
from ecluse.adapters.connectors.sql.fit import check_fit, check_keys
from ecluse.adapters.connectors.sql.introspect import introspect_mariadb
from ecluse.adapters.connectors.sql.lookup import one_to_one
from ecluse.adapters.connectors.sql.privileges import privileges_mariadb
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.load import Mark, RowsRefused, TableRows
from ecluse.terms.catalogue import Catalogue, Privilege

__all__ = ["MariadbTarget"]

SLICE: Final = 4_096
"""Rows made into Python values at a time."""

DURABLE: Final = frozenset({"InnoDB", "ROCKSDB"})
"""The engines that keep a transaction whole, through a crash too."""

_MARKS: Final = (
    "CREATE TABLE ecluse_load (migration VARCHAR(200) NOT NULL, part BIGINT NOT NULL, kind VARCHAR(60) NOT NULL, "
    "records BIGINT NOT NULL, start BIGINT NOT NULL, PRIMARY KEY (migration, part, kind, start)) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
)
_DUPLICATE, _TABLE_EXISTS = 1062, 1050
_FORBIDDEN: Final = (1044, 1142)


class MariadbTarget:
    """A `Target` in MariaDB."""

    def __init__(self, address: Address) -> None:
        self._connection = open_mariadb(address, read_only=False)
        self._catalogue: Catalogue | None = None
        self._packet = int(self._ask("SELECT @@max_allowed_packet")[0][0])

    def close(self) -> None:
        """Leave the database; a batch under way is not written."""
        with suppress(pymysql.Error):
            self._connection.close()

    def catalogue(self) -> Catalogue:
        """Tables, columns, keys, as introspected once."""
        if self._catalogue is None:
            with self._said(["catalogue"]):
                self._catalogue = introspect_mariadb(self._connection)
        return self._catalogue

    def privileges(self) -> frozenset[Privilege]:
        """What the connected account may do here."""
        with self._said(["privileges"]):
            return privileges_mariadb(self._connection)

    def marks(self, migration: str) -> list[Mark]:
        """The batches of this migration that are committed, by part and kind."""
        if not self._marked():
            return []
        return sorted(
            Mark(*line) for line in self._ask("SELECT * FROM ecluse_load WHERE migration = %s", migration)
        )

    def lookup(self, table: str, key: str, value: str) -> dict[str, str]:
        """{text of `key`: text of `value`} of a dictionary table. Raises Refusal `target/lookup-ambiguous`."""
        for name in (key, value):
            self.catalogue().column(table, name, where="lookup")
        a, b = _quoted(key), _quoted(value)
        query = f"SELECT CAST({a} AS CHAR), CAST({b} AS CHAR) FROM {_quoted(table)} WHERE {a} IS NOT NULL AND {b} IS NOT NULL"  # noqa: S608 - names of the catalogue, quoted
        return one_to_one(self._ask(query, table=table), table=table)

    def write(self, tables: Sequence[TableRows], *, mark: Mark, replace: bool = False) -> None:
        """Write all and the mark in one transaction. Raises as the port says, and Refusal `target/batch-twice`."""
        with self._batch() as (cursor, at):
            self._put_mark(cursor, mark)
            for given in tables:
                at.append(given.table)
                check_fit(self.catalogue().table(given.table, where=mark.kind), given, dialect="mysql")
                self._check_durable(given.table)
                if replace:
                    check_keys(given)
                    self._replace(cursor, given)
                else:
                    self._insert(cursor, given.table, given.rows.schema.names, _lines(given.rows))

    def remove(self, tables: Sequence[TableRows], *, mark: Mark) -> None:
        """Take out the rows with these keys, and the mark, in one transaction. Raises Refusal `target/batch-absent`."""
        with self._batch() as (cursor, at):
            order = "DELETE FROM ecluse_load WHERE migration = %s AND part = %s AND kind = %s AND start = %s"
            if cursor.execute(order, (mark.migration, mark.part, mark.kind, mark.start)) != 1:
                raise Refusal("target/batch-absent", where=mark.kind, got=mark.part)
            for given in tables:
                at.append(given.table)
                order = f"DELETE FROM {_quoted(given.table)} WHERE {_same(given.rows)}"  # noqa: S608 - names of the catalogue, quoted
                for line in _lines(given.rows):
                    cursor.execute(order, _twice(line, given.rows))

    def settle(self, migration: str) -> None:
        """Forget this migration's marks."""
        if self._marked():
            self._ask("DELETE FROM ecluse_load WHERE migration = %s", migration)

    # --- the batch ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _batch(self) -> Iterator[tuple[Any, list[str]]]:
        """One transaction, its cursor, and the list that receives the tables under way, whose names a complaint takes."""
        self._make_marks()
        at: list[str] = []
        with self._said(at):
            self._connection.begin()
            try:
                with closing(self._connection.cursor()) as cursor:
                    yield cursor, at
                self._connection.commit()
            except BaseException:
                with suppress(pymysql.Error, OSError):
                    self._connection.rollback()
                raise

    @contextmanager
    def _said(self, at: list[str]) -> Iterator[None]:
        table = at[-1] if at else "ecluse_load"
        try:
            yield
        except pymysql.Error as error:
            table = at[-1] if at else table
            raise of_mariadb(error, table=table) from None
        except OSError:
            raise Fault("target/connection-cut", where=at[-1] if at else table) from None

    def _ask(self, order: str, *values: object, table: str = "ecluse_load") -> list[tuple[Any, ...]]:
        with self._said([table]), closing(self._connection.cursor()) as cursor:
            cursor.execute(order, values)
            return list(cursor.fetchall())

    def _marked(self) -> bool:
        found = self._ask(
            "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'ecluse_load'"
        )
        return bool(found)

    def _make_marks(self) -> None:
        if self._marked():
            return
        with self._said(["ecluse_load"]), closing(self._connection.cursor()) as cursor:
            try:
                cursor.execute(_MARKS)
            except pymysql.Error as error:
                if error.args[0] in _FORBIDDEN:
                    raise Refusal("target/marks-not-creatable") from None
                if error.args[0] != _TABLE_EXISTS:  # another load made it at this moment
                    raise

    def _put_mark(self, cursor: Any, mark: Mark) -> None:
        """The mark goes first: a second load of the same batch waits for this one, then is refused."""
        try:
            cursor.execute(
                "INSERT INTO ecluse_load VALUES (%s, %s, %s, %s, %s)",
                (mark.migration, mark.part, mark.kind, mark.records, mark.start),
            )
        except pymysql.IntegrityError as error:
            if error.args[0] != _DUPLICATE:
                raise
            raise Refusal("target/batch-twice", where=mark.kind, got=mark.part) from None

    def _check_durable(self, table: str) -> None:
        lines = self._ask(
            "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s AND TABLE_TYPE <> 'VIEW'",
            table,
        )
        for (engine,) in lines:
            if engine not in DURABLE:
                raise Refusal("target/table-not-durable", where=table, got=engine)

    def _insert(
        self, cursor: Any, table: str, names: Sequence[str], lines: Iterator[tuple[Any, ...]]
    ) -> None:
        """INSERT ... VALUES of as many rows as fit in one packet; a single row that does not fit is refused before it cuts the connection."""
        # Names of the catalogue, quoted; the values are PyMySQL's to bind.
        head = (f"INSERT INTO {_quoted(table)} ({', '.join(map(_quoted, names))}) VALUES " % ()).encode()  # noqa: S608
        places, most = "(" + ", ".join(["%s"] * len(names)) + ")", min(self._packet - 1024, 1 << 20)
        pieces: list[bytes] = []
        size = len(head)
        for line in lines:
            piece = cursor.mogrify(places, line).encode("utf-8", "surrogateescape")
            if len(head) + len(piece) > self._packet - 1024:
                raise RowsRefused("target/rows-refused", where=table, reason="too-long")
            if pieces and size + len(piece) > most:
                cursor.execute(head + b",".join(pieces))
                pieces, size = [], len(head)
            pieces.append(piece)
            size += len(piece) + 1
        if pieces:
            cursor.execute(head + b",".join(pieces))

    def _replace(self, cursor: Any, given: TableRows) -> None:
        """UPDATE by the exact key, else INSERT. ON DUPLICATE KEY would also overwrite the row of another key that a collation calls equal."""
        names, table, key = given.rows.schema.names, _quoted(given.table), given.rows.select(list(given.key))
        rest = [name for name in names if name not in given.key]
        find = f"SELECT 1 FROM {table} WHERE {_same(key)} FOR UPDATE"  # noqa: S608 - names of the catalogue, quoted
        news = ", ".join(f"{_quoted(name)} = %s" for name in rest)
        update = f"UPDATE {table} SET {news} WHERE {_same(key)}"  # noqa: S608
        absent = []
        for keys, line in zip(_lines(key), _lines(given.rows), strict=True):
            there = cursor.execute(find, _twice(keys, key))
            if there > 1:
                raise Refusal("target/key-not-unique", where=given.table)
            if not there:
                absent.append(line)
            elif rest:
                values = dict(zip(names, line, strict=True))
                cursor.execute(update, (*(values[name] for name in rest), *_twice(keys, key)))
        self._insert(cursor, given.table, names, iter(absent))


def _quoted(name: str) -> str:
    """The name in an order that takes values: PyMySQL reads %% there as %."""
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"


def _same(keys: pa.RecordBatch) -> str:
    """Equal by the column's own comparison, which has the index, and for a text byte by byte as well: 'a' is not 'A', nor 'a '."""
    tests = []
    for column in keys.schema:
        name = _quoted(column.name)
        tests.append(
            f"{name} = %s AND BINARY {name} = BINARY %s"
            if pa.types.is_string(column.type)
            else f"{name} = %s"
        )
    return " AND ".join(tests)


def _twice(line: tuple[Any, ...], keys: pa.RecordBatch) -> list[Any]:
    """The values that `_same` asks for, in its order."""
    return [
        value
        for value, column in zip(line, keys.schema, strict=True)
        for _ in range(1 + pa.types.is_string(column.type))
    ]


def _lines(rows: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    """The rows as PyMySQL writes them: dates and times as ISO 8601 text, flags as 0 and 1."""
    for start in range(0, rows.num_rows, SLICE):
        columns = [_plain(column).to_pylist() for column in rows.slice(start, SLICE).columns]
        yield from zip(*columns, strict=True)


def _plain(values: pa.Array) -> pa.Array:
    if pa.types.is_date(values.type) or pa.types.is_timestamp(values.type):
        return values.cast(pa.string())
    if pa.types.is_boolean(values.type):
        return values.cast(pa.int8())
    return values
