"""The least privilege: what an account needs to run a plan, read off the plan's own statements, and the GRANTs that give just that.

Decides names and columns. What an account holds already, and whether it is too much, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from sqlglot import exp

from ecluse.adapters.connectors.sql.firebird import Firebird
from ecluse.adapters.connectors.sql.query import columns_read
from ecluse.terms.catalogue import Catalogue, Privilege
from ecluse.terms.plan import Plan

__all__ = ["grant_statements", "grants"]

Granting = Literal["postgres", "mysql", "tsql", "oracle", "firebird"]
_WHOLE: Final = {"oracle": "READ", "firebird": "SELECT"}
"""Where no single column can be granted for reading, and the act that grants the table."""


def grants(plan: Plan, catalogue: Catalogue) -> frozenset[Privilege]:
    """SELECT on each column that the plan reads, and nothing else; on a table, where all are read and no single one can be granted."""
    dialect = (
        "duckdb" if catalogue.dialect == "firebird" else catalogue.dialect
    )  # its rules run in the scratch
    read = columns_read(plan, catalogue, dialect)  # type: ignore[arg-type]
    whole = {
        table
        for table, columns in read.items()
        if catalogue.dialect in _WHOLE and len(columns) == len(catalogue.tables[table].columns)
    }
    return frozenset(
        Privilege("SELECT", table, column)
        for table, columns in read.items()
        for column in (("*",) if table in whole else columns)
    )


def grant_statements(
    privileges: Iterable[Privilege],
    account: str,
    dialect: Granting,
    *,
    schemas: Sequence[str] = (),
) -> list[str]:
    """The GRANTs, one for each act and table, names quoted. `account`: a role; for MariaDB, account or account@host (any host: %).

    `schemas`: PostgreSQL's search path where the address gives one. Tables are then named within it, and it is set first; without USAGE
    on a schema, a right on one of its tables is worth nothing. SQL Server's are named with their schema where it is not the account's own.
    Oracle and Firebird grant no reading of single columns: READ (since 12.1) or SELECT is on the whole table, and so exceeds the plan wherever
    it leaves a column.
    """
    privileges = sorted(privileges)
    spaces = _spaces(privileges, schemas) if dialect == "postgres" else []
    path = (
        [f"SET search_path = {', '.join(map(_quoted, schemas))}"] if schemas and dialect == "postgres" else []
    )
    usage = [f"GRANT USAGE ON SCHEMA {_quoted(space)} TO {_quoted(account)}" for space in spaces]
    lines: dict[tuple[str, str], list[str]] = {}
    for privilege in privileges:
        whole = _WHOLE.get(dialect) if privilege.act == "SELECT" else None
        lines.setdefault((whole or privilege.act, privilege.table), []).append(
            "*" if whole else privilege.column
        )
    return [
        *path,
        *usage,
        *(_grant(act, table, columns, account, dialect) for (act, table), columns in lines.items()),
    ]


def _spaces(privileges: Iterable[Privilege], schemas: Sequence[str]) -> list[str]:
    """The schemas searched, then those that a table is named with."""
    named = (privilege.table.partition(".")[0] for privilege in privileges if "." in privilege.table)
    return list(dict.fromkeys((*schemas, *named)))


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql(dialect="postgres")


def _grant(
    act: str,
    table: str,
    columns: list[str],
    account: str,
    dialect: Granting,
) -> str:
    named = [] if "*" in columns else [exp.column(name, quoted=True) for name in columns]
    space, dot, bare = table.partition(".") if dialect not in ("mysql", "firebird") else ("", "", table)
    tree = exp.Grant(
        privileges=[exp.GrantPrivilege(this=exp.var(act), expressions=named)],
        securable=exp.Table(
            this=exp.to_identifier(bare if dot else table, quoted=True),
            db=exp.to_identifier(space, quoted=True) if dot else None,
        ),
        principals=[
            exp.GrantPrincipal(
                this=_principal(account, dialect), kind="USER" if dialect == "firebird" else None
            )
        ],
    )
    return tree.sql(dialect=Firebird if dialect == "firebird" else dialect)


def _principal(account: str, dialect: Granting) -> exp.Expr:
    if dialect != "mysql":  # Firebird: a name that was not quoted when it was made is in capitals
        return exp.to_identifier(account.upper() if dialect == "firebird" else account, quoted=True)
    name, _, host = account.partition("@")
    quoted = [exp.to_identifier(part, quoted=True).sql(dialect="mysql") for part in (name, host or "%")]
    return exp.var("@".join(quoted))
