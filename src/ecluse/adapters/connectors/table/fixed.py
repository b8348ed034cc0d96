"""Rows of fixed width: cells by their place in the row, as `tables.toml` describes them.

Decides that a row which ends before its last column is unread (unless nothing but line ends tells rows apart and the layout says otherwise),
and that blanks which pad a cell are kept: as in a CHAR column, the mapping's `trim` takes them off.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import pyarrow as pa

from ecluse.adapters.connectors.files.format import File, Seen, Unread
from ecluse.adapters.connectors.table.encoding import KNOWN, find_encoding
from ecluse.adapters.connectors.table.head import LARGEST_CELL, Head, batched, column_names
from ecluse.adapters.connectors.table.layout import Layout
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import CatalogueColumn

__all__ = ["FixedWidth"]

_WIDE: Final = ("utf-16-le", "utf-16-be")


class FixedWidth:
    """Implements `head.TableFile` for a file of fixed-width rows. Places are counted in octets, so that UTF-16 is refused."""

    def __init__(self, file: File, *, name: str, layout: Layout) -> None:
        self._file, self._name, self._layout = file, name, layout
        self._encoding = layout.encoding

    def heads(self) -> Sequence[Head]:
        """One table, with the layout's columns."""
        why = "said"
        if not self._encoding:
            with self._file.open() as stream:
                self._encoding, why = find_encoding(stream)
        if self._encoding not in KNOWN or self._encoding in _WIDE:
            raise Refusal(
                "table/unreadable", where=f"file {self._file.place}", got="fixed width in UTF-16 or UTF-32"
            )
        names = column_names([column.name for column in self._layout.fixed])
        if names != [column.name for column in self._layout.fixed]:
            raise Refusal(
                "table/layout-unreadable",
                where=f"file {self._file.place}",
                got="a column's name cannot be written in a mapping",
            )
        columns = {
            name: CatalogueColumn(name, "text", f"char({column.width})", length=column.width)
            for name, column in zip(names, self._layout.fixed, strict=True)
        }
        return [Head(self._name, columns, {"encoding": f"{self._encoding} ({why})"})]

    def rows(self, head: Head, columns: Sequence[str]) -> Iterator[pa.RecordBatch | Unread | Seen]:
        """See `TableFile.rows`."""
        if not self._encoding:
            self.heads()
        layout = {column.name: column for column in self._layout.fixed}
        spans = [
            slice(layout[name].start - 1, layout[name].start - 1 + layout[name].width) for name in columns
        ]
        return batched(self._cells(spans), head.shape(columns))

    def _cells(self, spans: Sequence[slice]) -> Iterator[list[str] | Unread]:
        """The wanted cells of each row; what is shorter than its columns, or no text, is unread."""
        end = max(column.start + column.width - 1 for column in self._layout.fixed)
        codec = KNOWN[self._encoding]
        for number, raw in enumerate(self._records(), 1):
            reason = "ragged" if len(raw) < end else "nul" if b"\x00" in raw else ""
            try:
                row = [] if reason else [raw[span].decode(codec) for span in spans]
            except UnicodeDecodeError:
                row, reason = [], "encoding"
            if reason:
                yield Unread(f"{self._file.place}:{number}", reason, raw, {"row": 1})
            else:
                yield row

    def _records(self) -> Iterator[bytes]:
        """Each row without its line end; blank lines are none."""
        with self._file.open() as stream:
            if self._layout.record:
                while raw := stream.read(self._layout.record):
                    yield raw
                return
            while line := stream.readline(LARGEST_CELL):
                raw = line.rstrip(b"\r\n\x1a")
                if raw:
                    yield raw
