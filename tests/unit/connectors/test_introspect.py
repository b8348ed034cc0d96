"""What a database says of itself, asked of the three databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.connect import open_mariadb, open_postgres, open_sqlite
from ecluse.adapters.connectors.sql.introspect import (
    introspect_mariadb,
    introspect_postgres,
    introspect_sqlite,
)
from ecluse.invent.systems import NEW
from ecluse.terms.catalogue import Catalogue, ForeignKey

FAMILIES = {"text": "text", "char": "text", "clob": "text", "integer": "integer", "flag": "flag", "date": "date", "timestamp": "datetime",
            "blob": "bytes"}  # fmt: skip


def sqlite_file(folder: Path, *statements: str) -> str:
    path = folder / "new.db"
    import sqlite3

    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return f"sqlite:///{path}"


@pytest.fixture
def sqlite_new(tmp_path: Path) -> Iterator[Catalogue]:
    with closing(open_sqlite(parse_address(sqlite_file(tmp_path, *NEW.create("sqlite"))))) as connection:
        yield introspect_sqlite(connection)


@pytest.fixture
def postgres_new(postgresql_url: str) -> Iterator[Catalogue]:
    with open_postgres(parse_address(postgresql_url), read_only=False) as connection:
        for statement in NEW.create("postgresql"):
            connection.execute(statement)
        yield introspect_postgres(connection)


@pytest.fixture
def mariadb_new(mariadb_url: str) -> Iterator[Catalogue]:
    with closing(open_mariadb(parse_address(mariadb_url), read_only=False)) as connection:
        with connection.cursor() as cursor:
            for statement in NEW.create("mariadb"):
                cursor.execute(statement)
        yield introspect_mariadb(connection)


@pytest.fixture(params=["sqlite_new", "postgres_new", "mariadb_new"])
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    found: Catalogue = request.getfixturevalue(request.param)
    return found


def test_every_table_and_column_is_found_with_its_family(catalogue: Catalogue) -> None:
    """The catalogue of each database holds the invented system's tables and columns, in their order, each with the family it was made of."""
    assert sorted(catalogue.tables) == sorted(table.name for table in NEW.tables)
    for table in NEW.tables:
        found = catalogue.tables[table.name]
        assert [(c.name, c.family, c.length) for c in found.columns.values()] == [
            (c.name, FAMILIES[c.family], c.width or None) for c in table.columns
        ]


def test_what_must_be_filled_is_known(catalogue: Catalogue) -> None:
    """A column that is required, or is the key, is not nullable; none of this system fills itself."""
    patients = catalogue.tables["patients"]
    assert not patients.columns["sex"].nullable
    assert patients.columns["born_on"].nullable
    assert not any(column.default for column in patients.columns.values())


def test_keys_are_found(catalogue: Catalogue) -> None:
    """Each table's primary key and foreign keys are found, with the columns they refer to."""
    for table in NEW.tables:
        found = catalogue.tables[table.name]
        assert found.primary_key == (table.key,)
        assert set(found.foreign_keys) == {
            ForeignKey((link.column,), link.table, (link.key,)) for link in table.references
        }


def test_sqlite_fills_the_row_number_defaults_and_generated_columns(tmp_path: Path) -> None:
    """In SQLite the row's own number, a default and a generated column fill themselves, and a foreign key without columns means the key."""
    url = sqlite_file(
        tmp_path,
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b TEXT NOT NULL DEFAULT 'x', c TEXT, d AS (b || 'y'), e, f NUMERIC(5,2))",
        "CREATE TABLE k (a INT, b INT, PRIMARY KEY (b, a))",
        "CREATE TABLE child (x INT, y INT, FOREIGN KEY (x, y) REFERENCES K)",
    )
    with closing(open_sqlite(parse_address(url))) as connection:
        tables = introspect_sqlite(connection).tables
    assert {c.name: c.default for c in tables["a"].columns.values()} == {
        "id": True,
        "b": True,
        "c": False,
        "d": True,
        "e": False,
        "f": False,
    }
    assert [c.family for c in tables["a"].columns.values()] == [
        "integer",
        "text",
        "text",
        "other",
        "other",
        "decimal",
    ]
    assert tables["child"].foreign_keys == (ForeignKey(("x", "y"), "k", ("b", "a")),)


def test_postgres_follows_the_search_path_and_qualifies_only_what_is_hidden(postgresql_url: str) -> None:
    """A table hidden by another of its name is named with its schema; one outside the search path is not seen at all."""
    with open_postgres(parse_address(postgresql_url), read_only=False) as connection:
        for schema in ("one", "two", "three"):
            connection.execute(f"CREATE SCHEMA {schema}")  # type: ignore[arg-type]
            connection.execute(f"CREATE TABLE {schema}.t (id int PRIMARY KEY)")  # type: ignore[arg-type]
        connection.execute("CREATE TABLE two.u (id int REFERENCES two.t)")
    with open_postgres(parse_address(f"{postgresql_url}?schema=one,two")) as connection:
        catalogue = introspect_postgres(connection)
    assert list(catalogue.tables) == ["t", "two.t", "u"]
    assert catalogue.tables["u"].foreign_keys == (ForeignKey(("id",), "two.t", ("id",)),)


def test_postgres_types_beyond_the_plain_ones_have_a_family(postgresql_url: str) -> None:
    """An enumeration and a uuid are text, a domain has its base's family, an identity fills itself, and the rest is `other`."""
    with open_postgres(parse_address(postgresql_url), read_only=False) as connection:
        connection.execute("CREATE TYPE colour AS ENUM ('red')")
        connection.execute("CREATE DOMAIN code AS varchar(5) NOT NULL")
        connection.execute(
            "CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY, b colour, c uuid, d code, e numeric(9,2), f json, g int[], h timestamptz, i timetz)"
        )
        columns = introspect_postgres(connection).tables["t"].columns
    assert [c.family for c in columns.values()] == [
        "integer",
        "text",
        "text",
        "text",
        "decimal",
        "other",
        "other",
        "datetime",
        "other",
    ]
    assert (columns["a"].default, columns["d"].nullable, columns["d"].length) == (True, False, 5)


def test_mariadb_types_beyond_the_plain_ones_have_a_family(mariadb_url: str) -> None:
    """tinyint(1) is a flag and tinyint(4) a number, an enumeration is text, what counts by itself is a default."""
    with closing(open_mariadb(parse_address(mariadb_url), read_only=False)) as connection:
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE t (a int AUTO_INCREMENT PRIMARY KEY, b tinyint(1), c tinyint(4), d enum('x'), e decimal(9,2) DEFAULT 1, "
                "f varbinary(5), g varchar(3) AS (d), h inet6, i timestamp NULL DEFAULT NULL)"
            )
        columns = introspect_mariadb(connection).tables["t"].columns
    assert [c.family for c in columns.values()] == [
        "integer", "flag", "integer", "text", "decimal", "bytes", "text", "other", "datetime",
    ]  # fmt: skip
    assert [c.name for c in columns.values() if c.default] == ["a", "e", "g"]
