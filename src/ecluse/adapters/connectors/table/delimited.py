"""Rows of a text file, cells between separators (RFC 4180 and what is met of it): read as a stream, by the standard library's `csv`.

Decides what is a row and what is not one: a row of another width than the head's, a quote that is not closed or closed too early, a NUL, an
octet of no character, are unread, with their octets; a row that repeats the head is unread too. Blank lines are none. Cells stay the text
that stands there, whatever they look like: decimal commas, leading zeros, numbers of any length. An empty cell is absent.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from typing import BinaryIO, Final, Self

import pyarrow as pa

from ecluse.adapters.connectors.files.format import File, Seen, Unread
from ecluse.adapters.connectors.table.dialect import SEPARATORS, Dialect, find_dialect
from ecluse.adapters.connectors.table.encoding import KNOWN, find_encoding, octets_of, opened_as
from ecluse.adapters.connectors.table.head import (
    LARGEST_CELL,
    Head,
    batched,
    column_names,
    text_columns,
)
from ecluse.adapters.connectors.table.layout import Layout
from ecluse.base.refusal import Refusal

__all__ = ["Delimited", "Lines", "records"]

csv.field_size_limit(
    LARGEST_CELL
)  # the module's own, 131,072, is less than one document; it is the process's, not ours alone

_FIRST: Final = 256 << 10
_PIECE: Final = 1 << 20
_BOM: Final = "\ufeff"
_LARGEST_ROW: Final = 2 * LARGEST_CELL
_LONE: Final = re.compile("[\ud800-\udfff]")
_REASONS: Final = (("unexpected end", "quote-open"), ("field larger", "too-long"))
_UNTOLD: Final = ("quote-open", "too-long")

Row = list[str]


class Cut(Exception):
    """A line or a row does not end within what can be held."""


class Lines:
    """The lines of a text, ends kept, with the octets of those given since `begin`; `spoiled`: why one of them can be no text."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        codec, errors = opened_as(encoding)
        self._encoding = encoding
        self._text = io.TextIOWrapper(stream, encoding=codec, errors=errors, newline="")
        self._held: list[str] = []
        self._size = 0
        self.number = 0
        self.spoiled = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the stream, which stays open: it is its file's to close."""
        self._text.detach()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._text.readline(LARGEST_CELL)
        if not line or (self.number == 0 and line == _BOM):
            raise StopIteration
        self._held.append(line)
        self._size += len(line)
        if len(line) >= LARGEST_CELL or self._size > _LARGEST_ROW:
            self.number += 1
            raise Cut("too-long")
        if self.number == 0:
            line = line.removeprefix(_BOM)
        self.number += 1
        if "\x00" in line:
            self.spoiled = "nul"
        elif not line.isascii() and _LONE.search(line):
            self.spoiled = self.spoiled or "encoding"
        return line

    def begin(self) -> None:
        """A new record begins here."""
        self._held.clear()
        self._size = 0
        self.spoiled = ""

    @property
    def held(self) -> int:
        """Lines since `begin`."""
        return len(self._held)

    def unread(self, reason: str, *, name: str) -> Unread:
        """The lines since `begin`, which are no row."""
        place = f"{name}:{max(self.number - self.held + 1, 1)}"
        return Unread(place, reason, octets_of("".join(self._held), self._encoding), {"line": self.held})

    def rest(self, reason: str, *, name: str) -> Iterator[Unread]:
        """All lines since `begin` and all that follow, which are no rows, in pieces of bounded size."""
        place = max(self.number - self.held + 1, 1)
        piece, size, ended, counted = self._held, 0, True, 0
        self._held, line = [], ""
        for line in piece:
            size, counted, ended = size + len(line), counted + 1, line.endswith(("\r", "\n"))
        while line := self._text.readline(_PIECE):
            if size >= _PIECE:
                yield Unread(
                    f"{name}:{place}", reason, octets_of("".join(piece), self._encoding), {"line": counted}
                )
                place, piece, size, counted = place + counted, [], 0, 0
            piece.append(line)
            size += len(line)
            counted += ended
            ended = line.endswith(("\r", "\n"))
        if piece:
            yield Unread(
                f"{name}:{place}", reason, octets_of("".join(piece), self._encoding), {"line": counted}
            )


def records(lines: Lines, dialect: Dialect, *, name: str) -> Iterator[Row | Unread]:
    """Every row, of whatever width (a blank line is a row of no cell), and what is none."""
    made = csv.reader(
        lines, delimiter=dialect.separator or "\x1f", quotechar=dialect.quote or None,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE, strict=True,
    )  # fmt: skip
    while True:
        lines.begin()
        try:
            row = next(made)
        except StopIteration:
            return
        except Cut as cut:
            yield from lines.rest(str(cut), name=name)
            return
        except csv.Error as error:
            reason = next((ours for theirs, ours in _REASONS if str(error).startswith(theirs)), "quote")
            if reason != "quote":
                yield from lines.rest(reason, name=name)
                return
            yield lines.unread(reason, name=name)
            continue
        if lines.spoiled:
            yield lines.unread(lines.spoiled, name=name)
        else:
            yield row


def _as_row(unread: Unread) -> Unread:
    """Lines that are one row, as a row; lines of which nobody knows how many rows they are stay lines."""
    return unread if unread.reason in _UNTOLD else unread._replace(units={"row": 1})


class Delimited:
    """Implements `head.TableFile` for a CSV or TSV file. `layout`: what `tables.toml` says of it."""

    def __init__(self, file: File, *, name: str, layout: Layout | None = None) -> None:
        self._file, self._name, self._layout = file, name, layout or Layout()
        self._found: tuple[str, Dialect] | None = None

    def heads(self) -> Sequence[Head]:
        """One table, named as the file."""
        encoding, why = self._encoding()
        lines = self._beginning(encoding)
        found = find_dialect(lines)
        said = self._layout
        dialect = Dialect(
            found.separator if said.separator is None else said.separator,
            found.quote if said.quote is None else said.quote,
            found.header if said.header is None else said.header,
        )
        if said.separator is not None and said.header is None:
            dialect = Dialect(dialect.separator, dialect.quote, find_dialect(lines).header)
        self._found = (encoding, dialect)
        with closing(self._records()) as told:
            first: Row = next((row for row in told if isinstance(row, list) and row), [])
        names = column_names(first if dialect.header else list(said.columns) or [None] * len(first))
        if said.columns and len(said.columns) != len(first):
            raise Refusal(
                "table/layout-unreadable",
                where=self._name,
                got=f"{len(said.columns)} columns where the file has {len(first)}",
            )
        separator = next(
            (word for word, text in SEPARATORS.items() if text == dialect.separator),
            dialect.separator or "none",
        )
        account = {
            "encoding": f"{encoding} ({why})", "separator": separator,
            "quote": {'"': "double", "'": "single", "": "none"}.get(dialect.quote, dialect.quote),
            "header": "first row" if dialect.header else "none",
        }  # fmt: skip
        if dialect.header and names != first:
            account["renamed"] = ", ".join(
                name for name, raw in zip(names, first, strict=True) if name != raw
            )
        return [Head(self._name, text_columns(names), account)]

    def rows(self, head: Head, columns: Sequence[str]) -> Iterator[pa.RecordBatch | Unread | Seen]:
        """See `TableFile.rows`."""
        if self._found is None:
            self.heads()
        names = list(head.columns)
        places = [names.index(name) for name in columns]
        return batched(self._whole(len(names)), head.shape(columns), places)

    def _whole(self, width: int) -> Iterator[list[str | None] | Unread]:
        """The rows of the table's width, their cells restored; what is of another width, or the head again, is unread."""
        assert self._found is not None
        encoding, dialect = self._found
        with self._file.open() as stream, Lines(stream, encoding) as lines:
            header: Row | None = None
            for row in records(lines, dialect, name=self._file.place):
                if isinstance(row, Unread):
                    yield _as_row(row)
                elif not row:
                    continue
                elif dialect.header and header is None:
                    header = row
                elif len(row) != width:
                    yield _as_row(lines.unread("ragged", name=self._file.place))
                elif row == header:
                    yield _as_row(lines.unread("header-again", name=self._file.place))
                else:
                    yield [cell or None for cell in row]

    def _records(self) -> Generator[Row | Unread, None, None]:
        assert self._found is not None
        encoding, dialect = self._found
        with self._file.open() as stream, Lines(stream, encoding) as lines:
            yield from records(lines, dialect, name=self._file.place)

    def _encoding(self) -> tuple[str, str]:
        if self._layout.encoding:
            return self._layout.encoding, "said"
        with self._file.open() as stream:
            found = find_encoding(stream)
        if found.name not in KNOWN:
            raise Refusal("table/unreadable", where=f"file {self._file.place}", got="UTF-32")
        return found.name, found.why

    def _beginning(self, encoding: str) -> list[str]:
        """The first lines, whole, without those that can be no text."""
        found, size = [], 0
        with self._file.open() as stream, Lines(stream, encoding) as lines, suppress(Cut):
            for line in lines:
                found.append(line)
                size += len(line)
                if size > _FIRST:
                    break
        return found
