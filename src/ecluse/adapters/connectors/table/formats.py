"""Files of tables as one source: which reader reads which file, and how its tables are named.

Decides by the file's ending, or by what `tables.toml` says; a file of no known ending is refused, so that none is passed over. A table is
named as its file without the ending; the sheets of a workbook that has several, as the file and the sheet. It implements `files.format.Tables`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from ecluse.adapters.connectors.files.format import CARRIED, File, Rows, Seen, Unread
from ecluse.adapters.connectors.table.dbf import Dbf
from ecluse.adapters.connectors.table.delimited import Delimited
from ecluse.adapters.connectors.table.fixed import FixedWidth
from ecluse.adapters.connectors.table.head import Head, TableFile
from ecluse.adapters.connectors.table.layout import FILE, LARGEST, Layout, read_layouts
from ecluse.adapters.connectors.table.parquet import ParquetTable
from ecluse.adapters.connectors.table.workbook import Workbook
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import Catalogue

__all__ = ["DELIMITED", "NOT_READ", "TablesInFiles"]

DELIMITED: Final = frozenset({".csv", ".tsv", ".tab"})
_MEMOS: Final = (".fpt", ".dbt")
NOT_READ: Final = "not-read"
"""The fate of the rows of a table that the plan does not read: they are counted, and stay where they are."""


class TablesInFiles:
    """Implements `files.format.Tables` for CSV, TSV, XLSX, Parquet, DBF and fixed width, side by side in one folder."""

    name = "table"

    def __init__(self) -> None:
        self._known: list[tuple[TableFile, Head]] = []
        self._of: tuple[File, ...] = ()

    def catalogue(self, files: Sequence[File]) -> Catalogue:
        """Every table. Raises Refusal `table/unreadable`, `table/unknown-kind`, `table/two-of-a-name`, `table/layout-unreadable`."""
        return Catalogue("duckdb", {head.name: head.catalogue for _, head in self._tables(files)})

    def account(self, files: Sequence[File]) -> dict[str, dict[str, str]]:
        """What was decided of each table that its file does not say: encoding, separator, header, hidden sheets... No value. Raises as `catalogue`."""
        return {head.name: dict(head.account) for _, head in self._tables(files)}

    def rows(
        self, files: Sequence[File], wanted: Mapping[str, Sequence[str]]
    ) -> Iterator[Rows | Unread | Seen]:
        """See `files.format.Tables`. Raises Refusal `table/unreadable` for a file that is damaged as a whole."""
        for reader, head in self._tables(files):
            columns = list(wanted.get(head.name, ()))
            read = columns or _cheapest(head)
            for given in reader.rows(head, read):
                if isinstance(given, Unread | Seen):
                    yield given
                    continue
                if columns:
                    yield Rows(head.name, given)
                yield Seen("row", CARRIED if columns else NOT_READ, given.num_rows)

    def _tables(self, files: Sequence[File]) -> list[tuple[TableFile, Head]]:
        if self._of != tuple(files) or not self._known:
            self._known = list(_found(files))
            self._of = tuple(files)
        return self._known


def _found(files: Sequence[File]) -> Iterator[tuple[TableFile, Head]]:
    layouts = _layouts(files)
    spoken = {layout.file: name for name, layout in layouts.items() if layout.file}
    absent = spoken.keys() - {file.name for file in files}
    if absent:
        raise Refusal("table/layout-unreadable", where=FILE, got=f"no such file for {spoken[min(absent)]}")
    taken: set[str] = set()
    for file in files:
        if file.name == FILE or PurePosixPath(file.name).suffix.lower() in _MEMOS:
            continue
        name = spoken.get(file.name) or str(PurePosixPath(file.name).with_suffix(""))
        reader = _reader(file, name, layouts.get(name), files)
        for head in reader.heads():
            if head.name.casefold() in taken:
                raise Refusal("table/two-of-a-name", where=f"file {file.place}", got=head.name)
            taken.add(head.name.casefold())
            yield reader, head


def _layouts(files: Sequence[File]) -> dict[str, Layout]:
    for file in files:
        if file.name == FILE:
            with file.open() as stream:
                return read_layouts(stream.read(LARGEST + 1))
    return {}


def _reader(file: File, name: str, layout: Layout | None, files: Sequence[File]) -> TableFile:
    ending = PurePosixPath(file.name).suffix.lower()
    if layout is not None and layout.fixed:
        return FixedWidth(file, name=name, layout=layout)
    if ending in DELIMITED or (layout is not None and layout.file == file.name and ending not in _OTHERS):
        return Delimited(file, name=name, layout=layout)
    if ending in (".xlsx", ".xlsm"):
        return Workbook(file, name=name)
    if ending == ".parquet":
        return ParquetTable(file, name=name)
    if ending == ".dbf":
        return Dbf(file, name=name, layout=layout, memo=_memo(file, files))
    raise Refusal(
        "table/unknown-kind", where=f"file {file.place}", got=ending if ending[1:].isalnum() else "-"
    )


_OTHERS: Final = frozenset({".xlsx", ".xlsm", ".parquet", ".dbf"})


def _memo(file: File, files: Sequence[File]) -> File | None:
    stem = file.name[:-4].casefold()
    wanted = [stem + ending for ending in _MEMOS]
    return next((other for other in files if other.name.casefold() in wanted), None)


def _cheapest(head: Head) -> list[str]:
    """One column to count rows by: the first of a type that is text already and stands in the file itself."""
    ranked = sorted(
        head.columns.values(),
        key=lambda column: (column.family in ("other", "bytes"), column.native.startswith("M(")),
    )
    return [ranked[0].name] if ranked and ranked[0].family != "other" else []
