"""CSV, XLSX and Parquet as targets: what the target is given is published as files, and a reader of the folder sees it field for field."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ecluse.adapters.connectors.files.format import Format
from ecluse.adapters.connectors.files.source import FilesSource, mapping_of
from ecluse.adapters.connectors.files.target import FilesTarget, published
from ecluse.adapters.connectors.table.csv_format import CsvRecords
from ecluse.adapters.connectors.table.parquet_format import ParquetRecords
from ecluse.adapters.connectors.table.xlsx_format import XlsxRecords
from ecluse.passage.load import RowsRefused
from ecluse.terms.plan import read_back
from ecluse.terms.vocabulary import vocabulary
from tests.ports.cases import Records, plain, records_of
from tests.ports.test_files_target import put, put_all

FORMATS: list[Callable[[], Format]] = [CsvRecords, XlsxRecords, ParquetRecords]


@pytest.fixture(params=FORMATS, ids=["csv", "xlsx", "parquet"])
def fmt(request: pytest.FixtureRequest) -> Format:
    made: Format = request.param()
    return made


def held(fmt: Format, folder: Path) -> Records:
    """Every record that a reader of the folder sees."""
    fields = {name: tuple(kind.fields) for name, kind in vocabulary().kinds.items()}
    plan = read_back(records=fields, instruction="", mapping=mapping_of(fmt), vocabulary=vocabulary())
    found: Records = {}
    with FilesSource(fmt, lambda: published(folder), scratch=folder.parent).snapshot() as snapshot:
        for piece in plan.slices:
            for batch in snapshot.rows(plan, piece):
                for row in batch.to_pylist():
                    found[piece.kind, row["id"]] = {
                        name: it for name, it in row.items() if it is not None and name[0] != "_"
                    }
        assert not snapshot.account(plan).unread
    return found


def cases(fmt: Format) -> list[Any]:
    return [plain(mapping_of(fmt), number) for number in range(1, 40)]


def test_what_was_loaded_is_what_a_reader_sees(fmt: Format, tmp_path: Path) -> None:
    """Loaded, published, read again by the source of the same format: every record, every field, documents included."""
    made = cases(fmt)
    with closing(FilesTarget(fmt, tmp_path / "target")) as target:
        put_all(target, made)
    assert held(fmt, tmp_path / "target") == records_of(made)


def test_a_later_load_completes_the_files(fmt: Format, tmp_path: Path) -> None:
    """The cut-over night: records given again take their new values, the others stay."""
    made = cases(fmt)
    with closing(FilesTarget(fmt, tmp_path / "target")) as target:
        put_all(target, made)
    with closing(FilesTarget(fmt, tmp_path / "target")) as target:
        put(
            target,
            "patient",
            {"id": made[0].patient["id"], "birth_name": "=1+1"},
            replace=True,
            migration="n",
        )
    expected = records_of(made)
    expected["patient", str(made[0].patient["id"])] |= {"birth_name": "=1+1"}
    assert held(fmt, tmp_path / "target") == expected


def test_what_a_cell_cannot_hold_is_rejected(tmp_path: Path) -> None:
    """A comment longer than an Excel cell is refused by its row, never cut."""
    with closing(FilesTarget(XlsxRecords(), tmp_path / "target")) as target:
        with pytest.raises(RowsRefused) as said:
            put(target, "patient", {"id": "P1", "comment": "x" * 40_000})
        assert said.value.values["reason"] == "too-long"
