"""What Firebird says of its own tables and of the account: the RDB$ tables, and never a row of another.

Decides which powers an account has: those of PUBLIC and of every role it may take included. A database's owner, SYSDBA and RDB$ADMIN may
do everything. What every account may read, the RDB$ tables themselves, is left out.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import closing
from typing import Any, Final

from ecluse.adapters.connectors.sql.firebird import native_of
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, ForeignKey, Privilege

__all__ = ["describe_firebird", "privileges_firebird"]

_COLUMNS: Final = """
SELECT TRIM(c.RDB$RELATION_NAME), TRIM(c.RDB$FIELD_NAME), f.RDB$FIELD_TYPE, COALESCE(f.RDB$FIELD_SUB_TYPE, 0), COALESCE(f.RDB$FIELD_SCALE, 0),
       COALESCE(f.RDB$CHARACTER_LENGTH, f.RDB$FIELD_LENGTH, 0), COALESCE(f.RDB$FIELD_LENGTH, 0), TRIM(COALESCE(s.RDB$CHARACTER_SET_NAME, 'NONE')),
       COALESCE(f.RDB$DIMENSIONS, 0), COALESCE(c.RDB$NULL_FLAG, f.RDB$NULL_FLAG, 0),
       CASE WHEN c.RDB$DEFAULT_SOURCE IS NULL AND f.RDB$DEFAULT_SOURCE IS NULL AND f.RDB$COMPUTED_SOURCE IS NULL THEN 0 ELSE 1 END
FROM RDB$RELATION_FIELDS c
JOIN RDB$RELATIONS r ON r.RDB$RELATION_NAME = c.RDB$RELATION_NAME
JOIN RDB$FIELDS f ON f.RDB$FIELD_NAME = c.RDB$FIELD_SOURCE
LEFT JOIN RDB$CHARACTER_SETS s ON s.RDB$CHARACTER_SET_ID = f.RDB$CHARACTER_SET_ID
WHERE COALESCE(r.RDB$SYSTEM_FLAG, 0) = 0
ORDER BY 1, c.RDB$FIELD_POSITION
"""
_KEYS: Final = """
SELECT TRIM(k.RDB$CONSTRAINT_NAME), TRIM(k.RDB$CONSTRAINT_TYPE), TRIM(k.RDB$RELATION_NAME), TRIM(i.RDB$FIELD_NAME), TRIM(p.RDB$RELATION_NAME),
       TRIM(pi.RDB$FIELD_NAME)
FROM RDB$RELATION_CONSTRAINTS k
JOIN RDB$INDEX_SEGMENTS i ON i.RDB$INDEX_NAME = k.RDB$INDEX_NAME
LEFT JOIN RDB$REF_CONSTRAINTS r ON r.RDB$CONSTRAINT_NAME = k.RDB$CONSTRAINT_NAME
LEFT JOIN RDB$RELATION_CONSTRAINTS p ON p.RDB$CONSTRAINT_NAME = r.RDB$CONST_NAME_UQ
LEFT JOIN RDB$INDEX_SEGMENTS pi ON pi.RDB$INDEX_NAME = p.RDB$INDEX_NAME AND pi.RDB$FIELD_POSITION = i.RDB$FIELD_POSITION
WHERE k.RDB$CONSTRAINT_TYPE IN ('PRIMARY KEY', 'FOREIGN KEY')
ORDER BY 3, 1, i.RDB$FIELD_POSITION
"""
_WHO: Final = """
SELECT CASE WHEN CURRENT_USER = 'SYSDBA' OR CURRENT_ROLE = 'RDB$ADMIN' OR CURRENT_USER = RDB$OWNER_NAME THEN 1 ELSE 0 END, TRIM(CURRENT_USER)
FROM RDB$RELATIONS WHERE RDB$RELATION_NAME = 'RDB$DATABASE'
"""
_ACTS: Final = """
SELECT TRIM(p.RDB$USER), p.RDB$USER_TYPE, TRIM(p.RDB$PRIVILEGE), TRIM(p.RDB$RELATION_NAME), TRIM(p.RDB$FIELD_NAME), p.RDB$OBJECT_TYPE,
       COALESCE(r.RDB$SYSTEM_FLAG, 0)
FROM RDB$USER_PRIVILEGES p LEFT JOIN RDB$RELATIONS r ON r.RDB$RELATION_NAME = p.RDB$RELATION_NAME AND p.RDB$OBJECT_TYPE = 0
WHERE p.RDB$USER_TYPE IN (8, 13)
"""
_LETTERS: Final = {
    "S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE", "R": "REFERENCES", "X": "EXECUTE", "G": "USAGE", "C": "CREATE", "L": "ALTER ANY",
    "O": "DROP ANY",
}  # fmt: skip
"""RDB$PRIVILEGE. "M" is membership of a role; the last three are of a kind of object (RDB$RELATION_NAME: SQL$TABLES...), since 3.0."""
USER, ROLE, ADMIN = 8, 13, "RDB$ADMIN"


def describe_firebird(transaction: Any) -> Catalogue:
    """The tables and views. `transaction`: the driver's; names are as Firebird keeps them, in capitals unless they were quoted."""
    columns: dict[str, dict[str, CatalogueColumn]] = defaultdict(dict)
    for table, name, number, sub_type, scale, signs, octets, charset, dimensions, required, default in _ask(
        transaction, _COLUMNS
    ):
        native, family, length = native_of(
            number, sub_type, scale, signs=signs, octets=octets, charset=charset, dimensions=dimensions
        )
        columns[table][name] = CatalogueColumn(
            name=name, family=family, native=native, nullable=not required, default=bool(default), length=length
        )  # fmt: skip
    primary: dict[str, list[str]] = defaultdict(list)
    links: dict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    for constraint, kind, table, name, parent, parent_name in _ask(transaction, _KEYS):
        if kind == "PRIMARY KEY":
            primary[table].append(name)
        else:
            links[table, constraint, parent].append((name, parent_name))
    foreign: dict[str, list[ForeignKey]] = defaultdict(list)
    for (table, _, parent), pairs in links.items():
        own, theirs = zip(*pairs, strict=True)
        foreign[table].append(ForeignKey(own, parent, theirs))
    tables = {
        name: CatalogueTable(name, described, tuple(primary.get(name, ())), tuple(foreign.get(name, ())))
        for name, described in columns.items()
    }
    return Catalogue("firebird", tables)


def privileges_firebird(transaction: Any) -> frozenset[Privilege]:
    """The account's acts. Before 3.0 any account may create tables, which nothing there says."""
    ((everything, account),) = _ask(transaction, _WHO)
    lines = _ask(transaction, _ACTS)
    holders = _holders(account, lines)
    if everything or (ADMIN, ROLE) in holders:
        return frozenset({Privilege("SUPERUSER")})
    held = set()
    for holder, kind, letter, table, column, _, system in lines:
        if (holder, kind) in holders and letter in _LETTERS and not system:
            place = "*" if letter in "CLO" else table
            act = f"{_LETTERS[letter]} {table.removeprefix('SQL$')}" if letter in "CLO" else _LETTERS[letter]
            held.add(Privilege(act, place, column or "*"))
    return frozenset(held)


def _holders(account: str, lines: list[tuple[Any, ...]]) -> set[tuple[str, int]]:
    """The account, PUBLIC, and each role that one of these may take, roles of roles included, as (name, kind)."""
    holders = {(account, USER), ("PUBLIC", USER)}
    while True:
        roles = {
            (table, ROLE)
            for holder, kind, letter, table, *_ in lines
            if letter == "M" and (holder, kind) in holders
        }
        if roles <= holders:
            return holders
        holders |= roles


def _ask(transaction: Any, query: str) -> list[tuple[Any, ...]]:
    with closing(transaction.cursor()) as cursor:
        cursor.execute(query)
        return [tuple(line) for line in cursor.fetchall()]
