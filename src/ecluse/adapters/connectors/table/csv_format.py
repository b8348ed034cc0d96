"""CSV as a format of its own, written and read back exactly: one table for each kind of record, in pieces that follow each other.

Decides what is written: RFC 4180's quoting and line ends, semicolons (which Excel expects where commas stand in numbers), UTF-8 with its mark
(without which Excel reads accents wrongly), every cell text, documents in base64, and no cell that a spreadsheet would calculate (`harmless`). Read
back, every line has one fate.
"""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final

from ecluse.adapters.connectors.files.format import (
    CARRIED,
    IGNORED,
    Case,
    Fact,
    Row,
    Seen,
    Unread,
    Written,
)
from ecluse.adapters.connectors.files.meter import EndMeter, Meter
from ecluse.adapters.connectors.table.delimited import Lines, records
from ecluse.adapters.connectors.table.dialect import Dialect
from ecluse.adapters.connectors.table.harmless import harmless, restored
from ecluse.adapters.connectors.table.head import LARGEST_CELL
from ecluse.adapters.connectors.table.records import (
    columns_of,
    gathered,
    kind_of,
    mapping_text,
    octets_from,
    record_from,
    row_of,
    text_unfit,
)
from ecluse.terms.vocabulary import vocabulary

__all__ = ["CsvRecords"]

_DIALECT: Final = Dialect(";", '"', header=True)
_MARK: Final = b"\xef\xbb\xbf"
_LONGEST: Final = LARGEST_CELL // 2


class CsvRecords:
    """Implements `files.format.Format`."""

    name = "csv"
    mapping = mapping_text("csv")

    def read(self, stream: BinaryIO, *, name: str) -> Iterator[Fact | Unread | Seen]:
        """See `Format.read`: the units are lines."""
        with Lines(stream, "utf-8") as lines:
            kind = ""
            for row in records(lines, _DIALECT, name=name):
                if isinstance(row, Unread):
                    yield row
                elif not row:
                    yield Seen("line", IGNORED, lines.held)
                elif kind:
                    yield from _told(kind, row, lines, name)
                else:
                    kind = kind_of(row) or ""
                    if not kind:
                        yield from lines.rest("head", name=name)
                        return
                    yield Seen("line", IGNORED, lines.held)

    def meter(self) -> Meter:
        """Lines, empty ones too."""
        return EndMeter(mark=_MARK)

    def unfit(self, kind: str, row: Row) -> str | None:  # noqa: ARG002 - the port's
        """See `Format.unfit`."""
        return text_unfit(row, longest=_LONGEST)

    def write(self, cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[Written]:
        """See `Format.write`."""
        number = 0
        for piece in gathered(cases, alone):
            for kind, held in piece.items():
                number += 1
                yield Written(f"{number:06d}-{kind}.csv", _content(kind, held.values()))


def _content(kind: str, held: Iterable[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=_DIALECT.separator, lineterminator="\r\n")
    writer.writerow(columns_of(kind))
    writer.writerows([_cell(value) for value in row_of(kind, record)] for record in held)
    return _MARK + text.getvalue().encode("utf-8")


def _cell(value: str | bytes | None) -> str:
    if value is None:
        return ""
    return harmless(base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value)


def _told(kind: str, row: list[str], lines: Lines, name: str) -> Iterator[Fact | Unread | Seen]:
    """The record in one row, or why it is none."""
    fields = vocabulary().kinds[kind].fields
    if len(row) != len(fields):
        yield lines.unread("ragged", name=name)
        return
    cells: list[str | bytes | None] = [restored(cell) if cell else None for cell in row]
    for place, field in enumerate(fields.values()):
        told = cells[place]
        if field.type == "bytes" and isinstance(told, str):
            octets = octets_from(told)
            if octets is None:
                yield lines.unread("octets", name=name)
                return
            cells[place] = octets
    if not cells[list(fields).index("id")]:
        yield lines.unread("no-id", name=name)
        return
    yield Fact(kind, record_from(kind, cells), f"{name}:{lines.number - lines.held + 1}")
    yield Seen("line", CARRIED, lines.held)
