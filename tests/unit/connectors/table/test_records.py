"""Records gathered into files of their own formats of tables: how many stand in one."""

from __future__ import annotations

from collections.abc import Iterator

from ecluse.adapters.connectors.files.format import Row
from ecluse.adapters.connectors.table.records import RECORDS, gathered


def test_a_file_is_full_of_so_many_records_however_small() -> None:
    """Small records fill a file by their number: it is given before the next is asked for."""
    asked = 0

    def endless() -> Iterator[tuple[str, Row]]:
        nonlocal asked
        while asked < 3 * RECORDS:
            asked += 1
            yield "patient", {"id": f"P{asked}"}

    first = next(gathered([], endless()))
    assert len(first["patient"]) == RECORDS
    assert asked == RECORDS + 1
