"""A Parquet file as a table: read by Arrow, a batch at a time, each column as the exact text of its values.

Decides that a column which holds no single value (a list, a structure) is seen and named but cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from ecluse.adapters.connectors.files.format import File, Seen, Unread
from ecluse.adapters.connectors.table.exact import arrow_family, arrow_text
from ecluse.adapters.connectors.table.head import ROWS, Head, column_names, refuse_others
from ecluse.adapters.connectors.table.parquet_counts import UNREADABLE, counts_agree
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import CatalogueColumn

__all__ = ["ParquetTable"]

_WIDE: Final = 32


class ParquetTable:
    """Implements `head.TableFile` for one Parquet file."""

    def __init__(self, file: File, *, name: str) -> None:
        self._file, self._name = file, name

    def heads(self) -> Sequence[Head]:
        """One table, named as the file."""
        with self._file.open() as stream:
            schema = self._opened(stream).schema_arrow
        columns = {
            name: CatalogueColumn(name, arrow_family(field.type), str(field.type), field.nullable)
            for name, field in zip(column_names(schema.names), schema, strict=True)
        }
        renamed = ", ".join(name for name, raw in zip(columns, schema.names, strict=True) if name != raw)
        return [Head(self._name, columns, {"renamed": renamed} if renamed else {})]

    def rows(self, head: Head, columns: Sequence[str]) -> Iterator[pa.RecordBatch | Unread | Seen]:
        """See `TableFile.rows`."""
        refuse_others(head, columns)
        names, shape = list(head.columns), head.shape(columns)
        wide = any(head.columns[name].family == "bytes" for name in columns)
        with self._file.open() as stream:
            file = self._opened(stream)
            if len(set(file.schema_arrow.names)) != len(names):
                raise self._refused("two columns of one name")
            if not columns:
                yield Seen("row", "not-read", file.metadata.num_rows)
                return
            raw = [file.schema_arrow.names[names.index(name)] for name in columns]
            try:
                for batch in file.iter_batches(_WIDE if wide else ROWS, columns=raw, use_threads=False):
                    arrays = [arrow_text(batch.column(name)) for name in raw]
                    yield pa.RecordBatch.from_arrays(arrays, schema=shape)
            except UNREADABLE:
                raise self._refused("damaged Parquet") from None

    def _opened(self, stream: BinaryIO) -> pq.ParquetFile:
        try:
            file = pq.ParquetFile(stream, memory_map=False, pre_buffer=False)
            agreed = counts_agree(file.metadata)
        except UNREADABLE:
            raise self._refused("no Parquet") from None
        if not agreed:
            raise self._refused("damaged Parquet")
        return file

    def _refused(self, got: str) -> Refusal:
        return Refusal("table/unreadable", where=f"file {self._file.place}", got=got)
