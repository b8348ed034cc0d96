"""A target in memory: real tables as dictionaries, with keys, not-null, lengths and marks. It passes the port's contract suite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ecluse.adapters.connectors.sql.fit import check_fit, check_keys
from ecluse.adapters.connectors.sql.lookup import one_to_one
from ecluse.base.refusal import Refusal
from ecluse.passage.load import Mark, RowsRefused, TableRows
from ecluse.terms.catalogue import Catalogue, Privilege

Row = dict[str, Any]


class MemoryTarget:
    """Tables of `catalogue`, each a list of rows; a batch is made on a copy that takes the place of the tables when it is whole."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.tables: dict[str, list[Row]] = {name: [] for name in catalogue.tables}
        self._marks: dict[tuple[str, int, str, int], Mark] = {}

    def close(self) -> None:
        """Nothing to leave."""

    def catalogue(self) -> Catalogue:
        return self._catalogue

    def privileges(self) -> frozenset[Privilege]:
        return frozenset()

    def marks(self, migration: str) -> list[Mark]:
        return sorted(mark for mark in self._marks.values() if mark.migration == migration)

    def lookup(self, table: str, key: str, value: str) -> dict[str, str]:
        for name in (key, value):
            self._catalogue.column(table, name, where="lookup")
        rows = self.tables[table]
        return one_to_one(
            ((row[key], row[value]) for row in rows if row[key] is not None and row[value] is not None),
            table=table,
        )

    def write(self, tables: Sequence[TableRows], *, mark: Mark, replace: bool = False) -> None:
        if (mark.migration, mark.part, mark.kind, mark.start) in self._marks:
            raise Refusal("target/batch-twice", where=mark.kind, got=mark.part)
        held = {name: [*rows] for name, rows in self.tables.items()}
        for given in tables:
            table = self._catalogue.table(given.table, where=mark.kind)
            check_fit(table, given, dialect="memory")
            if replace:
                check_keys(given)
            for row in given.rows.to_pylist():
                there = [line for line in held[given.table] if replace and _same(line, row, given.key)]
                if len(there) > 1:
                    raise Refusal("target/key-not-unique", where=given.table)
                held[given.table] = [line for line in held[given.table] if line not in there]
                held[given.table].append((there[0] if there else dict.fromkeys(table.columns)) | row)
        self._check(held)
        self.tables = held
        self._marks[mark.migration, mark.part, mark.kind, mark.start] = mark

    def remove(self, tables: Sequence[TableRows], *, mark: Mark) -> None:
        if (mark.migration, mark.part, mark.kind, mark.start) not in self._marks:
            raise Refusal("target/batch-absent", where=mark.kind, got=mark.part)
        held = {name: [*rows] for name, rows in self.tables.items()}
        for given in tables:
            for row in given.rows.to_pylist():
                held[given.table] = [line for line in held[given.table] if not _same(line, row, tuple(row))]
        self._check(held)
        self.tables = held
        del self._marks[mark.migration, mark.part, mark.kind, mark.start]

    def settle(self, migration: str) -> None:
        self._marks = {place: mark for place, mark in self._marks.items() if mark.migration != migration}

    def _check(self, held: dict[str, list[Row]]) -> None:
        """Not-null, then keys, then foreign keys, as a database would."""
        for name, table in self._catalogue.tables.items():
            for column in table.columns.values():
                if not column.nullable and any(row[column.name] is None for row in held[name]):
                    raise RowsRefused("target/rows-refused", where=name, reason="not-null")
            keys = [_key(row, table.primary_key) for row in held[name]]
            if table.primary_key and len(set(keys)) != len(keys):
                raise RowsRefused("target/rows-refused", where=name, reason="unique")
        for name, table in self._catalogue.tables.items():
            for link in table.foreign_keys:
                theirs = {_key(row, link.parent_columns) for row in held[link.parent]}
                ours = {
                    _key(row, link.columns)
                    for row in held[name]
                    if all(row[column] is not None for column in link.columns)
                }
                if ours - theirs:
                    raise RowsRefused("target/rows-refused", where=name, reason="foreign-key")


def _key(row: Row, columns: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[column] for column in columns)


def _same(held: Row, given: Row, key: Sequence[str]) -> bool:
    return _key(held, key) == _key(given, key)
