"""DuckDB in a box: one PostgreSQL database attached, and no file, no network, no other extension within its reach.

Decides how DuckDB is confined and how the scanner is found (a wheel of exactly DuckDB's version, loaded by its path, its signature
checked by DuckDB). It sends no query.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any, Final

import duckdb
from psycopg import conninfo
from sqlglot import exp

from ecluse.adapters.connectors.sql.address import Address
from ecluse.base.refusal import Fault

__all__ = ["CONFINED", "open_scanner"]

CONFINED: Final[dict[str, Any]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_unsigned_extensions": "false",
    "memory_limit": "256MB",
    "threads": "2",
    "preserve_insertion_order": "false",
    "temp_directory": "",
}

AHEAD: Final = "8MB"
"""How much is read while nobody takes it; with the 1 MB of the default, the database waits for each batch to be used."""


@contextmanager
def open_scanner(address: Address) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB with `address` attached read-only as `source`. Raises Fault `address/not-reached`."""
    connection = duckdb.connect(config=CONFINED)
    try:
        connection.execute(f"LOAD {_literal(_extension())}")
        try:
            connection.execute(f"ATTACH {_literal(_conninfo(address))} AS source (TYPE postgres, READ_ONLY)")
        except duckdb.Error:
            raise Fault("address/not-reached", where=str(address)) from None
        connection.execute(
            "SET threads = 1"
        )  # a statement comes on one connection: a second thread waits for it at full speed
        connection.execute(f"SET streaming_buffer_size = '{AHEAD}'")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    finally:
        connection.close()


def _extension() -> str:
    folder = resources.files("duckdb_extension_postgres_scanner") / "extensions" / f"v{duckdb.__version__}"
    return str(folder / "postgres_scanner.duckdb_extension")


def _conninfo(address: Address) -> str:
    """The same terms as `connect.open_postgres`: encrypted and verified outside this machine, in UTF-8."""
    encryption = {"sslmode": "prefer"}
    if not address.near:
        encryption = {"sslmode": "verify-full", "sslrootcert": str(address.authority or "system")}
    return conninfo.make_conninfo(
        host=address.socket or address.host, port=address.port, dbname=address.database, user=address.account,
        password=address.password, connect_timeout=15, client_encoding="UTF8", application_name="ecluse", **encryption,
    )  # fmt: skip


def _literal(text: str) -> str:
    return exp.Literal.string(text).sql(dialect="duckdb")
