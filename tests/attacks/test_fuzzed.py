"""What the fuzzer found (`make fuzz`), each as an attempt that must fail."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from ecluse.adapters.connectors.sql.dump import DumpSource
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
