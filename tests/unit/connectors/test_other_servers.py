"""SQL Server and Oracle, of which no server is at hand: their statements, word by word (tests/unit/connectors/test_other_sources.py has their sources)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from ecluse.adapters.connectors.sql import oracle, tsql
from ecluse.adapters.connectors.sql.address import Address, parse_address
from ecluse.adapters.connectors.sql.columns import Names, Value
from ecluse.adapters.connectors.sql.dates import DateRule
from ecluse.adapters.connectors.sql.enter_servers import oracle_terms, sqlserver_terms
from ecluse.adapters.connectors.sql.grants import grant_statements
from ecluse.adapters.connectors.sql.introspect import introspect_sqlite
from ecluse.adapters.connectors.sql.query import census_query, codes_query, count_query, render, rows_query
from ecluse.adapters.connectors.sql.read_oracle import OracleSource
from ecluse.adapters.connectors.sql.read_sqlserver import SqlserverSource
from ecluse.base.refusal import Refusal
from ecluse.invent.systems import OLD
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, Privilege
from ecluse.terms.mapping import Mapping, Reading, parse_mapping
from ecluse.terms.plan import Plan, read_back
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.systems import open_source, open_target
from tests.ports.sources import plan

DIALECTS: tuple[Any, ...] = ("tsql", "oracle")
OWN_WORDS = {"Latin1_General_100_BIN2"}
ODD = [
    "it's",
    'a"b',
    "a]b",
    "a\\\nb",
    "\\' OR 1=1 -- ",
    "x\ny\tz",
    "%s %(v)s ?1 :v0 $1 &x",
    "é🩸",
    "{}",
    "'';--",
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    connection = sqlite3.connect(":memory:")
    for statement in OLD.create("sqlite"):
        connection.execute(statement)
    return introspect_sqlite(connection)


def statements(wanted: Plan, catalogue: Catalogue, dialect: Any) -> Iterator[str]:
    for piece in wanted.slices:
        for make in (rows_query, census_query):
            yield render(make(wanted, piece, catalogue, dialect), dialect).sql
        yield render(count_query(piece, catalogue, dialect), dialect).sql
    for path in wanted.classified:
        yield render(codes_query(wanted, path, catalogue, dialect), dialect).sql


def every_column(mapping: Mapping) -> Catalogue:
    """A catalogue in which each column that the mapping reads is a text."""
    tables: dict[str, dict[str, CatalogueColumn]] = {}

    def add(table: str, name: str) -> None:
        tables.setdefault(table, {})[name] = CatalogueColumn(name, "text", "varchar(50)", length=50)

    for kind in mapping.kinds.values():
        readings = [*kind.fields.values(), *(it for it in (kind.site, kind.date) if it is not None)]
        for column in [it for reading in readings for it in reading.columns]:
            add(kind.alias_table(column.alias), column.name)
        for line in kind.where:
            add(kind.alias_table(line.column.alias), line.column.name)
        if kind.changed:
            add(kind.alias_table(kind.changed.alias), kind.changed.name)
        for join in kind.joins:
            for joined, outer in join.on:
                add(join.table, joined)
                add(kind.alias_table(outer.alias), outer.name)
            for line in join.where:
                add(kind.alias_table(line.column.alias), line.column.name)
    return Catalogue("any", {name: CatalogueTable(name, columns) for name, columns in tables.items()})


def check(sql: str, dialect: str) -> None:
    (parsed,) = sqlglot.parse(sql, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)
    assert isinstance(parsed, exp.Select)
    assert not list(parsed.find_all(exp.Insert, exp.Update, exp.Delete, exp.Command, exp.Into, exp.Boolean))
    assert all(name.quoted or name.name in OWN_WORDS for name in parsed.find_all(exp.Identifier))
    for coalesce in parsed.find_all(exp.Coalesce):  # a condition is no value
        assert not any(
            isinstance(part, exp.Predicate | exp.Connector) for part in coalesce.iter_expressions()
        )
    if dialect == "tsql":
        assert not [literal for literal in parsed.find_all(exp.Literal) if literal.is_string]
        assert not list(parsed.find_all(exp.Length))
    else:
        assert all(select.args.get("from_") for select in parsed.find_all(exp.Select))
        assert all(0 < len(one.expressions) <= 1_000 for one in parsed.find_all(exp.In))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_statement_of_the_invented_system_is_one_select_in_the_server_s_words(
    dialect: Any, catalogue: Catalogue
) -> None:
    """Rows, census, count and codes parse back in the dialect, write nothing, quote every name and hold no truth value."""
    for wanted in (plan(), replace(plan(), rehearse=5)):
        for sql in statements(wanted, catalogue, dialect):
            check(sql, dialect)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_statement_of_openelis_s_mapping_is_one_select_in_the_server_s_words(dialect: Any) -> None:
    """Reading all of OpenELIS's mapping compiles and parses back in the dialect, joins and constants included."""
    text = (resources.files("ecluse.invent") / "mappings" / "openelis-global2.toml").read_bytes()
    mapping = parse_mapping(text, vocabulary=vocabulary())
    records = {name: tuple(kind.fields) for name, kind in mapping.kinds.items()}
    wanted = read_back(records=records, instruction="", mapping=mapping, vocabulary=vocabulary())
    found = list(statements(wanted, every_column(mapping), dialect))
    assert len(found) == 3 * len(mapping.kinds)
    for sql in found:
        check(sql, dialect)


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_document_s_text_comes_back_as_it_was(dialect: Any, text: str, catalogue: Catalogue) -> None:
    """A value of a signed document is a literal that the dialect reads back as the very same text, and nothing more is in the statement."""
    plain, odd = (
        sqlglot.parse_one(next(statements(plan(sites=(site,)), catalogue, dialect)), read=dialect)
        for site in ("x", text)
    )
    kind = exp.National if dialect == "tsql" else exp.Literal
    found = {literal.name.removesuffix(".") for literal in odd.find_all(kind)}
    cut = "\\\n" in text and dialect == "tsql"
    assert set(["a\\", "\nb"] if cut else [text]) <= found
    if not cut:
        assert len(list(plain.walk())) == len(list(odd.walk()))


def test_a_backslash_that_ends_a_line_is_cut_from_it_in_t_sql() -> None:
    """T-SQL would take both out of the literal: they never stand side by side in one."""
    tree = exp.select(
        exp.EQ(this=exp.column("c", quoted=True), expression=exp.Literal.string("a\\\nb\\\r\nc"))
    )
    said = tsql.said(tree).sql(dialect="tsql")
    assert "N'a\\' + N'\nb\\' + N'\r\nc" in said
    assert "\\\n" not in said
    assert "\\\r" not in said


@pytest.mark.parametrize("dialect", DIALECTS)
def test_names_of_any_form_are_quoted(dialect: Any) -> None:
    """A table or a column whose name holds quotes, brackets and commands is only a name."""
    odd = 'x"; DROP TABLE [t]] --'
    names = Names(
        Catalogue(dialect, {odd: CatalogueTable(odd, {odd: CatalogueColumn(odd, "text", "x")})}), dialect
    )
    tree, _ = names.column(odd, odd, "base", where="test")
    sql = render(exp.select(tree).from_(names.table(odd, "base", where="test")), dialect).sql
    (parsed,) = sqlglot.parse(sql, read=dialect)
    assert parsed is not None
    assert {name.name for name in parsed.find_all(exp.Identifier)} == {odd, "base"}


@pytest.mark.parametrize(
    ("native", "sql"),
    [
        ("varchar(20)", "CAST([c] AS NVARCHAR(20))"), ("nvarchar(max)", "CAST([c] AS NVARCHAR(MAX))"), ("int", "CAST([c] AS NVARCHAR(64))"),
        ("bit", "CAST([c] AS NVARCHAR(64))"), ("decimal(10,2)", "CAST([c] AS NVARCHAR(64))"), ("money", "CONVERT(NVARCHAR(64), [c], 2)"),
        ("float", "CONVERT(NVARCHAR(64), [c], 3)"), ("real", "CONVERT(NVARCHAR(64), [c], 3)"), ("date", "CONVERT(NVARCHAR(64), [c], 23)"),
        ("datetime2(7)", "CONVERT(NVARCHAR(64), [c], 121)"), ("datetimeoffset(7)", "CONVERT(NVARCHAR(64), [c], 121)"),
    ],
)  # fmt: skip
def test_t_sql_writes_each_type_by_the_style_that_loses_nothing(native: str, sql: str) -> None:
    """Money with its four decimals, floats with all their digits, dates as ISO 8601, texts in Unicode."""
    length = 20 if native == "varchar(20)" else None
    tree = tsql.text(exp.column("c", quoted=True), CatalogueColumn("c", "text", native, length=length))
    assert tree.sql(dialect="tsql") == sql


@pytest.mark.parametrize(
    ("native", "family", "sql"),
    [
        ("VARCHAR2(20)", "text", '"c"'), ("CHAR(8)", "text", 'CAST("c" AS VARCHAR2(2000))'), ("CLOB", "text", '"c"'),
        ("NUMBER(10,0)", "integer", "TO_CHAR(\"c\", 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''')"),
        ("NUMBER", "decimal", "REGEXP_REPLACE(TO_CHAR(\"c\", 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,'''), '^(-?)[.]', '\\10.')"),
        ("BINARY_DOUBLE", "float", "LTRIM(TO_CHAR(\"c\", '9D9999999999999999EEEE', 'NLS_NUMERIC_CHARACTERS=''.,'''))"),
        ("DATE", "datetime", "LTRIM(TO_CHAR(\"c\", 'SYYYY-MM-DD HH24:MI:SS'))"),
        ("TIMESTAMP(6)", "datetime", "LTRIM(TO_CHAR(\"c\", 'SYYYY-MM-DD HH24:MI:SS.FF'))"),
        ("TIMESTAMP(6) WITH TIME ZONE", "datetime", "LTRIM(TO_CHAR(\"c\", 'SYYYY-MM-DD HH24:MI:SS.FF TZH:TZM'))"),
        ("BOOLEAN", "flag", 'TO_CHAR("c")'), ("RAW(16)", "bytes", '"c"'), ("LONG", "other", '"c"'),
    ],
)  # fmt: skip
def test_oracle_writes_each_type_whatever_the_session_says(native: str, family: Any, sql: str) -> None:
    """Numbers with their zero and a point, dates with their time and their era, a CHAR with its blanks."""
    assert oracle.family(native) == family
    tree = oracle.text(exp.column("c", quoted=True), CatalogueColumn("c", family, native))
    assert tree.sql(dialect="oracle") == sql


@pytest.mark.parametrize(
    ("dialect", "native", "bound"),
    [
        ("tsql", "datetime2(7)", "CAST(N'2024-03-01' AS DATETIME2)"),
        ("oracle", "DATE", "TO_DATE('2024-03-01', 'YYYY-MM-DD')"),
    ],
)
def test_a_native_date_is_compared_as_it_is(dialect: Any, native: str, bound: str) -> None:
    """The period ends before the day that follows it, written so that no setting of the session reads it otherwise."""
    column = CatalogueColumn("c", "datetime", native)
    rule = DateRule(
        Names(Catalogue(dialect), dialect), Value(exp.column("c", quoted=True), column, Reading()), date(2024, 1, 1), date(2024, 2, 29)
    )  # fmt: skip
    assert bound in render(exp.select("1").where(rule.within()), dialect).sql


def test_oracle_s_lists_hold_a_thousand_values_and_never_the_empty_text() -> None:
    """2,001 values are three lists; "" is none of them, and a list of "" alone never holds."""
    column, texts = exp.column("c", quoted=True), [str(each) for each in range(2_001)]
    many = exp.In(this=column, expressions=[exp.Literal.string(text) for text in ["", *texts]])
    said = oracle.said(exp.select("1").from_("t").where(many))
    assert sorted(len(one.expressions) for one in said.find_all(exp.In)) == [1, 1_000, 1_000]
    none = exp.In(this=column.copy(), expressions=[exp.Literal.string("")])
    assert oracle.said(exp.select("1").from_("t").where(none)).sql("oracle").endswith("WHERE 1 = 0")


def test_grants_are_in_each_server_s_words() -> None:
    """SQL Server grants columns; Oracle's READ is of a whole table. Names are quoted by the dialect."""
    few = [Privilege("SELECT", "t", "b"), Privilege("SELECT", "t", "a"), Privilege("SELECT", "s.u")]
    assert grant_statements(few, "re]ader", "tsql") == [
        "GRANT SELECT ON [s].[u] TO [re]]ader]",
        "GRANT SELECT([a], [b]) ON [t] TO [re]]ader]",
    ]
    assert grant_statements(few, 're"ader', "oracle") == [
        'GRANT READ ON "s"."u" TO "re""ader"',
        'GRANT READ ON "t" TO "re""ader"',
    ]


# --- where they stand, and how they are entered -----------------------------------------------------------------------


def test_addresses_of_both_servers_are_read() -> None:
    """Ports, schemas and the wallet are read; the address shows no password."""
    server = parse_address("sqlserver://reader:x@db.lab.example/lis?schema=dbo,lab")
    assert (server.dialect, server.port, server.schemas) == ("tsql", 1433, ("dbo", "lab"))
    assert str(server) == "sqlserver://reader@db.lab.example:1433/lis"
    there = parse_address("oracle://reader@db.lab.example:2484/LISPDB?wallet=/etc/wallet")
    assert str(there) == "oracle://reader@db.lab.example:2484/LISPDB"
    assert oracle_terms(there)["wallet_location"] == "/etc/wallet"


def test_a_link_is_encrypted_and_verified_outside_this_machine() -> None:
    """No address can say otherwise: SQL Server's whole link is under TLS against the named authorities, else the machine's; so is Oracle's."""
    far = Address(
        "tsql", "lis", host="db.lab.example", port=1433, account="r", authority=Path("/etc/lab.pem")
    )
    terms = sqlserver_terms(far)
    assert (terms["cafile"], terms["validate_host"], terms["enc_login_only"]) == ("/etc/lab.pem", True, False)
    assert sqlserver_terms(replace(far, authority=None))["cafile"]
    assert "cafile" not in sqlserver_terms(replace(far, host="127.0.0.1"))
    named = parse_address("sqlserver://r@db.lab.example/lis?ssl_ca=/etc/lab.pem")
    assert sqlserver_terms(named)["cafile"] == "/etc/lab.pem"
    there = oracle_terms(Address("oracle", "X", host="db.lab.example", port=2484, account="r"))
    assert (there["protocol"], there["ssl_server_dn_match"]) == ("tcps", True)


@pytest.mark.skipif(find_spec("oracledb") is not None, reason="python-oracledb is installed here")
def test_an_absent_driver_is_refused_by_the_name_of_its_extra() -> None:
    """What to install is said when such an address is opened, and not before."""
    source = open_source("oracle://r@h/d")
    with pytest.raises(Refusal) as refused:
        source.catalogue()
    assert (refused.value.code, refused.value.values["expected"]) == (
        "address/driver-absent",
        "ecluse[oracle]",
    )


def test_neither_is_a_target() -> None:
    """They are sources; as targets they are refused before anything is opened."""
    for url, kind in (("sqlserver://r@h/d", SqlserverSource), ("oracle://r@h/d", OracleSource)):
        assert isinstance(open_source(url), kind)
        with pytest.raises(Refusal, match="address/only-a-source"):
            open_target(url)
