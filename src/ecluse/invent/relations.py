"""The shape of an invented system's tables, and how each database spells it.

Decides names, type families, keys, references and checks, as data, and renders them as DDL for SQLite, PostgreSQL and MariaDB. Names
are always quoted, so that their case is kept everywhere. It opens no database and fills no table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

import pyarrow as pa

__all__ = ["Column", "Dialect", "Family", "Reference", "System", "Table", "date8", "plain", "quoted", "text"]

Dialect = Literal["sqlite", "postgresql", "mariadb"]
Family = Literal["text", "char", "clob", "integer", "flag", "date", "timestamp", "blob"]

TYPES: Final[dict[Dialect, dict[Family, str]]] = {
    "sqlite": {
        "text": "VARCHAR({width})",
        "char": "CHAR({width})",
        "clob": "TEXT",
        "integer": "INTEGER",
        "flag": "BOOLEAN",
        "date": "DATE",
        "timestamp": "TIMESTAMP",
        "blob": "BLOB",
    },
    "postgresql": {
        "text": "VARCHAR({width})",
        "char": "CHAR({width})",
        "clob": "TEXT",
        "integer": "INTEGER",
        "flag": "BOOLEAN",
        "date": "DATE",
        "timestamp": "TIMESTAMP",
        "blob": "BYTEA",
    },
    "mariadb": {
        "text": "VARCHAR({width})",
        "char": "CHAR({width})",
        "clob": "LONGTEXT",
        "integer": "INTEGER",
        "flag": "TINYINT(1)",
        "date": "DATE",
        "timestamp": "DATETIME(6)",
        "blob": "LONGBLOB",
    },
}
"""How each database spells a family of types."""

ARROW: Final[dict[Family, pa.DataType]] = {
    "text": pa.string(),
    "char": pa.string(),
    "clob": pa.string(),
    "integer": pa.int32(),
    "flag": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "blob": pa.binary(),
}
"""How a family of types stands in an Arrow record batch."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `width` counts characters, for `text` and `char`; `among` lists the only values a check lets in."""

    name: str
    family: Family = "text"
    width: int = 0
    required: bool = False
    among: tuple[str, ...] = ()

    def ddl(self, dialect: Dialect) -> str:
        """This column's line in CREATE TABLE."""
        name = quoted(self.name, dialect)
        line = f"{name} {TYPES[dialect][self.family].format(width=self.width)}"
        if self.required:
            line += " NOT NULL"
        if self.among:
            line += f" CHECK ({name} IN ({', '.join(repr(value) for value in self.among)}))"
        return line


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key of one column to the key of another table."""

    column: str
    table: str
    key: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table: columns in order, a key of one column, references to tables that stand before it (or to itself)."""

    name: str
    columns: tuple[Column, ...]
    key: str
    references: tuple[Reference, ...] = ()
    arrow: pa.Schema = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        fields = [
            pa.field(column.name, ARROW[column.family], nullable=not column.required)
            for column in self.columns
        ]
        object.__setattr__(self, "arrow", pa.schema(fields))

    def create(self, dialect: Dialect, *, constraints: bool = True) -> str:
        """CREATE TABLE. Without `constraints`, keys and references are left for `constrain`, after a bulk load."""
        lines = [column.ddl(dialect) for column in self.columns]
        if constraints:
            lines.append(self._key(dialect))
            lines += [self._reference(reference, dialect) for reference in self.references]
        tail = " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" if dialect == "mariadb" else ""
        return f"CREATE TABLE {quoted(self.name, dialect)} (\n  " + ",\n  ".join(lines) + f"\n){tail}"

    def constrain(self, dialect: Dialect) -> Iterator[str]:
        """The ALTER TABLE statements that add key and references to a table created without (SQLite has no such thing).

        A reference of the table to itself comes in a statement of its own: MariaDB wants to see the key first.
        """
        head = f"ALTER TABLE {quoted(self.name, dialect)} ADD "
        others = [self._reference(line, dialect) for line in self.references if line.table != self.name]
        yield head + ", ADD ".join([self._key(dialect), *others])
        for line in self.references:
            if line.table == self.name:
                yield head + self._reference(line, dialect)

    def _key(self, dialect: Dialect) -> str:
        return f"PRIMARY KEY ({quoted(self.key, dialect)})"

    def _reference(self, reference: Reference, dialect: Dialect) -> str:
        column, table, key = (
            quoted(name, dialect) for name in (reference.column, reference.table, reference.key)
        )
        return f"FOREIGN KEY ({column}) REFERENCES {table} ({key})"


@dataclass(frozen=True, slots=True)
class System:
    """One system: its tables, parents before children."""

    name: str
    tables: tuple[Table, ...]

    def table(self, name: str) -> Table:
        """The table of that name; KeyError when there is none."""
        return {table.name: table for table in self.tables}[name]

    def create(self, dialect: Dialect) -> list[str]:
        """Every CREATE TABLE, parents first, with keys and references."""
        return [table.create(dialect) for table in self.tables]


def text(name: str, width: int, *, required: bool = False, among: tuple[str, ...] = ()) -> Column:
    """A column of text of at most `width` characters."""
    return Column(name=name, family="text", width=width, required=required, among=among)


def plain(name: str, family: Family, *, required: bool = False) -> Column:
    """A column of a family that needs no width."""
    return Column(name=name, family=family, required=required)


def date8(name: str, *, required: bool = False) -> Column:
    """A date as eight characters, YYYYMMDD."""
    return Column(name=name, family="char", width=8, required=required)


def quoted(name: str, dialect: Dialect) -> str:
    """A name as this database quotes it."""
    return f"`{name}`" if dialect == "mariadb" else f'"{name}"'
