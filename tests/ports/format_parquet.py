"""Parquet, as we write it ourselves, among the formats of the contract suite."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from ecluse.adapters.connectors.table.parquet_format import ParquetRecords
from tests.ports.formats import Described


def units(octets: bytes) -> int:
    """The file is one unit."""
    return int(bool(octets))


def foreign() -> bytes:
    """A Parquet file that is not ours."""
    held = io.BytesIO()
    pq.write_table(pa.table({"NUMPAT": ["1"], "patient_id": ["2"]}), held)
    return held.getvalue()


DESCRIBED = Described(name="parquet", format=ParquetRecords, units=units, samples=(foreign(), b"PAR1"))
