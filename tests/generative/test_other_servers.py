"""SQL Server and Oracle have no server here: what is compiled for them is put back into DuckDB's words, run, and held to the reference engine.

This shows that the statements say the same; it does not show what a server makes of them (tests/unit/connectors/test_other_servers.py says
which words stand in them).
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from hypothesis import HealthCheck, Phase, given, settings
from sqlglot import exp

from ecluse.adapters.connectors.sql import census
from ecluse.adapters.connectors.sql.batches import gathered, shape
from ecluse.adapters.connectors.sql.query import render, rows_query
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable
from ecluse.terms.plan import Plan, Slice
from tests.generative.old_systems import DDL, Old, Tables, cases, sources
from tests.generative.test_two_engines import answers

NATIVE: dict[str, dict[str, tuple[Any, str]]] = {
    "tsql": {
        "TEXT": ("text", "nvarchar(200)"),
        "BLOB": ("bytes", "varbinary(max)"),
        "INTEGER": ("integer", "bigint"),
    },
    "oracle": {
        "TEXT": ("text", "VARCHAR2(200)"),
        "BLOB": ("bytes", "BLOB"),
        "INTEGER": ("integer", "NUMBER(19,0)"),
    },
}


def catalogue(dialect: str) -> Catalogue:
    tables = {}
    for table, columns in DDL.items():
        named = [column.split() for column in columns.split(", ")]
        described = {
            name: CatalogueColumn(
                name, *NATIVE[dialect][kind], length=200 if dialect == "tsql" and kind == "TEXT" else None
            )
            for name, kind in named
        }
        tables[table] = CatalogueTable(table, described)
    return Catalogue(dialect, tables)


def _plus(node: exp.Add) -> exp.Expr:
    """Of texts: no statement of ours adds numbers."""
    return exp.DPipe(this=node.this, expression=node.expression, safe=True)


def _unbound(node: exp.DataType) -> exp.Expr:
    return exp.DataType.build("TEXT")


def _octets(node: exp.Anonymous) -> exp.Expr:
    if node.name.upper() != "DATALENGTH":
        return node
    return exp.Mul(this=exp.Length(this=node.expressions[0]), expression=exp.Literal.number(2))


def _trimmed(node: exp.Trim) -> exp.Expr:
    return exp.Trim(this=node.this, position="TRAILING", expression=exp.Literal.string(" "))


def _trimmed_to_nothing(node: exp.Trim) -> exp.Expr:
    """In Oracle, what is left of blanks is NULL."""
    return exp.Nullif(this=_trimmed(node), expression=exp.Literal.string(""))


WORDS: dict[str, dict[type[exp.Expr], Any]] = {
    "tsql": {
        exp.Add: _plus,
        exp.Collate: lambda node: node.this,
        exp.National: lambda node: exp.Literal.string(node.name),
        exp.Anonymous: _octets,
        exp.Trim: _trimmed,
        exp.DataType: _unbound,
    },
    "oracle": {
        exp.Trim: _trimmed_to_nothing,
        exp.ToChar: lambda node: exp.Cast(this=node.this, to=exp.DataType.build("TEXT")),
        exp.Table: lambda node: (
            exp.Table(this=exp.to_identifier("_dual", quoted=True)) if node.name == "DUAL" else node
        ),
    },
}


def in_duckdb(sql: str, dialect: str) -> str:
    """The statement's text, read by sqlglot as its dialect and written as DuckDB's."""

    tree = sqlglot.parse_one(sql, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    for node in reversed(list(tree.walk(bfs=True))):
        new = WORDS[dialect].get(type(node), lambda same: same)(node)
        if new is not node:
            node.replace(new)
    return tree.sql(dialect="duckdb")


class PutBack:
    """A source, and its own snapshot, whose statements are compiled for one server and run by DuckDB."""

    def __init__(self, dialect: Any, tables: Tables) -> None:
        self.dialect, self.known = dialect, catalogue(dialect)
        self.database = duckdb.connect()
        self.database.execute('CREATE TABLE "_dual" AS SELECT 1')
        for table, columns in DDL.items():
            self.database.execute(f'CREATE TABLE "{table}" ({columns.replace("INTEGER", "BIGINT")})')
            names = [column.split()[0] for column in columns.split(", ")]
            marks = ", ".join("?" * len(names))
            for row in tables.get(table, []):
                self.database.execute(
                    f'INSERT INTO "{table}" VALUES ({marks})', [row.get(name) for name in names]
                )

    @contextmanager
    def snapshot(self) -> Iterator[PutBack]:
        yield self

    def ask(self, tree: exp.Select, where: str) -> Sequence[Sequence[object]]:
        return self.database.execute(in_duckdb(render(tree, self.dialect).sql, self.dialect)).fetchall()

    def unclassified(self, plan: Plan, path: str) -> dict[str, int]:
        return census.unclassified(plan, path, ask=self.ask, catalogue=self.known, dialect=self.dialect)

    def census(self, plan: Plan, piece: Slice) -> Iterator[Count]:
        return census.census(plan, piece, ask=self.ask, catalogue=self.known, dialect=self.dialect)

    def rows(self, plan: Plan, piece: Slice) -> Iterator[pa.RecordBatch]:
        tree = rows_query(plan, piece, self.known, self.dialect)
        yield from gathered([self.ask(tree, "")], shape(tree, piece), where=piece.kind)


def as_kept(dialect: str, tables: Tables) -> Tables:
    """The rows as the server would keep them: in Oracle an empty text, or no octets, is nothing."""
    if dialect != "oracle":
        return tables
    return {
        table: [{name: None if cell in ("", b"") else cell for name, cell in row.items()} for row in rows]
        for table, rows in tables.items()
    }


@pytest.mark.parametrize("dialect", ["tsql", "oracle"])
def test_what_is_compiled_for_a_server_says_the_same(dialect: str) -> None:
    """For any rows and any instruction, the T-SQL and Oracle statements, put back into DuckDB's words, give the reference engine's rows and counts."""

    @settings(
        max_examples=25,
        deadline=None,
        phases=[
            Phase.explicit,
            Phase.reuse,
            Phase.generate,
        ],  # a failing case is not made smaller: each costs a second
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(cases())
    def check(case: tuple[Old, Tables, Plan]) -> None:
        _, drawn, plan = case
        tables = as_kept(dialect, drawn)
        with tempfile.TemporaryDirectory() as folder:
            slow, _ = sources(folder, tables)
            told = dict(answers(slow, plan))
        back: Any = PutBack(dialect, tables)
        for name, answer in answers(back, plan):
            if plan.rehearse and not isinstance(answer, dict):
                continue
            assert plain(answer) == plain(told[name]), name

    check()


def plain(answer: Any) -> Any:
    return dict(answer) if isinstance(answer, Counter) else answer
