"""What a database says of itself: its tables, their columns, keys, and what an account may do there.

Nouns only. Adapters fill them by introspection; mapping, plan and the lock's lamps read them. No value of a row ever stands here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ecluse.base.refusal import Refusal

__all__ = ["Catalogue", "CatalogueColumn", "CatalogueTable", "ForeignKey", "Privilege", "TypeFamily"]

TypeFamily = Literal[
    "text", "integer", "decimal", "float", "date", "datetime", "time", "flag", "bytes", "other"
]


@dataclass(frozen=True, slots=True)
class CatalogueColumn:
    """One column: its name, the family of its type, the type as the system writes it, and whether it may be absent or fills itself."""

    name: str
    family: TypeFamily
    native: str
    nullable: bool = True
    default: bool = False
    length: int | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns` of this table refer to `parent_columns` of `parent`."""

    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CatalogueTable:
    """One table: columns in the system's order, its primary key (may be empty), its foreign keys."""

    name: str
    columns: dict[str, CatalogueColumn]
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Privilege:
    """One thing an account may do: SELECT, INSERT, UPDATE, DELETE, or a standing power such as SUPERUSER, on a column, a table or all."""

    act: str
    table: str = "*"
    column: str = "*"

    def __str__(self) -> str:
        if self.table == "*":
            return self.act
        return f"{self.act} {self.table}" if self.column == "*" else f"{self.act} {self.table}({self.column})"

    def covers(self, other: Privilege) -> bool:
        """Whether holding this one is holding `other` too."""
        return (
            self.act == other.act and self.table in ("*", other.table) and self.column in ("*", other.column)
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """One system's tables by name; `dialect` is the name of its SQL (sqlite, postgres, mysql, duckdb)."""

    dialect: str
    tables: dict[str, CatalogueTable] = field(default_factory=dict)

    def table(self, name: str, *, where: str) -> CatalogueTable:
        """The table, or Refusal `mapping/table-absent`; `where` says which line of the mapping asked."""
        if name not in self.tables:
            raise Refusal("mapping/table-absent", where=where, got=name)
        return self.tables[name]

    def column(self, table: str, name: str, *, where: str) -> CatalogueColumn:
        """The column, or Refusal `mapping/table-absent` or `mapping/column-absent`."""
        columns = self.table(table, where=where).columns
        if name not in columns:
            raise Refusal("mapping/column-absent", where=where, got=f"{table}.{name}")
        return columns[name]
