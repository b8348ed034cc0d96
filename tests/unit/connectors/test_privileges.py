"""What an account may really do, asked of real roles on real servers; and what of it is too many."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.connect import open_mariadb, open_postgres, open_sqlite
from ecluse.adapters.connectors.sql.privileges import (
    _granted,
    privileges_mariadb,
    privileges_postgres,
    privileges_sqlite,
    restrict_sqlite,
)
from ecluse.adapters.connectors.sql.write_postgres import PostgresTarget
from ecluse.passage.load import Mark
from ecluse.terms.catalogue import Privilege
from ecluse.terms.privilege import excess, lacking, target_needs


def held(*texts: str) -> frozenset[Privilege]:
    return frozenset(Privilege(*text.split()) for text in texts)


# --- PostgreSQL --------------------------------------------------------------------------------------------------------


class Roles:
    """A PostgreSQL database with two tables, and roles that go with the test."""

    def __init__(self, url: str) -> None:
        self.address = parse_address(url)
        self.owner = open_postgres(self.address, read_only=False)
        self.roles: list[str] = []
        self.say("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        self.say("CREATE TABLE patients (id int PRIMARY KEY, name text, password text)")
        self.say("CREATE TABLE orders (id int)")

    def say(self, statement: str) -> None:
        self.owner.execute(statement)  # type: ignore[call-overload]

    def role(self, name: str, options: str = "") -> str:
        full = f"{name}_{self.address.database}"
        self.say(f"CREATE ROLE {full} LOGIN PASSWORD 'x' {options}")
        self.roles.append(full)
        return full

    def privileges(self, role: str) -> frozenset[Privilege]:
        with self.enter(role) as connection:
            return privileges_postgres(connection)

    def enter(self, role: str) -> psycopg.Connection[Any]:
        return open_postgres(replace(self.address, account=role, password="x"))

    def close(self) -> None:
        for role in self.roles:
            self.say(f"DROP OWNED BY {role} CASCADE")
        for role in reversed(self.roles):
            self.say(f"DROP ROLE {role}")
        self.owner.close()


@pytest.fixture
def roles(postgresql_url: str) -> Iterator[Roles]:
    with closing(Roles(postgresql_url)) as made:
        yield made


def test_an_account_with_nothing_holds_nothing(roles: Roles) -> None:
    """A role that may only enter holds no privilege at all."""
    assert roles.privileges(roles.role("nobody")) == frozenset()


def test_a_grant_by_column_is_held_by_column(roles: Roles) -> None:
    """SELECT on two columns is those two, and reading a third is not held."""
    reader = roles.role("reader")
    roles.say(f"GRANT SELECT (id, name) ON patients TO {reader}")
    assert roles.privileges(reader) == held("SELECT patients id", "SELECT patients name")


def test_a_grant_through_a_role_or_public_is_held(roles: Roles) -> None:
    """What comes by a role, by a role one must SET, or by PUBLIC counts as much as what is granted by name."""
    reader, group, hidden = roles.role("reader"), roles.role("grp"), roles.role("hidden")
    roles.say(f"ALTER ROLE {reader} NOINHERIT")
    roles.say(f"GRANT SELECT ON patients TO {group}")
    roles.say(f"GRANT {group} TO {hidden}")
    roles.say(f"GRANT {hidden} TO {reader}")
    roles.say("GRANT TRUNCATE ON orders TO PUBLIC")
    assert roles.privileges(reader) == held("SELECT patients", "TRUNCATE orders")


def test_standing_powers_are_held(roles: Roles) -> None:
    """Creating databases and roles, passing row security, and the server's own groups are powers."""
    strong = roles.role("strong", "CREATEDB CREATEROLE BYPASSRLS")
    roles.say(f"GRANT pg_read_server_files TO {strong}")
    powers = {str(privilege) for privilege in roles.privileges(strong)}
    assert powers == {"CREATEDB", "CREATEROLE", "BYPASSRLS", "MEMBER OF pg_read_server_files"}


def test_a_superuser_is_one_word(roles: Roles) -> None:
    """A superuser may do all: it is said once, and a member of a superuser is one."""
    assert Privilege("SUPERUSER") in roles.privileges(roles.role("root", "SUPERUSER"))
    heir = roles.role("heir")
    roles.say(f"GRANT {roles.roles[0]} TO {heir}")
    assert Privilege("SUPERUSER") in roles.privileges(heir)


def test_an_owner_owns_and_creates(roles: Roles) -> None:
    """Owning a table, and creating in a schema, are said: an owner may grant itself anything."""
    owner = roles.role("owner")
    roles.say(f"GRANT CREATE ON SCHEMA public TO {owner}")
    roles.say(f"ALTER TABLE orders OWNER TO {owner}")
    assert roles.privileges(owner) == held(
        "CREATE", "OWNER orders", "SELECT orders", "INSERT orders", "UPDATE orders", "DELETE orders"
    )


def test_a_table_outside_the_search_path_is_named_with_its_schema(roles: Roles) -> None:
    """What may be read elsewhere in the database counts, if its schema may be entered."""
    reader = roles.role("reader")
    for schema in ("open", "shut"):
        roles.say(f"CREATE SCHEMA {schema}")
        roles.say(f"CREATE TABLE {schema}.secrets (a int)")
        roles.say(f"GRANT SELECT ON {schema}.secrets TO {reader}")
    roles.say(f"GRANT USAGE ON SCHEMA open TO {reader}")
    assert roles.privileges(reader) == held("SELECT open.secrets")


def test_what_a_target_needs_suffices_and_is_not_too_many(roles: Roles) -> None:
    """An account with exactly the target's needs loads, and exceeds them by nothing."""
    loader = roles.role("loader")
    with closing(PostgresTarget(roles.address)) as target:
        target.write([], mark=Mark("m", 0, "patient", 0))
    needs = target_needs(["patients"])
    for privilege in needs:
        if privilege.act != "OWNER":
            roles.say(
                f"GRANT {privilege} TO {loader}".replace(
                    f"{privilege}", f"{privilege.act} ON {privilege.table}"
                )
            )
    found = roles.privileges(loader)
    assert excess(found, needs) == []
    assert lacking(found, needs) == [Privilege("OWNER", "ecluse_load")]
    with closing(PostgresTarget(replace(roles.address, account=loader, password="x"))) as target:
        target.write([], mark=Mark("m", 1, "patient", 0))
        assert target.privileges() == found


# --- MariaDB -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def maria(mariadb_url: str) -> Iterator[Any]:
    with (
        closing(open_mariadb(parse_address(mariadb_url), read_only=False)) as owner,
        owner.cursor() as cursor,
    ):
        cursor.execute("CREATE TABLE patients (id int PRIMARY KEY, name text, password text)")
        cursor.execute("CREATE ROLE lab_readers")
        cursor.execute("CREATE USER r@'%' IDENTIFIED BY 'x'")
        yield cursor
        cursor.execute("DROP USER r@'%'")
        cursor.execute("DROP ROLE lab_readers")


def found_by_mariadb(url: str) -> frozenset[Privilege]:
    with closing(open_mariadb(replace(parse_address(url), account="r", password="x"))) as connection:
        return privileges_mariadb(connection)


def test_mariadb_grants_are_held_by_table_and_column(maria: Any, mariadb_url: str) -> None:
    """A grant on columns is held by column, one on a table by table, one on the whole database on all."""
    maria.execute("GRANT SELECT (id, name), UPDATE (name) ON patients TO r@'%'")
    assert found_by_mariadb(mariadb_url) == held(
        "SELECT patients id", "SELECT patients name", "UPDATE patients name"
    )
    maria.execute("GRANT INSERT ON patients TO r@'%'")
    maria.execute("GRANT DELETE ON * TO r@'%'")
    assert held("INSERT patients", "DELETE") < found_by_mariadb(mariadb_url)


def test_mariadb_roles_and_global_powers_are_held(maria: Any, mariadb_url: str) -> None:
    """What a role holds is held, set or not; a power over the server is one; ALL on everything is a superuser."""
    maria.execute("GRANT SELECT ON patients TO lab_readers")
    maria.execute("CREATE ROLE lab_writers")
    maria.execute("GRANT INSERT ON patients TO lab_writers")
    maria.execute("GRANT lab_writers TO lab_readers")
    maria.execute("GRANT lab_readers TO r@'%'")
    maria.execute("GRANT FILE, PROCESS ON *.* TO r@'%' WITH GRANT OPTION")
    assert found_by_mariadb(mariadb_url) == held("SELECT patients", "INSERT patients", "FILE", "PROCESS") | {
        Privilege("GRANT OPTION")
    }
    maria.execute("GRANT ALL PRIVILEGES ON *.* TO r@'%'")
    assert Privilege("SUPERUSER") in found_by_mariadb(mariadb_url)
    maria.execute("DROP ROLE lab_writers")


def test_mariadb_grants_to_everyone_are_held(maria: Any, mariadb_url: str) -> None:
    """What is granted to PUBLIC is held by every account."""
    maria.execute("GRANT SELECT ON patients TO r@'%'")
    maria.execute("GRANT UPDATE ON patients TO PUBLIC")
    try:
        assert found_by_mariadb(mariadb_url) == held("SELECT patients", "UPDATE patients")
    finally:  # it outlives the database, and every account of the server would go on holding it
        maria.execute("REVOKE UPDATE ON patients FROM PUBLIC")


@pytest.mark.parametrize(
    ("line", "privileges"),
    [
        ("GRANT USAGE ON *.* TO `r`@`%` IDENTIFIED BY PASSWORD '*SECRET'", set()),
        ("GRANT `role` TO `r`@`%`", set()),
        ("GRANT PROXY ON ''@'%' TO `r`@`%`", {"PROXY"}),
        ("GRANT EXECUTE ON PROCEDURE `lab`.`p` TO `r`@`%`", {"EXECUTE p"}),
        ("GRANT SELECT ON `la_`.* TO `r`@`%`", {"SELECT"}),
        ("GRANT SELECT ON `la\\_`.* TO `r`@`%`", {"SELECT la\\_.*"}),
        ("GRANT SELECT ON `l%`.`o``dd` TO `r`@`%` WITH GRANT OPTION", {"SELECT o`dd", "GRANT OPTION o`dd"}),
        ("GRANT SELECT, CREATE VIEW ON `other`.`t` TO `r`@`%`", {"SELECT other.t", "CREATE VIEW other.t"}),
    ],
)
def test_a_line_of_show_grants_is_read(line: str, privileges: set[str]) -> None:
    """Each form that MariaDB writes is read, names with their quotes undone and wild cards as wild; a password's digest is not kept."""
    assert {str(privilege) for privilege in _granted(line, "lab")} == privileges


def test_all_on_the_database_is_every_act_on_it() -> None:
    """ALL PRIVILEGES on one database is each act on all its tables, and no superuser."""
    found = set(_granted("GRANT ALL PRIVILEGES ON `lab`.* TO `r`@`%`", "lab"))
    assert held("SELECT", "INSERT", "DROP", "TRIGGER") < found
    assert Privilege("SUPERUSER") not in found


# --- SQLite ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lab.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE Patients (Id, Name, Password)")
        connection.execute("INSERT INTO Patients VALUES (1, 'ANNE', 'x')")
        connection.commit()
    path.chmod(0o640)
    return path


def test_a_file_opened_to_read_holds_nothing_too_many(file: Path) -> None:
    """A read-only connection to a file that not everyone writes holds nothing; one that everyone writes, or that writes, does."""
    with closing(open_sqlite(parse_address(f"sqlite:///{file}"))) as connection:
        assert privileges_sqlite(connection) == frozenset()
        file.chmod(0o646)
        assert privileges_sqlite(connection) == {Privilege("WRITABLE BY ALL")}
    with closing(open_sqlite(parse_address(f"sqlite:///{file}"), read_only=False)) as connection:
        assert held("SELECT", "INSERT") < privileges_sqlite(connection)


def test_a_restricted_file_gives_the_columns_named_and_no_other(file: Path) -> None:
    """Once restricted, a connection reads the columns it needs, whatever their case, and SQLite itself refuses all else."""
    with closing(open_sqlite(parse_address(f"sqlite:///{file}"))) as connection:
        restrict_sqlite(connection, held("SELECT patients id", "SELECT patients name"))
        assert connection.execute("SELECT upper(name), count(*) FROM patients WHERE id = 1").fetchall() == [
            ("ANNE", 1)
        ]
        for refused in (
            "SELECT password FROM patients",
            "SELECT * FROM patients",
            "SELECT name FROM patients WHERE password = 'x'",
            "SELECT sql FROM sqlite_master",
            "ATTACH 'other.db' AS other",
            "PRAGMA query_only = OFF",
            "CREATE TABLE t (a)",
            "DELETE FROM patients",
            "SELECT load_extension('x')",
        ):
            with pytest.raises(sqlite3.DatabaseError):
                connection.execute(refused)


# --- what is too many --------------------------------------------------------------------------------------------------


def test_what_no_need_covers_exceeds() -> None:
    """A power, an act, a table, a column, and a whole table where columns are needed exceed; what is needed does not."""
    needs = held("SELECT patients id", "SELECT patients name", "SELECT orders")
    assert excess(held("SELECT patients id", "SELECT orders", "SELECT orders id"), needs) == []
    too_many = held(
        "SUPERUSER", "INSERT orders", "SELECT users", "SELECT patients password", "SELECT patients", "SELECT"
    )
    assert excess(too_many, needs) == sorted(too_many)


def test_what_nothing_held_covers_lacks() -> None:
    """What is needed and not held lacks; a whole table covers its columns; a superuser lacks nothing."""
    needs = held("SELECT patients id", "SELECT orders")
    assert lacking(held("SELECT patients"), needs) == [Privilege("SELECT", "orders")]
    assert lacking(held("SUPERUSER"), needs) == []


def test_a_target_needs_its_tables_and_its_marks() -> None:
    """Loading, reading back and rolling back need four acts on each table and on the marks, whose owner the account may be."""
    assert len(target_needs(["patients", "orders"])) == 13
    assert Privilege("OWNER", "ecluse_load") in target_needs([])
