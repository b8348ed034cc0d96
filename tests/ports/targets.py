"""The small system on which every target passes the same suite, and how each database is opened and read without the target."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pytest

from ecluse.adapters.connectors.files.target import FilesTarget
from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.connect import open_mariadb, open_postgres, open_sqlite
from ecluse.adapters.connectors.sql.introspect import introspect_sqlite
from ecluse.adapters.connectors.sql.write_mariadb import MariadbTarget
from ecluse.adapters.connectors.sql.write_postgres import PostgresTarget
from ecluse.adapters.connectors.sql.write_sqlite import SqliteTarget
from ecluse.passage.load import Mark, TableRows, Target
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, ForeignKey
from tests.ports.format_lines import AnyLines, told_in
from tests.ports.memory_target import MemoryTarget

DDL: Final = (
    (
        "CREATE TABLE people (id VARCHAR(10) NOT NULL PRIMARY KEY, name VARCHAR(20) NOT NULL, born DATE, seen {timestamp}, weight DOUBLE PRECISION, "
        "visits BIGINT, alive {flag}, photo {bytes}, note {text}){tail}"
    ),
    (
        "CREATE TABLE tubes (id VARCHAR(10) NOT NULL PRIMARY KEY, person VARCHAR(10) NOT NULL REFERENCES people (id), "
        "volume {small} CHECK (volume > 0)){tail}"
    ),
    "CREATE TABLE bills (id VARCHAR(10) NOT NULL PRIMARY KEY, amount NUMERIC(12,2), photo {bytes}, seen {timestamp}, note {text}){tail}",
    "CREATE TABLE words (code {char}, label VARCHAR(40)){tail}",
)
SPELLED: Final = {
    "sqlite": {"timestamp": "TIMESTAMP", "flag": "BOOLEAN", "bytes": "BLOB", "text": "TEXT", "small": "SMALLINT", "char": "CHAR(8)", "tail": ""},
    "postgres": {"timestamp": "TIMESTAMP", "flag": "BOOLEAN", "bytes": "BYTEA", "text": "TEXT", "small": "SMALLINT", "char": "CHAR(8)", "tail": ""},
    "mysql": {"timestamp": "DATETIME(6)", "flag": "TINYINT(1)", "bytes": "LONGBLOB", "text": "LONGTEXT", "small": "SMALLINT", "char": "CHAR(8)",
              "tail": " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"},
}  # fmt: skip
FAMILIES: Final[dict[str, Any]] = {"born": "date", "seen": "datetime", "weight": "float", "visits": "integer", "volume": "integer", "alive": "flag",
                                   "photo": "bytes", "amount": "decimal"}  # fmt: skip
ARROW: Final = {
    "text": pa.string(), "decimal": pa.string(), "integer": pa.int64(), "date": pa.date32(), "datetime": pa.timestamp("us"), "flag": pa.bool_(),
    "bytes": pa.binary(), "float": pa.float64(),
}  # fmt: skip
Row = dict[str, Any]


def ddl(dialect: str) -> list[str]:
    return [statement.format(**SPELLED[dialect]) for statement in DDL]


def given(table: str, *rows: Row, key: tuple[str, ...] = ("id",)) -> TableRows:
    """These rows, with the columns of the first, in Arrow types by family."""
    types = pa.schema([pa.field(name, ARROW[FAMILIES.get(name, "text")]) for name in rows[0]])
    return TableRows(table, pa.RecordBatch.from_pylist(list(rows), schema=types), key)


@dataclass(frozen=True)
class Opened:
    """A target, another one on the same database, and what a table really holds, read by another connection."""

    dialect: str
    target: Any
    again: Callable[[], Target]
    rows: Callable[[str], list[Row]]
    url: str = ""


def _sorted(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: str(row.get("id", row.get("code"))))


def _canonical(name: str, value: Any) -> Any:
    """A raw value of any of the three databases, as the Python value of its family."""
    family = FAMILIES.get(name, "text")
    if value is None:
        return None
    if family == "flag":
        return bool(value)
    if family == "decimal":
        return Decimal(str(value))
    if isinstance(value, str) and family in ("date", "datetime"):
        return (date if family == "date" else datetime).fromisoformat(value)
    return value


def open_sqlite_target(stack: ExitStack, url: str) -> Opened:
    address = parse_address(url)
    with closing(sqlite3.connect(address.path)) as connection:  # type: ignore[arg-type]
        for statement in ddl("sqlite"):
            connection.execute(statement)

    def rows(table: str) -> list[Row]:
        with closing(open_sqlite(address)) as connection:
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            return _named(cursor.description, cursor.fetchall())

    return _opened("sqlite", stack, lambda: SqliteTarget(address), rows, url)


def open_postgres_target(stack: ExitStack, url: str) -> Opened:
    address = parse_address(url)
    with open_postgres(address, read_only=False) as connection:
        for statement in ddl("postgres"):
            connection.execute(statement)  # type: ignore[call-overload]

    def rows(table: str) -> list[Row]:
        with open_postgres(address) as connection:
            cursor = connection.execute(f'SELECT * FROM "{table}"')  # type: ignore[call-overload]
            return _named(cursor.description, cursor.fetchall())

    return _opened("postgres", stack, lambda: PostgresTarget(address), rows, url)


def open_mariadb_target(stack: ExitStack, url: str) -> Opened:
    address = parse_address(url)
    with closing(open_mariadb(address, read_only=False)) as connection, connection.cursor() as cursor:
        for statement in ddl("mysql"):
            cursor.execute(statement)

    def rows(table: str) -> list[Row]:
        with closing(open_mariadb(address)) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM `{table}`")
            return _named(cursor.description, cursor.fetchall())

    return _opened("mysql", stack, lambda: MariadbTarget(address), rows, url)


def open_files_target(stack: ExitStack, url: str) -> Opened:
    """Messages in a folder: what it holds is what the published files tell, not what its register does."""
    folder = Path(url)
    with closing(sqlite3.connect(":memory:")) as connection:
        for statement in ddl("sqlite"):
            connection.execute(statement)
        tables = dict(introspect_sqlite(connection).tables)
    # A catalogue does not tell checks.
    tubes = tables["tubes"]
    volume = replace(tubes.columns["volume"], native="SMALLINT CHECK (volume > 0)")
    tables["tubes"] = replace(tubes, columns={**tubes.columns, "volume": volume})
    catalogue = Catalogue("sqlite", tables)

    def opening() -> FilesTarget:
        return FilesTarget(AnyLines(catalogue), folder, tables=catalogue)

    def rows(table: str) -> list[Row]:
        opening().close()
        files = sorted((folder / "messages").iterdir()) if (folder / "messages").exists() else []
        found = [row for file in files for kind, row in told_in(file.read_bytes()) if kind == table]
        empty = dict.fromkeys(tables[table].columns)
        return [
            empty | {name: _canonical(name, _typed(name, value)) for name, value in row.items()}
            for row in found
        ]

    return _opened("sqlite", stack, opening, rows, url)  # its register is what keeps the values


def _typed(name: str, value: Any) -> Any:
    """A message holds texts only."""
    family = FAMILIES.get(name, "text")
    return {"integer": int, "float": float, "flag": int}.get(family, lambda it: it)(value)


def open_memory_target() -> Opened:
    target = MemoryTarget(Catalogue("memory", {table.name: table for table in MEMORY}))
    return Opened("memory", target, lambda: target, lambda table: _sorted(target.tables[table]))


def _opened(
    dialect: str, stack: ExitStack, opening: Callable[[], Any], rows: Callable[[str], list[Row]], url: str
) -> Opened:
    def again() -> Any:
        return stack.enter_context(closing(opening()))

    return Opened(dialect, again(), again, lambda table: _sorted(rows(table)), url)


def _named(description: Any, lines: Any) -> list[Row]:
    names = [column[0] for column in description]
    return [
        {name: _canonical(name, value) for name, value in zip(names, line, strict=True)} for line in lines
    ]


def _table(
    name: str,
    *columns: str,
    required: tuple[str, ...] = ("id",),
    key: tuple[str, ...] = ("id",),
    **links: str,
) -> CatalogueTable:
    lengths = {"id": 10, "name": 20, "person": 10, "code": 8, "label": 40}
    return CatalogueTable(
        name,
        {
            column: CatalogueColumn(
                column,
                FAMILIES.get(column, "text"),
                "numeric(12,2)" if column == "amount" else "",
                column not in required,
                length=lengths.get(column),
            )
            for column in columns
        },
        key,
        tuple(ForeignKey((column,), parent, ("id",)) for column, parent in links.items()),
    )


MEMORY: Final = (
    _table(
        "people",
        "id",
        "name",
        "born",
        "seen",
        "weight",
        "visits",
        "alive",
        "photo",
        "note",
        required=("id", "name"),
    ),
    _table("tubes", "id", "person", "volume", required=("id", "person"), person="people"),
    _table("bills", "id", "amount", "photo", "seen", "note"),
    _table("words", "code", "label", required=(), key=()),
)


def opened(kind: str, stack: ExitStack, url: str) -> Iterator[Opened]:
    """The small system, empty, in the database of this kind."""
    openings = {
        "sqlite": open_sqlite_target, "postgres": open_postgres_target, "mysql": open_mariadb_target, "files": open_files_target,
    }  # fmt: skip
    yield openings[kind](stack, url) if kind in openings else open_memory_target()


KINDS = ("sqlite", "postgres", "mysql", "files", "memory")
MARK = Mark("m", 1, "patient", 1)
PERSON: Row = {
    "id": "1", "name": "ANNE", "born": date(1984, 2, 29), "seen": datetime.fromisoformat("2026-11-23T18:00:00.123456"), "weight": 61.5, "visits": 3,
    "alive": True, "photo": b"\x89PNG", "note": "à jeun",
}  # fmt: skip


def database(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if kind == "memory":
        return ""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/target.db"
    if kind == "files":
        return f"{tmp_path}/target"
    found: str = request.getfixturevalue({"postgres": "postgresql_url", "mysql": "mariadb_url"}[kind])
    return found


def person(**changes: Any) -> Row:
    return PERSON | changes
