"""When the source fails under the read: cut, changed, denied. Said by name, with no value, and never a row less in silence."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.connect import open_mariadb, open_postgres
from ecluse.adapters.connectors.sql.grants import grant_statements, grants
from ecluse.adapters.connectors.sql.read_firebird import FirebirdSource
from ecluse.adapters.connectors.sql.read_mariadb import MariadbSource
from ecluse.adapters.connectors.sql.read_postgres import PostgresSource
from ecluse.adapters.connectors.sql.read_sqlite import SqliteSource
from ecluse.base.refusal import Fault, Refusal
from ecluse.terms.catalogue import Privilege
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.privilege import excess, lacking
from ecluse.terms.vocabulary import vocabulary
from tests.ports.sources import CENSUS, LIVE, Place, counted, laboratories, place, plan, rows_by_id, slices
from tests.servers import Server


@pytest.fixture(params=LIVE)
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    yield from laboratories(request, tmp_path)


@pytest.fixture(params=("postgres", "mariadb"))
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    yield from laboratories(request, tmp_path)


@pytest.fixture
def in_firebird(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        yield place("firebird", request, tmp_path, stack)


def cut(lab: Place, request: pytest.FixtureRequest) -> None:
    """End every connection that reads the laboratory."""
    if lab.engine == "postgres":
        server: Server = request.getfixturevalue("postgresql")
        server.say(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ecluse' AND state LIKE 'idle in%'"
        )
        return
    server = request.getfixturevalue("mariadb")
    with closing(server.connect()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX")
        for (number,) in cursor.fetchall():
            cursor.execute(f"KILL {int(number)}")


def test_a_connection_that_is_cut_is_a_fault_to_try_again(
    served: Place, request: pytest.FixtureRequest
) -> None:
    """A server that ends the connection gives a fault that says so and that trying again may help; no partial answer passes for a whole one."""
    wanted = plan()
    with served.source(wanted).snapshot() as snapshot:
        assert counted(snapshot, wanted, "request") == CENSUS["request"]
        cut(served, request)
        with pytest.raises(Fault) as fault:
            counted(snapshot, wanted, "result")
        assert (fault.value.code, fault.value.retry) == ("source/connection-cut", True)
        piece = wanted.slice("result")
        assert piece is not None
        with pytest.raises(Fault) as fault:
            list(snapshot.rows(wanted, piece))
        assert fault.value.retry


def test_a_firebird_connection_that_is_cut_is_a_fault_to_try_again(in_firebird: Place) -> None:
    """What was read before the cut goes on answering, for it is whole; what was not is a fault, and so is another table."""
    wanted = plan()
    less = plan(slices=wanted.slices[:1], excluded={}, classified={})
    with in_firebird.source(wanted).snapshot() as snapshot:
        before = counted(snapshot, less, "prescriber")
        in_firebird.say("DELETE FROM MON$ATTACHMENTS WHERE MON$ATTACHMENT_ID <> CURRENT_CONNECTION")
        assert counted(snapshot, less, "prescriber") == before
        with pytest.raises(Fault) as fault:
            counted(snapshot, wanted, "result")
        assert (fault.value.code, fault.value.retry) == ("source/connection-cut", True)


def test_a_firebird_structure_that_changed_since_it_was_looked_at_is_refused(in_firebird: Place) -> None:
    """A column whose type changed between the plan and the read is named, and nothing is read."""
    source = in_firebird.source(plan())
    source.catalogue()
    in_firebird.say('ALTER TABLE "PATIENT" ALTER "CP" TYPE VARCHAR(50)')
    with source.snapshot() as snapshot, pytest.raises(Refusal) as refused:
        rows_by_id(snapshot, plan(), "patient")
    assert (refused.value.code, refused.value.values["where"]) == ("source/changed", "PATIENT")


def test_the_grants_of_a_plan_on_firebird_are_whole_tables(in_firebird: Place) -> None:
    """An account with the plan's grants reads it all; it can read no other table, and each table that it can read beyond the plan's columns is named."""
    wanted = plan()
    owner = in_firebird.source(wanted)
    needed = grants(wanted, owner.catalogue())
    assert owner.privileges() == {Privilege("SUPERUSER")}
    statements = grant_statements(needed, "ecluse_reader", "firebird")
    assert 'GRANT SELECT ON "PATIENT" TO USER "ECLUSE_READER"' in statements
    in_firebird.say("CREATE USER ecluse_reader PASSWORD 'reader'")
    try:
        for statement in statements:
            in_firebird.say(statement)
        address: Any = owner.address  # type: ignore[attr-defined]
        reader = FirebirdSource(replace(address, account="ecluse_reader", password="reader"))
        held = reader.privileges()
        assert lacking(held, needed) == []
        in_part = {it.table for it in needed if it.column != "*"}
        assert excess(held, needed) == sorted(Privilege("SELECT", table) for table in in_part)
        assert "PATIENT" in in_part
        with reader.snapshot() as snapshot:
            assert {kind: counted(snapshot, wanted, kind) for kind in CENSUS} == CENSUS
        in_firebird.say('CREATE VIEW "SEEN" AS SELECT "MDP" FROM "PORTAIL"')
        in_firebird.say("CREATE ROLE lecteurs")
        in_firebird.say('GRANT SELECT, UPDATE ("MDP") ON "SEEN" TO ROLE lecteurs')
        in_firebird.say("GRANT lecteurs TO ecluse_reader")
        in_firebird.say("GRANT CREATE TABLE TO ecluse_reader")
        more = set(reader.privileges()) - set(held)
        assert more == {
            Privilege("SELECT", "SEEN"),
            Privilege("UPDATE", "SEEN", "MDP"),
            Privilege("CREATE TABLES"),
        }
        in_firebird.say('REVOKE SELECT ON "PATIENT" FROM ecluse_reader')
        with reader.snapshot() as snapshot, pytest.raises(Refusal) as refused:
            counted(snapshot, wanted, "patient")
        assert (refused.value.code, refused.value.values["where"]) == ("source/not-permitted", "PATIENT")
    finally:
        in_firebird.say("DROP USER ecluse_reader")


def test_a_firebird_view_of_the_plan_s_columns_is_the_least_privilege(in_firebird: Place) -> None:
    """An account that may read one view of just the columns that the plan reads exceeds nothing, and cannot read the table behind it."""
    in_firebird.say('CREATE VIEW "LU" AS SELECT "NUMPRESC", "NOM" FROM "PRESCR"')
    described = parse_mapping(
        b'mapping = { system = "old", version = 1 }\n[prescriber]\ntable = "LU"\nfields = { id = "NUMPRESC", family_name = "NOM" }\n',
        vocabulary=vocabulary(),
    )
    wanted = plan(described, slices=slices(described), excluded={}, classified={}, read_back=True)
    in_firebird.say("CREATE USER ecluse_viewer PASSWORD 'viewer'")
    try:
        owner: Any = in_firebird.source(wanted)
        needed = grants(wanted, owner.catalogue())
        for statement in grant_statements(needed, "ecluse_viewer", "firebird"):
            in_firebird.say(statement)
        reader = FirebirdSource(replace(owner.address, account="ecluse_viewer", password="viewer"))
        assert excess(reader.privileges(), needed) == []
        with reader.snapshot() as snapshot:
            assert sorted(rows_by_id(snapshot, wanted, "prescriber")) == ["D1", "D2", "D3"]
    finally:
        in_firebird.say("DROP USER ecluse_viewer")


def test_a_table_emptied_under_the_snapshot_is_refused(served: Place) -> None:
    """TRUNCATE is seen even by an older snapshot: what looks empty is refused, not carried as nothing."""
    wanted = plan()
    quote = "`" if served.engine == "mariadb" else '"'
    with served.source(wanted).snapshot() as snapshot:
        served.say(f"TRUNCATE TABLE {quote}ECHANT{quote}")
        with pytest.raises((Refusal, Fault)) as refused:
            rows_by_id(snapshot, wanted, "specimen")
    assert refused.value.code == "source/changed"


def test_a_structure_that_changed_since_it_was_looked_at_is_refused(served: Place) -> None:
    """A column whose type changed between the plan and the read is named, and nothing is read."""
    wanted = plan()
    source = served.source(wanted)
    source.catalogue()
    change = (
        "ALTER TABLE `PATIENT` MODIFY `CP` TEXT"
        if served.engine == "mariadb"
        else 'ALTER TABLE "PATIENT" ALTER "CP" TYPE TEXT'
    )
    served.say(change)
    with source.snapshot() as snapshot, pytest.raises(Refusal) as refused:
        rows_by_id(snapshot, wanted, "patient")
    assert (refused.value.code, refused.value.values["where"]) == ("source/changed", "PATIENT")


def test_the_grants_of_a_plan_are_enough_and_no_more(served: Place, request: pytest.FixtureRequest) -> None:
    """An account with just the plan's grants reads it all, and can read neither a password nor a column the plan does not name."""
    wanted = plan()
    owner = served.source(wanted)
    needed = grants(wanted, owner.catalogue())
    name, address = "ecluse_reader", owner.address  # type: ignore[attr-defined]
    if served.engine == "postgres":
        served.say(f"CREATE ROLE {name} LOGIN PASSWORD 'reader'")
        granted = grant_statements(needed, name, "postgres")
    else:
        served.say(f"CREATE USER '{name}'@'%' IDENTIFIED BY 'reader'")
        granted = grant_statements(needed, name, "mysql")
    try:
        for statement in granted:
            served.say(statement)
        few = parse_address(str(address).replace(address.account + "@", f"{name}:reader@"))
        reader: Any = PostgresSource(few) if served.engine == "postgres" else MariadbSource(few)
        assert lacking(reader.privileges(), needed) == []
        assert excess(reader.privileges(), needed) == []
        with reader.snapshot() as snapshot:
            assert {kind: counted(snapshot, wanted, kind) for kind in CENSUS} == CENSUS
            assert sorted(rows_by_id(snapshot, wanted, "patient")) == ["P1", "P2"]
        opened: Any = open_postgres(few) if served.engine == "postgres" else open_mariadb(few)
        quote = "`" if served.engine == "mariadb" else '"'
        with closing(opened) as connection:
            for forbidden in (
                f"SELECT {quote}MDP{quote} FROM {quote}PORTAIL{quote}",
                f"SELECT {quote}CODEACC{quote} FROM {quote}PATIENT{quote}",
            ):
                with pytest.raises(Exception, match="denied"), closing(connection.cursor()) as cursor:
                    cursor.execute(forbidden)
    finally:
        if served.engine == "postgres":
            served.say(f"DROP OWNED BY {name}")
        served.say(f"DROP ROLE {name}" if served.engine == "postgres" else f"DROP USER '{name}'@'%'")


def test_an_account_that_may_not_read_is_told_so(
    postgresql: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A refused right is a refusal that names the table, not a fault to try again."""
    with ExitStack() as stack:
        lab = place("postgres", request, tmp_path, stack)
        lab.say("CREATE ROLE ecluse_nobody LOGIN PASSWORD 'nobody'")
        try:
            address = lab.source(plan()).address  # type: ignore[attr-defined]
            nobody = parse_address(str(address).replace(address.account + "@", "ecluse_nobody:nobody@"))
            wanted = plan()
            with PostgresSource(nobody).snapshot() as snapshot, pytest.raises(Refusal) as refused:
                counted(snapshot, wanted, "patient")
            assert refused.value.code == "source/not-permitted"
        finally:
            lab.say("DROP ROLE ecluse_nobody")


def test_rows_that_a_policy_hides_are_refused(
    postgresql: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Row-level security would lose rows in silence: reading under it is refused."""
    with ExitStack() as stack:
        lab = place("postgres", request, tmp_path, stack)
        lab.say("CREATE ROLE ecluse_part LOGIN PASSWORD 'part'")
        try:
            lab.say("GRANT SELECT ON ALL TABLES IN SCHEMA public TO ecluse_part")
            lab.say('ALTER TABLE "PATIENT" ENABLE ROW LEVEL SECURITY')
            lab.say('CREATE POLICY few ON "PATIENT" USING ("NUMPAT" = \'P1\')')
            address = lab.source(plan()).address  # type: ignore[attr-defined]
            part = parse_address(str(address).replace(address.account + "@", "ecluse_part:part@"))
            wanted = plan()
            with PostgresSource(part).snapshot() as snapshot, pytest.raises(Refusal) as refused:
                counted(snapshot, wanted, "patient")
            assert refused.value.code == "source/rows-hidden"
        finally:
            lab.say("DROP OWNED BY ecluse_part")
            lab.say("DROP ROLE ecluse_part")


def test_a_table_without_snapshots_is_refused(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """MariaDB's tables that know no transaction would change under the read: they are refused by name, and a dump is suggested."""
    with ExitStack() as stack:
        lab = place("mariadb", request, tmp_path, stack)
        lab.say("ALTER TABLE `PATIENT` ENGINE = MyISAM")
        wanted = plan()
        with lab.source(wanted).snapshot() as snapshot, pytest.raises(Refusal) as refused:
            counted(snapshot, wanted, "patient")
    assert (refused.value.code, refused.value.values["where"]) == ("source/no-snapshot", "PATIENT")


def test_sqlite_reads_the_columns_of_the_statement_and_nothing_else(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Inside a snapshot, the connection itself refuses a column, a table or a function that the statement does not name."""
    with ExitStack() as stack:
        lab = place("sqlite", request, tmp_path, stack)
        source = lab.source(plan())
        assert isinstance(source, SqliteSource)
        wanted = plan()
        with source.snapshot() as snapshot:
            assert counted(snapshot, wanted, "patient") == CENSUS["patient"]
            for forbidden in ('SELECT "CODEACC" FROM "PATIENT"', 'SELECT "MDP" FROM "PORTAIL"', "SELECT randomblob(9)", "ATTACH ':memory:' AS x",
                              "PRAGMA query_only = OFF", 'DELETE FROM "PATIENT"'):  # fmt: skip
                with pytest.raises(sqlite3.DatabaseError, match=r"not authorized|prohibited"):
                    snapshot._connection.execute(forbidden)
