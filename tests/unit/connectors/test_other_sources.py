"""SQL Server and Oracle, of which no server is at hand: their sources over recorded answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from ecluse.adapters.connectors.sql.address import Address
from ecluse.adapters.connectors.sql.read_oracle import OracleSource
from ecluse.adapters.connectors.sql.read_sqlserver import SqlserverSource
from ecluse.base.refusal import Fault, Refusal
from ecluse.passage.extract import Count
from ecluse.terms.catalogue import ForeignKey, Privilege
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.plan import Plan, read_back
from ecluse.terms.vocabulary import vocabulary

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
    [
        ("OperationalError", "source/connection-cut"),
        ("ClosedConnectionError", "source/connection-cut"),
        ("ProgrammingError", "source/not-read"),
    ],
)
def test_sql_server_s_complaints_are_told_by_their_class(name: str, code: str) -> None:
    """What failed is said, and nothing of the server's text."""
    complaint = type(name, (Complaint,), {"__module__": "pytds.tds_base"})()
    source = SqlserverSource(PLACE, enter=lambda _: Recorded([("c.max_length", complaint)]))
    with pytest.raises(Fault, match=code) as said:
        source.catalogue()
    assert "DUPONT" not in str(said.value)


def test_a_socket_that_breaks_is_a_cut_connection() -> None:
    """The system's own error of a socket, which the driver lets through, is said as a cut connection."""
    source = SqlserverSource(
        PLACE, enter=lambda _: Recorded([("c.max_length", ConnectionResetError("DUPONT"))])
    )
    with pytest.raises(Fault, match="source/connection-cut") as said:
        source.catalogue()
    assert "DUPONT" not in str(said.value)
