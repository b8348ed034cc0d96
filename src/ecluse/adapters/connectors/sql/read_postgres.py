"""PostgreSQL as a source: one REPEATABLE READ, READ ONLY snapshot, shared by two connections, and rows streamed as Arrow batches.

psycopg holds the snapshot, counts, and reads documents; DuckDB's scanner imports that very snapshot and streams the rows, which it does
about twice as fast as any text form of COPY (dataplane.md). Decides how the snapshot is kept whole: tables are locked against changes of
structure at their first use, and a table rewritten or emptied in between is refused. What leaves is the plan's, SQL verbatim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Final

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import errors, sql
from sqlglot import exp

from ecluse.adapters.connectors.sql import census
from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.batches import ROWS, chunks, gathered, shape
from ecluse.adapters.connectors.sql.connect import open_postgres
from ecluse.adapters.connectors.sql.introspect import introspect_postgres
from ecluse.adapters.connectors.sql.privileges import privileges_postgres
from ecluse.adapters.connectors.sql.query import columns_read, octets, render, rows_query
from ecluse.adapters.connectors.sql.scanner import open_scanner
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.ahead import ahead
from ecluse.passage.canonical import ARROW, MONTH, NOWHERE
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue, Privilege
from ecluse.terms.plan import Plan, Slice

__all__ = ["PostgresSnapshot", "PostgresSource"]

SETTINGS: Final = (
    ("timezone", "UTC"), ("datestyle", "ISO, YMD"), ("intervalstyle", "postgres"), ("extra_float_digits", "3"), ("bytea_output", "hex"),
    ("standard_conforming_strings", "on"), ("row_security", "off"), ("statement_timeout", "0"), ("idle_in_transaction_session_timeout", "0"),
    ("work_mem", "64MB"), ("jit", "off"),
)  # fmt: skip
"""What an account's own settings could change in the texts we read. row_security off: a policy that would hide rows is an error instead.
work_mem: the default of 4 MB cuts the table of requests to pieces on disk to join it. jit: compiling takes longer than what it saves."""

COUNTING: Final = (("parallel_setup_cost", "0"), ("parallel_tuple_cost", "0"))
"""For a census, while nothing else runs: the planner overestimates its groups, and would not share it among the workers that the server allows."""

_TYPED: Final = (ARROW["date"], ARROW["datetime"])
"""What `query` asks for as the field's own type; whole numbers and flags come as such too, and are written as text here."""

_CUT: Final = ("08", "57P01", "57P02", "57P03", "57P05")
"""How the states begin that mean the connection ended (PostgreSQL, appendix A: class 08, and shutdowns of class 57)."""
_CHANGED: Final = (
    errors.UndefinedTable,
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.DatatypeMismatch,
)

Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresSource:
    """Implements `passage.extract.Source` for the database at `address`."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._first: Catalogue | None = None

    def catalogue(self) -> Catalogue:
        """The tables on the search path. Raises Fault `address/not-reached`."""
        with closing(open_postgres(self.address)) as connection:
            self._first = introspect_postgres(connection)
            return self._first

    def privileges(self) -> frozenset[Privilege]:
        """What the account may do."""
        with closing(open_postgres(self.address)) as connection:
            return privileges_postgres(connection)

    @contextmanager
    def snapshot(self) -> Iterator[PostgresSnapshot]:
        """One consistent view. Raises Fault `address/not-reached`, `source/...`."""
        with closing(open_postgres(self.address)) as connection:
            with _said("the tables"):
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                for name, text in (*SETTINGS, *COUNTING):
                    connection.execute(
                        sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(name), sql.Literal(text))
                    )
                ((name,),) = connection.execute("SELECT pg_export_snapshot()").fetchall()
                catalogue = introspect_postgres(connection)
            with ExitStack() as scanners:
                yield PostgresSnapshot(
                    self.address,
                    connection,
                    name,
                    catalogue,
                    first=self._first or catalogue,
                    scanners=scanners,
                )


class PostgresSnapshot:
    """Implements `passage.extract.Snapshot` on one exported snapshot."""

    def __init__(
        self,
        address: Address,
        connection: Connection,
        name: str,
        catalogue: Catalogue,
        *,
        first: Catalogue,
        scanners: ExitStack,
    ) -> None:
        self._address = address
        self._connection = connection
        self._name = name
        self._catalogue = catalogue
        self._first = first
        self._held: Plan | None = None
        self._scanners = scanners
        self._free: duckdb.DuckDBPyConnection | None = None

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:
        """See `Snapshot.unclassified`."""
        self._hold(plan)
        return census.unclassified(plan, path, ask=self._ask, catalogue=self._catalogue, dialect="postgres")

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """See `Snapshot.census`."""
        self._hold(plan)
        return census.census(plan, piece, ask=self._ask, catalogue=self._catalogue, dialect="postgres")

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        """See `Snapshot.rows`. Documents are read by chunks of few rows; all else streams."""
        self._hold(plan)
        tree = rows_query(plan, piece, self._catalogue, "postgres")
        read = self._chunks(tree, piece) if octets(piece) else self._stream(tree)
        with _said(piece.kind):
            yield from _exact(ahead(read), shape(tree, piece), piece.kind)

    def _ask(self, tree: exp.Select, where: str) -> Sequence[Sequence[object]]:
        with _said(where):
            return self._connection.execute(render(tree, "postgres").sql.encode()).fetchall()

    def _chunks(self, tree: exp.Select, piece: Slice) -> Iterator[pa.RecordBatch]:
        with self._connection.cursor(name="ecluse") as cursor:
            cursor.execute(render(tree, "postgres").sql.encode())
            yield from gathered(chunks(cursor.fetchmany, piece), shape(tree, piece), where=piece.kind)

    def _stream(self, tree: exp.Select) -> Iterator[pa.RecordBatch]:
        scanner, self._free = self._free or self._scanner(), None
        try:
            yield from scanner.execute(
                "SELECT * FROM postgres_query('source', ?)", [render(tree, "postgres").sql]
            ).to_arrow_reader(ROWS)
        except BaseException:  # left before its end, its connection is still in the middle of an answer
            scanner.close()
            raise
        self._free = scanner

    def _scanner(self) -> duckdb.DuckDBPyConnection:
        """DuckDB within this snapshot; opening it takes as long as reading 100,000 rows, so that it serves every kind."""
        scanner = self._scanners.enter_context(open_scanner(self._address))
        scanner.execute("BEGIN")
        self._say(scanner, sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(self._name)))
        for name, text in SETTINGS:
            self._say(scanner, sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(name), sql.Literal(text)))
        if self._address.schemas:
            path = sql.SQL(", ").join(map(sql.Identifier, self._address.schemas))
            self._say(scanner, sql.SQL("SET LOCAL search_path = {}").format(path))
        return scanner

    def _say(self, scanner: duckdb.DuckDBPyConnection, statement: sql.Composable) -> None:
        scanner.execute("CALL postgres_execute('source', ?)", [statement.as_string(self._connection)])

    # --- the snapshot is whole ------------------------------------------------------------------------------------------

    def _hold(self, plan: Plan) -> None:
        """Lock each table of the plan against changes of structure, once for each plan, and refuse one changed since the snapshot or the plan was made.

        TRUNCATE and a rewriting ALTER TABLE are seen even by an older snapshot (PostgreSQL, "Caveats" of MVCC): they give the table another file.
        """
        if plan is self._held:
            return
        for table, columns in columns_read(plan, self._catalogue, "postgres").items():
            before, now = self._first.tables.get(table), self._catalogue.tables[table]
            if before is None or any(before.columns.get(name) != now.columns[name] for name in columns):
                raise Refusal("source/changed", where=table)
            with _said(table):
                self._lock(table, columns[0])
        self._held = plan

    def _lock(self, table: str, column: str) -> None:
        name = sql.Identifier(*table.split(".", 1)) if "." in table else sql.Identifier(table)
        self._connection.execute(sql.SQL("SELECT {} FROM {} LIMIT 0").format(sql.Identifier(column), name))
        ((kept,),) = self._connection.execute(
            "SELECT bool_and(relfilenode IS NOT DISTINCT FROM COALESCE(pg_relation_filenode(oid), 0)) FROM pg_class WHERE oid = %s::regclass",
            (name.as_string(self._connection),),
        ).fetchall()
        if not kept:
            raise Refusal("source/changed", where=table)


def _exact(batches: Iterator[pa.RecordBatch], schema: pa.Schema, where: str) -> Iterator[pa.RecordBatch]:
    """The batches, their text seen to be UTF-8: a database without an encoding (SQL_ASCII) may hold anything."""
    for batch in batches:
        try:
            batch.validate(full=True)
        except pa.ArrowInvalid as error:
            column = re.search(r"In column (\d+)", str(error))
            name = schema.names[int(column.group(1))] if column else "?"
            raise Refusal("source/encoding", where=f"{where}.{name}", got="SQL_ASCII") from None
        columns = [
            _months(array)
            if field.name == MONTH
            else array
            if array.type in _TYPED
            else array.cast(field.type)
            for array, field in zip(batch.columns, schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, names=schema.names)


def _months(days: pa.Array) -> pa.Array:
    """The month of each day, written once for each day that there is, "-" for none; a month already written stays."""
    if days.type not in _TYPED:
        return days
    told = pc.dictionary_encode(days.cast(pa.date32(), safe=False))
    return pc.strftime(told.dictionary, format="%Y-%m").take(told.indices).fill_null(NOWHERE)


@contextmanager
def _said(where: str) -> Iterator[None]:
    """The database's complaints as ours, without the values they may hold."""
    try:
        yield
    except _CHANGED:
        raise Refusal("source/changed", where=where) from None
    except errors.InsufficientPrivilege as error:
        hidden = "row-level security" in str(error)
        raise Refusal("source/rows-hidden" if hidden else "source/not-permitted", where=where) from None
    except UnicodeDecodeError:
        raise Refusal("source/encoding", where=where, got="SQL_ASCII") from None
    except (errors.CharacterNotInRepertoire, errors.UntranslatableCharacter):
        raise Refusal("source/encoding", where=where, got="SQL_ASCII") from None
    except psycopg.Error as error:  # without a state, it is the driver that met a closed connection
        cut = (
            error.sqlstate.startswith(_CUT)
            if error.sqlstate
            else isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        )
        raise Fault(
            "source/connection-cut" if cut else "source/not-read", where=where, got=type(error).__name__
        ) from None
    except duckdb.Error as error:
        raise _scanned(error, where) from None


def _scanned(error: duckdb.Error, where: str) -> Refusal | Fault:
    """What PostgreSQL said through DuckDB, which passes on its words and not its state; the words may hold a value, and go no further."""
    message = str(error)
    if "invalid byte sequence" in message:
        return Refusal("source/encoding", where=where, got="SQL_ASCII")
    if "permission denied" in message:
        return Refusal("source/not-permitted", where=where)
    gone = any(
        words in message for words in ("terminating connection", "invalid snapshot identifier")
    )  # or whoever held the snapshot
    cut = gone or (isinstance(error, duckdb.IOException) and "ERROR:" not in message)
    return Fault("source/connection-cut" if cut else "source/not-read", where=where, got=type(error).__name__)
