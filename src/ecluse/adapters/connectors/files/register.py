"""The register of a folder that is a target: what is to be published, in a SQLite file that only its owner reads, until all is settled.

Decides its tables (those that the format can hold, with their keys), and which links must hold: a record below a request needs that request, or
it would stand in no message. Other links are asked for only where the parent's kind is there at all: an instruction may name a
request's prescriber and no prescriber. It publishes nothing.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from ecluse.adapters.connectors.files.format import Fact, Format, Seen, Unread, catalogue_of
from ecluse.adapters.connectors.files.source import mapping_of
from ecluse.adapters.connectors.sql.complaints import of_sqlite
from ecluse.base.refusal import Fault
from ecluse.terms.catalogue import Catalogue, CatalogueTable, ForeignKey
from ecluse.terms.mapping import BASE, KindMapping, Mapping
from ecluse.terms.vocabulary import vocabulary

# ruff: noqa: S608 - the only names pasted into a statement are the catalogue's, quoted

__all__ = ["REGISTER", "STATE", "create_register", "is_whole", "loose_links", "quoted", "tables_of", "unpublished"]  # fmt: skip

REGISTER: Final = ".ecluse-register.sqlite"
STATE: Final = "ecluse_register"
"""One row: how many changes were made, and how many are published."""
_STRICT: Final = frozenset({"request", "result", "isolate"})
"""The parents without which a record stands nowhere in a message: a request's, a culture's, an isolate's."""


def tables_of(fmt: Format) -> Catalogue:
    """The register's tables for a format: its kinds; their ids as keys; the links that must hold as foreign keys."""
    mapping = mapping_of(fmt)
    plain = catalogue_of(mapping)
    tables = {
        kind.table: _linked(plain.tables[kind.table], _links(kind, mapping))
        for kind in mapping.kinds.values()
    }
    return Catalogue("sqlite", tables)


def loose_links(fmt: Format) -> dict[str, tuple[tuple[str, str], ...]]:
    """For each table, the (column, parent table) of the links that are asked for where the parent's kind is there."""
    mapping = mapping_of(fmt)
    return {
        kind.table: tuple(
            (column, parent) for column, parent, name in _links(kind, mapping) if name not in _STRICT
        )
        for kind in mapping.kinds.values()
    }


def _links(kind: KindMapping, mapping: Mapping) -> list[tuple[str, str, str]]:
    """Column, parent's table and parent's kind of every link of a kind that is a plain column."""
    found = []
    for field in vocabulary().kinds[kind.kind].parents:
        parent = mapping.kinds.get(field.parent or "")
        column = kind.fields[field.name].column if field.name in kind.fields else None
        if parent is not None and column is not None and column.alias == BASE:
            found.append((column.name, parent.table, parent.kind))
    return found


def _linked(table: CatalogueTable, links: Sequence[tuple[str, str, str]]) -> CatalogueTable:
    keys = tuple(ForeignKey((column,), parent, ("id",)) for column, parent, name in links if name in _STRICT)
    needed = {column for column, _, name in links if name == "request"}
    columns = {name: replace(column, nullable=name not in needed) for name, column in table.columns.items()}
    return CatalogueTable(table.name, columns, table.primary_key, keys)


def create_register(folder: Path, tables: Catalogue, told: Iterable[Fact | Seen | Unread] = ()) -> Path:
    """A whole register in the folder, or none: its tables, and `told`, what was published by one that is settled. Raises Fault `files/damaged`."""
    path = folder / REGISTER
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("PRAGMA defer_foreign_keys = ON")
            for table in tables.tables.values():
                for statement in _ddl(table):
                    connection.execute(statement)
            connection.execute(f"CREATE TABLE {STATE} (written INTEGER NOT NULL, published INTEGER NOT NULL)")
            connection.execute(f"INSERT INTO {STATE} VALUES (0, 0)")
            for fact in told:
                _put_back(connection, tables, fact)
            connection.execute("COMMIT")
        except sqlite3.IntegrityError:
            raise Fault("files/damaged") from None
        except sqlite3.Error as error:
            raise of_sqlite(error, table=REGISTER) from None
    return path


def is_whole(folder: Path) -> bool:
    """Whether a register stands in the folder: one whose making was killed is none."""
    path = folder / REGISTER
    if not path.is_file():
        return False
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as connection:
        asked = f"SELECT 1 FROM sqlite_master WHERE name = '{STATE}'"
        return connection.execute(asked).fetchone() is not None


def unpublished(folder: Path) -> bool:
    """Whether the register holds changes that the messages do not show yet."""
    if not is_whole(folder):
        return False
    with closing(
        sqlite3.connect(f"{(folder / REGISTER).absolute().as_uri()}?mode=rw", uri=True)
    ) as connection:
        ((written, published),) = connection.execute(f"SELECT written, published FROM {STATE}")
        return bool(written != published)


def quoted(name: str) -> str:
    """A name of the catalogue, for SQL."""
    return '"' + name.replace('"', '""') + '"'


def _ddl(table: CatalogueTable) -> list[str]:
    lines = [
        f"{quoted(it.name)} {it.native.upper()}{'' if it.nullable and it.name not in table.primary_key else ' NOT NULL'}"
        for it in table.columns.values()
    ]
    if table.primary_key:
        lines.append(f"PRIMARY KEY ({', '.join(map(quoted, table.primary_key))})")
    orders = []
    for key in table.foreign_keys:
        columns = ", ".join(map(quoted, key.columns))
        lines.append(
            f"FOREIGN KEY ({columns}) REFERENCES {quoted(key.parent)} ({', '.join(map(quoted, key.parent_columns))})"
        )
        orders.append(
            f"CREATE INDEX {quoted(f'{table.name} by {key.parent}')} ON {quoted(table.name)} ({columns})"
        )
    return [f"CREATE TABLE {quoted(table.name)} ({', '.join(lines)})", *orders]


def _put_back(connection: sqlite3.Connection, tables: Catalogue, fact: Fact | Seen | Unread) -> None:
    """One fact of our own messages, as it was in the register before."""
    if isinstance(fact, Seen):
        return
    if not isinstance(fact, Fact) or fact.gone:
        raise Fault("files/damaged")
    row = {name: value for name, value in fact.row.items() if value is not None}
    key = ", ".join(map(quoted, tables.tables[fact.kind].primary_key))
    news = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in row)
    names, places = ", ".join(map(quoted, row)), ", ".join("?" * len(row))
    connection.execute(
        f"INSERT INTO {quoted(fact.kind)} ({names}) VALUES ({places}) ON CONFLICT ({key}) DO UPDATE SET {news}",
        tuple(row.values()),
    )
