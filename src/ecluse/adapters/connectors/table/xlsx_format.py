"""XLSX as a format of its own: workbooks that follow each other, one sheet for each kind of record, every cell a text.

Decides how any text stands in a cell: control characters by the workbook's own escapes (ST_Xstring, ECMA-376 part 1, 22.9.2.19), documents in
base64, and what a spreadsheet would calculate behind an apostrophe (`harmless`), though a cell of text is never calculated: it may be saved as CSV
tomorrow. A text longer than Excel's cells is unfit.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from ecluse.adapters.connectors.files.format import Case, Fact, Row, Seen, Unread, Written
from ecluse.adapters.connectors.files.meter import Meter, OneMeter
from ecluse.adapters.connectors.table.harmless import harmless, restored
from ecluse.adapters.connectors.table.records import (
    Cell,
    columns_of,
    gathered,
    kind_of,
    mapping_text,
    octets_from,
    row_of,
    text_unfit,
)
from ecluse.adapters.connectors.table.whole import Damaged, Whole, told_whole
from ecluse.adapters.connectors.table.workbook import Workbook as ReadWorkbook
from ecluse.terms.vocabulary import vocabulary

__all__ = ["LONGEST", "XlsxRecords"]

LONGEST: Final = 32_767
"""Characters of a cell (Excel specifications and limits), in UTF-16 units."""

_ESCAPED: Final = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


class XlsxRecords:
    """Implements `files.format.Format`."""

    name = "xlsx"
    mapping = mapping_text("xlsx")

    def read(self, stream: BinaryIO, *, name: str) -> Iterator[Fact | Unread | Seen]:
        """See `Format.read`: the unit is the workbook."""
        return told_whole(stream, name=name, unit="workbook", rows=_rows)

    def meter(self) -> Meter:
        """The workbook is one unit."""
        return OneMeter()

    def unfit(self, kind: str, row: Row) -> str | None:  # noqa: ARG002 - the port's
        """See `Format.unfit`."""
        reason = text_unfit(row, longest=32 * LONGEST)
        if reason is None and any(_units(_cell(value)) > LONGEST for value in row.values() if value):
            return "too-long"
        return reason

    def write(self, cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[Written]:
        """See `Format.write`."""
        for number, piece in enumerate(gathered(cases, alone), 1):
            book = Workbook(write_only=True)
            for kind, held in piece.items():
                sheet = book.create_sheet(kind)
                sheet.append(columns_of(kind))
                for record in held.values():
                    sheet.append([_inert(sheet, value) for value in row_of(kind, record)])
            sink = io.BytesIO()
            book.save(sink)
            yield Written(f"{number:06d}.xlsx", sink.getvalue())


def _inert(sheet: Any, value: Cell) -> Any:
    """A cell that is a text whatever it begins with."""
    if value is None:
        return None
    cell = WriteOnlyCell(sheet, _cell(value))
    cell.data_type = "s"
    return cell


def _cell(value: str | bytes) -> str:
    text = harmless(base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value)
    return _ESCAPED.sub(lambda found: f"_x{ord(found[0]):04X}_", text)


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _rows(octets: bytes) -> Iterator[tuple[str, list[Cell]]]:
    """The rows of every sheet. Raises Damaged, and the refusals of `workbook`."""
    book = ReadWorkbook(Whole(octets), name="-")
    for head in book.heads():
        names = list(head.columns)
        kind = kind_of(names)
        if kind is None:
            raise Damaged("head")
        types = [field.type for field in vocabulary().kinds[kind].fields.values()]
        for batch in book.rows(head, names):
            if isinstance(batch, Unread | Seen):
                raise Damaged("damaged")
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield (
                    kind,
                    [_value(cell, octets=field == "bytes") for cell, field in zip(row, types, strict=True)],
                )


def _value(cell: str | None, *, octets: bool) -> Cell:
    if cell is None:
        return None
    text = restored(cell)
    if not octets:
        return text
    document = octets_from(text)
    if document is None:
        raise Damaged("octets")
    return document
