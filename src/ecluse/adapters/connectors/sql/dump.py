"""A system that can only dump everything, or one table, as a source: the dump is read once, as it comes, and only the plan's columns are kept.

Decides what is kept (the columns that the plan's own statements read, and no other, dropped before the first byte is written) and states what
was seen and dropped, in counts. The kept columns wait in an encrypted scratch, and the very same queries as for a live source answer from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import pyarrow as pa
from sqlglot import exp

from ecluse.adapters.connectors.sql import census
from ecluse.adapters.connectors.sql.batches import ROWS, shape
from ecluse.adapters.connectors.sql.dump_filter import Filter
from ecluse.adapters.connectors.sql.dump_rows import LARGEST, RowsFilter, is_table
from ecluse.adapters.connectors.sql.query import columns_read, octets, render, rows_query
from ecluse.adapters.connectors.sql.scratch import Scratch, open_scratch, said
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, Privilege
from ecluse.terms.mapping import Mapping
from ecluse.terms.plan import Plan, Slice

__all__ = ["DumpSnapshot", "DumpSource"]

_WIDE: Final = 2_048
"""DuckDB's own vector: the smallest batch it gives, for documents."""


class DumpSource:
    """Implements `passage.extract.Source` for one dump on `stream` (bytes, read once) and one plan. Close it, or use it in `with`.

    `folder`: where the encrypted scratch lies while it is needed. Raises, from the first call that needs the rows, Refusal `source/dump-...`,
    `source/encoding`, `source/octets-as-text`.
    """

    def __init__(self, stream: BinaryIO, plan: Plan, *, folder: Path | None = None) -> None:
        self._wanted = columns_read(plan, _named_by(plan.mapping), "duckdb")
        self._open = open_scratch(folder)
        self._scratch = self._open.__enter__()
        self._stream, self._octets = stream, _octets_read(plan)
        self._filter: Filter | RowsFilter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the scratch."""
        self._open.__exit__(None, None, None)

    def catalogue(self) -> Catalogue:
        """Every table of the dump, with all its columns: known when the dump is read."""
        tables = self._through().tables
        return Catalogue("duckdb", {name: table.catalogue for name, table in tables.items()})

    def privileges(self) -> frozenset[Privilege]:
        """None: a dump has no accounts."""
        return frozenset()

    @contextmanager
    def snapshot(self) -> Iterator[DumpSnapshot]:
        """What the dump held."""
        yield DumpSnapshot(self._scratch, self.catalogue())

    def statement(self) -> dict[str, dict[str, Any]]:
        """For each table seen: {"rows": how many, "kept": columns, "dropped": columns}. Counts and names, no value."""
        tables = self._through().tables
        return {
            name: {
                "rows": table.rows,
                "kept": list(table.kept),
                "dropped": [column for column in table.columns if column not in table.kept],
            }
            for name, table in sorted(tables.items())
        }

    def _through(self) -> Filter | RowsFilter:
        """The dump, read to its end: of statements, or of one table, as its first line tells."""
        if self._filter is None:
            first = self._stream.readline(LARGEST)
            made: Filter | RowsFilter
            if is_table(first):
                made = RowsFilter(self._stream, self._wanted, self._scratch, first=first, octets=self._octets)
            else:
                made = Filter(self._stream, self._wanted, self._scratch, first=first)
            made.run()
            self._filter = made
        return self._filter


class DumpSnapshot:
    """Implements `passage.extract.Snapshot` on the scratch."""

    def __init__(self, scratch: Scratch, catalogue: Catalogue) -> None:
        self._scratch = scratch
        self._catalogue = catalogue

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:
        """See `Snapshot.unclassified`."""
        return census.unclassified(plan, path, ask=self._ask, catalogue=self._catalogue, dialect="duckdb")

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """See `Snapshot.census`."""
        return census.census(plan, piece, ask=self._ask, catalogue=self._catalogue, dialect="duckdb")

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        """See `Snapshot.rows`."""
        tree = rows_query(plan, piece, self._catalogue, "duckdb")
        query = render(tree, "duckdb")
        schema = shape(tree, piece)
        with said(piece.kind), self._scratch.connection.cursor() as cursor:
            cursor.execute("USE scratch")
            for batch in cursor.execute(query.sql, query.values).to_arrow_reader(
                _WIDE if octets(piece) else ROWS
            ):
                arrays = [array.cast(field.type) for array, field in zip(batch.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _ask(self, tree: exp.Select, where: str) -> Sequence[Sequence[object]]:
        query = render(tree, "duckdb")
        with said(where):
            return self._scratch.connection.execute(query.sql, query.values).fetchall()


def _octets_read(plan: Plan) -> frozenset[tuple[str, str]]:
    """The columns, as (table, column), of which the plan reads octets."""
    return frozenset(
        (piece.mapping.alias_table(column.alias), column.name)
        for piece in plan.slices
        for name in octets(piece)
        for column in piece.fields[name].columns
    )


def _named_by(mapping: Mapping) -> Catalogue:
    """Every column that a mapping names, as text: enough to read off which of them a plan reads, before the dump tells their types."""
    tables: dict[str, dict[str, CatalogueColumn]] = {}
    for kind in mapping.kinds.values():
        tables.setdefault(kind.table, {})
        for column in kind.columns:
            table = tables.setdefault(kind.alias_table(column.alias), {})
            table[column.name] = CatalogueColumn(column.name, "text", "text")
    return Catalogue("duckdb", {name: CatalogueTable(name, columns) for name, columns in tables.items()})
