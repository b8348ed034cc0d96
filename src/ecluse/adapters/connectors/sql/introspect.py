"""What a database says of its own tables: the `Catalogue` of the connected account.

Decides which family each native type belongs to, and how a table is named. Reads the system's own catalogue only, never a row. What
is no plain table or view (an index, a sequence, the database's own tables) is left out.
"""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import psycopg

from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, ForeignKey, TypeFamily

__all__ = ["introspect_mariadb", "introspect_postgres", "introspect_sqlite"]

SQLITE_FAMILIES: Final[tuple[tuple[str, TypeFamily], ...]] = (
    ("BOOL", "flag"), ("DATETIME", "datetime"), ("TIMESTAMP", "datetime"), ("DATE", "date"), ("TIME", "time"), ("INT", "integer"),
    ("CHAR", "text"), ("CLOB", "text"), ("TEXT", "text"), ("BLOB", "bytes"), ("BYTEA", "bytes"), ("BINARY", "bytes"), ("REAL", "float"),
    ("FLOA", "float"), ("DOUB", "float"), ("DEC", "decimal"), ("NUMERIC", "decimal"),
)  # fmt: skip
"""The first of these words found in a declared type tells its family. A type SQLite does not know is a promise, not a check."""

POSTGRES_FAMILIES: Final[dict[str, TypeFamily]] = {
    "text": "text", "varchar": "text", "bpchar": "text", "name": "text", "citext": "text", "uuid": "text", "char": "text",
    "int2": "integer", "int4": "integer", "int8": "integer", "oid": "integer", "numeric": "decimal", "float4": "float",
    "float8": "float", "date": "date", "timestamp": "datetime", "timestamptz": "datetime", "time": "time", "bool": "flag",
    "bytea": "bytes",
}  # fmt: skip
"""By pg_type.typname. An enumeration is text; what is not listed (json, arrays, intervals, timetz, money...) is `other`."""

MARIADB_FAMILIES: Final[dict[str, TypeFamily]] = {
    "char": "text", "varchar": "text", "tinytext": "text", "text": "text", "mediumtext": "text", "longtext": "text", "enum": "text",
    "set": "text", "uuid": "text", "tinyint": "integer", "smallint": "integer", "mediumint": "integer", "int": "integer",
    "bigint": "integer", "year": "integer", "decimal": "decimal", "float": "float", "double": "float", "date": "date",
    "datetime": "datetime", "timestamp": "datetime", "time": "time", "binary": "bytes", "varbinary": "bytes", "tinyblob": "bytes",
    "blob": "bytes", "mediumblob": "bytes", "longblob": "bytes",
}  # fmt: skip
"""By information_schema's DATA_TYPE. tinyint(1) and bit(1) are flags, as everyone there writes them; they can still hold a 2."""


# --- SQLite -----------------------------------------------------------------------------------------------------------


def introspect_sqlite(connection: sqlite3.Connection) -> Catalogue:
    """The tables and views of the main database."""
    lines = connection.execute("PRAGMA main.table_list").fetchall()
    names = sorted(
        line[1]
        for line in lines
        if line[0] == "main" and line[2] in ("table", "view") and not line[1].startswith("sqlite_")
    )
    keys = {name: _sqlite_key(connection, name) for name in names}
    return Catalogue("sqlite", {name: _sqlite_table(connection, name, keys) for name in names})


def _sqlite_key(connection: sqlite3.Connection, name: str) -> tuple[str, ...]:
    lines = connection.execute("SELECT name FROM pragma_table_xinfo(?) WHERE pk > 0 ORDER BY pk", (name,))
    return tuple(line[0] for line in lines)


def _sqlite_table(
    connection: sqlite3.Connection, name: str, keys: dict[str, tuple[str, ...]]
) -> CatalogueTable:
    query = 'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid'
    columns = {}
    for column, native, required, default, key, hidden in connection.execute(query, (name,)):
        fills = native.upper() == "INTEGER" and key == 1 and len(keys[name]) == 1  # the row's own number
        columns[column] = CatalogueColumn(
            name=column, family=_sqlite_family(native), native=native,
            nullable=not required and not fills, default=fills or hidden > 1 or default not in (None, "NULL"), length=_length(native),
        )  # fmt: skip
    links: dict[int, list[tuple[str, str, str | None]]] = defaultdict(list)
    for link, parent, child_column, parent_column in connection.execute(
        'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id DESC, seq', (name,)
    ):
        links[link].append((parent, child_column, parent_column))
    return CatalogueTable(
        name, columns, keys[name], tuple(_sqlite_link(link, keys) for link in links.values())
    )


def _sqlite_link(link: list[tuple[str, str, str | None]], keys: dict[str, tuple[str, ...]]) -> ForeignKey:
    """A foreign key that names no column of its parent means the parent's primary key (SQLite, "Foreign Key Support")."""
    parent = next((name for name in keys if name.lower() == link[0][0].lower()), link[0][0])
    named = tuple(column for _, _, column in link if column is not None)
    return ForeignKey(tuple(column for _, column, _ in link), parent, named or keys.get(parent, ()))


def _sqlite_family(native: str) -> TypeFamily:
    return next((family for word, family in SQLITE_FAMILIES if word in native.upper()), "other")


def _length(native: str) -> int | None:
    found = re.search(r"CHAR\w*\s*\(\s*(\d+)\s*\)", native.upper())
    return int(found.group(1)) if found else None


# --- PostgreSQL -------------------------------------------------------------------------------------------------------

_POSTGRES_COLUMNS: Final = """
SELECT c.oid, n.nspname, c.relname, pg_table_is_visible(c.oid), a.attname, format_type(a.atttypid, a.atttypmod),
       CASE WHEN t.typtype = 'd' THEN b.typname ELSE t.typname END, COALESCE(b.typtype, t.typtype),
       NOT (a.attnotnull OR t.typnotnull), a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL,
       CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition AND n.nspname = ANY(%s)
ORDER BY array_position(%s::text[], n.nspname::text), c.relname, a.attnum
"""
_POSTGRES_KEYS: Final = """
SELECT c.conrelid, c.contype, c.confrelid,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(n, i) JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY k.i),
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(n, i) JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY k.i)
FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
WHERE c.contype IN ('p', 'f') AND n.nspname = ANY(%s) ORDER BY c.conname
"""


def introspect_postgres(connection: psycopg.Connection[Any], schemas: Sequence[str] = ()) -> Catalogue:
    """Tables, views and foreign tables of `schemas`, by default those of the search path.

    A table is named alone when the search path finds it by that name, else as "schema.table".
    """
    wanted = list(schemas) or connection.execute("SELECT current_schemas(false)::text[]").fetchall()[0][0]
    names: dict[int, str] = {}
    columns: dict[int, dict[str, CatalogueColumn]] = defaultdict(dict)
    for (
        oid,
        space,
        table,
        visible,
        column,
        native,
        base,
        kind,
        nullable,
        default,
        width,
    ) in connection.execute(_POSTGRES_COLUMNS, (wanted, wanted)):
        names[oid] = table if visible else f"{space}.{table}"
        columns[oid][column] = CatalogueColumn(
            name=column, family="text" if kind == "e" else POSTGRES_FAMILIES.get(base, "other"), native=native,
            nullable=nullable, default=default, length=width - 4 if base in ("varchar", "bpchar") and width > 4 else None,
        )  # fmt: skip
    primary: dict[int, tuple[str, ...]] = {}
    foreign: dict[int, list[ForeignKey]] = defaultdict(list)
    for oid, kind, parent, own, theirs in connection.execute(_POSTGRES_KEYS, (wanted,)):
        if kind == "p":
            primary[oid] = tuple(own)
        elif parent in names:
            foreign[oid].append(ForeignKey(tuple(own), names[parent], tuple(theirs)))
    tables = {
        name: CatalogueTable(name, columns[oid], primary.get(oid, ()), tuple(foreign.get(oid, ())))
        for oid, name in names.items()
    }
    return Catalogue("postgres", tables)


# --- MariaDB ----------------------------------------------------------------------------------------------------------

_MARIADB_COLUMNS: Final = """
SELECT c.TABLE_NAME, c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE, c.IS_NULLABLE = 'YES',
       COALESCE(c.COLUMN_DEFAULT, 'NULL') <> 'NULL' OR c.EXTRA LIKE '%%auto_increment%%' OR c.EXTRA LIKE '%%GENERATED%%',
       c.CHARACTER_MAXIMUM_LENGTH
FROM information_schema.COLUMNS c JOIN information_schema.TABLES t USING (TABLE_SCHEMA, TABLE_NAME)
WHERE c.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED')
ORDER BY c.TABLE_NAME, c.ORDINAL_POSITION
"""
_MARIADB_KEYS: Final = """
SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME
FROM information_schema.KEY_COLUMN_USAGE
WHERE TABLE_SCHEMA = DATABASE() AND (CONSTRAINT_NAME = 'PRIMARY' OR REFERENCED_TABLE_SCHEMA = DATABASE())
ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION
"""


def introspect_mariadb(connection: Any) -> Catalogue:
    """The tables and views of the connected database. `connection`: PyMySQL's."""
    with connection.cursor() as cursor:
        cursor.execute(_MARIADB_COLUMNS, ())
        columns: dict[str, dict[str, CatalogueColumn]] = defaultdict(dict)
        for table, column, base, native, nullable, default, length in cursor.fetchall():
            columns[table][column] = CatalogueColumn(
                name=column, family=_mariadb_family(base, native), native=native, nullable=bool(nullable), default=bool(default),
                length=int(length) if length is not None and base in ("char", "varchar") else None,
            )  # fmt: skip
        cursor.execute(_MARIADB_KEYS)
        links: dict[tuple[str, str], list[tuple[str, str | None, str | None]]] = defaultdict(list)
        for table, constraint, column, parent, parent_column in cursor.fetchall():
            links[table, constraint].append((column, parent, parent_column))
    primary = {
        table: tuple(column for column, _, _ in link)
        for (table, name), link in links.items()
        if name == "PRIMARY"
    }
    foreign: dict[str, list[ForeignKey]] = defaultdict(list)
    for (table, name), link in links.items():
        if name != "PRIMARY":
            own, theirs = tuple(column for column, _, _ in link), tuple(str(column) for _, _, column in link)
            foreign[table].append(ForeignKey(own, str(link[0][1]), theirs))
    tables = {
        name: CatalogueTable(name, columns[name], primary.get(name, ()), tuple(foreign.get(name, ())))
        for name in columns
    }
    return Catalogue("mysql", tables)


def _mariadb_family(base: str, native: str) -> TypeFamily:
    if native in ("tinyint(1)", "bit(1)"):
        return "flag"
    return MARIADB_FAMILIES.get(base, "other")
