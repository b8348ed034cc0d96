"""A plan as SQL: what is read, what is granted, how texts and names are written, and which dates are within a period."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from ecluse.adapters.connectors.sql.columns import Names, Value
from ecluse.adapters.connectors.sql.dates import DateRule
from ecluse.adapters.connectors.sql.grants import grant_statements, grants
from ecluse.adapters.connectors.sql.introspect import introspect_sqlite
from ecluse.adapters.connectors.sql.query import census_query, codes_query, columns_read, render, rows_query
from ecluse.base.refusal import Refusal
from ecluse.invent.systems import OLD
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, Privilege
from ecluse.terms.mapping import Reading
from tests.ports.sources import plan

DIALECTS = ("sqlite", "postgres", "mysql", "duckdb")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    connection = sqlite3.connect(":memory:")
    for statement in OLD.create("sqlite"):
        connection.execute(statement)
    return introspect_sqlite(connection)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_name_is_quoted_and_every_statement_only_reads(dialect: Any, catalogue: Catalogue) -> None:
    """Whatever the dialect, a statement is one SELECT, of which each identifier is quoted."""
    wanted = plan()
    trees = [
        make(wanted, piece, catalogue, dialect)
        for piece in wanted.slices
        for make in (rows_query, census_query)
    ]
    trees.append(codes_query(wanted, "result.code", catalogue, dialect))
    for tree in trees:
        (parsed,) = sqlglot.parse(render(tree, dialect).sql, read=dialect)
        assert isinstance(parsed, exp.Select)
        assert not list(parsed.find_all(exp.Insert, exp.Update, exp.Delete, exp.Command, exp.Into))
        collations = {"C", "BINARY", "utf8mb4_nopad_bin", "utf8mb4"}
        assert all(name.quoted or name.name in collations for name in parsed.find_all(exp.Identifier))


def test_only_named_columns_are_read(catalogue: Catalogue) -> None:
    """Neither a password, nor an access code, nor a table that the mapping does not describe is in any statement."""
    read = columns_read(plan(), catalogue, "postgres")
    assert read.keys() == {
        "PRESCR",
        "PATIENT",
        "DOSSIER",
        "ECHANT",
        "RESULT",
        "GERME",
        "ABG",
        "CRPDF",
        "FACTUR",
    }
    assert not {"CODEACC", "DTCRE"} & set(read["PATIENT"])


def test_a_plan_of_few_fields_reads_few_columns(catalogue: Catalogue) -> None:
    """With one field of patients named, only that column, the keys and what the rules look at are read."""
    wanted = plan()
    piece = wanted.slice("patient")
    assert piece is not None
    few = replace(piece, fields={"id": piece.fields["id"]}, free_texts=())
    assert columns_read(replace(wanted, slices=(few,), excluded={}, classified={}), catalogue, "sqlite") == {
        "PATIENT": ("NUMPAT",),
        "DOSSIER": ("NUMDOS", "NUMPAT", "NUMPRESC", "CODSITE", "DATDEM"),
    }


@pytest.mark.parametrize(
    "text", ["it's", 'a"b', "a\\b", "\\' OR 1=1 -- ", "x\ny\tz", "%s %(v)s ?1 :v0 $1", "é🩸", "{}", ""]
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_document_s_text_comes_back_as_it_was(dialect: Any, text: str, catalogue: Catalogue) -> None:
    """A value of a signed document is bound, or is a literal that its dialect reads back as the very same text."""
    wanted = plan(sites=(text,))
    piece = wanted.slice("request")
    assert piece is not None
    query = render(rows_query(wanted, piece, catalogue, dialect), dialect)
    if dialect in ("sqlite", "duckdb"):
        assert text in query.values.values()
        return
    literals = {literal.name for literal in sqlglot.parse_one(query.sql, read=dialect).find_all(exp.Literal)}
    assert text in literals


def test_names_of_any_form_are_quoted() -> None:
    """A column whose name holds quotes and commands is only a name."""
    odd = 'x"; DROP TABLE "t` --'
    names = Names(
        Catalogue("sqlite", {odd: CatalogueTable(odd, {odd: CatalogueColumn(odd, "text", "TEXT")})}), "sqlite"
    )
    tree, _ = names.column(odd, odd, "base", where="test")
    statement = exp.select(tree).from_(names.table(odd, "base", where="test")).sql(dialect="sqlite")
    connection = sqlite3.connect(":memory:")
    quoted = odd.replace('"', '""')
    connection.execute(f'CREATE TABLE "{quoted}" ("{quoted}" TEXT)')
    assert connection.execute(statement).fetchall() == []


def test_an_absent_table_or_column_is_refused() -> None:
    """Names are looked up, never guessed."""
    names = Names(Catalogue("sqlite", {"t": CatalogueTable("t", {})}), "sqlite")
    for ask, code in (
        (lambda: names.table("u", "base", where="test"), "mapping/table-absent"),
        (lambda: names.column("t", "c", "base", where="test"), "mapping/column-absent"),
    ):
        with pytest.raises(Refusal) as refused:
            ask()
        assert refused.value.code == code


def test_octets_are_not_read_as_text() -> None:
    """A field of text over a column of octets is refused by name."""
    column = CatalogueColumn("c", "bytes", "bytea")
    names = Names(Catalogue("postgres"), "postgres")
    with pytest.raises(Refusal) as refused:
        names.leaving(Value(exp.column("c"), column, Reading()), octets=False, where="patient.city")
    assert refused.value.code == "source/octets-as-text"


def test_grants_are_the_columns_read_and_nothing_else(catalogue: Catalogue) -> None:
    """The least privilege of a plan is SELECT on each column that its statements read."""
    wanted = plan()
    needed = grants(wanted, catalogue)
    assert needed == {
        Privilege("SELECT", table, name)
        for table, read in columns_read(wanted, catalogue, "sqlite").items()
        for name in read
    }
    few = [Privilege("SELECT", "t", "b"), Privilege("SELECT", "t", "a"), Privilege("SELECT", "s.u")]
    assert 'GRANT SELECT("a", "b") ON "t" TO "re""ader"' in grant_statements(few, 're"ader', "postgres")
    assert 'GRANT SELECT ON "s"."u" TO "reader"' in grant_statements(few, "reader", "postgres")
    assert "GRANT SELECT(`a`, `b`) ON `t` TO `reader`@`10.0.%`" in grant_statements(
        few, "reader@10.0.%", "mysql"
    )


LAYOUTS = {
    "%Y%m%d": "{:%Y%m%d}",
    "%d/%m/%Y": "{:%d/%m/%Y}",
    "%d.%m.%Y %H:%M": "{:%d.%m.%Y} 23:59",
    None: "{:%Y-%m-%d}",
}


def judged(format: str | None, text: str | None, start: date, end: date) -> tuple[bool, bool, str | None]:
    """Whether SQLite knows the text as a date, finds it within the period, and in which month."""
    column = CatalogueColumn("d", "text", "TEXT")
    rule = DateRule(
        Names(Catalogue("sqlite"), "sqlite"),
        Value(exp.column("d", quoted=True), column, Reading(format=format)),
        start,
        end,
    )
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (d TEXT)")
    connection.execute("INSERT INTO t VALUES (?)", (text,))
    query = render(exp.select(rule.known(), rule.within(), rule.month()).from_("t"), "sqlite")
    ((known, within, month),) = connection.execute(query.sql, query.values)
    return bool(known), bool(within), month


@pytest.mark.parametrize("format", LAYOUTS)
@pytest.mark.parametrize(
    "day",
    [
        date(2024, 2, 29),
        date(2000, 2, 29),
        date(2023, 12, 31),
        date(2024, 1, 1),
        date(1, 1, 1),
        date(9999, 12, 31),
    ],
)
def test_a_day_is_within_the_period_that_holds_it(format: str | None, day: date) -> None:
    """The first and the last day of a period are within it, the day before and the day after are not, in each layout."""
    text = LAYOUTS[format].format(day).replace(f"{day.year}", f"{day.year:04}") if day.year >= 1000 else None
    if text is None:
        return
    later = min(day, date(9999, 12, 30))
    assert judged(format, text, day, day) == (True, True, f"{day:%Y-%m}")
    assert judged(format, text, later + timedelta(days=1), later + timedelta(days=1))[1] is (
        day == later + timedelta(days=1)
    )
    assert judged(format, text, date(1, 1, 1), date(9999, 12, 31))[1] is True


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("%Y%m%d", None), ("%Y%m%d", ""), ("%Y%m%d", "20230229"), ("%Y%m%d", "19000229"), ("%Y%m%d", "20240431"), ("%Y%m%d", "2024011"),
        ("%Y%m%d", "202401011"), ("%Y%m%d", "2024O101"), ("%Y%m%d", "00000000"), ("%Y%m%d", "00000101"), ("%Y%m%d", "20241301"),
        ("%d/%m/%Y", "01-01-2024"), ("%d/%m/%Y", "32/01/2024"), ("%d.%m.%Y %H:%M", "01.01.2024 24:00"), ("%d.%m.%Y %H:%M", "01.01.2024 10:60"),
        (None, "2024-01-0"), (None, "2024-01-01x"), (None, "2024-01-01 BC"), (None, "infinity"), (None, "20240101"),
    ],
)  # fmt: skip
def test_what_is_no_date_of_the_calendar_is_unknown(format: str | None, text: str | None) -> None:
    """A day that does not exist, another layout, or anything else that no date is written like, is neither known nor within any period."""
    assert judged(format, text, date(1, 1, 1), date(9999, 12, 31))[:2] == (False, False)
    assert judged(format, text, date(2020, 1, 1), date(2025, 12, 31))[:2] == (False, False)
