"""Where a dump's kept columns wait to be asked: an encrypted DuckDB database in a folder of its own, whose key is only in memory.

Decides how the scratch is protected: a random key that is never written, a folder that nobody else enters, temporary files encrypted too,
and everything removed at the end. DuckDB's own module for encryption reads but does not write; the one it asks for (OpenSSL's, AES-GCM with
a sound source of nonces) comes with its extension `httpfs`, loaded by its path, before every way out to files and network is closed.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
from sqlglot import exp

from ecluse.adapters.connectors.sql.scanner import CONFINED
from ecluse.base.refusal import Fault

__all__ = ["Scratch", "open_scratch", "said"]

_KINDS: Final = {pa.binary(): "BLOB", pa.int64(): "BIGINT", pa.bool_(): "BOOLEAN"}


class Scratch:
    """Tables of text and octets, and of the numbers and flags that only their own keeper reads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def create(self, name: str, shape: pa.Schema) -> None:
        """An empty table of this shape."""
        columns = [
            exp.ColumnDef(
                this=exp.to_identifier(field.name, quoted=True),
                kind=exp.DataType.build(_KINDS.get(field.type, "TEXT"), dialect="duckdb"),
            )
            for field in shape
        ]
        tree = exp.Create(this=exp.Schema(this=_table(name), expressions=columns), kind="TABLE")
        self.connection.execute(tree.sql(dialect="duckdb"))

    def append(self, name: str, batch: pa.RecordBatch) -> None:
        """Add these rows."""
        self.connection.register("_batch", batch)
        try:
            tree = exp.Insert(this=_table(name), expression=exp.select("*").from_("_batch"))
            self.connection.execute(tree.sql(dialect="duckdb"))
        finally:
            self.connection.unregister("_batch")

    def clear(self) -> None:
        """Take every table out again."""
        for (name,) in self.connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            self.connection.execute(f"DROP TABLE {_table(name).sql(dialect='duckdb')}")


@contextmanager
def open_scratch(folder: Path | None = None) -> Iterator[Scratch]:
    """A fresh scratch, in the machine's folder for temporary files or in `folder`; nothing of it is left afterwards."""
    with tempfile.TemporaryDirectory(prefix="ecluse-", dir=folder) as own:  # mkdtemp: 0700
        settings = {**CONFINED, "temp_directory": f"{own}/more", "temp_file_encryption": "true"}
        connection = duckdb.connect(config=settings)
        try:
            connection.execute(f"LOAD {_literal(_extension())}")
            key = secrets.token_hex(32)
            connection.execute(
                f"ATTACH {_literal(f'{own}/scratch')} AS scratch (ENCRYPTION_KEY {_literal(key)})"
            )
            connection.execute("USE scratch")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            yield Scratch(connection)
        finally:
            connection.close()


def _extension() -> str:
    return str(
        resources.files("duckdb_extension_httpfs")
        / "extensions"
        / f"v{duckdb.__version__}"
        / "httpfs.duckdb_extension"
    )


def _table(name: str) -> exp.Table:
    return exp.Table(this=exp.to_identifier(name, quoted=True))


def _literal(text: str) -> str:
    return exp.Literal.string(text).sql(dialect="duckdb")


@contextmanager
def said(where: str) -> Iterator[None]:
    """DuckDB's complaints as ours, without the values they may hold. Raises Fault `source/not-read`."""
    try:
        yield
    except duckdb.Error as error:
        raise Fault("source/not-read", where=where, got=type(error).__name__) from None
