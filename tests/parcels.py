"""What a parcel holds, as its recipient reads it: opened by their key, and nothing of the source asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from ecluse.passage.load import placed
from ecluse.wiring.demonstration import Ready

__all__ = ["Parcel", "batches_of", "parcel_of"]

Parcel = dict[str, list[tuple[tuple[str, Any], ...]]]
"""Rows by kind, in the order of their ids, each with its fields' names."""


def batches_of(ready: Ready, name: str) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Each part: its kind and its records, their place in the part last."""
    received = ready.course.received(name)
    for line in received.manifest.parts[:-1]:
        part = received.part(ready.target, line)
        yield part.header.kind, placed(part)


def parcel_of(ready: Ready, name: str) -> Parcel:
    """Every row of every kind, whatever part it lies in."""
    found: Parcel = {}
    for kind, batch in batches_of(ready, name):
        rows = batch.drop_columns([batch.schema.names[-1]]).to_pylist()
        found.setdefault(kind, []).extend(tuple(sorted(row.items())) for row in rows)
    return {kind: sorted(rows, key=lambda row: str(dict(row)["id"])) for kind, rows in sorted(found.items())}
