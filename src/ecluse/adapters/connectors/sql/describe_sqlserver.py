"""What SQL Server says of its own tables and of the account: sys.* catalogue views, HAS_PERMS_BY_NAME, and never a row.

Decides how a table is named (alone in the account's own schema, else "schema.table") and which family each type belongs to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

from ecluse.adapters.connectors.sql.tsql import FAMILIES
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, ForeignKey, Privilege

__all__ = ["describe_sqlserver", "privileges_sqlserver"]

SUPERUSER: Final = Privilege("SUPERUSER")
_COLUMNS: Final = """
SELECT s.name, o.name, c.name, COALESCE(b.name, t.name), c.max_length, c.precision, c.scale, c.is_nullable,
       CASE WHEN c.default_object_id <> 0 OR c.is_identity = 1 OR c.is_computed = 1 THEN 1 ELSE 0 END, SCHEMA_NAME()
FROM sys.objects o
JOIN sys.schemas s ON s.schema_id = o.schema_id
JOIN sys.columns c ON c.object_id = o.object_id
JOIN sys.types t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types b ON t.is_user_defined = 1 AND t.is_assembly_type = 0 AND b.user_type_id = t.system_type_id
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
ORDER BY s.name, o.name, c.column_id
"""
_PRIMARY: Final = """
SELECT s.name, o.name, c.name
FROM sys.indexes i
JOIN sys.objects o ON o.object_id = i.object_id
JOIN sys.schemas s ON s.schema_id = o.schema_id
JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id
JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.is_primary_key = 1
ORDER BY s.name, o.name, k.key_ordinal
"""
_FOREIGN: Final = """
SELECT f.constraint_object_id, s.name, o.name, c.name, ps.name, p.name, pc.name
FROM sys.foreign_key_columns f
JOIN sys.objects o ON o.object_id = f.parent_object_id
JOIN sys.schemas s ON s.schema_id = o.schema_id
JOIN sys.columns c ON c.object_id = f.parent_object_id AND c.column_id = f.parent_column_id
JOIN sys.objects p ON p.object_id = f.referenced_object_id
JOIN sys.schemas ps ON ps.schema_id = p.schema_id
JOIN sys.columns pc ON pc.object_id = f.referenced_object_id AND pc.column_id = f.referenced_column_id
ORDER BY f.constraint_object_id, f.constraint_column_id
"""
_POWERS: Final = """
SELECT IS_SRVROLEMEMBER('sysadmin'), IS_MEMBER('db_owner'), IS_MEMBER('db_datareader'), IS_MEMBER('db_datawriter'), IS_MEMBER('db_ddladmin'),
       IS_MEMBER('db_securityadmin'), HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'CONTROL'), HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'ALTER')
"""
_NAMED: Final = ("SUPERUSER", "MEMBER OF db_owner", "MEMBER OF db_datareader", "MEMBER OF db_datawriter", "MEMBER OF db_ddladmin",
                 "MEMBER OF db_securityadmin", "CONTROL", "ALTER")  # fmt: skip
_ACTS: Final = """
SELECT a.act, s.name, o.name, '*', SCHEMA_NAME()
FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('ALTER'), ('CONTROL')) a (act)
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
  AND HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT', a.act) = 1
UNION ALL
SELECT a.act, s.name, o.name, c.name, SCHEMA_NAME()
FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id JOIN sys.columns c ON c.object_id = o.object_id
CROSS JOIN (VALUES ('SELECT'), ('UPDATE')) a (act)
WHERE o.type IN ('U', 'V') AND o.is_ms_shipped = 0
  AND COALESCE(HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT', a.act), 0) = 0
  AND HAS_PERMS_BY_NAME(QUOTENAME(s.name) + '.' + QUOTENAME(o.name), 'OBJECT', a.act, c.name, 'COLUMN') = 1
"""
_WIDE: Final = ("nchar", "nvarchar", "sysname")
_SIZED: Final = ("char", "varchar", "binary", "varbinary", *_WIDE)


def describe_sqlserver(connection: Any, schemas: Sequence[str] = ()) -> Catalogue:
    """Tables and views that the account sees, of `schemas` if any are named. `connection`: a DB-API one."""
    columns: dict[str, dict[str, CatalogueColumn]] = defaultdict(dict)
    names: dict[tuple[str, str], str] = {}
    for space, table, name, base, size, precision, scale, nullable, default, own in _ask(
        connection, _COLUMNS
    ):
        if schemas and space not in schemas:
            continue
        named = names.setdefault((space, table), table if space == own else f"{space}.{table}")
        columns[named][name] = CatalogueColumn(
            name=name, family=FAMILIES.get(base, "other"), native=_native(base, size, precision, scale), nullable=bool(nullable),
            default=bool(default), length=_length(base, size),
        )  # fmt: skip
    primary: dict[str, list[str]] = defaultdict(list)
    for space, table, name in _ask(connection, _PRIMARY):
        if (space, table) in names:
            primary[names[space, table]].append(name)
    foreign = _foreign(connection, names)
    tables = {
        name: CatalogueTable(name, described, tuple(primary.get(name, ())), tuple(foreign.get(name, ())))
        for name, described in columns.items()
    }
    return Catalogue("tsql", tables)


def privileges_sqlserver(connection: Any) -> frozenset[Privilege]:
    """The account's powers and acts, those of its roles and of PUBLIC included, as the server itself computes them."""
    (answers,) = _ask(connection, _POWERS)
    held = {Privilege(name) for name, has in zip(_NAMED, answers, strict=True) if has}
    if SUPERUSER in held:
        return frozenset({SUPERUSER})
    acts = _ask(connection, _ACTS)
    return frozenset(
        held
        | {
            Privilege(act, table if space == own else f"{space}.{table}", column)
            for act, space, table, column, own in acts
        }
    )


def _foreign(connection: Any, names: dict[tuple[str, str], str]) -> dict[str, list[ForeignKey]]:
    links: dict[tuple[int, str, str], list[tuple[str, str]]] = defaultdict(list)
    for number, space, table, name, parent_space, parent, parent_name in _ask(connection, _FOREIGN):
        if (space, table) in names and (parent_space, parent) in names:
            links[number, names[space, table], names[parent_space, parent]].append((name, parent_name))
    found: dict[str, list[ForeignKey]] = defaultdict(list)
    for (_, table, parent), pairs in links.items():
        own, theirs = zip(*pairs, strict=True)
        found[table].append(ForeignKey(own, parent, theirs))
    return found


def _native(base: str, size: int, precision: int, scale: int) -> str:
    if base in ("decimal", "numeric"):
        return f"{base}({precision},{scale})"
    if base in _SIZED:
        return f"{base}({'max' if size == -1 else _length(base, size) or size})"
    return f"{base}({scale})" if base in ("datetime2", "datetimeoffset", "time") else base


def _length(base: str, size: int) -> int | None:
    """In signs: sys.columns counts octets, two for each sign of the national types; -1 is without bound."""
    if size == -1 or base not in ("char", "varchar", *_WIDE):
        return None
    return size // 2 if base in _WIDE else size


def _ask(connection: Any, query: str) -> list[tuple[Any, ...]]:
    with closing(connection.cursor()) as cursor:
        cursor.execute(query)
        return [tuple(line) for line in cursor.fetchall()]
