"""XLSX: the one text of each cell, heads and sheets found and said, rows that cannot be told unread; hostile workbooks refused."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest
from openpyxl.comments import Comment

from ecluse.adapters.connectors.table.formats import TablesInFiles
from ecluse.base.refusal import Refusal
from tests.unit.connectors.table.files import Held, account, one, table


def workbook(*rows: list[Any], change: Callable[[Any], None] | None = None) -> bytes:
    """A workbook of one sheet of these rows."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if change is not None:
        change(book)
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def rewritten(octets: bytes, part: str, change: Callable[[bytes], bytes]) -> bytes:
    """The same workbook with one part changed."""
    held = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(octets)) as old, zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(old.read(name)) if name == part else old.read(name))
    return held.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
HEAD = ["ID", "VALUE"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("LEFÈVRE", "LEFÈVRE"), ("0012", "0012"), (12, "12"), (-1.5, "-1.5"), (0.1, "0.1"), (1e-7, "0.0000001"), (1e22, "10000000000000000000000"),
        (True, "true"), (False, "false"), (dt.date(2024, 2, 29), "2024-02-29"),
        (dt.datetime.fromisoformat("2024-02-29T08:05:00"), "2024-02-29 08:05:00"), (dt.time(8, 5), "08:05:00"), (dt.timedelta(hours=26), "26:00:00"),
        (dt.datetime.fromisoformat("2024-02-29T00:00:00"), "2024-02-29 00:00:00"), (" x\ny ", " x\ny "),
    ],
)  # fmt: skip
def test_a_cell_has_one_text(value: Any, text: str) -> None:
    """Text stays, numbers have their shortest digits and no exponent, dates are ISO 8601, truths are words."""
    assert table("T.xlsx", workbook(HEAD, ["a", value])) == [{"ID": "a", "VALUE": text}]


def test_a_long_number_keeps_its_digits() -> None:
    """A whole number that a double could not hold is read digit for digit."""
    octets = rewritten(
        workbook(HEAD, ["a", 7]), SHEET, lambda xml: xml.replace(b"<v>7</v>", b"<v>123456789012345678901</v>")
    )
    assert table("T.xlsx", octets)[0]["VALUE"] == "123456789012345678901"


def test_control_characters_come_back() -> None:
    """The escapes that workbooks write for control characters are the characters (ST_Xstring)."""
    octets = workbook(HEAD, ["a", "x_x000D_y_x005F_x0041_"])
    assert table("T.xlsx", octets)[0]["VALUE"] == "x\ry_x0041_"


def test_an_old_macintosh_counts_days_from_1904() -> None:
    """The workbook's own epoch is obeyed."""

    def since_1904(book: Any) -> None:
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904

    assert (
        table("T.xlsx", workbook(HEAD, ["a", dt.date(2024, 2, 29)], change=since_1904))[0]["VALUE"]
        == "2024-02-29"
    )


def test_a_formula_gives_the_value_it_keeps() -> None:
    """The value that the program calculated last is read; a formula that keeps none makes its row unread, where that column is wanted."""
    octets = workbook(HEAD, ["a", "=1+1"], ["b", "=2+2"], ["c", 5])
    kept = rewritten(octets, SHEET, lambda xml: xml.replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>").replace(b"<f>1+1</f><v/>", b"<f>1+1</f><v>2</v>").replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>"))  # fmt: skip
    found = one("T.xlsx", kept)
    assert found.rows["T"] == [{"ID": "a", "VALUE": "2"}, {"ID": "c", "VALUE": "5"}]
    assert found.reasons == ["formula-no-value"]
    assert account("T.xlsx", kept)["formulas"] == "some keep no value"


def test_an_error_makes_its_row_unread() -> None:
    """A cell that holds #N/A holds no value, and nobody may take it for one."""
    octets = rewritten(
        workbook(HEAD, ["a", 7]),
        SHEET,
        lambda xml: re.sub(rb'<c r="B2"[^>]*>.*?</c>', b'<c r="B2" t="e"><v>#N/A</v></c>', xml),
    )
    assert one("T.xlsx", octets).reasons == ["cell-error"]


def test_each_sheet_is_a_table_and_hidden_ones_are_said() -> None:
    """Several sheets are several tables, named by file and sheet; a hidden one is read like another, and said; an empty one is none."""

    def more(book: Any) -> None:
        hidden = book.create_sheet("Codes")
        hidden.append(["CODE", "LABEL"])
        hidden.append(["GLU", "Glucose"])
        hidden.sheet_state = "veryHidden"
        book.create_sheet("Vide")

    octets = workbook(HEAD, ["a", 1], change=more)
    assert one("T.xlsx", octets).rows == {
        "T Sheet": [{"ID": "a", "VALUE": "1"}],
        "T Codes": [{"CODE": "GLU", "LABEL": "Glucose"}],
    }
    told = TablesInFiles().account([Held("T.xlsx", octets)])
    assert told["T Codes"]["hidden"] == "yes"
    assert "hidden" not in told["T Sheet"]


def test_titles_above_the_head_are_unread() -> None:
    """The head is the first row as wide as the table; what stands above it is told, not read."""
    octets = workbook(["Export du 12 mars"], [], ["ID", "NOM", "VALUE"], ["a", "X", 1], ["b", None, 2])
    found = one("T.xlsx", octets)
    assert found.rows["T"] == [{"ID": "a", "NOM": "X", "VALUE": "1"}, {"ID": "b", "NOM": None, "VALUE": "2"}]
    assert found.reasons == ["above-head"]
    assert account("T.xlsx", octets)["header"] == "row 3"


def test_merged_rows_are_unread() -> None:
    """A number written once for three merged rows stands in the first alone: all three are unread rather than read without it."""
    octets = workbook(
        HEAD, ["a", 1], [None, 2], [None, 3], ["b", 4], change=lambda book: book.active.merge_cells("A2:A4")
    )
    found = one("T.xlsx", octets)
    assert found.rows["T"] == [{"ID": "b", "VALUE": "4"}]
    assert found.reasons == ["merged"] * 3


def test_a_row_wider_than_the_head_is_unread() -> None:
    """A value under no name is no value of a column."""
    found = one("T.xlsx", workbook(HEAD, ["a", 1, "?"], ["b", 2]))
    assert found.rows["T"] == [{"ID": "b", "VALUE": "2"}]
    assert found.reasons == ["ragged"]


def test_what_is_beside_the_cells_is_no_matter() -> None:
    """Comments, styles and validations neither stop the reading nor enter it."""
    octets = workbook(
        HEAD, ["a", 1], change=lambda book: setattr(book.active["A2"], "comment", Comment("x", "y"))
    )
    assert table("T.xlsx", octets) == [{"ID": "a", "VALUE": "1"}]


def test_a_sheet_that_lies_about_its_size_costs_nothing() -> None:
    """A sheet of two rows that tells a billion cells is read as the two rows it holds."""
    octets = rewritten(
        workbook(HEAD, ["a", 1]),
        SHEET,
        lambda xml: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1:XFD1048576"', xml),
    )
    assert len(table("T.xlsx", octets)) == 1


# --- hostile ------------------------------------------------------------------------------------------------------------


def refused(octets: bytes) -> str:
    with pytest.raises(Refusal) as said:
        one("T.xlsx", octets)
    assert said.value.code == "table/unreadable"
    return str(said.value.values["got"])


def test_a_zip_bomb_is_refused() -> None:
    """A part that unpacks to a thousand times its size is refused before it has unpacked, whatever size it tells."""
    bomb = rewritten(workbook(HEAD), SHEET, lambda xml: xml + b" " * (300 << 20))
    assert len(bomb) < 1 << 20
    assert "bomb" in refused(bomb)


def _with(declared: bytes) -> Callable[[bytes], bytes]:
    return lambda xml: xml.replace(b"<worksheet", declared + b"<worksheet", 1)


def test_xml_entities_are_refused() -> None:
    """A document type has no place in a workbook: neither a bomb of entities nor a file of this machine is ever looked at."""
    for declared in (b'<!DOCTYPE a [<!ENTITY x "y">]>', b'<!DOCTYPE a SYSTEM "file:///etc/passwd">'):
        hostile = _with(declared)
        assert "entities" in refused(rewritten(workbook(HEAD), SHEET, hostile))


def test_xml_that_hides_in_another_encoding_is_refused() -> None:
    """In UTF-16 the look for document types would be blind."""
    assert "UTF-8" in refused(rewritten(workbook(HEAD), SHEET, lambda xml: xml.decode().encode("utf-16")))
    assert "UTF-8" in refused(
        rewritten(workbook(HEAD), SHEET, lambda xml: b'<?xml version="1.0" encoding="utf-7"?>' + xml)
    )


@pytest.mark.parametrize(
    "cell",
    [b'<row r="99999999999"><c r="A99999999999"><v>1</v></c></row>', b'<row r="2"><c r="ZZZZZZ2"><v>1</v></c></row>', b'<row r="2"><c r="XFE2"><v>1</v></c></row>',
     b'<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>1</v></c></row>', b'<row r="1"><c r="A1"><v>1</v></c></row>', b'<row r="2"><c r="A3"><v>1</v></c></row>',
     b'<row r="-5"><c r="A2"><v>1</v></c></row>', b'<row r="1048577"></row>'],
)  # fmt: skip
def test_cells_out_of_the_sheet_are_refused(cell: bytes) -> None:
    """Row ten billion, column ZZZZZZ, rows twice or backwards: what would hang a parser, or be dropped by it in silence, is refused."""
    assert "out of order" in refused(
        rewritten(workbook(HEAD), SHEET, lambda xml: xml.replace(b"</sheetData>", cell + b"</sheetData>"))
    )


@pytest.mark.parametrize(
    "octets", [b"", b"PK\x03\x04", b"not a zip at all", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600]
)
def test_what_is_no_workbook_is_refused(octets: bytes) -> None:
    """Another file, an old .xls, an encrypted workbook are refused by name."""
    refused(octets)


def test_a_workbook_cut_anywhere_is_refused() -> None:
    """Half a workbook is none: no row of it is read as if it were whole."""
    whole = workbook(HEAD, *([f"a{number}", number] for number in range(50)))
    for end in range(0, len(whole), 97):
        refused(whole[:end])


def test_a_zip_without_a_workbook_is_refused() -> None:
    """A zip of something else, and one whose parts contradict each other, raise a refusal and nothing of the parser's."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("a.txt", "x")
    refused(held.getvalue())
    refused(rewritten(workbook(HEAD), "xl/workbook.xml", lambda _: b"<workbook/>"))
    refused(
        rewritten(
            workbook(HEAD, ["a", "b"]),
            SHEET,
            lambda xml: xml.replace(b'r="A2"', b'r="A2" t="s"').replace(b"inlineStr", b"s"),
        )
    )
