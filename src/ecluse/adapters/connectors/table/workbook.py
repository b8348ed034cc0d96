"""The sheets of a workbook (XLSX) as tables: read by openpyxl as a stream, after `workbook_vet` has looked through it.

Decides where a sheet's head is (the first row that fills half of the sheet's width; rows above it are unread), and what a cell's one text is:
text as it stands, numbers by their shortest digits, dates in ISO 8601, truths as words, formulas by the value they keep. A row is unread
where a wanted cell is an error or a formula that keeps no value, where it is touched by cells merged over several rows, or wider than the head.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

import openpyxl
import pyarrow as pa
from openpyxl.styles.numbers import is_datetime
from openpyxl.utils.escape import unescape

from ecluse.adapters.connectors.files.format import File, Seen, Unread
from ecluse.adapters.connectors.table.exact import date_text, number_text
from ecluse.adapters.connectors.table.head import Head, batched, column_names, text_columns
from ecluse.adapters.connectors.table.workbook_vet import Noted, vet
from ecluse.base.refusal import Refusal

__all__ = ["Workbook", "cell_text"]

_LONE: Final = re.compile("[\ud800-\udfff]")
_LOOKED_AT: Final = 50
"""Rows among which the head is looked for."""


class Odd(ValueError):
    """A cell that cannot be told; its argument is the reason."""


class Workbook:
    """Implements `head.TableFile` for one XLSX file: one table for each sheet that holds something."""

    def __init__(self, file: File, *, name: str) -> None:
        self._file, self._name = file, name
        self._sheets: dict[str, tuple[str, int, Noted]] = {}

    def heads(self) -> Sequence[Head]:
        """One table named as the file, or, of several sheets, one for each: file and sheet."""
        found: list[tuple[str, int, Noted, list[str | None], bool]] = []
        with self._file.open() as stream:
            noted = vet(stream, where=f"file {self._file.place}")
            with self._opened(stream) as book:
                for sheet in book.worksheets:
                    seen = noted.get(_part_of(sheet), Noted())
                    place, names = _head_of(sheet)
                    if names:
                        found.append((sheet.title, place, seen, names, sheet.sheet_state != "visible"))
        if not found:
            where = f"file {self._file.place}"
            raise Refusal("table/unreadable", where=where, got="a workbook of which no sheet holds anything")
        heads = []
        for title, place, seen, raw, hidden in found:
            name = self._name if len(found) == 1 else f"{self._name} {title}"
            columns = column_names(raw)
            self._sheets[name] = (title, place, seen)
            account = {"sheet": title, "header": f"row {place}"}
            account |= {"hidden": "yes"} if hidden else {}
            account |= {"merged": str(len(seen.merged))} if seen.merged else {}
            account |= {"formulas": "some keep no value"} if seen.valueless else {}
            renamed = ", ".join(name for name, was in zip(columns, raw, strict=True) if name != was)
            heads.append(
                Head(name, text_columns(columns), account | ({"renamed": renamed} if renamed else {}))
            )
        return heads

    def rows(self, head: Head, columns: Sequence[str]) -> Iterator[pa.RecordBatch | Unread | Seen]:
        """See `TableFile.rows`."""
        names = list(head.columns)
        places = [names.index(name) for name in columns]
        return batched(self._told(head.name, places, len(names)), head.shape(columns))

    def _told(self, name: str, places: Sequence[int], width: int) -> Iterator[list[str | None] | Unread]:
        """The wanted cells of each row that holds something."""
        title, header, noted = self._sheets[name]
        merged = _Merged(noted.merged)
        for number, cells, formulas in self._cells(title, valueless=noted.valueless):
            if number == header or all(cell.value is None for cell in cells):
                continue
            reason = "above-head" if number < header else ""
            if any(cell.value is not None for cell in cells[width:]):
                reason = reason or "ragged"
            if merged.touches(number):
                reason = reason or "merged"
            row: list[str | None] = []
            try:
                row = [cell_text(cells[place]) if place < len(cells) else None for place in places]
                for place in places:
                    if place < len(formulas) and formulas[place] and _valueless(cells[place]):
                        raise Odd("formula-no-value")
            except Odd as odd:
                reason = reason or str(odd)
            if reason:
                place_told = f"{self._file.place}:{list(self._sheets).index(name) + 1}:{number}"
                yield Unread(place_told, reason, _octets(cells), {"row": 1})
            else:
                yield row

    def _cells(self, title: str, *, valueless: bool) -> Iterator[tuple[int, Sequence[Any], Sequence[bool]]]:
        """Each row: its number, its cells with their values, and, where some formula keeps none, which cells are formulas."""
        with self._file.open() as stream, self._opened(stream) as book:
            sheet = _unbounded(book[title])
            if not valueless:
                for number, cells in enumerate(sheet.iter_rows(), 1):
                    yield number, cells, ()
                return
            with self._file.open() as again, self._opened(again, values=False) as written:
                beside = _unbounded(written[title]).iter_rows()
                for number, (cells, texts) in enumerate(
                    itertools.zip_longest(sheet.iter_rows(), beside, fillvalue=()), 1
                ):
                    yield number, cells, [cell.data_type == "f" for cell in texts]

    @contextmanager
    def _opened(self, stream: BinaryIO, *, values: bool = True) -> Iterator[Any]:
        """The workbook under openpyxl, whose remarks on what it does not keep are no concern of a reader."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                book = openpyxl.load_workbook(stream, read_only=True, data_only=values, keep_links=False)
            except Exception as error:  # noqa: BLE001 - a parser given a hostile file raises whatever it meets
                raise self._refused(error) from None
            try:
                yield book
            except (Refusal, GeneratorExit):
                raise
            except Exception as error:  # noqa: BLE001
                raise self._refused(error) from None
            finally:
                book.close()

    def _refused(self, error: Exception) -> Refusal:
        return Refusal(
            "table/unreadable",
            where=f"file {self._file.place}",
            got=f"a workbook out of order ({type(error).__name__})",
        )


def cell_text(cell: Any) -> str | None:
    """The one text of a cell. Raises Odd for an error."""
    value = cell.value
    if value is None:
        return None
    if cell.data_type == "e":
        raise Odd("cell-error")
    if isinstance(value, str):
        text = unescape(value) if "_x" in value else value
        if "\x00" in text:
            raise Odd("nul")
        if not text.isascii() and _LONE.search(text):
            raise Odd("encoding")
        return text or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number_text(value)
    if isinstance(value, dt.date | dt.time | dt.timedelta):
        return date_text(value, day_only=is_datetime(cell.number_format or "") == "date")
    return str(value)


def _valueless(cell: Any) -> bool:
    """A formula whose text is empty has a value: it says `str`."""
    return cell.value is None and cell.data_type != "str"


class _Merged:
    """Rows touched by cells merged over several rows, asked in order."""

    def __init__(self, spans: Sequence[tuple[int, int]]) -> None:
        self._spans = sorted(span for span in spans if span[0] != span[1])
        self._place, self._end = 0, 0

    def touches(self, row: int) -> bool:
        while self._place < len(self._spans) and self._spans[self._place][0] <= row:
            self._end = max(self._end, self._spans[self._place][1])
            self._place += 1
        return row <= self._end


def _head_of(sheet: Any) -> tuple[int, list[str | None]]:
    """The number of the row that names the columns, and the names; 0 and none for an empty sheet."""
    rows = list(itertools.islice(_unbounded(sheet).iter_rows(), _LOOKED_AT))
    filled = [sum(cell.value is not None for cell in cells) for cells in rows]
    most = max(filled, default=0)
    if most == 0:
        return 0, []
    place = next(number for number, count in enumerate(filled) if count * 2 > most or count == most)
    cells = list(rows[place])
    while cells and cells[-1].value is None:
        cells.pop()
    return place + 1, [_name(cell) for cell in cells]


def _name(cell: Any) -> str | None:
    try:
        return cell_text(cell)
    except Odd:
        return None


def _unbounded(sheet: Any) -> Any:
    """The sheet without the size it tells, which may be a lie of a billion empty rows."""
    sheet.reset_dimensions()
    return sheet


def _part_of(sheet: Any) -> str:
    return str(sheet._worksheet_path).lstrip("/")  # noqa: SLF001 - openpyxl tells it nowhere else


def _octets(cells: Sequence[Any]) -> bytes:
    return json.dumps(
        [None if cell.value is None else str(cell.value) for cell in cells], ensure_ascii=False
    ).encode("utf-8", "surrogatepass")
