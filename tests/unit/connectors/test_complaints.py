"""What a database's complaints mean, and what would be changed by being written: without a database."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg
import pyarrow as pa
import pymysql
import pytest

from ecluse.adapters.connectors.sql.complaints import of_mariadb, of_postgres, of_sqlite
from ecluse.adapters.connectors.sql.fit import check_fit
from ecluse.base.refusal import Refusal
from ecluse.passage.load import RowsRefused, TableRows
from ecluse.terms.catalogue import CatalogueColumn, CatalogueTable, TypeFamily


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (psycopg.errors.DiskFull("MARKER"), "target/disk-full"),
        (psycopg.errors.DeadlockDetected("MARKER"), "target/busy"),
        (psycopg.errors.AdminShutdown("MARKER"), "target/connection-cut"),
        (psycopg.errors.InsufficientPrivilege("MARKER"), "target/not-allowed"),
        (psycopg.errors.UndefinedFunction("MARKER"), "target/failed"),
        (psycopg.errors.RaiseException("MARKER"), "target/rows-refused"),
        (psycopg.errors.ExclusionViolation("MARKER"), "target/rows-refused"),
    ],
)
def test_a_complaint_of_postgresql_is_told_by_its_state(error: psycopg.Error, code: str) -> None:
    """The SQLSTATE decides; the message, which holds values, is not kept."""
    said = of_postgres(error, table="t", cut=False)
    assert said.code == code
    assert "MARKER" not in str(said) + repr(said.values)


def test_a_dead_connection_is_a_cut_whatever_it_says() -> None:
    """A complaint without a state, on a connection that lives no more, is a cut."""
    assert (
        of_postgres(psycopg.OperationalError("MARKER"), table="t", cut=True).code == "target/connection-cut"
    )


@pytest.mark.parametrize(
    ("number", "kind", "code"),
    [
        (1114, pymysql.OperationalError, "target/disk-full"), (1213, pymysql.OperationalError, "target/busy"),
        (2013, pymysql.OperationalError, "target/connection-cut"), (1142, pymysql.OperationalError, "target/not-allowed"),
        (1153, pymysql.OperationalError, "target/rows-refused"), (9999, pymysql.DataError, "target/rows-refused"),
        (9999, pymysql.OperationalError, "target/failed"),
    ],
)  # fmt: skip
def test_a_complaint_of_mariadb_is_told_by_its_number(
    number: int, kind: type[pymysql.Error], code: str
) -> None:
    """The number decides; the message is not kept."""
    said = of_mariadb(kind(number, "MARKER"), table="t")
    assert said.code == code
    assert "MARKER" not in str(said) + repr(said.values)


@pytest.mark.parametrize(
    ("name", "code"),
    [("SQLITE_IOERR_WRITE", "target/connection-cut"), ("SQLITE_READONLY_DBMOVED", "target/not-allowed"), ("SQLITE_ERROR", "target/failed"),
     ("SQLITE_CONSTRAINT_TRIGGER", "target/rows-refused")],
)  # fmt: skip
def test_a_complaint_of_sqlite_is_told_by_its_name(name: str, code: str) -> None:
    """The name of the code decides; the driver's own complaint of a text too large is a refused row."""
    error = sqlite3.OperationalError("MARKER")
    error.sqlite_errorname = name
    assert of_sqlite(error, table="t").code == code
    assert of_sqlite(sqlite3.DataError("MARKER"), table="t").values["reason"] == "too-long"


def fits(
    native: str, family: TypeFamily, value: Any, type: pa.DataType, *, dialect: str, length: int | None = None
) -> str:
    """The reason for which this value does not fit such a column, or ''."""
    table = CatalogueTable("t", {"c": CatalogueColumn("c", family, native, length=length)})
    try:
        check_fit(
            table, TableRows("t", pa.record_batch({"c": pa.array([None, value], type)}), ()), dialect=dialect
        )
    except RowsRefused as said:
        return str(said.values["reason"])
    return ""


SECOND, MICROSECOND = 1_700_000_000_000_000, 1_700_000_000_000_001


@pytest.mark.parametrize(
    ("native", "family", "value", "type", "dialect", "length", "reason"),
    [
        ("datetime", "datetime", MICROSECOND, pa.timestamp("us"), "mysql", None, "type"),
        ("datetime", "datetime", SECOND, pa.timestamp("us"), "mysql", None, ""),
        ("datetime(6)", "datetime", -MICROSECOND, pa.timestamp("us"), "mysql", None, ""),
        ("timestamp(3) without time zone", "datetime", MICROSECOND, pa.timestamp("us"), "postgres", None, "type"),
        ("timestamp without time zone", "datetime", MICROSECOND, pa.timestamp("us"), "postgres", None, ""),
        ("text", "text", "é" * 32_768, pa.string(), "mysql", None, "too-long"),
        ("text", "text", "é" * 32_768, pa.string(), "postgres", None, ""),
        ("varchar(3)", "text", "ab  ", pa.string(), "mysql", 3, "too-long"),
        ("character(3)", "text", "ab   ", pa.string(), "postgres", 3, ""),
        ("binary(4)", "bytes", b"abc", pa.binary(), "mysql", None, "type"),
        ("binary(4)", "bytes", b"abcd", pa.binary(), "mysql", None, ""),
        ("numeric(9,2)", "decimal", "1.230", pa.string(), "postgres", None, ""),
        ("numeric(9,2)", "decimal", "1.234", pa.string(), "postgres", None, "type"),
        ("numeric(9)", "decimal", "1.5", pa.string(), "postgres", None, "type"),
        ("numeric", "decimal", "1.234567890123456789", pa.string(), "postgres", None, ""),
        ("real", "float", 0.1, pa.float64(), "postgres", None, "type"),
        ("real", "float", 0.5, pa.float64(), "postgres", None, ""),
        ("float", "float", 1e300, pa.float64(), "mysql", None, "type"),
    ],
)  # fmt: skip
def test_what_a_database_would_change_in_silence_is_refused(
    native: str,
    family: TypeFamily,
    value: object,
    type: pa.DataType,
    dialect: str,
    length: int | None,
    reason: str,
) -> None:
    """A fraction rounded, blanks cut, zeros filled in, a double made single: refused where this database would, and only there."""
    assert fits(native, family, value, type, dialect=dialect, length=length) == reason


def test_a_column_that_is_not_there_is_a_refusal_of_the_mapping() -> None:
    """Rows for an unknown column are the mapping's fault, not the rows'."""
    rows = TableRows("t", pa.record_batch({"absent": pa.array(["x"])}), ())
    with pytest.raises(Refusal, match="mapping/column-absent"):
        check_fit(CatalogueTable("t", {}), rows, dialect="postgres")
