"""XLSX, as we write it ourselves, among the formats of the contract suite."""

from __future__ import annotations

import io

import openpyxl

from ecluse.adapters.connectors.table.records import columns_of
from ecluse.adapters.connectors.table.xlsx_format import XlsxRecords
from tests.ports.formats import Described


def units(octets: bytes) -> int:
    """The workbook is one unit."""
    return int(bool(octets))


def workbook(*rows: list[str]) -> bytes:
    """A workbook of these rows, by a person's hand."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


SAMPLES = (
    workbook(["NUMPAT", "NOM"], ["1", "X"]), workbook(columns_of("specimen"), ["E1", "R1", "SANG"]), workbook(columns_of("specimen"), ["", "R1"]),
    workbook(columns_of("document"), ["C1", "R1", "", "pas du base 64"]), b"PK\x03\x04",
)  # fmt: skip

DESCRIBED = Described(name="xlsx", format=XlsxRecords, units=units, samples=SAMPLES)
