"""What the connected account may really do on this database: by roles, by PUBLIC, by ownership, by standing powers.

Decides nothing: `terms.privilege` tells what is too many. Asks the database's own functions, never a row of a table. SQLite has no
accounts: what holds there is the file's mode, the read-only connection, and the authorizer set by `restrict_sqlite`.
"""

from __future__ import annotations

import re
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psycopg
import pymysql

from ecluse.terms.catalogue import Privilege

__all__ = ["privileges_mariadb", "privileges_postgres", "privileges_sqlite", "restrict_sqlite"]

# --- PostgreSQL -------------------------------------------------------------------------------------------------------

_POWERS: Final = """
SELECT bool_or(rolsuper), bool_or(rolcreatedb), bool_or(rolcreaterole), bool_or(rolbypassrls), bool_or(rolreplication),
       array_remove(array_agg(CASE WHEN rolname LIKE 'pg\\_%' AND rolname <> current_user THEN rolname::text END), NULL),
       has_database_privilege(current_database(), 'CREATE')
FROM pg_roles WHERE pg_has_role(oid, 'MEMBER')
"""
_TABLE_ACTS: Final = """
WITH roles AS (SELECT oid FROM pg_roles WHERE pg_has_role(oid, 'MEMBER')),
tables AS (
  SELECT c.oid, CASE WHEN pg_table_is_visible(c.oid) THEN c.relname::text ELSE n.nspname || '.' || c.relname END AS name,
         EXISTS (SELECT FROM roles WHERE roles.oid = c.relowner) AS owned
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_t%'
    AND EXISTS (SELECT FROM roles WHERE has_schema_privilege(roles.oid, n.oid, 'USAGE'))
)
SELECT 'OWNER', name, '*' FROM tables WHERE owned
UNION
SELECT act, name, '*' FROM tables, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) act
WHERE (NOT owned OR act IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE'))
  AND EXISTS (SELECT FROM roles WHERE has_table_privilege(roles.oid, tables.oid, act))
UNION
SELECT act, name, a.attname::text FROM tables JOIN pg_attribute a ON a.attrelid = tables.oid AND a.attnum > 0 AND NOT a.attisdropped,
       unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) act
WHERE NOT EXISTS (SELECT FROM roles WHERE has_table_privilege(roles.oid, tables.oid, act))
  AND EXISTS (SELECT FROM roles WHERE has_column_privilege(roles.oid, tables.oid, a.attnum, act))
"""
_SCHEMAS: Final = """
SELECT EXISTS (SELECT FROM pg_namespace n, pg_roles r WHERE pg_has_role(r.oid, 'MEMBER') AND n.nspname NOT LIKE 'pg\\_%'
               AND n.nspname <> 'information_schema' AND has_schema_privilege(r.oid, n.oid, 'CREATE'))
"""


def privileges_postgres(connection: psycopg.Connection[Any]) -> frozenset[Privilege]:
    """The account's powers and acts, those it would have by SET ROLE included. A superuser's acts are not listed: they are all.

    What a SECURITY DEFINER function does for its caller cannot be known from outside, and is not said here.
    """
    superuser, databases, roles, rows, replication, members, creates = connection.execute(_POWERS).fetchall()[
        0
    ]
    powers = {
        "SUPERUSER": superuser, "CREATEDB": databases, "CREATEROLE": roles, "BYPASSRLS": rows, "REPLICATION": replication,
        "CREATE": creates or connection.execute(_SCHEMAS).fetchall()[0][0],
    }  # fmt: skip
    held = {Privilege(power) for power, has in powers.items() if has}
    if superuser:
        return frozenset(held)
    held |= {Privilege(f"MEMBER OF {role}") for role in members}
    return frozenset(held | {Privilege(*line) for line in connection.execute(_TABLE_ACTS)})


# --- MariaDB ----------------------------------------------------------------------------------------------------------

_ALL_ON_DATABASE: Final = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER", "CREATE TEMPORARY TABLES", "LOCK TABLES",
    "EXECUTE", "CREATE VIEW", "SHOW VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EVENT", "TRIGGER", "DELETE HISTORY",
)  # fmt: skip
_NAME: Final = r"(?:`(?:[^`]|``)*`|'(?:[^']|'')*'|[\w*%]+)"
_ROLE: Final = re.compile(rf"GRANT ({_NAME}) TO ")
_GRANT: Final = re.compile(
    rf"GRANT (.+?) ON (?:(TABLE|FUNCTION|PROCEDURE|PACKAGE(?: BODY)?) )?({_NAME})\.({_NAME}) TO (.*)",
    re.DOTALL,
)
_ACT: Final = re.compile(r"\s*([A-Z][A-Z ]*[A-Z])\s*(?:\(([^)]*)\))?\s*(?:,|$)")


def privileges_mariadb(connection: Any) -> frozenset[Privilege]:
    """The account's grants on all, on this database and on others, those of its roles and of PUBLIC included.

    `connection`: PyMySQL's; its role is left as it was. A table of another database is named "database.table". What comes with every
    account (USAGE) is left out.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT DATABASE(), CURRENT_ROLE()")
        database, current = cursor.fetchall()[0]
        lines = _lines_of(cursor, "CURRENT_USER")
        with suppress(pymysql.Error):  # PUBLIC is not known before 10.11
            lines += _lines_of(cursor, "PUBLIC")
        # Only an account that reads the server's own tables may ask for another's grants: each role is taken, asked about, and left.
        for role in [found.group(1) for found in map(_ROLE.match, lines) if found]:
            cursor.execute(f"SET ROLE {role}")
            lines += _lines_of(cursor, "CURRENT_ROLE")
        cursor.execute("SET ROLE %s" if current else "SET ROLE NONE", (current,) if current else None)
    return frozenset(privilege for line in lines for privilege in _granted(line, database))


def _lines_of(cursor: Any, grantee: str) -> list[str]:
    cursor.execute(f"SHOW GRANTS FOR {grantee}")
    return [line[0] for line in cursor.fetchall()]


def _granted(line: str, database: str) -> Iterator[Privilege]:
    """The privileges in one line of SHOW GRANTS (MariaDB, "SHOW GRANTS")."""
    found = _GRANT.match(line)
    if not found:
        if line.startswith("GRANT PROXY"):
            yield Privilege("PROXY")
        return
    acts, routine, space, table, rest = found.groups()
    space, table = _bare(space), _bare(table)
    everywhere, here = space == "*", _fits(space, database)
    place = table if here or everywhere else f"{space}.{table}"
    if "WITH GRANT OPTION" in rest:
        yield Privilege("GRANT OPTION", place)
    if routine and routine != "TABLE":
        yield Privilege("EXECUTE", place)
        return
    for act, columns in _ACT.findall(acts):
        if act == "USAGE":
            continue
        if act == "ALL PRIVILEGES":
            yield from (
                [Privilege("SUPERUSER")]
                if everywhere
                else [Privilege(each, place) for each in _ALL_ON_DATABASE]
            )
        elif columns:
            yield from (Privilege(act, place, _bare(column.strip())) for column in columns.split(","))
        else:
            yield Privilege(act, place)


def _bare(name: str) -> str:
    quote = name[0]
    return name[1:-1].replace(quote * 2, quote) if quote in "`'" else name


def _fits(pattern: str, database: str) -> bool:
    """Whether a database's name fits a grant's, in which _ and % stand for others unless a backslash precedes them."""
    pieces = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return (
        re.fullmatch(
            "".join(wild.get(piece) or re.escape(piece[-1]) for piece in pieces), database, re.DOTALL
        )
        is not None
    )


# --- SQLite -----------------------------------------------------------------------------------------------------------


def privileges_sqlite(connection: sqlite3.Connection) -> frozenset[Privilege]:
    """Empty for a read-only connection to a file that only its owner and group write; else what makes it too many."""
    held: set[Privilege] = set()
    file = next((line[2] for line in connection.execute("PRAGMA database_list") if line[1] == "main"), "")
    if file and Path(file).stat().st_mode & stat.S_IWOTH:
        held.add(Privilege("WRITABLE BY ALL"))
    if not connection.execute("PRAGMA query_only").fetchone()[0]:
        held |= {Privilege(act) for act in ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE")}
    return frozenset(held)


def restrict_sqlite(connection: sqlite3.Connection, needed: Iterable[Privilege]) -> None:
    """From now on this connection reads the columns in `needed` and nothing else: SQLite's authorizer refuses when a query is prepared.

    Names compare without case, as SQLite's do. Transactions and functions stay, save the one that loads code; nothing writes, attaches or sets.
    """
    allowed = frozenset(Privilege(need.act, need.table.lower(), need.column.lower()) for need in needed)
    connection.set_authorizer(_authorizer(allowed))


def _authorizer(allowed: frozenset[Privilege]) -> Callable[..., int]:
    def decide(
        action: int, first: str | None, second: str | None, _database: str | None, _inside: str | None
    ) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            return sqlite3.SQLITE_DENY if second == "load_extension" else sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ:
            table, column = (first or "").lower(), (second or "").lower()
            # Counting rows reads no column: SQLite then asks with an empty one.
            fits = any(
                need.act == "SELECT"
                and need.table in ("*", table)
                and (not column or need.column in ("*", column))
                for need in allowed
            )
            return sqlite3.SQLITE_OK if fits else sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_DENY

    return decide
