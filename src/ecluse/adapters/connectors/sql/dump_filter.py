"""A dump on its way through: each statement looked at once, the rows of the plan's columns put into the scratch, all else let go.

Decides which statements matter (CREATE TABLE, COPY, INSERT, and those that tell encoding and zone), and that a dump which lacks a column the
plan reads is refused. It asks nothing of what it kept.
"""

from __future__ import annotations

import re
from typing import BinaryIO, Final

from ecluse.adapters.connectors.sql.dump_tables import DumpTable, copied, created, inserted, picked
from ecluse.adapters.connectors.sql.dump_text import Reader
from ecluse.adapters.connectors.sql.dump_values import rows_of
from ecluse.adapters.connectors.sql.scratch import Scratch, said
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import CatalogueColumn

__all__ = ["Filter"]

INSERTED_ROWS: Final = 8_192
INSERTED_OCTETS: Final = 8 << 20

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


class Filter:
    """The dump on its way through: each statement looked at once. `first`: its first line, where it was read already."""

    def __init__(
        self, stream: BinaryIO, wanted: dict[str, tuple[str, ...]], scratch: Scratch, *, first: bytes = b""
    ) -> None:
        self._stream = stream
        self._first = first
        self._wanted = wanted
        self._scratch = scratch
        self._zone_told = False
        self._held_for: DumpTable | None = None
        self._held: list[list[bytes | None]] = []
        self._held_octets = 0
        self.tables: dict[str, DumpTable] = {}

    def run(self) -> None:
        """Read the dump to its end. Raises Refusal."""
        self._reader = reader = Reader(self._stream, first=self._first)
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
        self._write()
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
        try:
            known = self._known_as(".".join(_unquoted(part) for part in re.findall(_NAME, name)))
            columns = [_unquoted(part) for part in re.findall(_NAME, listed)] if listed else None
        except UnicodeDecodeError:
            raise Refusal(
                "source/dump-encoding", where=self._reader.line, got="names that are not UTF-8"
            ) from None
        if known not in self.tables:
            if columns is None and known in self._wanted:
                raise Refusal(
                    "source/dump-unreadable",
                    where=self._reader.line,
                    got=f"no CREATE TABLE tells the columns of {known}",
                )
            self._table(known, {column: CatalogueColumn(column, "text", "") for column in columns or ()})
        table = self.tables[known]
        given = columns or list(table.columns)
        for column in table.kept:
            if column not in given:
                raise Refusal("source/dump-lacks", where=f"{known}.{column}")
        return table, given

    def _hold(self, table: DumpTable, row: list[bytes | None]) -> None:
        """Hold a row until there are enough: a dump may write one INSERT for each, and each writing to the scratch has its price."""
        if self._held_for is not table:
            self._write()
            self._held_for = table
        self._held.append(row)
        self._held_octets += sum(map(len, filter(None, row)))
        if len(self._held) >= INSERTED_ROWS or self._held_octets >= INSERTED_OCTETS:
            self._write()

    def _write(self) -> None:
        if self._held_for is not None and self._held:
            with said(self._held_for.name):
                self._scratch.append(self._held_for.name, inserted(self._held, self._held_for))
        self._held, self._held_octets = [], 0

    def _copy(self, statement: bytes) -> None:
        head = _COPY.match(statement)
        if head is None:
            raise Refusal("source/dump-unreadable", where=self._reader.line, got="a COPY of an unknown form")
        table, columns = self._met(head[1], head[2])
        for lines in self._reader.copied():
            table.rows += len(lines)
            if table.kept and lines:
                with said(table.name):
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
        for row in kept:
            table.rows += 1
            self._hold(table, row)


def _unquoted(name: bytes) -> str:
    text = name.decode("utf-8")
    quote = text[0]
    return text[1:-1].replace(quote * 2, quote) if quote in ('"', "`") else text
