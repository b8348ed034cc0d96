"""How SQL Server and Oracle are entered: by drivers that are installed only where they are wanted, encrypted outside this machine.

Decides the terms of a connection and the settings of a session that a statement's meaning would else depend on. By the drivers'
documentation; no server was at hand to enter.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, Final

from sqlglot import exp

from ecluse.adapters.connectors.sql.address import Address
from ecluse.base.refusal import Fault, Refusal

__all__ = ["driver", "open_oracle", "open_sqlserver", "oracle_terms", "sqlserver_terms"]

CONNECT_SECONDS: Final = 15
EXTRAS: Final = {
    "mssql_python": "ecluse[sqlserver]",
    "oracledb": "ecluse[oracle]",
    "firebird.driver": "ecluse[firebird]",
}
ORACLE_SESSION: Final = (
    "ALTER SESSION SET NLS_COMP = 'BINARY' NLS_SORT = 'BINARY' NLS_NUMERIC_CHARACTERS = '.,' NLS_CALENDAR = 'GREGORIAN' "
    "NLS_DATE_LANGUAGE = 'AMERICAN' TIME_ZONE = '+00:00'"
)
SQLSERVER_SESSION: Final = (
    "SET ANSI_NULLS, QUOTED_IDENTIFIER, CONCAT_NULL_YIELDS_NULL, ANSI_PADDING, ANSI_WARNINGS, XACT_ABORT ON"
)


def driver(name: str) -> ModuleType:
    """The driver's module. Raises Refusal `address/driver-absent`, naming what to install."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Refusal("address/driver-absent", got=name, expected=EXTRAS[name]) from None


def sqlserver_terms(address: Address) -> str:
    """The connection string, each value in braces ([MS-ODBCSTR] 2.1); the server's certificate is checked outside this machine."""
    values = {
        "Server": f"tcp:{address.host},{address.port}",
        "Database": address.database,
        "UID": address.account,
        "PWD": address.password or "",
        "Encrypt": "yes",
        "TrustServerCertificate": "yes" if address.near else "no",
        "ApplicationIntent": "ReadOnly",
        "ConnectRetryCount": "0",  # one connection, one view: it is never renewed in silence
    }
    return "".join(f"{name}={{{value.replace('}', '}}')}}};" for name, value in values.items())


def open_sqlserver(address: Address) -> Any:
    """A connection of mssql-python that commits each statement until a transaction is begun. Raises Fault `address/not-reached`."""
    mssql = driver("mssql_python")
    try:
        connection = mssql.connect(sqlserver_terms(address), autocommit=True, timeout=0)
        with connection.cursor() as cursor:
            cursor.execute(SQLSERVER_SESSION)
    except (mssql.Error, mssql.ConnectionStringParseError, OSError, RuntimeError):
        raise Fault("address/not-reached", where=str(address)) from None
    return connection


def oracle_terms(address: Address) -> dict[str, Any]:
    """What python-oracledb is given: TLS and the server's own name outside this machine. `wallet` of the address: the authorities' folder."""
    terms: dict[str, Any] = {
        "user": address.account, "password": address.password or "", "host": address.host, "port": address.port,
        "service_name": address.database, "tcp_connect_timeout": float(CONNECT_SECONDS), "protocol": "tcp" if address.near else "tcps",
    }  # fmt: skip
    if not address.near:
        terms["ssl_server_dn_match"] = True
        if address.authority:
            terms["wallet_location"] = str(address.authority)
    return terms


def open_oracle(address: Address) -> Any:
    """A connection of python-oracledb (without Oracle's own libraries), texts compared octet by octet, LOBs as values.

    Raises Fault `address/not-reached`.
    """
    oracledb = driver("oracledb")

    def whole(cursor: Any, described: Any) -> Any:
        """Each LOB as one value instead of a place to read from (python-oracledb, "Fetching LOBs as strings and bytes")."""
        kinds = {
            oracledb.DB_TYPE_CLOB: oracledb.DB_TYPE_LONG,
            oracledb.DB_TYPE_NCLOB: oracledb.DB_TYPE_LONG_NVARCHAR,
            oracledb.DB_TYPE_BLOB: oracledb.DB_TYPE_LONG_RAW,
        }
        kind = kinds.get(described.type_code)
        return None if kind is None else cursor.var(kind, arraysize=cursor.arraysize)

    try:
        connection = oracledb.connect(**oracle_terms(address))
        connection.outputtypehandler = whole
        with connection.cursor() as cursor:
            cursor.execute(ORACLE_SESSION)
            for schema in address.schemas[:1]:
                name = exp.to_identifier(schema, quoted=True).sql(dialect="oracle")
                cursor.execute(f"ALTER SESSION SET CURRENT_SCHEMA = {name}")
    except (oracledb.Error, OSError):
        raise Fault("address/not-reached", where=str(address)) from None
    return connection
