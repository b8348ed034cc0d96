"""A system that can only dump everything, as a source: the dump is read once, as it comes, and only the plan's columns are kept.

Decides what is kept (the columns that the plan's own statements read, and no other, dropped before the first byte is written) and states what
was seen and dropped, in counts. The kept columns wait in an encrypted scratch, and the very same queries as for a live source answer from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import duckdb
import pyarrow as pa
from sqlglot import exp

from ecluse.adapters.connectors.sql import census
from ecluse.adapters.connectors.sql.batches import ROWS, shape
from ecluse.adapters.connectors.sql.dump_tables import DumpTable, copied, created, inserted, picked
from ecluse.adapters.connectors.sql.dump_text import Reader
from ecluse.adapters.connectors.sql.dump_values import rows_of
from ecluse.adapters.connectors.sql.query import columns_read, octets, render, rows_query
from ecluse.adapters.connectors.sql.scratch import Scratch, open_scratch
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, Privilege
from ecluse.terms.mapping import Mapping
from ecluse.terms.plan import Plan, Slice

__all__ = ["DumpSnapshot", "DumpSource"]

INSERTED_ROWS: Final = 8_192
INSERTED_OCTETS: Final = 8 << 20
_WIDE: Final = 2_048
"""DuckDB's own vector: the smallest batch it gives, for documents."""

_NAME: Final = rb'(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|[\w$]+)'
_COPY: Final = re.compile(
    rb"COPY\s+(" + _NAME + rb"(?:\." + _NAME + rb")?)\s*\((.*)\)\s+FROM\s+stdin\Z", re.DOTALL | re.IGNORECASE
)
_INSERT: Final = re.compile(
    rb"(?:INSERT|REPLACE)\s+(?:IGNORE\s+)?INTO\s+(" + _NAME + rb"(?:\." + _NAME + rb")?)\s*(?:\(([^)]*)\)\s*)?"
    rb"(?:OVERRIDING\s+SYSTEM\s+VALUE\s+)?VALUES",
    re.IGNORECASE,
)  # fmt: skip
_ENCODING: Final = re.compile(rb"SET\s+(?:client_encoding\s*=\s*|NAMES\s+)'?([\w-]+)", re.IGNORECASE)
_UNICODE: Final = frozenset({"utf8", "utf-8", "unicode", "utf8mb3", "utf8mb4"})


class DumpSource:
    """Implements `passage.extract.Source` for one dump on `stream` (bytes, read once) and one plan. Close it, or use it in `with`.

    `folder`: where the encrypted scratch lies while it is needed. Raises, from the first call that needs the rows, Refusal `source/dump-...`,
    `source/encoding`, `source/octets-as-text`.
    """

    def __init__(self, stream: BinaryIO, plan: Plan, *, folder: Path | None = None) -> None:
        self._wanted = columns_read(plan, _named_by(plan.mapping), "duckdb")
        self._open = open_scratch(folder)
        self._scratch = self._open.__enter__()
        self._filter = _Filter(stream, self._wanted, self._scratch)
        self._read = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the scratch."""
        self._open.__exit__(None, None, None)

    def catalogue(self) -> Catalogue:
        """Every table of the dump, with all its columns: known when the dump is read."""
        self._through()
        return Catalogue("duckdb", {name: table.catalogue for name, table in self._filter.tables.items()})

    def privileges(self) -> frozenset[Privilege]:
        """None: a dump has no accounts."""
        return frozenset()

    @contextmanager
    def snapshot(self) -> Iterator[DumpSnapshot]:
        """What the dump held."""
        yield DumpSnapshot(self._scratch, self.catalogue())

    def statement(self) -> dict[str, dict[str, Any]]:
        """For each table seen: {"rows": how many, "kept": columns, "dropped": columns}. Counts and names, no value."""
        self._through()
        return {
            name: {
                "rows": table.rows,
                "kept": list(table.kept),
                "dropped": [column for column in table.columns if column not in table.kept],
            }
            for name, table in sorted(self._filter.tables.items())
        }

    def _through(self) -> None:
        if not self._read:
            self._filter.run()
            self._read = True


class DumpSnapshot:
    """Implements `passage.extract.Snapshot` on the scratch."""

    def __init__(self, scratch: Scratch, catalogue: Catalogue) -> None:
        self._scratch = scratch
        self._catalogue = catalogue

    def codes(self, plan: Plan, path: str) -> dict[str, int]:
        """See `Snapshot.codes`."""
        return census.codes(plan, path, ask=self._ask, catalogue=self._catalogue, dialect="duckdb")

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        """See `Snapshot.census`."""
        return census.census(plan, piece, ask=self._ask, catalogue=self._catalogue, dialect="duckdb")

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        """See `Snapshot.rows`."""
        tree = rows_query(plan, piece, self._catalogue, "duckdb")
        query = render(tree, "duckdb")
        schema = shape(tree, piece)
        with _said(piece.kind), self._scratch.connection.cursor() as cursor:
            cursor.execute("USE scratch")
            for batch in cursor.execute(query.sql, query.values).to_arrow_reader(
                _WIDE if octets(piece) else ROWS
            ):
                arrays = [array.cast(field.type) for array, field in zip(batch.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    def sample(self, plan: Plan, piece: Slice) -> pa.RecordBatch | None:
        """See `Snapshot.sample`."""
        return next(iter(self.rows(plan, piece)), None)

    def _ask(self, tree: exp.Select, where: str) -> Sequence[Sequence[object]]:
        query = render(tree, "duckdb")
        with _said(where):
            return self._scratch.connection.execute(query.sql, query.values).fetchall()


class _Filter:
    """The dump on its way through: each statement looked at once."""

    def __init__(self, stream: BinaryIO, wanted: dict[str, tuple[str, ...]], scratch: Scratch) -> None:
        self._stream = stream
        self._wanted = wanted
        self._scratch = scratch
        self._zone_told = False
        self.tables: dict[str, DumpTable] = {}

    def run(self) -> None:
        """Read the dump to its end. Raises Refusal."""
        self._reader = reader = Reader(self._stream)
        for statement in reader.statements():
            head = statement[:9].upper()
            if head.startswith(b"CREATE"):
                self._create(statement)
            elif head.startswith(b"COPY"):
                self._copy(statement)
            elif head.startswith((b"INSERT", b"REPLACE")):
                self._insert(statement)
            elif head.startswith((b"SET", b"/*!")):
                self._set(statement)
            elif reader.flavour == "sqlite" and head.startswith((b"COMMIT", b"ROLLBACK")):
                if head.startswith(b"ROLLBACK"):
                    raise Refusal(
                        "source/dump-truncated", where=reader.line, got="the dump itself ends in ROLLBACK"
                    )
                reader.finished = True
        self._complete()

    def _complete(self) -> None:
        for table, columns in self._wanted.items():
            held = self.tables.get(table)
            lacking = [column for column in columns if held is None or column not in held.columns]
            if held is None or lacking:
                raise Refusal("source/dump-lacks", where=table if held is None else f"{table}.{lacking[0]}")

    def _set(self, statement: bytes) -> None:
        encoding = _ENCODING.search(statement)
        if encoding and encoding[1].decode().lower() not in _UNICODE:
            raise Refusal("source/dump-encoding", where=self._reader.line, got=encoding[1].decode())
        if b"TIME_ZONE='+00:00'" in statement:
            self._zone_told = True

    def _create(self, statement: bytes) -> None:
        if not re.match(rb"CREATE\s+(?:UNLOGGED\s+)?TABLE\b", statement, re.IGNORECASE):
            return
        made = created(statement, flavour=self._reader.flavour)
        if made is not None:
            self._table(self._known_as(made[0]), made[1])

    def _table(self, name: str, columns: dict[str, CatalogueColumn]) -> DumpTable:
        if name in self.tables:
            raise Refusal("source/dump-unreadable", where=self._reader.line, got=f"two tables named {name}")
        table = self.tables[name] = DumpTable(name, columns, frozenset(self._wanted.get(name, ())))
        for column in table.kept:
            native = columns[column].native
            if self._reader.flavour == "mysql" and native.startswith("float"):
                raise Refusal(
                    "source/dump-unreadable",
                    where=self._reader.line,
                    got=f"{name}.{column} is a FLOAT, which the dump rounds",
                )
            if self._reader.flavour == "mysql" and native.startswith("timestamp") and not self._zone_told:
                raise Refusal(
                    "source/dump-unreadable",
                    where=self._reader.line,
                    got=f"{name}.{column} is in an unknown zone (--tz-utc)",
                )
        if table.kept:
            self._scratch.create(name, table.shape)
        return table

    def _known_as(self, name: str) -> str:
        """The name the plan knows a table by: "schema.table" if it says so, else the table's own."""
        return name if name in self._wanted else name.rpartition(".")[2]

    def _met(self, name: bytes, listed: bytes | None) -> tuple[DumpTable, list[str]]:
        """The table of rows that begin here, and the columns they give, in order; from the list alone where no CREATE TABLE was understood."""
        known = self._known_as(".".join(_unquoted(part) for part in re.findall(_NAME, name)))
        columns = [_unquoted(part) for part in re.findall(_NAME, listed)] if listed else None
        if known not in self.tables:
            if columns is None and known in self._wanted:
                raise Refusal(
                    "source/dump-unreadable",
                    where=self._reader.line,
                    got=f"no CREATE TABLE tells the columns of {known}",
                )
            self._table(known, {column: CatalogueColumn(column, "text", "") for column in columns or ()})
        table = self.tables[known]
        return table, columns or list(table.columns)

    def _copy(self, statement: bytes) -> None:
        head = _COPY.match(statement)
        if head is None:
            raise Refusal("source/dump-unreadable", where=self._reader.line, got="a COPY of an unknown form")
        table, columns = self._met(head[1], head[2])
        for lines in self._reader.copied():
            table.rows += len(lines)
            if table.kept and lines:
                with _said(table.name):
                    self._scratch.append(table.name, copied(lines, columns, table, line=self._reader.line))

    def _insert(self, statement: bytes) -> None:
        head = _INSERT.match(statement)
        if head is None:
            raise Refusal(
                "source/dump-unreadable", where=self._reader.line, got="an INSERT of an unknown form"
            )
        table, columns = self._met(head[1], head[2])
        rows = rows_of(statement, head.end(), flavour=self._reader.flavour, line=self._reader.line)
        if not table.kept:
            table.rows += sum(1 for _ in rows)
            return
        places = [columns.index(name) for name in table.kept]
        kept = picked(rows, places, len(columns), line=self._reader.line)
        while part := list(islice(kept, INSERTED_ROWS)):
            table.rows += len(part)
            with _said(table.name):
                self._scratch.append(table.name, inserted(part, table))


def _named_by(mapping: Mapping) -> Catalogue:
    """Every column that a mapping names, as text: enough to read off which of them a plan reads, before the dump tells their types."""
    tables: dict[str, dict[str, CatalogueColumn]] = {}
    for kind in mapping.kinds.values():
        tables.setdefault(kind.table, {})
        for column in kind.columns:
            table = tables.setdefault(kind.alias_table(column.alias), {})
            table[column.name] = CatalogueColumn(column.name, "text", "text")
    return Catalogue("duckdb", {name: CatalogueTable(name, columns) for name, columns in tables.items()})


def _unquoted(name: bytes) -> str:
    text = name.decode("utf-8")
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote) if quote in ('"', "`") else text


@contextmanager
def _said(where: str) -> Iterator[None]:
    """DuckDB's complaints as ours, without the values they may hold."""
    try:
        yield
    except duckdb.Error as error:
        raise Fault("source/not-read", where=where, got=type(error).__name__) from None
