"""SQL Server and Oracle, of which no server is at hand: their statements, word by word, and their sources over recorded answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from importlib import resources
from importlib.util import find_spec
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
from ecluse.base.refusal import Fault, Refusal
from ecluse.invent.systems import OLD
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, ForeignKey, Privilege
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
    """No address can say otherwise: neither an option nor a brace in a password ends the connection string's value."""
    far = Address("tsql", "lis", host="db.lab.example", port=1433, account="r", password="a};Encrypt=no;{")
    terms = sqlserver_terms(far)
    assert "PWD={a}};Encrypt=no;{};" in terms
    assert "Encrypt={yes};TrustServerCertificate={no};" in terms
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


# --- the sources, over recorded answers -------------------------------------------------------------------------------

Line = tuple[Any, ...]


class Recorded:
    """A DB-API connection that answers each statement by the first line that knows a word of it."""

    def __init__(self, answers: Sequence[tuple[str, Iterable[Line] | Exception]]) -> None:
        self.answers = answers
        self.sent: list[str] = []
        self.closed = False

    def cursor(self) -> Recorded.Cursor:
        return Recorded.Cursor(self)

    def close(self) -> None:
        self.closed = True

    class Cursor:
        def __init__(self, connection: Recorded) -> None:
            self.connection = connection
            self.lines: list[Line] = []

        def execute(self, sql: str, values: dict[str, str] | None = None) -> None:
            self.connection.sent.append(sql)
            answer = next((told for word, told in self.connection.answers if word in sql), ())
            if isinstance(answer, Exception):
                raise answer
            self.lines = list(answer)

        def fetchall(self) -> list[Line]:
            return self.lines

        def fetchmany(self, size: int) -> list[Line]:
            taken, self.lines = self.lines[:size], self.lines[size:]
            return taken

        def close(self) -> None:
            self.lines = []


SQLSERVER: list[tuple[str, Iterable[Line] | Exception]] = [
    ("snapshot_isolation_state", [(1,)]),
    (
        "c.max_length",
        [
            ("dbo", "PAT", "NUM", "varchar", 10, 0, 0, False, 0, "dbo"),
            ("dbo", "PAT", "NOM", "nvarchar", 40, 0, 0, True, 0, "dbo"),
            ("dbo", "PAT", "COM", "nvarchar", -1, 0, 0, True, 1, "dbo"),
            ("lab", "REQ", "PAT", "char", 10, 0, 0, True, 0, "dbo"),
            ("lab", "REQ", "DAT", "datetime2", 8, 27, 7, True, 0, "dbo"),
            ("lab", "REQ", "PRIX", "decimal", 9, 10, 2, True, 0, "dbo"),
        ],
    ),
    ("is_primary_key", [("dbo", "PAT", "NUM")]),
    ("foreign_key_columns", [(7, "lab", "REQ", "PAT", "dbo", "PAT", "NUM")]),
    ("IS_SRVROLEMEMBER", [(0, 0, 1, None, 0, 0, 0, 0)]),
    ("HAS_PERMS_BY_NAME", [("SELECT", "dbo", "PAT", "NUM", "dbo"), ("DELETE", "lab", "REQ", "*", "dbo")]),
    ("COUNT(*) AS [rows] FROM (", [("", "-", "-", 2)]),
    ("COUNT(*) AS [rows]", [(2,)]),
    ("FROM [PAT]", [("P1", "L'ÉTÉ", "-", "-"), ("P2", None, "-", "-")]),
]
ORACLE: list[tuple[str, Iterable[Line] | Exception]] = [
    ("SYS_CONTEXT", [("LIS",)]),
    (
        "ALL_TAB_COLUMNS",
        [
            ("PAT", "NUM", "VARCHAR2", 10, 10, None, None, "N", 0),
            ("PAT", "NOM", "NVARCHAR2", 20, 40, None, None, "Y", 0),
            ("REQ", "PAT", "CHAR", 10, 10, None, None, "Y", 0),
            ("REQ", "DAT", "DATE", 0, 7, None, None, "Y", 1),
            ("REQ", "N", "NUMBER", 0, 22, None, 0, "Y", 0),
            ("REQ", "P", "NUMBER", 0, 22, 10, 2, "Y", 0),
            ("REQ", "Q", "NUMBER", 0, 22, None, None, "Y", 0),
            ("REQ", "R", "RAW", 0, 16, None, None, "Y", 0),
        ],
    ),
    (
        "ALL_CONSTRAINTS",
        [
            ("PK", "P", "PAT", "NUM", None, None, None),
            ("FK", "R", "REQ", "PAT", "LIS", "PAT", "NUM"),
            ("FX", "R", "REQ", "N", None, None, None),
        ],
    ),
    ("SESSION_PRIVS", [("CREATE TABLE",)]),
    ("ROLE FROM SESSION_ROLES\n", []),
    ("ALL_TAB_PRIVS", [("READ", "LIS", "PAT", "*"), ("DELETE", "AUX", "T", "*")]),
    ("SESSION_ROLES", [("LECTEUR",)]),
    ('COUNT(*) AS "rows" FROM (', [(None, "-", "-", 2)]),
    ('COUNT(*) AS "rows"', [(2,)]),
    ('FROM "PAT"', [("P1", "L'ÉTÉ", "-", "-"), ("P2", None, "-", "-")]),
]
MAPPING = b"""
mapping = { system = "old", version = 1 }
[patient]
table = "PAT"
fields = { id = "NUM", birth_name = "NOM" }
"""
SOURCES: tuple[tuple[Callable[..., Any], Any], ...] = ((SqlserverSource, SQLSERVER), (OracleSource, ORACLE))
PLACE = Address("tsql", "lis", host="h", account="r")


def reading() -> Plan:
    return read_back(
        records={"patient": ("id", "birth_name")}, instruction="", mapping=parse_mapping(MAPPING, vocabulary=vocabulary()),
        vocabulary=vocabulary(),
    )  # fmt: skip


@pytest.mark.parametrize(("source", "answers"), SOURCES)
def test_rows_are_counted_and_streamed_in_one_transaction(source: Callable[..., Any], answers: Any) -> None:
    """The view is begun before the tables are described; rows come as text; the connection is closed."""
    connection = Recorded(answers)
    wanted = reading()
    with source(PLACE, enter=lambda _: connection).snapshot() as snapshot:
        (piece,) = wanted.slices
        assert list(snapshot.census(wanted, piece)) == [Count("", "-", "-", 2)]
        rows = [row for batch in snapshot.rows(wanted, piece) for row in batch.to_pylist()]
    assert [(row["id"], row["birth_name"]) for row in rows] == [("P1", "L'ÉTÉ"), ("P2", None)]
    began = [place for place, sql in enumerate(connection.sent) if "TRANSACTION" in sql]
    asked = next(place for place, sql in enumerate(connection.sent) if "nullable" in sql.lower())
    assert began
    assert max(began) < asked
    assert connection.closed


def test_sql_server_s_tables_are_described() -> None:
    """A table of another schema keeps its schema's name; national types count signs; keys are found."""
    found = SqlserverSource(PLACE, enter=lambda _: Recorded(SQLSERVER)).catalogue()
    assert found.dialect == "tsql"
    assert found.tables["PAT"].primary_key == ("NUM",)
    described = [(each.native, each.family, each.length) for each in found.tables["PAT"].columns.values()]
    assert described == [
        ("varchar(10)", "text", 10),
        ("nvarchar(20)", "text", 20),
        ("nvarchar(max)", "text", None),
    ]
    request = found.tables["lab.REQ"]
    assert [each.native for each in request.columns.values()] == ["char(10)", "datetime2(7)", "decimal(10,2)"]
    assert request.foreign_keys == (ForeignKey(("PAT",), "PAT", ("NUM",)),)


def test_oracle_s_tables_are_described() -> None:
    """Numbers are whole only when their scale is 0; a parent that the account does not see is no key."""
    found = OracleSource(PLACE, enter=lambda _: Recorded(ORACLE)).catalogue()
    families = [(each.native, each.family) for each in found.tables["REQ"].columns.values()]
    assert families == [
        ("CHAR(10)", "text"), ("DATE", "datetime"), ("NUMBER(*,0)", "integer"), ("NUMBER(10,2)", "decimal"), ("NUMBER", "decimal"),
        ("RAW(16)", "bytes"),
    ]  # fmt: skip
    assert found.tables["REQ"].foreign_keys == (ForeignKey(("PAT",), "PAT", ("NUM",)),)
    assert found.tables["PAT"].primary_key == ("NUM",)


def test_what_an_account_may_do_is_told() -> None:
    """Roles, acts on tables and on columns; a READ is a SELECT; what is of another schema says so."""
    server = SqlserverSource(PLACE, enter=lambda _: Recorded(SQLSERVER)).privileges()
    assert server == {
        Privilege("MEMBER OF db_datareader"),
        Privilege("SELECT", "PAT", "NUM"),
        Privilege("DELETE", "lab.REQ"),
    }
    there = OracleSource(PLACE, enter=lambda _: Recorded(ORACLE)).privileges()
    assert there == {
        Privilege("CREATE TABLE"), Privilege("MEMBER OF LECTEUR"), Privilege("SELECT", "PAT"), Privilege("DELETE", "AUX.T"),
    }  # fmt: skip


def test_a_standing_power_over_all_is_a_superuser_s() -> None:
    """A sysadmin, and one who has DBA, may do everything: nothing more is asked."""
    server = Recorded([("IS_SRVROLEMEMBER", [(1, 1, 1, 1, 1, 1, 1, 1)])])
    assert SqlserverSource(PLACE, enter=lambda _: server).privileges() == {Privilege("SUPERUSER")}
    there = Recorded([("SYS_CONTEXT", [("LIS",)]), ("SESSION_ROLES", [("DBA",)])])
    assert OracleSource(PLACE, enter=lambda _: there).privileges() == {Privilege("SUPERUSER")}


def test_a_database_without_versions_of_its_rows_is_refused() -> None:
    """Where ALLOW_SNAPSHOT_ISOLATION is off there is no consistent view, and nothing is read."""
    connection = Recorded([("snapshot_isolation_state", [(0,)]), *SQLSERVER])
    source = SqlserverSource(PLACE, enter=lambda _: connection)
    with pytest.raises(Refusal, match="source/no-snapshot"), source.snapshot():
        pass
    assert len(connection.sent) == 1


def test_a_table_that_changed_since_it_was_described_is_refused() -> None:
    """The columns of the plan are those of the first description, or nothing is read."""
    connection = Recorded(ORACLE)
    source = OracleSource(PLACE, enter=lambda _: connection)
    source.catalogue()
    other = [
        ("PAT", "NUM", "NUMBER", 0, 22, 10, 0, "N", 0),
        ("PAT", "NOM", "NVARCHAR2", 20, 40, None, None, "Y", 0),
    ]
    connection.answers = [("ALL_TAB_COLUMNS", other), *ORACLE]
    wanted = reading()
    with source.snapshot() as snapshot, pytest.raises(Refusal, match="source/changed"):
        list(snapshot.census(wanted, wanted.slices[0]))


class Complaint(Exception):
    """What a driver raises, with a value of a row in its text."""

    def __init__(self, number: str = "") -> None:
        self.full_code = number
        super().__init__(self, "DUPONT")


OracleComplaint = type("DatabaseError", (Complaint,), {"__module__": "oracledb.exceptions"})


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("ORA-03113", "source/connection-cut"),
        ("ORA-01466", "source/changed"),
        ("ORA-01031", "source/not-permitted"),
        ("ORA-00932", "source/not-read"),
    ],
)
def test_oracle_s_complaints_are_told_by_their_numbers(number: str, code: str) -> None:
    """What failed is said, and nothing of the server's text."""
    source = OracleSource(PLACE, enter=lambda _: Recorded([("SYS_CONTEXT", OracleComplaint(number))]))
    with pytest.raises((Refusal, Fault), match=code) as said:
        source.catalogue()
    assert "DUPONT" not in str(said.value)
    assert said.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "code"),
    [("OperationalError", "source/connection-cut"), ("ProgrammingError", "source/not-read")],
)
def test_sql_server_s_complaints_are_told_by_their_class(name: str, code: str) -> None:
    """What failed is said, and nothing of the server's text."""
    complaint = type(name, (Complaint,), {"__module__": "mssql_python.exceptions"})()
    source = SqlserverSource(PLACE, enter=lambda _: Recorded([("c.max_length", complaint)]))
    with pytest.raises(Fault, match=code) as said:
        source.catalogue()
    assert "DUPONT" not in str(said.value)
