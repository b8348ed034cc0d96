"""Parquet as a format of its own: one file for each kind of record and piece, columns of text, documents as octets.

Decides nothing of a value: a column of text holds any text, absent and empty are two things, and no program calculates a cell.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ecluse.adapters.connectors.files.format import Case, Fact, Row, Seen, Unread, Written
from ecluse.adapters.connectors.files.meter import Meter, OneMeter
from ecluse.adapters.connectors.table.parquet_counts import UNREADABLE, counts_agree
from ecluse.adapters.connectors.table.records import (
    Cell,
    columns_of,
    gathered,
    kind_of,
    mapping_text,
    row_of,
    text_unfit,
)
from ecluse.adapters.connectors.table.whole import Damaged, told_whole
from ecluse.terms.vocabulary import vocabulary

__all__ = ["ParquetRecords"]

_LONGEST = 256 << 20
_MOST_ROWS = 1 << 24
"""Ours hold some thousands: more are forged, and room would be made for them."""


class ParquetRecords:
    """Implements `files.format.Format`."""

    name = "parquet"
    mapping = mapping_text("parquet")

    def read(self, stream: BinaryIO, *, name: str) -> Iterator[Fact | Unread | Seen]:
        """See `Format.read`: the unit is the file."""
        return told_whole(stream, name=name, unit="file", rows=_rows)

    def meter(self) -> Meter:
        """The file is one unit."""
        return OneMeter()

    def unfit(self, kind: str, row: Row) -> str | None:  # noqa: ARG002 - the port's
        """See `Format.unfit`."""
        return text_unfit(row, longest=_LONGEST)

    def write(self, cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[Written]:
        """See `Format.write`."""
        number = 0
        for piece in gathered(cases, alone):
            for kind, held in piece.items():
                number += 1
                yield Written(f"{number:06d}-{kind}.parquet", _content(kind, list(held.values())))


def _shape(kind: str) -> pa.Schema:
    fields = vocabulary().kinds[kind].fields.values()
    types = [pa.binary() if field.type == "bytes" else pa.string() for field in fields]
    return pa.schema(list(zip(columns_of(kind), types, strict=True)))


def _content(kind: str, held: list[Row]) -> bytes:
    shape = _shape(kind)
    columns = zip(*(row_of(kind, record) for record in held), strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, shape, strict=True)]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(arrays, schema=shape), sink, compression="zstd")
    return sink.getvalue()


def _rows(octets: bytes) -> Iterator[tuple[str, list[Cell]]]:
    try:
        file = pq.ParquetFile(pa.BufferReader(octets))
        if not counts_agree(file.metadata) or file.metadata.num_rows > _MOST_ROWS:
            raise Damaged("damaged")
        read = file.read(use_threads=False)
        read.validate(full=True)
        names = read.schema.names
        kind = kind_of(names)
        if kind is None or read.schema.types != _shape(kind).types:
            raise Damaged("head")
        for batch in read.to_batches(max_chunksize=1_024):
            for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield kind, list(cells)
    except UNREADABLE:
        raise Damaged("damaged") from None
