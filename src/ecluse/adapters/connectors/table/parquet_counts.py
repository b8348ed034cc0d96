"""Whether the counts of a Parquet file agree with one another, before a row of it is read.

Decides only that: Arrow makes room for as many rows as a row group says it has, whatever its columns hold, so a few forged octets ask for all
the memory there is.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["UNREADABLE", "counts_agree"]

UNREADABLE: Final = (pa.ArrowException, OSError, ValueError, TypeError, RuntimeError, MemoryError)
"""What Arrow raises for a file that is not as it should be: of forged columns and levels, its reader in C++ says RuntimeError."""


def counts_agree(metadata: pq.FileMetaData) -> bool:
    """Whether the row groups have together the rows that the file says, and none fewer than no row. Columns are not asked: of forged ones,
    Arrow 26 ends the whole process.
    """
    rows = [metadata.row_group(place).num_rows for place in range(metadata.num_row_groups)]
    return min(rows, default=0) >= 0 and sum(rows) == metadata.num_rows
