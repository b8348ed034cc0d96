"""How SQL Server and Oracle are entered: by drivers that are installed only where they are wanted, encrypted outside this machine.

Decides the terms of a connection and the settings of a session that a statement's meaning would else depend on. By the drivers'
documentation; no server was at hand to enter.
"""

from __future__ import annotations

import importlib
import ssl
from types import ModuleType
from typing import Any, Final

from sqlglot import exp

from ecluse.adapters.connectors.sql.address import Address
from ecluse.base.refusal import Fault, Refusal

__all__ = ["driver", "open_oracle", "open_sqlserver", "oracle_terms", "sqlserver_terms"]

CONNECT_SECONDS: Final = 15
EXTRAS: Final = {
    "pytds": "ecluse[sqlserver]",
    "oracledb": "ecluse[oracle]",
    "firebird.driver": "ecluse[firebird]",
}
_TDS: Final = ("pytds", "OpenSSL")
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


def sqlserver_terms(address: Address) -> dict[str, Any]:
    """What python-tds is given; outside this machine TLS for the whole link, the server's certificate checked, its host's name too.

    The authorities are those of `ssl_ca`, else the machine's own.
    """
    terms: dict[str, Any] = {
        "dsn": address.host, "port": address.port, "database": address.database, "user": address.account, "password": address.password or "",
        "readonly": True, "autocommit": True, "login_timeout": CONNECT_SECONDS, "appname": "ecluse",
        "disable_connect_retry": True,  # one connection, one view: it is never renewed in silence
    }  # fmt: skip
    if (
        not address.near
    ):  # without a file of authorities there is no TLS, so an absent one is a file that does not open
        authorities = address.authority or ssl.get_default_verify_paths().cafile or "ssl_ca"
        terms |= {"cafile": str(authorities), "validate_host": True, "enc_login_only": False}
    return terms


def open_sqlserver(address: Address) -> Any:
    """A connection of python-tds that commits each statement until a transaction is begun. Raises Fault `address/not-reached`."""
    pytds = driver("pytds")
    try:
        connection = pytds.connect(**sqlserver_terms(address))
        with connection.cursor() as cursor:
            cursor.execute(SQLSERVER_SESSION)
    except Exception as error:
        if not isinstance(error, OSError | ValueError) and not type(error).__module__.startswith(_TDS):
            raise
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
