"""Reading a Firebird database to profile it, in one read-only view: rows counted, each then drawn by chance.

Decides which columns a sample holds: those that are read exactly, and the others as if they were empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final

from sqlglot import exp

from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.describe_firebird import describe_firebird
from ecluse.adapters.connectors.sql.enter_firebird import enter_firebird, said
from ecluse.adapters.connectors.sql.firebird import Firebird, asked, some_rows, written
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable

__all__ = ["sampled"]

SURE: Final = 1.2
"""So many rows more are drawn than asked for, since chance may give fewer."""


@contextmanager
def sampled(address: Address) -> Iterator[_Firebird]:
    """What counts and samples the database. Raises as `enter_firebird`; each of its methods Fault or Refusal `source/...`."""
    with enter_firebird(address) as transaction:
        yield _Firebird(transaction, address.charset)


class _Firebird:
    """Implements `profile.Reader`."""

    def __init__(self, transaction: Any, unsaid: str) -> None:
        self._transaction, self._unsaid = transaction, unsaid

    def catalogue(self) -> Catalogue:
        with said("the tables"):
            return describe_firebird(self._transaction)

    def rows(self, table: str) -> int:
        """Counted: Firebird keeps no estimate."""
        ((count,),) = self._ask(some_rows(table, [exp.Count(this=exp.Star())]), table)
        return int(count)

    def sample(self, table: CatalogueTable, *, rows: int, of: int) -> list[tuple[Any, ...]]:
        trees = [self._tree(column, table.name) for column in table.columns.values()]
        share = SURE * rows / of if of > rows else 1.0
        lines = self._ask(some_rows(table.name, trees, rows=rows, share=share), table.name)
        told = [
            self._told(values, column, table.name)
            for values, column in zip(zip(*lines, strict=True), table.columns.values(), strict=True)
        ]
        return list(zip(*told, strict=True))

    def _tree(self, column: CatalogueColumn, table: str) -> exp.Expr:
        try:
            return asked(column, where=f"{table}.{column.name}")
        except Refusal:
            return exp.null()

    def _told(self, values: Sequence[Any], column: CatalogueColumn, table: str) -> Sequence[Any]:
        try:
            return written(values, column, unsaid=self._unsaid, where=f"{table}.{column.name}").to_pylist()
        except Refusal:  # text of an unknown set: octets are shown as such
            return values

    def _ask(self, tree: exp.Select, table: str) -> list[tuple[Any, ...]]:
        with said(table), closing(self._transaction.cursor()) as cursor:
            cursor.stream_blob_threshold = -1
            cursor.execute(tree.sql(dialect=Firebird))
            return [tuple(line) for line in cursor.fetchall()]
