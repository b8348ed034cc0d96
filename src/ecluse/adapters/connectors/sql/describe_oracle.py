"""What Oracle says of its own tables and of the account: ALL_* and SESSION_* views, and never a row.

Decides how a table is named (alone in the current schema, else "SCHEMA.TABLE") and how its type is written for `oracle.family`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from typing import Any, Final

from ecluse.adapters.connectors.sql.oracle import family
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, ForeignKey, Privilege

__all__ = ["describe_oracle", "privileges_oracle"]

_OWN: Final = "SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM DUAL"
_COLUMNS: Final = """
SELECT c.TABLE_NAME, c.COLUMN_NAME, c.DATA_TYPE, c.CHAR_LENGTH, c.DATA_LENGTH, c.DATA_PRECISION, c.DATA_SCALE, c.NULLABLE,
       CASE WHEN c.DEFAULT_LENGTH IS NULL THEN 0 ELSE 1 END
FROM ALL_TAB_COLUMNS c
WHERE c.OWNER = :owner AND c.TABLE_NAME NOT LIKE 'BIN$%'
ORDER BY c.TABLE_NAME, c.COLUMN_ID
"""
_KEYS: Final = """
SELECT k.CONSTRAINT_NAME, k.CONSTRAINT_TYPE, k.TABLE_NAME, c.COLUMN_NAME, p.OWNER, p.TABLE_NAME, pc.COLUMN_NAME
FROM ALL_CONSTRAINTS k
JOIN ALL_CONS_COLUMNS c ON c.OWNER = k.OWNER AND c.CONSTRAINT_NAME = k.CONSTRAINT_NAME
LEFT JOIN ALL_CONSTRAINTS p ON p.OWNER = k.R_OWNER AND p.CONSTRAINT_NAME = k.R_CONSTRAINT_NAME
LEFT JOIN ALL_CONS_COLUMNS pc ON pc.OWNER = p.OWNER AND pc.CONSTRAINT_NAME = p.CONSTRAINT_NAME AND pc.POSITION = c.POSITION
WHERE k.OWNER = :owner AND k.CONSTRAINT_TYPE IN ('P', 'R')
ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, c.POSITION
"""
_POWERS: Final = "SELECT PRIVILEGE FROM SESSION_PRIVS WHERE PRIVILEGE <> 'CREATE SESSION'"
_ROLES: Final = "SELECT ROLE FROM SESSION_ROLES"
_ACTS: Final = """
SELECT p.PRIVILEGE, p.TABLE_SCHEMA, p.TABLE_NAME, '*' FROM ALL_TAB_PRIVS p JOIN ALL_USERS u ON u.USERNAME = p.TABLE_SCHEMA
WHERE u.ORACLE_MAINTAINED = 'N' AND (p.GRANTEE IN (USER, 'PUBLIC') OR p.GRANTEE IN (SELECT ROLE FROM SESSION_ROLES))
UNION
SELECT p.PRIVILEGE, p.TABLE_SCHEMA, p.TABLE_NAME, p.COLUMN_NAME FROM ALL_COL_PRIVS p
WHERE p.GRANTEE IN (USER, 'PUBLIC') OR p.GRANTEE IN (SELECT ROLE FROM SESSION_ROLES)
UNION
SELECT 'OWNER', USER, TABLE_NAME, '*' FROM USER_TABLES
"""
_SIZED: Final = ("CHAR", "NCHAR", "VARCHAR2", "NVARCHAR2")


def describe_oracle(connection: Any, schemas: Sequence[str] = ()) -> Catalogue:
    """Tables and views that the account sees in the current schema, or in `schemas`. `connection`: a DB-API one, binding by name."""
    ((own,),) = _ask(connection, _OWN)
    tables: dict[str, CatalogueTable] = {}
    for owner in schemas or (own,):
        tables |= _schema(connection, owner, own)
    return Catalogue("oracle", tables)


def privileges_oracle(connection: Any) -> frozenset[Privilege]:
    """The account's powers and acts, those of its roles and of PUBLIC included. Oracle lets nobody SELECT single columns of a table.

    READ is SELECT without the right to lock rows: it is said as SELECT. One who has DBA or may GRANT ANY is `SUPERUSER`.
    """
    ((own,),) = _ask(connection, _OWN)
    powers = {str(power) for (power,) in _ask(connection, _POWERS)}
    roles = {str(role) for (role,) in _ask(connection, _ROLES)}
    if "DBA" in roles or "GRANT ANY PRIVILEGE" in powers:
        return frozenset({Privilege("SUPERUSER")})
    held = {Privilege(power) for power in powers} | {Privilege(f"MEMBER OF {role}") for role in roles}
    for act, space, table, column in _ask(connection, _ACTS):
        held.add(Privilege("SELECT" if act == "READ" else act, _named(space, table, own), column))
    return frozenset(held)


def _schema(connection: Any, owner: str, own: str) -> dict[str, CatalogueTable]:
    columns: dict[str, dict[str, CatalogueColumn]] = defaultdict(dict)
    for table, name, base, signs, octets, precision, scale, nullable, default in _ask(
        connection, _COLUMNS, owner=owner
    ):
        native = _native(base, signs, octets, precision, scale)
        columns[table][name] = CatalogueColumn(
            name=name, family=family(native), native=native, nullable=nullable == "Y", default=bool(default),
            length=signs if base in _SIZED else None,
        )  # fmt: skip
    primary: dict[str, list[str]] = defaultdict(list)
    links: dict[tuple[str, str, str, str], list[tuple[str, str]]] = defaultdict(list)
    for constraint, kind, table, name, space, parent, parent_name in _ask(connection, _KEYS, owner=owner):
        if kind == "P":
            primary[table].append(name)
        elif parent is not None and parent_name is not None:  # else the account does not see the parent
            links[table, constraint, space, parent].append((name, parent_name))
    foreign: dict[str, list[ForeignKey]] = defaultdict(list)
    for (table, _, space, parent), pairs in links.items():
        mine, theirs = zip(*pairs, strict=True)
        foreign[table].append(ForeignKey(mine, _named(space, parent, own), theirs))
    named = {table: _named(owner, table, own) for table in columns}
    return {
        named[table]: CatalogueTable(
            named[table], described, tuple(primary.get(table, ())), tuple(foreign.get(table, ()))
        )
        for table, described in columns.items()
    }


def _named(space: str, table: str, own: str) -> str:
    return table if space == own else f"{space}.{table}"


def _native(base: str, signs: int | None, octets: int, precision: int | None, scale: int | None) -> str:
    """The type with its numbers. NUMBER without a scale holds any number; NUMBER(*,0) is how INTEGER is kept."""
    if base == "NUMBER":
        if scale is None:
            return "NUMBER"
        return f"NUMBER({'*' if precision is None else precision},{scale})"
    if base in _SIZED:
        return f"{base}({signs})"
    return f"{base}({octets})" if base == "RAW" else base


def _ask(connection: Any, query: str, **values: str) -> list[tuple[Any, ...]]:
    with closing(connection.cursor()) as cursor:
        if values:
            cursor.execute(query, values)
        else:
            cursor.execute(query)
        return [tuple(line) for line in cursor.fetchall()]
