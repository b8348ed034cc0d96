"""An invented laboratory gathered into whole tables, for tests that look at all of it."""

from __future__ import annotations

from functools import cache

import pyarrow as pa

from ecluse.invent.laboratory import invent
from ecluse.invent.systems import OLD


@cache
def laboratory(
    *, patients: int, seed: int = 7, batch: int = 8192, documents: float = 0.1
) -> dict[str, pa.Table]:
    """Every table of the old system, its batches put end to end and copied, so that equal tables have equal bytes."""
    made: dict[str, list[pa.RecordBatch]] = {table.name: [] for table in OLD.tables}
    for name, rows in invent(patients=patients, seed=seed, batch=batch, documents=documents):
        rows.validate(full=True)
        made[name].append(rows)
    return {name: pa.Table.from_batches(rows).combine_chunks() for name, rows in made.items()}
