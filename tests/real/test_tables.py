"""Tables nobody here wrote: the OpenELIS catalogue, the French biology nomenclature (NABM) and a French LOINC set, every row accounted for."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecluse.adapters.connectors.files.folder import listed
from ecluse.adapters.connectors.files.format import Rows, Seen, Unread
from ecluse.adapters.connectors.table.formats import TablesInFiles


def counted(place: Path) -> tuple[dict[str, int], dict[str, int], dict[str, dict[str, str]]]:
    """Rows read by table, units unread by reason, what was decided of each table."""
    if not place.exists():
        pytest.skip(f"real tables: {place.name} is absent")
    tables, files = TablesInFiles(), listed(place).files
    wanted = {name: list(table.columns) for name, table in tables.catalogue(files).tables.items()}
    rows = dict.fromkeys(wanted, 0)
    unread: dict[str, int] = {}
    seen = 0
    for it in tables.rows(files, wanted):
        if isinstance(it, Rows):
            rows[it.table] += it.batch.num_rows
        elif isinstance(it, Unread):
            unread[it.reason] = unread.get(it.reason, 0) + sum(it.units.values())
        elif isinstance(it, Seen):
            seen += it.times
    assert seen == sum(rows.values())
    return rows, unread, tables.account(files)


def test_the_french_nomenclature(shared_data: Path) -> None:
    """1,076 acts of the NABM, in ASCII between semicolons, each read."""
    rows, unread, account = counted(shared_data / "fr-nabm" / "nomenclatures" / "ORAREF" / "IR_BIO_R.csv")
    assert rows == {"IR_BIO_R": 1076}
    assert unread == {}
    assert account["IR_BIO_R"] == {
        "encoding": "utf-8 (ascii)",
        "separator": "semicolon",
        "quote": "double",
        "header": "first row",
    }


def test_the_french_loinc_set(shared_data: Path) -> None:
    """Its codes, between commas."""
    rows, unread, account = counted(shared_data / "fr-loinc-eds" / "codes.csv")
    assert (rows, unread) == ({"codes": 40}, {})
    assert account["codes"]["separator"] == "comma"


def test_the_openelis_catalogue(shared_data: Path) -> None:
    """Fifteen files as one database: each test and result is a row, and each comment line among them is told as unread."""
    rows, unread, account = counted(shared_data / "openelis-global2" / "catalogue")
    assert len(rows) == 15
    assert sum(rows.values()) == 428
    assert rows["example-tests"] == 75
    assert {told["separator"] for told in account.values()} == {"comma"}
    assert unread == {"ragged": 152}
