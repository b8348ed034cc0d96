"""What a database's complaint means, without what it says: its messages hold the very values it complains of.

Decides, by the database's own numbers, which of the short list of reasons a row was refused for, and tells it from a world that failed.
Nothing of the message is kept, neither in an argument nor as a cause.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import psycopg
import pymysql

from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.load import RowsRefused

__all__ = ["Said", "of_mariadb", "of_postgres", "of_sqlite"]

Said = RowsRefused | Fault | Refusal

POSTGRES_REASONS: Final = {
    "23502": "not-null", "23505": "unique", "21000": "unique", "23P01": "unique", "23503": "foreign-key", "23001": "foreign-key",
    "23514": "check", "44000": "check", "22001": "too-long", "54000": "too-long", "42804": "type", "428C9": "type",
}  # fmt: skip
"""By SQLSTATE (PostgreSQL, appendix A). The rest of class 22 is `type`, of class 23 and of triggers `other`."""

SQLITE_REASONS: Final = {
    "SQLITE_CONSTRAINT_NOTNULL": "not-null", "SQLITE_CONSTRAINT_UNIQUE": "unique", "SQLITE_CONSTRAINT_PRIMARYKEY": "unique",
    "SQLITE_CONSTRAINT_ROWID": "unique", "SQLITE_CONSTRAINT_FOREIGNKEY": "foreign-key", "SQLITE_CONSTRAINT_CHECK": "check",
    "SQLITE_CONSTRAINT_DATATYPE": "type", "SQLITE_MISMATCH": "type", "SQLITE_TOOBIG": "too-long",
}  # fmt: skip

MARIADB_REASONS: Final = {
    1048: "not-null", 1364: "not-null", 1062: "unique", 1586: "unique", 1451: "foreign-key", 1452: "foreign-key", 1216: "foreign-key",
    1217: "foreign-key", 4025: "check", 1406: "too-long", 1071: "too-long", 1118: "too-long", 1264: "type", 1265: "type", 1292: "type",
    1153: "too-long", 1366: "type", 1367: "type", 1411: "type", 1441: "type", 1644: "other",
}  # fmt: skip
"""By error number (MariaDB, "Error Codes")."""

POSTGRES_FAULTS: Final = {
    "53100": "target/disk-full", "40001": "target/busy", "40P01": "target/busy", "55P03": "target/busy", "42501": "target/not-allowed",
    "25006": "target/not-allowed",
}  # fmt: skip
SQLITE_FAULTS: Final = {
    "FULL": "target/disk-full", "BUSY": "target/busy", "LOCKED": "target/busy", "READONLY": "target/not-allowed", "AUTH": "target/not-allowed",
    "PERM": "target/not-allowed", "IOERR": "target/connection-cut", "CANTOPEN": "target/connection-cut", "NOTADB": "target/connection-cut",
    "CORRUPT": "target/connection-cut",
}  # fmt: skip
"""By the second word of SQLite's code; what follows it only says more."""

MARIADB_FAULTS: Final = {
    **dict.fromkeys((1021, 1037, 1041, 1114), "target/disk-full"),
    **dict.fromkeys(
        (0, 1053, 1077, 1080, 1158, 1159, 1160, 1161, 1927, 2002, 2003, 2006, 2013, 2014, 2055),
        "target/connection-cut",
    ),
    **dict.fromkeys((1020, 1205, 1213), "target/busy"),
    **dict.fromkeys((1044, 1045, 1142, 1143, 1227, 1290, 1370, 1792), "target/not-allowed"),
}


def of_postgres(error: psycopg.Error, *, table: str, cut: bool) -> Said:
    """What this complaint means; `cut`: the connection does not live any more. `table` is named when the database names none."""
    state = error.sqlstate or ""
    reason = POSTGRES_REASONS.get(state) or (
        "type" if state[:2] == "22" else "other" if state[:2] == "23" or state == "P0001" else None
    )
    lost = "target/connection-cut" if cut or state[:2] in ("08", "57") else None
    where = error.diag.table_name or table
    return _said(
        reason, POSTGRES_FAULTS.get(state) or lost, where=where if reason else table, got=f"SQLSTATE {state}"
    )


def of_sqlite(error: sqlite3.Error, *, table: str) -> Said:
    """What this complaint means."""
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    reason = SQLITE_REASONS.get(name) or ("other" if name.startswith("SQLITE_CONSTRAINT") else None)
    if isinstance(error, sqlite3.DataError):  # the driver itself refuses a text beyond SQLite's own limit
        reason = "too-long"
    return _said(reason, SQLITE_FAULTS.get("".join(name.split("_")[1:2])), where=table, got=name)


def of_mariadb(error: pymysql.Error, *, table: str) -> Said:
    """What this complaint means."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else -1
    reason = MARIADB_REASONS.get(number) or ("type" if isinstance(error, pymysql.DataError) else None)
    return _said(reason, MARIADB_FAULTS.get(number), where=table, got=f"error {number}")


def _said(reason: str | None, code: str | None, *, where: str, got: str) -> Said:
    if reason:
        return RowsRefused("target/rows-refused", where=where, reason=reason)
    if code == "target/not-allowed":
        return Refusal(code, where=where)
    return Fault(code or "target/failed", where=where, got=got)
