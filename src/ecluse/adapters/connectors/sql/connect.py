"""How a database is entered: encrypted outside this machine, in UTF-8, in one known time zone, and read-only unless said otherwise.

Decides the terms of a connection, the same for reading and for writing. It sends no statement of its own besides those terms.
"""

from __future__ import annotations

import sqlite3
import ssl
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import psycopg
import pymysql
from psycopg import sql

from ecluse.adapters.connectors.sql.address import Address
from ecluse.base.refusal import Fault

__all__ = ["open_mariadb", "open_postgres", "open_sqlite"]

CONNECT_SECONDS: Final = 15
STRICT: Final = "TRADITIONAL,NO_ENGINE_SUBSTITUTION"
"""MariaDB's modes: every value that does not fit is an error (TRADITIONAL holds the two strict modes, NO_ZERO_DATE, NO_ZERO_IN_DATE)."""


def open_sqlite(address: Address, *, read_only: bool = True) -> sqlite3.Connection:
    """A connection to the file, which is never created. Raises Fault `address/not-reached`."""
    assert address.path is not None
    mode = "ro" if read_only else "rw"
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(Path(address.path).absolute()))}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=30,
        )
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error:
        raise Fault("address/not-reached", where=str(address)) from None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA trusted_schema = OFF")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def open_postgres(
    address: Address, *, read_only: bool = True, zone: str = "UTC"
) -> psycopg.Connection[tuple[Any, ...]]:
    """A connection that commits each statement until a transaction is begun. Raises Fault `address/not-reached`.

    `zone` is the session's: the zone in which a `timestamp with time zone` is read and written as civil time.
    """
    encryption: dict[str, Any] = {"sslmode": "prefer"}
    if not address.near:
        encryption = {"sslmode": "verify-full", "sslrootcert": str(address.authority or "system")}
    try:
        connection = psycopg.connect(
            host=address.socket or address.host, port=address.port, dbname=address.database, user=address.account,
            password=address.password, connect_timeout=CONNECT_SECONDS, client_encoding="UTF8", application_name="ecluse",
            autocommit=True, **encryption,
        )  # fmt: skip
    except psycopg.Error:
        raise Fault("address/not-reached", where=str(address)) from None
    connection.execute(sql.SQL("SET TIME ZONE {}").format(sql.Literal(zone)))
    connection.execute("SET datestyle = 'ISO, YMD'")
    if address.schemas:
        path = sql.SQL(", ").join(sql.Identifier(name) for name in address.schemas)
        connection.execute(sql.SQL("SET search_path = {}").format(path))
    if read_only:
        connection.execute("SET default_transaction_read_only = on")
    return connection


def open_mariadb(address: Address, *, read_only: bool = True) -> Any:
    """A PyMySQL connection in utf8mb4, zone +00:00 and strict modes. Raises Fault `address/not-reached`."""
    encryption = (
        None
        if address.near
        else ssl.create_default_context(cafile=str(address.authority) if address.authority else None)
    )
    place = (
        {"unix_socket": address.socket} if address.socket else {"host": address.host, "port": address.port}
    )
    try:
        connection = pymysql.connect(
            user=address.account, password=address.password or "", database=address.database, charset="utf8mb4",
            connect_timeout=CONNECT_SECONDS, autocommit=True, local_infile=False, ssl=encryption, sql_mode=STRICT, **place,
        )  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
            if read_only:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
    except (pymysql.Error, OSError):
        raise Fault("address/not-reached", where=str(address)) from None
    return connection
