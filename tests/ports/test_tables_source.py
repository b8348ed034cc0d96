"""Tables in files as a source: the small laboratory of the contract (tests/ports/sources.py) exported in each format gives the same rows and counts."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecluse.adapters.connectors.files.folder import listed
from ecluse.adapters.connectors.files.source import FilesSource
from ecluse.adapters.connectors.table.formats import TablesInFiles
from ecluse.base.refusal import Refusal
from ecluse.invent.systems import OLD
from ecluse.passage.extract import Snapshot
from tests.ports.sources import CENSUS, LEAVING, ROWS, counted, plan, rows_by_id

WHOLE = {
    table.name: [
        {column.name: row.get(column.name) for column in table.columns} for row in ROWS.get(table.name, [])
    ]
    for table in OLD.tables
}
OCTETS = ("CONTENU",)


def as_csv(path: Path, names: list[str], rows: list[dict[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";")
    writer.writerow(names)
    writer.writerows([[_text(row[name]) for name in names] for row in rows])
    path.with_suffix(".csv").write_bytes(text.getvalue().encode("utf-16"))


def as_parquet(path: Path, names: list[str], rows: list[dict[str, Any]]) -> None:
    shape = pa.schema([(name, pa.binary() if name in OCTETS else pa.string()) for name in names])
    pq.write_table(pa.Table.from_pylist(rows, schema=shape), path.with_suffix(".parquet"))


def as_xlsx(path: Path, names: list[str], rows: list[dict[str, Any]]) -> None:
    book = openpyxl.Workbook()
    book.active.append(names)
    for row in rows:
        book.active.append([_text(row[name]) for name in names])
    book.save(path.with_suffix(".xlsx"))


def _text(value: Any) -> Any:
    return value.decode("latin-1").replace("\x00", "") if isinstance(value, bytes) else value


@pytest.fixture(params=[as_csv, as_parquet, as_xlsx], ids=["csv", "parquet", "xlsx"])
def exported(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder of all the tables, in one format; those without a row too."""
    folder = tmp_path / "tables"
    folder.mkdir()
    for table in OLD.tables:
        request.param(folder / table.name, [column.name for column in table.columns], WHOLE[table.name])
    return folder


@pytest.fixture
def snapshot(exported: Path, tmp_path: Path) -> Iterator[Snapshot]:
    with FilesSource(TablesInFiles(), lambda: listed(exported), scratch=tmp_path).snapshot() as opened:
        yield opened


def test_every_row_is_counted_under_the_rule_that_keeps_it(snapshot: Snapshot) -> None:
    """Period, sites, categories, containers, joins, population: the mapping written for SQL counts the same rows in files."""
    wanted = plan()
    assert {kind: counted(snapshot, wanted, kind) for kind in CENSUS} == CENSUS


def test_the_rows_that_leave_are_the_same(snapshot: Snapshot) -> None:
    """The same records leave, with the same texts; what a file cannot tell from nothing is nothing."""
    wanted = plan()
    assert {kind: sorted(rows_by_id(snapshot, wanted, kind)) for kind in LEAVING} == LEAVING
    patients = rows_by_id(snapshot, wanted, "patient")
    assert patients["P1"]["birth_name"] == 'L\'ÉTÉ \\ "x"'
    assert patients["P1"]["comment"] == "à revoir\nlundi\t;"
    result = rows_by_id(snapshot, wanted, "result")["A1"]
    assert (result["value"], result["code"]) == ("<0,1", "GLU     ")


def test_codes_are_seen(snapshot: Snapshot) -> None:
    """The codes within the instruction are counted, trimmed."""
    wanted = replace(plan(), classified={"result.code": frozenset({"GLU"})})
    assert snapshot.unclassified(wanted, "result.code") == {"VIH1": 1, "GONO": 1}


def test_documents_are_octets_where_the_format_has_octets(exported: Path, tmp_path: Path) -> None:
    """Parquet carries a PDF as it is."""
    if not list(exported.glob("*.parquet")):
        pytest.skip("octets: only Parquet has them")
    with FilesSource(TablesInFiles(), lambda: listed(exported), scratch=tmp_path).snapshot() as opened:
        assert rows_by_id(opened, plan(), "document")["C1"]["content"] == b"%PDF\x00\xff'\\\n"


def test_a_file_that_changes_under_the_read_is_refused(exported: Path, tmp_path: Path) -> None:
    """The head was read from one file and the rows would come from another: refused."""
    source = FilesSource(TablesInFiles(), lambda: listed(exported), scratch=tmp_path)
    source.catalogue()
    changed = next(path for path in exported.iterdir() if path.stem == "PATIENT")
    changed.write_bytes(changed.read_bytes() + b" ")
    with pytest.raises(Refusal) as said, source.snapshot() as opened:
        list(opened.census(plan(), plan().slices[0]))
    assert said.value.code == "source/changed"


def test_unread_rows_are_kept_for_the_laboratory(tmp_path: Path) -> None:
    """A ragged row is counted by its reason, its octets are given to the reject vault, and nothing of it is in the rows."""
    folder = tmp_path / "tables"
    folder.mkdir()
    for table in OLD.tables:
        as_csv(folder / table.name, [column.name for column in table.columns], WHOLE[table.name])
    octets = (folder / "PRESCR.csv").read_bytes() + "D9;trop;de;cellules\r\n".encode("utf-16-le")
    (folder / "PRESCR.csv").write_bytes(octets)
    source = FilesSource(TablesInFiles(), lambda: listed(folder), scratch=tmp_path)
    with source.snapshot() as opened:
        assert sorted(rows_by_id(opened, plan(), "prescriber")) == LEAVING["prescriber"]
        kept = [row for batch in opened.unread(plan()) for row in batch.to_pylist()]
    assert [(row["_reason"], row["raw"].decode("utf-16-le")) for row in kept] == [
        ("ragged", "D9;trop;de;cellules\r\n")
    ]
    told = source.statement()
    assert {"encoding", "separator"} <= told.decided["PATIENT"].keys()
    assert told.units["row"]["unread:ragged"] == 1
    assert sum(told.units["row"].values()) == sum(len(rows) for rows in ROWS.values()) + 1
