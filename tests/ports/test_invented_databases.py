"""An invented laboratory in each database: the same rows everywhere, whole, and refused where something already stands."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest

from ecluse.adapters.invented import create_empty, fill
from ecluse.base.refusal import Fault, Refusal
from ecluse.invent.laboratory import invent
from ecluse.invent.relations import quoted
from ecluse.invent.systems import NEW, OLD

PATIENTS, SEED = 300, 11


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'laboratory.db'}"
    return str(request.getfixturevalue(f"{request.param}_url"))


def connect(url: str) -> Any:
    """A plain connection to read back with, which shares no code with the adapter."""
    if url.startswith("sqlite"):
        return sqlite3.connect(url.removeprefix("sqlite:///"))
    if url.startswith("postgresql"):
        return psycopg.connect(url)
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname,
        port=parts.port or 3306,
        user=parts.username,
        password=parts.password or "",
        database=parts.path[1:],
    )


def rows(url: str, table: str) -> list[tuple[Any, ...]]:
    """Every row of a table, in the order of its first column."""
    dialect: Any = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mariadb"}[url.partition(":")[0]]
    with closing(connect(url)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(f"SELECT * FROM {quoted(table, dialect)}")
        return sorted((tuple(row) for row in cursor.fetchall()), key=lambda row: str(row[0]))


def told(value: object) -> object:
    """A value as all databases can give it: moments as text, bytes by their digest."""
    if isinstance(value, bytes | memoryview):
        return hashlib.sha256(bytes(value)).hexdigest()
    return str(value) if hasattr(value, "year") else value


def test_every_database_holds_exactly_what_was_invented(url: str) -> None:
    """Each table read back, value for value, is the generator's own rows: accents, quotes, nulls, empty texts, blanks and bytes included."""
    written = fill(url, patients=PATIENTS, seed=SEED, documents=0.5)
    made: dict[str, list[tuple[Any, ...]]] = {table.name: [] for table in OLD.tables}
    for name, batch in invent(patients=PATIENTS, seed=SEED, documents=0.5):
        made[name] += zip(*(column.to_pylist() for column in batch.columns), strict=True)
    assert all(made.values())
    for name, expected in made.items():
        found = [tuple(told(value) for value in row) for row in rows(url, name)]
        expected.sort(key=lambda row: str(row[0]))
        assert found == [tuple(told(value) for value in row) for row in expected], name
        assert written[name] == len(expected)


def test_filling_twice_is_refused_and_changes_nothing(url: str) -> None:
    """A database that already has a table of the old system is refused by name, and keeps its rows."""
    fill(url, patients=20, seed=SEED)
    before = rows(url, "PATIENT")
    with pytest.raises(Refusal) as refusal:
        fill(url, patients=30, seed=SEED)
    assert refusal.value.code == "invent/not-empty"
    assert rows(url, "PATIENT") == before


def test_the_new_system_is_empty_and_refuses_what_its_checks_forbid(url: str) -> None:
    """The new system's tables exist and are empty, and a sex that is not one of the three words is not let in."""
    create_empty(url)
    assert all(rows(url, table.name) == [] for table in NEW.tables)
    refused = (sqlite3.IntegrityError, psycopg.errors.CheckViolation, pymysql.err.OperationalError)
    with closing(connect(url)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("INSERT INTO patients (id, sex) VALUES ('1', 'female')")
        with pytest.raises(refused):
            cursor.execute("INSERT INTO patients (id, sex) VALUES ('2', '2')")


def test_sqlite_finds_no_broken_reference(tmp_path: Path) -> None:
    """With foreign keys looked at by SQLite itself, every reference of the old system leads to a row, and every key is unique."""
    place = tmp_path / "old.db"
    fill(f"sqlite:///{place}", patients=3000, seed=5)
    with closing(sqlite3.connect(place)) as database:
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute(
            'SELECT count(*) > 0 FROM "PATIENT" WHERE "PATFUS" IS NOT NULL'
        ).fetchone() == (1,)


def test_progress_is_told_up_to_the_last_patient(tmp_path: Path) -> None:
    """Progress counts patients, never goes back, and ends at the number asked for."""
    seen: list[tuple[int, int]] = []
    fill(
        f"sqlite:///{tmp_path / 'a.db'}",
        patients=9000,
        seed=1,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(8192, 9000), (9000, 9000)]


def test_an_unknown_kind_of_database_is_refused() -> None:
    """An address that is neither SQLite, PostgreSQL nor MariaDB is refused before anything is made."""
    with pytest.raises(Refusal) as refusal:
        fill("db2://somewhere", patients=1, seed=1)
    assert (refusal.value.code, refusal.value.exit) == ("address/unknown-system", 2)


def test_a_database_that_does_not_open_is_a_fault(tmp_path: Path) -> None:
    """A database that cannot be reached is a fault worth a retry, and no folder is made for it."""
    with pytest.raises(Fault) as fault:
        fill(f"sqlite:///{tmp_path / 'absent' / 'a.db'}", patients=1, seed=1)
    assert fault.value.code == "address/not-reached"
    assert not (tmp_path / "absent").exists()


def test_what_the_database_refuses_is_a_fault_that_tells_no_value(tmp_path: Path) -> None:
    """A table that the database will not create is a fault that names the kind of error only, and nothing stays of what was begun."""
    place = tmp_path / "taken.db"
    with closing(sqlite3.connect(place, isolation_level=None)) as other:
        other.execute("CREATE VIEW PATIENT AS SELECT 1")
        with pytest.raises(Fault) as fault:
            fill(f"sqlite:///{place}", patients=1, seed=1)
        assert fault.value.code == "invent/database"
        assert str(fault.value).endswith("(OperationalError).")
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("PATIENT",)]


def test_what_fails_half_way_leaves_nothing_in_sqlite(tmp_path: Path) -> None:
    """When the work is stopped in the middle, the database has no table at all: all or nothing."""
    place = tmp_path / "half.db"

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill(f"sqlite:///{place}", patients=50, seed=1, progress=stop)
    with closing(sqlite3.connect(place)) as database:
        assert database.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
