"""Whether the counts of a Parquet file agree with one another, before a row of it is read.

Decides only that: Arrow makes room for as many rows as a row group says it has, whatever its columns hold, so a few forged octets ask for all
the memory there is. A column of lists may hold more values than there are rows, never fewer.
"""

from __future__ import annotations

import pyarrow.parquet as pq

__all__ = ["counts_agree"]


def counts_agree(metadata: pq.FileMetaData) -> bool:
    """Whether the row groups have together the rows that the file says, and every column a value for each row of its group."""
    groups = [metadata.row_group(place) for place in range(metadata.num_row_groups)]
    if sum(group.num_rows for group in groups) != metadata.num_rows:
        return False
    return all(
        0 <= group.num_rows <= group.column(place).num_values
        for group in groups
        for place in range(group.num_columns)
    )
