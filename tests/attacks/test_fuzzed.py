"""What the fuzzer found (`make fuzz`), each as an attempt that must fail."""

from __future__ import annotations

import io
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecluse.adapters.connectors.files.format import Unread
from ecluse.adapters.connectors.sql.dump import DumpSource
from ecluse.adapters.connectors.table.formats import TablesInFiles
from ecluse.adapters.connectors.table.parquet_format import ParquetRecords
from ecluse.adapters.connectors.table.records import columns_of
from ecluse.adapters.connectors.table.whole import Whole
from ecluse.base.refusal import Refusal
from tests.ports.sources import plan

HEAD = b"-- MariaDB dump 10.19\n"


@pytest.mark.parametrize(
    "statement",
    [
        b"INSERT INTO `PATI\xff\xffENT` VALUES ('1');\n",
        b"INSERT INTO `PATIENT` (`NUM\xffPAT`) VALUES ('1');\n",
    ],
)
def test_a_dump_whose_names_are_no_text_is_refused(statement: bytes, tmp_path: Path) -> None:
    """A table or a column named in octets that are not UTF-8 is a refusal, not an exception that shows them."""
    with (
        pytest.raises(Refusal) as refused,
        DumpSource(BytesIO(HEAD + statement), plan(), folder=tmp_path) as source,
    ):
        source.catalogue()
    assert refused.value.code == "source/dump-encoding"


@pytest.mark.parametrize(
    "rows",
    [
        b'COPY "PATIENT" ("NOMNAI") FROM stdin;\nDURAND\n\\.\n\n-- PostgreSQL database dump complete\n',
        b'INSERT INTO "PATIENT" ("NOMNAI") VALUES (\'DURAND\');\n\n-- PostgreSQL database dump complete\n',
    ],
)
def test_rows_that_lack_a_column_of_the_plan_are_refused(rows: bytes, tmp_path: Path) -> None:
    """A table that has the column, and rows that do not give it: what the plan names is not there."""
    made = b'-- PostgreSQL database dump\nCREATE TABLE "PATIENT" ("NUMPAT" text, "NOMNAI" text);\n'
    with (
        pytest.raises(Refusal) as refused,
        DumpSource(BytesIO(made + rows), plan(), folder=tmp_path) as source,
    ):
        source.catalogue()
    assert refused.value.code == "source/dump-lacks"


def test_a_dump_whose_statements_have_no_end_is_refused(tmp_path: Path) -> None:
    """A DELIMITER that names no sign would end every statement where it begins, for ever."""
    dump = HEAD + b"DELIMITER \nSELECT 1;\n-- Dump completed\n"
    with pytest.raises(Refusal) as refused, DumpSource(BytesIO(dump), plan(), folder=tmp_path) as source:
        source.catalogue()
    assert refused.value.code == "source/dump-unreadable"


def test_a_damaged_dump_is_not_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """A quote that goes on over rows makes them part of a CREATE TABLE: the library that reads it tells nobody."""
    damaged = HEAD + b"CREATE TABLE ^ 'X;\nINSERT INTO `PATIENT` VALUES (PATIENTMARKER);\n';\n"
    with pytest.raises(Refusal), DumpSource(BytesIO(damaged), plan(), folder=tmp_path) as source:
        source.catalogue()
    out, err = capfd.readouterr()
    assert "PATIENTMARKER" not in caplog.text + out + err


# --- Parquet ----------------------------------------------------------------------------------------------------------------------------


def forged(octets: bytes, *, rows: int) -> bytes:
    """A file of four rows whose only row group says that it has many more (Thrift's compact form: field, then a number in sevens of bits)."""
    size = int.from_bytes(octets[-8:-4], "little")
    footer = octets[-8 - size : -8]
    number, sevens = rows * 2, bytearray()
    while number:
        number, low = divmod(number, 128)
        sevens.append(low | (128 if number else 0))
    place = footer.rindex(b"\x16\x08") + 1
    footer = footer[:place] + sevens + footer[place + 1 :]
    return octets[: -8 - size] + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def test_a_parquet_file_that_says_it_has_more_rows_is_not_believed() -> None:
    """Room for so many rows is never asked for: the file is damaged, for the tables as for the format of our own."""
    octets = io.BytesIO()
    shape = pa.schema([(name, pa.string()) for name in columns_of("specimen")])
    pq.write_table(pa.table({name: ["1", "2", "3", "4"] for name in shape.names}, schema=shape), octets)
    lying = forged(octets.getvalue(), rows=139_697_518_201)
    assert pq.ParquetFile(pa.BufferReader(lying)).metadata.row_group(0).num_rows == 139_697_518_201
    (told,) = ParquetRecords().read(io.BytesIO(lying), name="1")
    assert isinstance(told, Unread)
    assert told.reason == "damaged"
    with pytest.raises(Refusal) as refused:
        TablesInFiles().catalogue([Whole(lying, "specimens.parquet")])
    assert refused.value.code == "table/unreadable"


def test_parentheses_without_end_are_no_table(tmp_path: Path) -> None:
    """A CREATE TABLE nested deeper than any parser goes is one that is not understood; the dump is refused for what it lacks."""
    dump = HEAD + b"CREATE TABLE `X` (" + b"(" * 5000 + b";\n-- Dump completed\n"
    with pytest.raises(Refusal) as refused, DumpSource(BytesIO(dump), plan(), folder=tmp_path) as source:
        source.catalogue()
    assert refused.value.code == "source/dump-lacks"


def test_what_is_no_sql_at_all_is_no_table(tmp_path: Path) -> None:
    """Of a CREATE TABLE over which the parser stumbles nothing is understood; the dump is refused for what it lacks."""
    dump = b'PRAGMA foreign_keys=OFF;\nCREATE TABLE "X" ("Y" TEXT, T){=OFF;\nCOMMIT;\n'
    with pytest.raises(Refusal) as refused, DumpSource(BytesIO(dump), plan(), folder=tmp_path) as source:
        source.catalogue()
    assert refused.value.code == "source/dump-lacks"
