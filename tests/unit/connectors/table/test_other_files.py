"""Parquet, DBF and fixed width: the one text of each type, code pages, memos, deleted rows, and files that are cut or lie."""

from __future__ import annotations

import datetime as dt
import io
import struct
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.base.refusal import Refusal
from tests.unit.connectors.table.files import account, files, one, read, table


def refused(**named: bytes) -> str:
    with pytest.raises(Refusal) as said:
        read(files(**named))
    assert said.value.code in ("table/unreadable", "table/layout-unreadable")
    return str(said.value.values["got"])


# --- Parquet ----------------------------------------------------------------------------------------------------------


def parquet(**columns: pa.Array) -> bytes:
    held = io.BytesIO()
    pq.write_table(pa.table(columns), held)
    return held.getvalue()


NOON = dt.datetime(2024, 2, 29, 12, 0, 0, 120_000)  # noqa: DTZ001 - civil time


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array(["é", None, ""]), ["é", None, ""]), (pa.array([1, None, -2], pa.int8()), ["1", None, "-2"]), (pa.array([2**63], pa.uint64()), [str(2**63)]),
        (pa.array([0.1, 1e-9, 1e22, 12.0]), ["0.1", "0.000000001", "1" + "0" * 22, "12"]), (pa.array([0.1, 1e-9], pa.float32()), ["0.1", "0.000000001"]),
        (pa.array([Decimal("1.50"), Decimal("-0.00")]), ["1.50", "0.00"]), (pa.array([Decimal("0.0000000001")]), ["0.0000000001"]),
        (pa.array([True, False]), ["true", "false"]), (pa.array([dt.date(2024, 2, 29)]), ["2024-02-29"]), (pa.array([dt.date(2024, 2, 29)], pa.date64()), ["2024-02-29"]),
        (pa.array([NOON]), ["2024-02-29 12:00:00.12"]), (pa.array([NOON.replace(microsecond=0)], pa.timestamp("s")), ["2024-02-29 12:00:00"]),
        (pa.array([NOON], pa.timestamp("us", "Europe/Paris")), ["2024-02-29 12:00:00.12+00"]), (pa.array([dt.time(8, 5)]), ["08:05:00"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]), (pa.array([b"%PDF\xff"]), [b"%PDF\xff"]), (pa.nulls(2), [None, None]),
    ],
    ids=lambda it: str(getattr(it, "type", "")),
)  # fmt: skip
def test_a_parquet_value_has_one_text(values: pa.Array, expected: list[Any]) -> None:
    """Numbers without exponent, ISO dates, moments in UTC, octets as octets; null stays absent."""
    assert [row["V"] for row in table("T.parquet", parquet(V=values))] == expected


def test_a_column_of_lists_is_named_and_not_read() -> None:
    """What is no single value stands in the catalogue; only asking for it is refused, and the rows are counted without it."""
    octets = parquet(ID=pa.array(["a"]), L=pa.array([[1, 2]]))
    assert read(files(T__parquet=octets), {"T": ["ID"]}).rows == {"T": [{"ID": "a"}]}
    assert "list" in refused(T__parquet=octets)
    assert read(files(T__parquet=parquet(L=pa.array([[1], [2]]))), {}).seen == {("row", "not-read"): 2}


def test_a_damaged_parquet_is_refused() -> None:
    """Cut or changed, the file is refused as a whole, whatever Arrow says of it."""
    octets = parquet(ID=pa.array([f"value {number}" for number in range(1000)]))
    for end in range(0, len(octets), 211):
        refused(T__parquet=octets[:end])


# --- DBF --------------------------------------------------------------------------------------------------------------


def dbf(fields: list[tuple[str, str, int, int]], rows: list[bytes], *, version: int = 0x03, driver: int = 0, count: int | None = None, end: bytes = b"\x1a") -> bytes:  # fmt: skip
    """A DBF of these fields (name, type, width, decimals) and records (with their mark of deletion)."""
    width = 1 + sum(it[2] for it in fields)
    begin = 32 + 32 * len(fields) + 1
    head = struct.pack("<BBBBIHH", version, 124, 2, 29, len(rows) if count is None else count, begin, width)
    head = head.ljust(29, b"\x00") + bytes([driver]) + b"\x00\x00"
    described = b"".join(
        name.encode().ljust(11, b"\x00")
        + kind.encode()
        + b"\x00" * 4
        + bytes([size, decimals])
        + b"\x00" * 14
        for name, kind, size, decimals in fields
    )
    return head + described + b"\r" + b"".join(rows) + end


PERSON = [("NUM", "C", 4, 0), ("NOM", "C", 8, 0), ("NE", "D", 8, 0), ("VAL", "N", 6, 2), ("OK", "L", 1, 0)]


@pytest.mark.parametrize(
    ("driver", "codec"), [(0x02, "cp850"), (0x03, "cp1252"), (0x01, "cp437"), (0x04, "mac-roman")]
)
def test_a_dbf_is_read_in_the_code_page_it_tells(driver: int, codec: str) -> None:
    """Text without its padding, dates in ISO 8601, numbers as they are written, truths as words, in each code page."""
    octets = dbf(
        PERSON, [b" 0012" + "Hélène".encode(codec).ljust(8) + b"19840229" + b" -1.50" + b"T"], driver=driver
    )
    assert table("P.dbf", octets) == [
        {"NUM": "0012", "NOM": "Hélène", "NE": "1984-02-29", "VAL": "-1.50", "OK": "true"}
    ]
    assert account("P.dbf", octets)["encoding"].startswith(codec)


def test_what_is_blank_in_a_dbf_is_absent() -> None:
    """Blanks, and the truth that nobody told, are no values."""
    assert table("P.dbf", dbf(PERSON, [b" " * 26 + b" ?"])) == [
        dict.fromkeys(["NUM", "NOM", "NE", "VAL", "OK"])
    ]


def test_deleted_rows_are_counted_and_not_read() -> None:
    """A row that its system marked as deleted stays there; how many, the account says."""
    row = b"0012" + b"X" * 8 + b"19840229" + b"  1.00" + b"F"
    found = one("P.dbf", dbf(PERSON, [b" " + row, b"*" + row, b"*" + row]))
    assert len(found.rows["P"]) == 1
    assert found.seen["row", "deleted"] == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [(b" 0012" + b"X" * 8 + b"19840229" + b"******" + b"F", "overflow"), (b" 0\x0012" + b"X" * 8 + b"19840229" + b"  1.00" + b"F", "nul"),
     (b" 0012" + b"X" * 8 + b"19840229" + b"\xff 1.00" + b"F", "encoding")],
)  # fmt: skip
def test_a_record_that_cannot_be_told_is_unread(row: bytes, reason: str) -> None:
    """A number that did not fit its column, a NUL in a text: the record is unread, with its octets."""
    found = one("P.dbf", dbf(PERSON, [row]))
    assert [(it.reason, it.raw) for it in found.unread] == [(reason, row)]


def test_a_dbf_that_lies_about_its_count_is_told() -> None:
    """Records that the head counts and the file lacks, and those it has beyond the count, are both told."""
    row = b" 0012" + b"X" * 8 + b"19840229" + b"  1.00" + b"F"
    assert [(it.reason, it.units) for it in one("P.dbf", dbf(PERSON, [row], count=5)).unread] == [
        ("cut", {"row": 4})
    ]
    assert [(it.reason, it.units) for it in one("P.dbf", dbf(PERSON, [row, row, row], count=1)).unread] == [
        ("beyond-count", {"row": 2})
    ]


def test_memos_are_read_where_they_lie() -> None:
    """Long texts come from the memo file, of dBASE III, dBASE IV and FoxPro; a block out of the file makes its row unread."""
    fields = [("ID", "C", 1, 0), ("NOTE", "M", 10, 0)]
    octets = dbf(fields, [b" a         1", b" b          ", b" c        77"], driver=0x03, version=0x83)
    text = "prélèvement\r\nhémolysé".encode("cp1252")
    three = b"\x00" * 512 + (text + b"\x1a\x1a").ljust(512, b"\x00")
    four = b"\x00" * 512 + (b"\xff\xff\x08\x00" + struct.pack("<I", len(text) + 8) + text).ljust(512, b"\x00")
    fox = struct.pack(">IHH", 2, 0, 512).ljust(512, b"\x00") + (
        struct.pack(">II", 1, len(text)) + text
    ).ljust(512, b"\x00")
    for memo in ({"P__dbt": three}, {"P__DBT": four}, {"p__fpt": fox}):
        found = read(files(P__dbf=octets, **memo))
        assert found.rows["P"] == [{"ID": "a", "NOTE": "prélèvement\r\nhémolysé"}, {"ID": "b", "NOTE": None}]
        assert found.reasons == ["memo"]
    assert "memo" in refused(P__dbf=octets)


def test_visual_foxpro_types() -> None:
    """Whole numbers, doubles, money and moments of Visual FoxPro are told exactly."""
    fields = [("I", "I", 4, 0), ("B", "B", 8, 0), ("Y", "Y", 8, 0), ("T", "T", 8, 0)]
    row = (
        b" "
        + struct.pack("<i", -7)
        + struct.pack("<d", 0.1)
        + struct.pack("<q", 12345)
        + struct.pack("<ii", 2_451_545, 43_200_000)
    )
    assert table("V.dbf", dbf(fields, [row], version=0x30)) == [
        {"I": "-7", "B": "0.1", "Y": "1.2345", "T": "2000-01-01 12:00:00"}
    ]


@pytest.mark.parametrize("octets", [b"", b"\x03" * 20, b"\x04" + b"\x00" * 64, b"\x03" + b"\x00" * 64])
def test_what_is_no_dbf_is_refused(octets: bytes) -> None:
    """Nothing, dBASE 7, a head of zeros: refused by name."""
    refused(P__dbf=octets)


@given(start=st.integers(0, 260), put=st.binary(min_size=1, max_size=4))
def test_a_hurt_dbf_raises_nothing_but_a_refusal(start: int, put: bytes) -> None:
    """Octets changed anywhere give rows, unread rows or a refusal, and never hang."""
    row = b" 0012" + b"X" * 8 + b"19840229" + b"  1.00" + b"F"
    whole = dbf(PERSON, [row, row])
    try:
        one("P.dbf", whole[:start] + put + whole[start + len(put) :])
    except Refusal as refusal:
        assert refusal.exit == 10  # noqa: PT017


# --- fixed width ------------------------------------------------------------------------------------------------------

LAYOUT = b"""[PATIENT]
file = "PATIENT.DAT"
encoding = "iso-8859-1"
fixed = [{ name = "NUM", start = 1, width = 4 }, { name = "NOM", start = 6, width = 8 }]
"""


def test_cells_stand_where_the_layout_says() -> None:
    """Cells are cut by their places in octets; blanks that pad them are kept, as in a CHAR column, and a short row is unread."""
    octets = "0012 Hélène  \r\n0013 X\r\n0014 Zoé     ?\r\n".encode("iso8859-1")
    found = read(files(PATIENT__DAT=octets, tables__toml=LAYOUT))
    assert found.rows == {"PATIENT": [{"NUM": "0012", "NOM": "Hélène  "}, {"NUM": "0014", "NOM": "Zoé     "}]}
    assert [(it.reason, it.raw) for it in found.unread] == [("ragged", b"0013 X")]


def test_rows_without_line_ends() -> None:
    """Where the layout tells a row's length, rows follow each other without a line end; what is left of one is unread."""
    layout = LAYOUT + b"record = 13\n"
    found = read(files(PATIENT__DAT=b"0012 Helene  0013 Zoe     0014", tables__toml=layout))
    assert [row["NUM"] for row in found.rows["PATIENT"]] == ["0012", "0013"]
    assert found.reasons == ["ragged"]


def test_fixed_width_in_utf_16_is_refused() -> None:
    """Places are counted in octets; in UTF-16 they would cut characters."""
    assert "UTF-16" in refused(
        PATIENT__DAT="0012".encode("utf-16"), tables__toml=LAYOUT.replace(b'encoding = "iso-8859-1"\n', b"")
    )
