"""PostgreSQL as a target: COPY, one transaction for a batch and its mark.

Decides by which road a table's rows go: COPY BINARY (pgpq) when the server reads every column by a function whose binary form pgpq
writes exactly, else COPY CSV, parsed by the server itself. Which rows, it does not decide.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import pgpq
import psycopg
import pyarrow as pa
import pyarrow.csv
from psycopg import sql

from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.complaints import of_postgres
from ecluse.adapters.connectors.sql.connect import open_postgres
from ecluse.adapters.connectors.sql.fit import check_fit, check_keys
from ecluse.adapters.connectors.sql.introspect import introspect_postgres
from ecluse.adapters.connectors.sql.lookup import one_to_one
from ecluse.adapters.connectors.sql.privileges import privileges_postgres
from ecluse.base.refusal import Refusal
from ecluse.passage.ahead import ahead
from ecluse.passage.load import Mark, RowsRefused, TableRows
from ecluse.terms.catalogue import Catalogue, Privilege

__all__ = ["PostgresTarget"]

SLICE: Final = 16_384
"""Rows encoded at a time, so that memory stays flat whatever the batch."""

BINARY: Final[dict[str, tuple[pa.DataType, pa.DataType]]] = {
    **{
        name: (pa.string(), pa.string())
        for name in ("textrecv", "varcharrecv", "bpcharrecv", "enum_recv", "json_recv")
    },
    "int2recv": (pa.int64(), pa.int16()),
    "int4recv": (pa.int64(), pa.int32()),
    "int8recv": (pa.int64(), pa.int64()),
    "float8recv": (pa.float64(), pa.float64()),
    "boolrecv": (pa.bool_(), pa.bool_()),
    "bytearecv": (pa.binary(), pa.binary()),
    "date_recv": (pa.date32(), pa.date32()),
    "timestamp_recv": (pa.timestamp("us"), pa.timestamp("us")),
}
"""The server's own reader of a column's binary form: the Arrow type given, and the one whose bytes pgpq writes as that reader wants."""

_RECEIVERS: Final = """
SELECT a.attname, COALESCE(b.typreceive, t.typreceive)::text, c.relpersistence
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
WHERE c.oid = to_regclass(%s)
"""
_MARKS: Final = sql.SQL(
    "CREATE TABLE ecluse_load (migration varchar(200) NOT NULL, part bigint NOT NULL, kind varchar(60) NOT NULL, "
    "records bigint NOT NULL, start bigint NOT NULL, PRIMARY KEY (migration, part, kind, start))"
)


class PostgresTarget:
    """A `Target` in PostgreSQL. `zone`: the zone in which civil times are put into `timestamp with time zone` columns."""

    def __init__(self, address: Address, *, zone: str = "UTC") -> None:
        self._address, self._zone = address, zone
        self._connection = open_postgres(address, read_only=False, zone=zone)
        self._connection.execute("SET synchronous_commit = on")
        self._catalogue: Catalogue | None = None
        self._readers: dict[str, dict[str, str]] = {}

    def close(self) -> None:
        """Leave the database; a batch under way is not written."""
        self._connection.close()

    def beside(self) -> PostgresTarget:
        """Another connection to the same database: copying into a table takes the server longer than anything else does, and it does two at once."""
        other = PostgresTarget(self._address, zone=self._zone)
        other._catalogue = self.catalogue()
        return other

    def catalogue(self) -> Catalogue:
        """Tables, columns, keys, as introspected once."""
        if self._catalogue is None:
            with self._said("catalogue"):
                self._catalogue = introspect_postgres(self._connection)
        return self._catalogue

    def privileges(self) -> frozenset[Privilege]:
        """What the connected account may do here."""
        with self._said("privileges"):
            return privileges_postgres(self._connection)

    def marks(self, migration: str) -> list[Mark]:
        """The batches of this migration that are committed, by part and kind."""
        with self._said("ecluse_load"):
            if not self._marked():
                return []
            lines = self._connection.execute("SELECT * FROM ecluse_load WHERE migration = %s", (migration,))
            return sorted(Mark(*line) for line in lines)

    def lookup(self, table: str, key: str, value: str) -> dict[str, str]:
        """{text of `key`: text of `value`} of a dictionary table. Raises Refusal `target/lookup-ambiguous`."""
        for name in (key, value):
            self.catalogue().column(table, name, where="lookup")
        query = sql.SQL(
            "SELECT DISTINCT {0}::text, {1}::text FROM {2} WHERE {0} IS NOT NULL AND {1} IS NOT NULL"
        ).format(sql.Identifier(key), sql.Identifier(value), _named(table))
        with self._said(table):
            return one_to_one(self._connection.execute(query), table=table)

    def write(self, tables: Sequence[TableRows], *, mark: Mark, replace: bool = False) -> None:
        """Write all and the mark in one transaction. Raises as the port says, and Refusal `target/batch-twice`."""
        with self._batch(mark) as (cursor, at):
            self._put_mark(cursor, mark)
            for number, given in enumerate(tables):
                at[0] = given.table
                check_fit(self.catalogue().table(given.table, where=mark.kind), given, dialect="postgres")
                if replace:
                    check_keys(given)
                    self._replace(cursor, given, number=number)
                else:
                    self._copy(cursor, given, into=_named(given.table))

    def remove(self, tables: Sequence[TableRows], *, mark: Mark) -> None:
        """Take out the rows with these keys, and the mark, in one transaction. Raises Refusal `target/batch-absent`."""
        with self._batch(mark) as (cursor, at):
            taken = cursor.execute(
                "DELETE FROM ecluse_load WHERE migration = %s AND part = %s AND kind = %s AND start = %s",
                (mark.migration, mark.part, mark.kind, mark.start),
            )
            if taken.rowcount != 1:
                raise Refusal("target/batch-absent", where=mark.kind, got=mark.part)
            for number, given in enumerate(tables):
                at[0] = given.table
                staged = self._stage(cursor, given, number=number)
                order = sql.SQL("DELETE FROM {} held USING {} given WHERE {}")
                cursor.execute(order.format(_named(given.table), staged, _same(given.rows.schema.names)))

    def settle(self, migration: str) -> None:
        """Forget this migration's marks."""
        with self._said("ecluse_load"):
            if self._marked():
                self._connection.execute("DELETE FROM ecluse_load WHERE migration = %s", (migration,))

    # --- the batch ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _batch(self, mark: Mark) -> Iterator[tuple[psycopg.Cursor[Any], list[str]]]:
        """One transaction, its cursor, and the name of the table under way for a complaint that names none."""
        self._make_marks()
        at = [mark.kind]
        try:
            with self._connection.transaction(), self._connection.cursor() as cursor:
                yield cursor, at
        except psycopg.Error as error:
            raise of_postgres(error, table=at[0], cut=self._connection.closed) from None

    @contextmanager
    def _said(self, table: str) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise of_postgres(error, table=table, cut=self._connection.closed) from None

    def _marked(self) -> bool:
        found = self._connection.execute("SELECT to_regclass('ecluse_load') IS NOT NULL").fetchone()
        return found is not None and bool(found[0])

    def _make_marks(self) -> None:
        with self._said("ecluse_load"):
            if self._marked():
                return
            try:
                self._connection.execute(_MARKS)
            except (psycopg.errors.DuplicateTable, psycopg.errors.UniqueViolation):
                return  # another load made it at this moment
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName):
                raise Refusal("target/marks-not-creatable") from None

    def _put_mark(self, cursor: psycopg.Cursor[Any], mark: Mark) -> None:
        """The mark goes first: a second load of the same batch waits for this one, then is refused."""
        try:
            cursor.execute(
                "INSERT INTO ecluse_load VALUES (%s, %s, %s, %s, %s)",
                (mark.migration, mark.part, mark.kind, mark.records, mark.start),
            )
        except psycopg.errors.UniqueViolation:
            raise Refusal("target/batch-twice", where=mark.kind, got=mark.part) from None

    def _replace(self, cursor: psycopg.Cursor[Any], given: TableRows, *, number: int) -> None:
        """UPDATE by the exact key, else INSERT. ON CONFLICT would want every required column even of a row that is there."""
        names = given.rows.schema.names
        rest = [sql.Identifier(name) for name in names if name not in given.key]
        parts = {
            "table": _named(given.table), "names": _list(names), "staged": self._stage(cursor, given, number=number),
            "same": _same(given.key), "news": sql.SQL(", ").join(sql.SQL("{0} = given.{0}").format(name) for name in rest),
        }  # fmt: skip
        changed = 0
        if rest:
            changed = cursor.execute(
                sql.SQL("UPDATE {table} held SET {news} FROM {staged} given WHERE {same}").format(**parts)
            ).rowcount
        added = cursor.execute(
            sql.SQL(
                "INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE SELECT {names} FROM {staged} given "
                "WHERE NOT EXISTS (SELECT FROM {table} held WHERE {same})"
            ).format(**parts)
        ).rowcount
        if changed + added > given.rows.num_rows:
            raise Refusal("target/key-not-unique", where=given.table)

    def _stage(self, cursor: psycopg.Cursor[Any], given: TableRows, *, number: int) -> sql.Identifier:
        """The rows, in a table of this transaction alone with the same column types."""
        staged = sql.Identifier("pg_temp", f"ecluse_batch_{number}")
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA").format(
                sql.Identifier(f"ecluse_batch_{number}"), _list(given.rows.schema.names), _named(given.table)
            )
        )
        self._copy(cursor, given, into=staged)
        return staged

    def _copy(self, cursor: psycopg.Cursor[Any], given: TableRows, *, into: sql.Identifier) -> None:
        names = given.rows.schema.names
        binary = _binary_types(given.rows.schema, self._receivers(cursor, given.table))
        form = "BINARY" if binary is not None else "CSV"
        order = sql.SQL("COPY {} ({}) FROM STDIN WITH (FORMAT {})").format(into, _list(names), sql.SQL(form))
        with cursor.copy(order) as copy:
            pieces = _csv(given.rows) if binary is None else _encoded(given.rows, binary, table=given.table)
            for piece in ahead(pieces):
                copy.write(piece)

    def _receivers(self, cursor: psycopg.Cursor[Any], table: str) -> dict[str, str]:
        if table not in self._readers:
            lines = cursor.execute(_RECEIVERS, (_named(table).as_string(self._connection),)).fetchall()
            if any(kept != "p" for _, _, kept in lines):
                raise Refusal("target/table-not-durable", where=table, got="UNLOGGED")
            self._readers[table] = {name: reader for name, reader, _ in lines}
        return self._readers[table]


# --- rows as bytes ----------------------------------------------------------------------------------------------------


def _named(table: str) -> sql.Identifier:
    """A table of the catalogue, which writes "schema.table" for one that the search path hides."""
    return sql.Identifier(*table.split(".", 1))


def _list(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(name) for name in names)


def _same(key: Sequence[str]) -> sql.Composed:
    """Equal by the column's own comparison, which has the index, and as text: 'a' is not 'A', whatever the collation."""
    each = sql.SQL("held.{0} = given.{0} AND held.{0}::text = given.{0}::text")
    return sql.SQL(" AND ").join(each.format(sql.Identifier(name)) for name in key)


def _binary_types(given: pa.Schema, readers: dict[str, str]) -> pa.Schema | None:
    """The types to encode these columns as, or None when one of them must be read by the server as text."""
    fields = []
    for column in given:
        takes = BINARY.get(readers.get(column.name, ""))
        if takes is None or takes[0] != column.type:
            return None
        fields.append(pa.field(column.name, takes[1]))
    return pa.schema(fields)


def _encoded(rows: pa.RecordBatch, types: pa.Schema, *, table: str) -> Iterator[bytes]:
    encoder = pgpq.ArrowToPostgresBinaryEncoder(types)
    yield bytes(encoder.write_header())
    for start in range(0, rows.num_rows, SLICE):
        try:
            piece = rows.slice(start, SLICE).cast(types)
        except pa.ArrowInvalid:  # a number beyond the column's range; the message holds it
            raise RowsRefused("target/rows-refused", where=table, reason="type") from None
        yield bytes(encoder.write_batch(piece))
    yield bytes(encoder.finish())


def _csv(rows: pa.RecordBatch) -> Iterator[bytes]:
    """Every value in quotes, so that only an absent one is bare and empty: PostgreSQL's own way to tell '' from NULL."""
    options = pa.csv.WriteOptions(include_header=False, quoting_style="all_valid")
    for start in range(0, rows.num_rows, SLICE):
        piece = rows.slice(start, SLICE)
        columns = [
            _hexadecimal(column) if pa.types.is_binary(column.type) else column for column in piece.columns
        ]
        sink = io.BytesIO()
        pa.csv.write_csv(pa.RecordBatch.from_arrays(columns, names=piece.schema.names), sink, options)
        yield sink.getvalue()


def _hexadecimal(values: pa.Array) -> pa.Array:
    """Bytes as PostgreSQL's bytea reads them in text (its manual, 8.4.1)."""
    return pa.array(
        [None if value is None else "\\x" + value.hex() for value in values.to_pylist()], pa.string()
    )
