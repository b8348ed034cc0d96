"""Firebird as a source: one read-only snapshot, of which the plan's columns are read once, whole, into the encrypted scratch; its rules run there.

Decides that no rule is asked of Firebird: it joins by loops what the rules look up (three minutes for 20,000 rows that another system joins
in a tenth of a second), and knows no text without its last blanks. So the columns of the plan are asked for, of every row, as of a dump;
what does not leave is never written in clear and goes with the scratch. What is read, and what leaves, is the plan's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from ecluse.adapters.connectors.sql import scratch as kept
from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.describe_firebird import describe_firebird, privileges_firebird
from ecluse.adapters.connectors.sql.dump import DumpSnapshot
from ecluse.adapters.connectors.sql.enter_firebird import enter_firebird, said
from ecluse.adapters.connectors.sql.firebird import Firebird, asked, some_rows, written
from ecluse.adapters.connectors.sql.query import columns_read
from ecluse.base.refusal import Refusal
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, Privilege
from ecluse.terms.plan import Plan, Slice

__all__ = ["FirebirdSnapshot", "FirebirdSource", "statements"]

ROWS: Final = 4_096
WIDE_ROWS: Final = 32
OCTETS: Final = 8 << 20

Enter = Callable[[Address], AbstractContextManager[Any]]


def statements(plan: Plan, catalogue: Catalogue) -> Iterator[tuple[CatalogueTable, str]]:
    """What is asked of Firebird for a plan: of each table, its columns that the plan reads. Raises Refusal `mapping/...-absent`, `source/type-not-read`."""
    for name, columns in columns_read(plan, replace(catalogue, dialect="duckdb"), "duckdb").items():
        whole = catalogue.tables[name]
        table = replace(whole, columns={column: whole.columns[column] for column in columns})
        trees = [asked(column, where=f"{name}.{column.name}") for column in table.columns.values()]
        yield table, some_rows(name, trees).sql(dialect=Firebird)


class FirebirdSource:
    """Implements `passage.extract.Source` for the database at `address`. `scratch`: the folder in which the encrypted scratch lies meanwhile."""

    def __init__(
        self, address: Address, *, scratch: Path | None = None, enter: Enter = enter_firebird
    ) -> None:
        self.address = address
        self._scratch, self._enter = scratch, enter
        self._first: Catalogue | None = None

    def catalogue(self) -> Catalogue:
        """The database's tables and views. Raises Fault `address/not-reached`, Refusal `address/driver-absent`."""
        with self._enter(self.address) as transaction, said("the tables"):
            self._first = describe_firebird(transaction)
            return self._first

    def privileges(self) -> frozenset[Privilege]:
        """What the account may do."""
        with self._enter(self.address) as transaction, said("the privileges"):
            return privileges_firebird(transaction)

    @contextmanager
    def snapshot(self) -> Iterator[FirebirdSnapshot]:
        """One consistent view, of the moment it is opened. Raises Fault `address/not-reached`."""
        with self._enter(self.address) as transaction, kept.open_scratch(self._scratch) as scratch:
            with said("the tables"):
                now = describe_firebird(transaction)
            yield FirebirdSnapshot(transaction, scratch, now, self._first or now, self.address.charset)


class FirebirdSnapshot:
    """Implements `passage.extract.Snapshot`. The tables are read at the first call, for its plan; `unsaid`: the set of what declares none."""

    def __init__(
        self, transaction: Any, scratch: kept.Scratch, now: Catalogue, first: Catalogue, unsaid: str
    ) -> None:
        self._transaction, self._scratch, self._unsaid = transaction, scratch, unsaid
        self._now, self._first = now, first
        self._answers = DumpSnapshot(scratch, replace(now, dialect="duckdb"))
        self._plan: Plan | None = None
        self._read: dict[str, frozenset[str]] = {}

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:
        """See `Snapshot.unclassified`."""
        return self._ready(plan).unclassified(plan, path)

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """See `Snapshot.census`."""
        return self._ready(plan).census(plan, piece)

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        """See `Snapshot.rows`."""
        return self._ready(plan).rows(plan, piece)

    def _ready(self, plan: Plan) -> DumpSnapshot:
        if plan is self._plan:
            return self._answers
        wanted = list(statements(plan, self._now))
        for table, _ in wanted:
            self._hold(table)
        if not all(table.columns.keys() <= self._read.get(table.name, frozenset()) for table, _ in wanted):
            self._scratch.clear()
            for table, statement in wanted:
                self._copy(table, statement)
            self._read = {table.name: frozenset(table.columns) for table, _ in wanted}
        self._plan = plan
        return self._answers

    def _hold(self, table: CatalogueTable) -> None:
        """Refuse a table whose columns are not what they were when the source was first described."""
        before = self._first.tables.get(table.name)
        if before is None or any(
            before.columns.get(name) != column for name, column in table.columns.items()
        ):
            raise Refusal("source/changed", where=table.name)

    def _copy(self, table: CatalogueTable, statement: str) -> None:
        columns = list(table.columns.values())
        shape = pa.schema(
            [pa.field(it.name, pa.binary() if it.family == "bytes" else pa.string()) for it in columns]
        )
        with kept.said(table.name):
            self._scratch.create(table.name, shape)
        with said(table.name), closing(self._transaction.cursor()) as cursor:
            cursor.stream_blob_threshold = -1  # every block comes with its row
            cursor.execute(statement)
            held: list[pa.RecordBatch] = []
            for rows in _some(cursor, columns):
                arrays = [
                    written(values, column, unsaid=self._unsaid, where=f"{table.name}.{column.name}")
                    for values, column in zip(zip(*rows, strict=True), columns, strict=True)
                ]
                held.append(pa.RecordBatch.from_arrays(arrays, schema=shape))
                if sum(batch.nbytes for batch in held) > OCTETS or len(rows) == ROWS:
                    self._keep(table.name, held)
            self._keep(table.name, held)

    def _keep(self, name: str, held: list[pa.RecordBatch]) -> None:
        """Put what is held into the scratch: each writing there has its price."""
        if held:
            with kept.said(name):
                self._scratch.append(name, pa.concat_batches(held))
            held.clear()


def _some(cursor: Any, columns: Sequence[CatalogueColumn]) -> Iterator[Sequence[Sequence[Any]]]:
    """The rows, some at a time: few where each may hold a document."""
    at_once = WIDE_ROWS if any(it.native.startswith("BLOB") for it in columns) else ROWS
    while rows := cursor.fetchmany(at_once):
        yield rows
