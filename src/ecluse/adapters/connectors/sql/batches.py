"""Values of a database's driver as raw Arrow batches: exact text or octets, and nothing in between.

Decides the shape of a raw batch and how SQLite's stored values are written as text. It reads nothing and converts no field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

import pyarrow as pa
from sqlglot import exp

from ecluse.adapters.connectors.sql.query import octets
from ecluse.base.refusal import Refusal
from ecluse.terms.plan import Slice

__all__ = ["LARGEST", "ROWS", "chunks", "gathered", "shape", "texts"]

ROWS: Final = 32_768
"""Rows in a batch, at most: those of a part, so that most parts are one batch."""
LARGEST: Final = 16 << 20
"""Octets in a batch, about: a batch ends after the chunk that passes it."""
_CHUNK: Final = 4_096
_WIDE_CHUNK: Final = 32

Row = Sequence[object]


def shape(tree: exp.Select, piece: Slice) -> pa.Schema:
    """The Arrow schema of the rows of this statement."""
    binary = octets(piece)
    return pa.schema(
        [pa.field(name, pa.binary() if name in binary else pa.string()) for name in tree.named_selects]
    )


def chunks(fetch: Callable[[int], Sequence[Row]], piece: Slice) -> Iterator[Sequence[Row]]:
    """What a cursor's `fetchmany` gives until it gives nothing: few rows at a time where each may be a document."""
    while rows := fetch(_WIDE_CHUNK if octets(piece) else _CHUNK):
        yield rows


def gathered(parts: Iterable[Sequence[Row]], schema: pa.Schema, *, where: str) -> Iterator[pa.RecordBatch]:
    """Chunks of rows as batches of bounded size. Raises Refusal `source/encoding`, `source/octets-as-text`."""
    rows: list[pa.RecordBatch] = []
    size = count = 0
    for part in parts:
        batch = _batch(part, schema, where=where)
        rows.append(batch)
        size, count = size + batch.nbytes, count + batch.num_rows
        if size > LARGEST or count + _CHUNK > ROWS:
            yield _joined(rows)
            rows, size, count = [], 0, 0
    if rows:
        yield _joined(rows)


def texts(values: Sequence[object], *, where: str) -> pa.Array:
    """Exact text of each value: numbers as Python writes them, which is the shortest text that reads back the same."""
    kinds = set(map(type, values))
    if bytes in kinds:
        raise Refusal("source/octets-as-text", where=where, got=where.rpartition(".")[2])
    if not kinds <= {str, type(None)}:
        values = [value if value is None or isinstance(value, str) else repr(value) for value in values]
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        raise Refusal("source/encoding", where=where, got="lone surrogates") from None


def _batch(rows: Sequence[Row], schema: pa.Schema, *, where: str) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [
        _octets(values) if pa.types.is_binary(field.type) else texts(values, where=f"{where}.{field.name}")
        for field, values in zip(schema, columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _octets(values: Sequence[object]) -> pa.Array:
    return pa.array(
        [value if value is None or isinstance(value, bytes) else str(value).encode() for value in values],
        pa.binary(),
    )


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
