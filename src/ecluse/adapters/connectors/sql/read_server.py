"""A snapshot on one transaction of a server entered through a DB-API driver: what SQL Server and Oracle share.

Decides how the statements are sent and the rows streamed, and that the tables have not changed since they were first described. The terms
of the transaction and the meaning of a complaint are each server's own. What leaves is the plan's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from typing import Any

import pyarrow as pa
from sqlglot import exp

from ecluse.adapters.connectors.sql import census
from ecluse.adapters.connectors.sql.batches import chunks, gathered, shape
from ecluse.adapters.connectors.sql.columns import Dialect
from ecluse.adapters.connectors.sql.query import columns_read, render, rows_query
from ecluse.base.refusal import Refusal
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue
from ecluse.terms.plan import Plan, Slice

__all__ = ["Said", "ServerSnapshot"]

Said = Callable[[str], AbstractContextManager[None]]
"""A driver's complaints as ours, without the values they may hold; given what is read."""


class ServerSnapshot:
    """Implements `passage.extract.Snapshot` on one transaction of `connection`. One statement runs at a time."""

    def __init__(
        self, connection: Any, catalogue: Catalogue, first: Catalogue, dialect: Dialect, said: Said
    ) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._first = first
        self._dialect = dialect
        self._said = said

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:
        """See `Snapshot.unclassified`."""
        self._hold(plan)
        return census.unclassified(
            plan, path, ask=self._ask, catalogue=self._catalogue, dialect=self._dialect
        )

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """See `Snapshot.census`."""
        self._hold(plan)
        return census.census(plan, piece, ask=self._ask, catalogue=self._catalogue, dialect=self._dialect)

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        """See `Snapshot.rows`."""
        self._hold(plan)
        tree = rows_query(plan, piece, self._catalogue, self._dialect)
        with self._said(piece.kind), closing(self._connection.cursor()) as cursor:
            cursor.execute(render(tree, self._dialect).sql)
            yield from gathered(chunks(cursor.fetchmany, piece), shape(tree, piece), where=piece.kind)

    def _ask(self, tree: exp.Select, where: str) -> Sequence[Sequence[object]]:
        with self._said(where), closing(self._connection.cursor()) as cursor:
            cursor.execute(render(tree, self._dialect).sql)
            lines: Sequence[Sequence[object]] = cursor.fetchall()
            return lines

    def _hold(self, plan: Plan) -> None:
        """Refuse a table of the plan whose columns are not what they were when the source was first described."""
        for table, columns in columns_read(plan, self._catalogue, self._dialect).items():
            before, now = self._first.tables.get(table), self._catalogue.tables[table]
            if before is None or any(before.columns.get(name) != now.columns[name] for name in columns):
                raise Refusal("source/changed", where=table)
