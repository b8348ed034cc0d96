"""Firebird's own traps: a character set that says nothing, a database in dialect 1, types that nothing writes exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.profile import Budget, profile_database
from ecluse.adapters.connectors.sql.read_firebird import FirebirdSource, statements
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import ForeignKey
from tests.firebird_server import FirebirdServer
from tests.ports.sources import rows_by_id
from tests.ports.test_source_exact import odd_mapping, whole


def mapped(**fields: str) -> Any:
    """The table ODD read back whole, its id from ID."""
    described = odd_mapping({"id": "ID", **fields})
    kind = replace(described.kinds["patient"], table="ODD")
    return whole(replace(described, kinds={"patient": kind}))


def read(url: str, wanted: Any, charset: str = "") -> dict[str, dict[str, Any]]:
    """The rows, by their id."""
    address = replace(parse_address(url), charset=charset)
    with FirebirdSource(address).snapshot() as snapshot:
        return rows_by_id(snapshot, wanted, "patient")


@pytest.fixture(scope="module")
def unsaid(firebird: FirebirdServer) -> Iterator[str]:
    """A database that declares no character set, written by a Windows program."""
    with firebird.database(charset="NONE") as url:
        firebird.run(url, ["CREATE TABLE odd (id VARCHAR(4), c CHAR(6), v VARCHAR(9), b BLOB SUB_TYPE TEXT)"])
        _put(
            firebird,
            url,
            [
                ("1", b"ab", b"cd", b"ef"),
                ("2", "é€".encode("cp1252"), "œ".encode("cp1252"), "é\r\n".encode("cp1252")),
            ],
        )
        yield url


def _put(firebird: FirebirdServer, url: str, rows: Sequence[tuple[Any, ...]]) -> None:
    with closing(firebird.open(url)) as connection:
        with closing(connection.cursor()) as cursor:
            for row in rows:
                cursor.execute("INSERT INTO odd VALUES (?, ?, ?, ?)", row)
        connection.commit()


@pytest.mark.parametrize("column", ["C", "V", "B"])
def test_a_text_that_declares_no_character_set_is_refused_by_its_column(unsaid: str, column: str) -> None:
    """Where nothing says what its octets mean, only ASCII is read: the column is named and the refusal holds no value."""
    with pytest.raises(Refusal) as refused:
        read(unsaid, mapped(birth_name=column))
    assert (refused.value.code, refused.value.values) == (
        "source/charset",
        {"where": f"ODD.{column}", "got": "NONE"},
    )
    assert refused.value.__suppress_context__


def test_a_text_that_declares_none_is_read_in_the_one_that_the_address_says(unsaid: str) -> None:
    """What the engineer says of the programs that wrote it is believed, to the octet: the padding of a CHAR and line ends stay."""
    found = read(unsaid, mapped(birth_name="C", used_name="V", comment="B"), "WIN1252")
    assert [found["2"][name] for name in ("birth_name", "used_name", "comment")] == ["é€    ", "œ", "é\r\n"]
    assert found["1"]["birth_name"] == "ab    "
    with pytest.raises(Refusal, match="source/charset"):
        read(unsaid, mapped(birth_name="C"), "UTF8")


def test_octets_that_a_character_set_does_not_write_are_refused(firebird: FirebirdServer) -> None:
    """A WIN1252 text may hold an octet that Windows never gave a meaning: it is refused by its column, not guessed."""
    with firebird.database(charset="WIN1252") as url:
        firebird.run(
            url,
            [
                "CREATE TABLE odd (id VARCHAR(4), v VARCHAR(9), o VARCHAR(4) CHARACTER SET OCTETS)",
                "INSERT INTO odd VALUES ('1', CAST(x'4181' AS VARCHAR(9) CHARACTER SET OCTETS), x'00ff')",
            ],
        )
        with pytest.raises(Refusal) as refused:
            read(url, mapped(comment="V"))
        assert refused.value.values == {"where": "ODD.V", "got": "WIN1252"}
        with pytest.raises(Refusal, match="source/octets-as-text"):
            read(url, mapped(comment="O"))


@pytest.mark.filterwarnings("ignore:SQL warning code = 301")
def test_a_database_in_dialect_1_is_read(firebird: FirebirdServer) -> None:
    """Its DATE is a moment, its wide NUMERIC a binary number that is written with its decimals, and its names stand in quotation marks all the same."""
    with firebird.database(charset="ISO8859_1", dialect=1) as url:
        firebird.run(
            url,
            [
                "CREATE TABLE odd (id NUMERIC(12,0) NOT NULL PRIMARY KEY, d DATE, price NUMERIC(15,2), small NUMERIC(9,2), up NUMERIC(12,0) REFERENCES odd)",
                "INSERT INTO odd VALUES (123456789012, '3-FEB-1890 10:11:12.5', 12.30, 1.5, 123456789012)",
                "INSERT INTO odd VALUES (7, NULL, 0.125, 0, NULL)",
            ],
            dialect=1,
        )
        found = read(url, mapped(birth_name="D", used_name="PRICE", city="SMALL", doctor="UP"))
        described = FirebirdSource(parse_address(url)).catalogue().tables["ODD"]
    assert [found["123456789012"][name] for name in ("birth_name", "used_name", "city", "doctor")] == [
        "1890-02-03 10:11:12.5000", "12.30", "1.50", "123456789012",
    ]  # fmt: skip
    assert found["7"]["used_name"] == "0.125"
    assert [(it.native, it.family) for it in described.columns.values()] == [
        ("DOUBLE PRECISION", "float"), ("TIMESTAMP", "datetime"), ("NUMERIC(15,2)", "float"), ("NUMERIC(9,2)", "decimal"), ("DOUBLE PRECISION", "float"),
    ]  # fmt: skip
    assert (described.primary_key, described.foreign_keys) == (
        ("ID",),
        (ForeignKey(("UP",), "ODD", ("ID",)),),
    )


def test_what_nothing_writes_exactly_is_refused_by_its_column(firebird: FirebirdServer) -> None:
    """An array, and a text in a character set that is not read, are refused before a row is asked for; the other columns of the table are read."""
    with firebird.database() as url:
        firebird.run(
            url,
            [
                "CREATE TABLE odd (id VARCHAR(4), a INTEGER[3], s VARCHAR(9) CHARACTER SET SJIS_0208, z COMPUTED BY (id || 'x'))",
                "INSERT INTO odd (id) VALUES ('1')",
            ],
        )
        for column, got in (("A", "ARRAY"), ("S", "VARCHAR(9) CHARACTER SET SJIS_0208")):
            with pytest.raises(Refusal) as refused:
                read(url, mapped(comment=column))
            assert (refused.value.code, refused.value.values) == (
                "source/type-not-read",
                {"where": f"ODD.{column}", "got": got},
            )
        assert read(url, mapped(comment="Z"))["1"]["comment"] == "1x"


def test_more_is_read_for_another_plan_in_the_same_view(firebird: FirebirdServer) -> None:
    """A second plan of the same snapshot that needs another column is answered from the same moment."""
    with firebird.database() as url:
        firebird.run(
            url,
            [
                "CREATE TABLE odd (id VARCHAR(4), a VARCHAR(4), b VARCHAR(4))",
                "INSERT INTO odd VALUES ('1', 'a', 'b')",
            ],
        )
        source = FirebirdSource(parse_address(url))
        with source.snapshot() as snapshot:
            assert rows_by_id(snapshot, mapped(comment="A"), "patient")["1"]["comment"] == "a"
            firebird.run(url, ["UPDATE odd SET a = 'x', b = 'x'"])
            assert rows_by_id(snapshot, mapped(comment="B"), "patient")["1"]["comment"] == "b"
            assert rows_by_id(snapshot, mapped(comment="B"), "patient")["1"]["comment"] == "b"
        asked = [said for _, said in statements(mapped(comment="B"), source.catalogue())]
    assert asked == [
        'SELECT CAST("ID" AS VARCHAR(16) CHARACTER SET OCTETS) AS "ID", CAST("B" AS VARCHAR(16) CHARACTER SET OCTETS) AS "B" FROM "ODD"'
    ]


def test_a_database_is_profiled(unsaid: str, firebird: FirebirdServer) -> None:
    """Rows are counted and sampled in one view; a text of an unknown set, and what is not read, cost no other column its profile."""
    with firebird.database() as url:
        firebird.run(url, ["CREATE TABLE odd (id INTEGER, a INTEGER[3], t BLOB SUB_TYPE TEXT)"])
        with closing(firebird.open(url)) as connection:
            with closing(connection.cursor()) as cursor:
                cursor.executemany(
                    "INSERT INTO odd (id, t) VALUES (?, ?)", [(row, "net") for row in range(400)]
                )
            connection.commit()
        profile, catalogue = profile_database(parse_address(url), system="old", budget=Budget(rows=50))
    assert (profile.dialect, profile.tables["ODD"].rows, profile.skipped) == ("firebird", 400, ())
    assert catalogue.tables["ODD"].columns["A"].family == "other"
    said, _ = profile_database(parse_address(unsaid), system="old")
    assert said.tables["ODD"].rows == 2
