"""The dump of one table on a pipe: its rows under a line that names their columns, filtered as they come.

Decides the three forms that are read (PostgreSQL's COPY in text and in CSV, WITH (HEADER); CSV of any other system, between commas, semicolons,
bars), which of the plan's tables it is (the only one all of whose columns the head names), and that an empty cell is NULL but "" is not (PostgreSQL,
COPY, "CSV Format"). Such a dump has no last word: what ends between two rows looks whole, and one that ends within a row is refused. A row that is
not exactly one is refused with the whole dump, since a program wrote it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, Final

import pyarrow as pa

from ecluse.adapters.connectors.sql.dump_tables import DumpTable, copied, inserted
from ecluse.adapters.connectors.sql.scratch import Scratch, said
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import CatalogueColumn

__all__ = ["RowsFilter", "is_table"]

LARGEST: Final = 1 << 30
"""Octets of a line, or of a row, at most."""
ROWS: Final = 8_192
OCTETS: Final = 8 << 20

_STATEMENTS: Final = (
    b"--",
    b"/*",
    b"PRAGMA",
    b"SET ",
    b"CREATE",
    b"INSERT",
    b"COPY",
    b"BEGIN",
    b"DROP",
    b"USE ",
    b"LOCK",
    b"\\",
)
"""How a dump of statements begins."""
_BOM: Final = b"\xef\xbb\xbf"
_SEPARATORS: Final = (",", ";", "|")

csv.field_size_limit(
    max(csv.field_size_limit(), 64 << 20)
)  # the module's own is less than one document; it is the process's

Cell = str | None


def is_table(first: bytes) -> bool:
    """Whether a dump whose first line is this one may be rows under a head, and no statements."""
    line = first.removeprefix(_BOM).strip()
    return bool(line) and not line.upper().startswith(_STATEMENTS) and b"\x00" not in line


class RowsFilter:
    """One table's dump on its way through: the rows of the plan's columns put into the scratch, all else let go. `first`: its head, already read.

    `octets`: the columns of which the plan reads octets, as (table, column).
    """

    def __init__(
        self,
        stream: BinaryIO,
        wanted: Mapping[str, tuple[str, ...]],
        scratch: Scratch,
        *,
        first: bytes,
        octets: frozenset[tuple[str, str]] = frozenset(),
    ) -> None:
        self._stream, self._wanted, self._scratch, self._octets = stream, wanted, scratch, octets
        self._first = first
        self._line = 1
        self.tables: dict[str, DumpTable] = {}

    def run(self) -> None:
        """Read the dump to its end. Raises Refusal `source/dump-...`, `source/encoding`."""
        try:
            head = self._first.removeprefix(_BOM).decode("utf-8")
        except UnicodeDecodeError:
            raise Refusal("source/encoding", where="1", got="the head of the table's dump") from None
        if not head.endswith("\n"):
            raise Refusal("source/dump-truncated", where=1, got="inside its head")
        if "\t" in head:
            names = head.rstrip("\r\n").split("\t")
            self._copied(self._named(names), names)
            return
        separator = max(_SEPARATORS, key=head.count)
        try:
            names = next(csv.reader([head], delimiter=separator, strict=True))
        except csv.Error:
            raise self._unreadable("a head of an unknown form") from None
        self._rows(self._named(names), names, separator)

    def _named(self, names: Sequence[str]) -> DumpTable:
        """The plan's table with these columns. Raises Refusal `source/dump-unreadable`, `source/dump-lacks`."""
        if len(set(names)) != len(names) or not all(names):
            raise self._unreadable("no head of a dump, and none that names each column once")
        held = [table for table, columns in self._wanted.items() if set(columns) <= set(names)]
        if len(held) > 1:
            raise self._unreadable(f"a head that may be of {' or of '.join(held)}")
        if not held:
            raise self._unreadable(
                "no head of pg_dump, mariadb-dump or sqlite3 .dump, nor of a table that the plan reads"
            )
        others = [table for table in self._wanted if table != held[0]]
        if others:
            raise Refusal("source/dump-lacks", where=others[0])
        columns = {name: self._column(held[0], name) for name in names}
        table = self.tables[held[0]] = DumpTable(held[0], columns, frozenset(self._wanted[held[0]]))
        self._scratch.create(table.name, table.shape)
        return table

    def _column(self, table: str, name: str) -> CatalogueColumn:
        """Text, but for what the plan reads as octets: COPY writes those in hexadecimal (bytea_output = hex)."""
        if (table, name) in self._octets:
            return CatalogueColumn(name, "bytes", "bytea")
        return CatalogueColumn(name, "text", "text")

    # --- COPY's text format -----------------------------------------------------------------------------------------------

    def _copied(self, table: DumpTable, names: Sequence[str]) -> None:
        held: list[bytes] = []
        size = 0
        while line := self._next():
            if line in (b"\\.\n", b"\\.\r\n"):
                if self._next():
                    raise self._unreadable("something after its end mark")
                break
            held.append(line)
            size += len(line)
            if size > OCTETS:
                self._put(table, copied(held, names, table, line=self._line), len(held))
                held, size = [], 0
        if held:
            self._put(table, copied(held, names, table, line=self._line), len(held))

    # --- CSV --------------------------------------------------------------------------------------------------------------

    def _rows(self, table: DumpTable, names: Sequence[str], separator: str) -> None:
        places = [list(names).index(name) for name in table.kept]
        held: list[list[bytes | None]] = []
        size = 0
        for row in self._records(separator):
            if len(row) != len(names):
                raise Refusal("source/dump-truncated", where=self._line, got="a row has not its columns")
            kept = [None if row[place] is None else row[place].encode("utf-8") for place in places]  # type: ignore[union-attr]
            held.append(kept)
            size += sum(map(len, filter(None, kept)))
            if len(held) >= ROWS or size > OCTETS:
                self._put(table, inserted(held, table), len(held))
                held, size = [], 0
        if held:
            self._put(table, inserted(held, table), len(held))

    def _records(self, separator: str) -> Iterator[list[Cell]]:
        lines = _Told(self)
        reader = csv.reader(lines, delimiter=separator, strict=True)
        while True:
            lines.begin()
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                ended = str(error).startswith("unexpected end")
                raise (
                    Refusal("source/dump-truncated", where=self._line, got="inside a quoted cell")
                    if ended
                    else self._unreadable("a row of an unknown form")
                ) from None
            if row:
                yield (
                    [cell or None for cell in row]
                    if '""' not in lines.text
                    else _quoted(row, lines.text, separator)
                )

    def _put(self, table: DumpTable, batch: pa.RecordBatch, rows: int) -> None:
        table.rows += rows
        if table.kept:
            with said(table.name):
                self._scratch.append(table.name, batch)

    def _next(self) -> bytes:
        line = self._stream.readline(LARGEST)
        if line:
            self._line += 1
            if not line.endswith(b"\n"):
                raise Refusal("source/dump-truncated", where=self._line, got="its last line does not end")
        return line

    def following(self) -> str:
        """The next line as text. Raises Refusal `source/encoding`, `source/dump-truncated`."""
        try:
            return self._next().decode("utf-8")
        except UnicodeDecodeError:
            raise Refusal("source/encoding", where=f"line {self._line}", got="the dump") from None

    def _unreadable(self, got: str) -> Refusal:
        return Refusal("source/dump-unreadable", where=self._line, got=got)


class _Told:
    """Lines for `csv`, with the text of those given since `begin`."""

    def __init__(self, rows: RowsFilter) -> None:
        self._rows = rows
        self._held: list[str] = []

    def __iter__(self) -> _Told:
        return self

    def __next__(self) -> str:
        line = self._rows.following()
        if not line:
            raise StopIteration
        self._held.append(line)
        return line

    def begin(self) -> None:
        self._held.clear()

    @property
    def text(self) -> str:
        return "".join(self._held)


def _quoted(row: list[str], text: str, separator: str) -> list[Cell]:
    """The row's cells, NULL where a cell is empty and not quoted: which of them are, the text alone tells."""
    starts, inside, place = [0], False, 0
    while place < len(text):
        if text[place] == '"':
            inside = not inside
        elif text[place] == separator and not inside:
            starts.append(place + 1)
        place += 1
    return [
        cell if cell or text.startswith('""', start) else None
        for cell, start in zip(row, starts, strict=True)
    ]
