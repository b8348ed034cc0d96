"""Rows as they lie in a part: an Arrow IPC stream, compressed, of bounded size; and how batches are cut to that size.

Decides the body's format (`FORMAT`, in the sealed statement) and the size of a part. It knows nothing of seals.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Final

import pyarrow as pa

from ecluse.base.refusal import Refusal

__all__ = ["FORMAT", "OCTETS_A_PART", "ROWS_A_PART", "body_of", "pieces_of", "read_body"]

FORMAT: Final = "arrow-ipc-stream+zstd"
ROWS_A_PART: Final = 32_768
OCTETS_A_PART: Final = 64 << 20
_OPTIONS: Final = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", compression_level=1))


def body_of(batches: list[pa.RecordBatch]) -> bytes:
    """The batches (one schema) as one compressed Arrow IPC stream."""
    sink = BytesIO()
    with pa.ipc.new_stream(sink, batches[0].schema, options=_OPTIONS) as stream:
        for batch in batches:
            stream.write_batch(batch)
    return sink.getvalue()


def read_body(body: bytes, *, rows: int, where: str) -> list[pa.RecordBatch]:
    """The batches of a verified body. Raises Refusal `parcel/body-malformed` when it does not hold exactly `rows` rows."""
    try:
        with pa.ipc.open_stream(pa.py_buffer(body)) as stream:
            batches = [batch for batch in stream if batch.num_rows]
            for batch in batches:
                batch.validate(full=True)
    except (pa.ArrowException, OSError, ValueError):
        raise Refusal("parcel/body-malformed", where=where) from None
    if sum(batch.num_rows for batch in batches) != rows:
        raise Refusal("parcel/body-malformed", where=where)
    return batches


def pieces_of(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches gathered into part-sized lists: at most `ROWS_A_PART` rows, about `OCTETS_A_PART` octets, at least one row."""
    gathered: list[pa.RecordBatch] = []
    rows = octets = 0
    for batch in batches:
        for piece in _cut(batch):
            if gathered and (rows + piece.num_rows > ROWS_A_PART or octets + piece.nbytes > OCTETS_A_PART):
                yield gathered
                gathered, rows, octets = [], 0, 0
            gathered.append(piece)
            rows += piece.num_rows
            octets += piece.nbytes
    if gathered:
        yield gathered


def _cut(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """A batch of large rows (documents) in halves, until each half fits a part or is one row."""
    if batch.num_rows == 0:
        return
    if batch.num_rows == 1 or batch.nbytes <= OCTETS_A_PART:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _cut(batch.slice(0, half))
    yield from _cut(batch.slice(half))
