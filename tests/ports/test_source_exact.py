"""Exact or refused, never changed: awkward values of each database, read live and from its dump (traps of dataplane.md)."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.connect import open_postgres
from ecluse.adapters.connectors.sql.read_postgres import PostgresSource
from ecluse.base.refusal import Refusal
from ecluse.passage.canonical import canonical
from ecluse.terms.mapping import BASE, Column, KindMapping, Mapping, Reading
from ecluse.terms.plan import Plan, Slice
from ecluse.terms.vocabulary import vocabulary
from tests.ports.sources import place, plan, rows_by_id

TEN_MIB: Final = "é\n" * (10 << 18)

POSTGRES: Final[dict[str, list[tuple[str, str | None]]]] = {
    "numeric": [
        ("'NaN'", "NaN"),
        ("'Infinity'", "Infinity"),
        ("1.10", "1.10"),
        ("1" + "0" * 40 + ".5", "1" + "0" * 40 + ".5"),
        ("NULL", None),
    ],
    "numeric(18,6)": [("0.1", "0.100000")],
    "real": [("0.1", "0.1"), ("1e20", "1e+20")],
    "double precision": [
        ("0.1::float8 + 0.2", "0.30000000000000004"),
        ("'-Infinity'", "-Infinity"),
        ("'NaN'", "NaN"),
    ],
    "timetz": [("'10:00:00+02'", "10:00:00+02")],
    "timestamp": [
        ("'2024-01-01 10:00:00.123456'", "2024-01-01 10:00:00.123456"),
        ("'infinity'", "infinity"),
        ("'0044-03-15 BC'", "0044-03-15 00:00:00 BC"),
    ],
    "timestamptz": [("'2024-07-01 10:00:00.5+02'", "2024-07-01 08:00:00.5+00"), ("'-infinity'", "-infinity")],
    "date": [
        ("'0044-03-15 BC'", "0044-03-15 BC"),
        ("'infinity'", "infinity"),
        ("'12024-01-01'", "12024-01-01"),
    ],
    "interval": [("'1 mon 2 days 03:04:05.6'", "1 mon 2 days 03:04:05.6")],
    "money": [("'1234.50'", "$1,234.50")],
    "uuid": [("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")],
    "text[]": [("ARRAY['a,b', NULL, '\"']", '{"a,b",NULL,"\\""}')],
    "boolean": [("true", "true"), ("false", "false")],
    "char(4)": [("'ab'", "ab  "), ("''", "    ")],
    "bigint": [("9223372036854775807", "9223372036854775807")],
    "jsonb": [("'{\"a\": 1.0}'", '{"a": 1.0}')],
    "text": [("''", ""), ("E'\\\\N'", "\\N"), ("E'a\\tb\\rc\\\\n\\u0001'", "a\tb\rc\\n\x01"), ("'🩸'", "🩸")],
}
MARIADB: Final[dict[str, list[tuple[str, str | None]]]] = {
    "decimal(30,10)": [("1.1", "1.1000000000"), ("NULL", None)],
    "double": [("0.1e0 + 0.2e0", "0.30000000000000004")],
    "date": [("'0000-00-00'", "0000-00-00"), ("'2024-02-00'", "2024-02-00")],
    "datetime(6)": [
        ("'2024-01-01 10:00:00.123456'", "2024-01-01 10:00:00.123456"),
        ("'0000-00-00'", "0000-00-00 00:00:00.000000"),
    ],
    "timestamp(3) NULL": [("'2024-01-01 10:00:00.123'", "2024-01-01 10:00:00.123")],
    "time": [("'-838:59:59'", "-838:59:59")],
    "year": [("2024", "2024")],
    "tinyint(1)": [("2", "2"), ("1", "1")],
    "int(5) zerofill": [("42", "00042")],
    "bigint unsigned": [("18446744073709551615", "18446744073709551615")],
    "enum('a','b')": [("'b'", "b")],
    "set('x','y')": [("'x,y'", "x,y")],
    "text": [("''", ""), ("'a\\nb\\\\c\\'d\\Z\\0'", "a\nb\\c'd\x1a\x00"), ("'🩸'", "🩸"), ("'%s\"'", '%s"')],
}
SQLITE: Final[dict[str, list[tuple[str, str | None]]]] = {
    "": [
        ("9007199254740993", "9007199254740993"),
        ("0.1", "0.1"),
        ("1e999", "inf"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("NULL", None),
    ],
    "TEXT": [
        ("''", ""),
        ("'a' || char(10) || 'b' || char(13)", "a\nb\r"),
        ("'🩸'", "🩸"),
        ("'it''s'", "it's"),
        ("'\\n'", "\\n"),
    ],
    "DATE": [("'hier'", "hier")],
    "DECIMAL(9,2)": [("'1.10'", "1.1")],
}
FIREBIRD: Final[dict[str, list[tuple[str, str | None]]]] = {
    "numeric(9,2)": [("1.1", "1.10"), ("-0.05", "-0.05"), ("NULL", None)],
    "numeric(18,6)": [("0.000001", "0.000001"), ("-999999999999.999999", "-999999999999.999999")],
    "decimal(4,0)": [("12", "12")],
    "bigint": [("9223372036854775807", "9223372036854775807")],
    "float": [("0.1", "0.10000000149011612"), ("16777215", "16777215")],
    "double precision": [
        ("0.1e0 + 0.2e0", "0.30000000000000004"),
        ("1.2e0", "1.2"),
        ("123456789012e0", "123456789012"),
        ("1e300", "1e+300"),
    ],
    "date": [("'1850-02-28'", "1850-02-28"), ("'0001-01-01'", "0001-01-01"), ("'9999-12-31'", "9999-12-31")],
    "time": [("'10:00:00.1234'", "10:00:00.1234")],
    "timestamp": [
        ("'0001-01-01 00:00:00.0001'", "0001-01-01 00:00:00.0001"),
        ("'1899-12-30 10:00'", "1899-12-30 10:00:00.0000"),
    ],
    "boolean": [("TRUE", "TRUE"), ("FALSE", "FALSE")],
    "char(4)": [("'ab'", "ab  "), ("''", "    "), ("'🩸'", "🩸   ")],
    "char(4) character set win1252": [("'é€'", "é€  ")],
    "varchar(9) character set win1252 collate win_ptbr": [("'é€œ '", "é€œ ")],
    "varchar(9) character set iso8859_1": [("'Ménard'", "Ménard")],
    "varchar(9) character set none": [("'a~''\\'", "a~'\\")],
    "blob sub_type text": [("''", ""), ("'it''s 🩸'", "it's 🩸")],
    "blob sub_type text character set win1252": [("'é€'", "é€")],
}
CASES: Final = [
    (engine, native, literal, expected)
    for engines, table in (
        (("postgres", "postgres-dump", "postgres-inserts"), POSTGRES),
        (("mariadb", "mariadb-dump"), MARIADB),
        (("sqlite", "sqlite-dump"), SQLITE),
        (("firebird",), FIREBIRD),
    )
    for engine in engines
    for native, values in table.items()
    for literal, expected in values
]
ENGINES: Final = tuple(dict.fromkeys(engine for engine, *_ in CASES))


def odd_mapping(fields: dict[str, str]) -> Mapping:
    """One kind that is read back whole: its fields from these columns."""
    kind = KindMapping(
        "patient", "odd", {name: Reading(columns=(Column(BASE, column),)) for name, column in fields.items()}
    )
    return Mapping("odd", 1, "sha256:odd", {"patient": kind})


def whole(described: Mapping) -> Plan:
    """Every row, no rule."""
    kind = described.kinds["patient"]
    return plan(
        described,
        slices=(Slice("patient", kind, dict(kind.fields)),),
        excluded={},
        classified={},
        read_back=True,
    )


def read(
    engine: str, ddl: list[str], described: Mapping, request: pytest.FixtureRequest, tmp_path: Path
) -> dict[str, dict[str, Any]]:
    with ExitStack() as stack:
        there = place(engine, request, tmp_path, stack, rows={}, ddl=lambda _: ddl)
        wanted = whole(described)
        with there.source(wanted).snapshot() as snapshot:
            return rows_by_id(snapshot, wanted, "patient")


@pytest.mark.parametrize("engine", ENGINES)
def test_every_awkward_value_is_exact(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Each value of each type arrives as the very text the system writes, live and through its dump."""
    cases = [case[1:] for case in CASES if case[0] == engine]
    natives = list(dict.fromkeys(native for native, _, _ in cases))
    quote = "`" if engine.startswith("mariadb") else '"'
    columns = ", ".join(f"{quote}c{place}{quote} {native}" for place, native in enumerate(natives))
    odd, key = f"{quote}odd{quote}", f"{quote}id{quote}"
    ddl = [f"CREATE TABLE {odd} ({key} VARCHAR(10), {columns})"]
    if engine.startswith("mariadb"):
        ddl = ["SET sql_mode = ''", ddl[0] + " CHARACTER SET utf8mb4"]
    for row, (native, literal, _) in enumerate(cases):
        place = f"{quote}c{natives.index(native)}{quote}"
        ddl.append(f"INSERT INTO {odd} ({key}, {place}) VALUES ('{row}', {literal})")
    names = ("birth_name", "used_name", "given_names", "birth_place", "ins", "ins_oid", "nss", "address", "postcode", "city", "phone", "mobile",
             "email", "doctor", "merged_into", "comment", "comment_2")  # fmt: skip
    assert len(natives) <= len(names)
    found = read(
        engine,
        ddl,
        odd_mapping({"id": "id"} | {name: f"c{place}" for place, name in enumerate(names[: len(natives)])}),
        request,
        tmp_path,
    )
    got = [
        (native, literal, found[str(row)][names[natives.index(native)]])
        for row, (native, literal, _) in enumerate(cases)
    ]
    assert got == cases


@pytest.mark.parametrize("engine", ["postgres", "postgres-dump"])
def test_a_date_that_no_calendar_holds_is_rejected(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A native date that is infinite, before Christ or past the year 9999 becomes no other date: its row is rejected, and the others leave."""
    values = ("2024-02-29", "infinity", "-infinity", "0044-03-15 BC", "12024-01-01")
    ddl = ["CREATE TABLE odd (id VARCHAR(10), d DATE)"]
    ddl += [f"INSERT INTO odd VALUES ('{row}', '{text}')" for row, text in enumerate(values)]
    wanted = whole(odd_mapping({"id": "id", "birth_date": "d"}))
    with ExitStack() as stack:
        source = place(engine, request, tmp_path, stack, rows={}, ddl=lambda _: ddl).source(wanted)
        with source.snapshot() as snapshot:
            (batch,) = snapshot.rows(wanted, wanted.slices[0])
    judged = canonical(batch, wanted.slices[0], vocabulary=vocabulary(), lost={})
    assert judged.moved.column("birth_date").to_pylist() == [date(2024, 2, 29)]
    assert sorted(judged.rejected.column("id").to_pylist()) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_cell_of_ten_mebibytes_is_read(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A very large text, line ends included, comes whole beside small ones."""
    large = {"sqlite": "replace(hex(zeroblob(2621440)), '00', char(233, 10))", "postgres": "repeat(E'é\\n', 2621440)",
             "mariadb": "REPEAT('é\\n', 2621440)", "firebird": "LPAD('', 2048, 'é' || ASCII_CHAR(10))"}[engine.partition("-")[0]]  # fmt: skip
    kind = {"mariadb": "LONGTEXT", "firebird": "BLOB SUB_TYPE TEXT"}.get(engine.partition("-")[0], "TEXT")
    odd, key, big = ("`odd`", "`id`", "`big`") if engine.startswith("mariadb") else ('"odd"', '"id"', '"big"')
    ddl = [
        f"CREATE TABLE {odd} ({key} VARCHAR(10), {big} {kind})",
        f"INSERT INTO {odd} VALUES ('1', {large})",
        f"INSERT INTO {odd} VALUES ('2', 'small')",
    ]
    if engine == "firebird":  # no text there is as long: a block of 2,048 characters, doubled
        doubled = f"UPDATE {odd} SET {big} = {big} || {big}"
        ddl[2:2] = [doubled] * 9 + [f"{doubled} || {big} || {big} || {big}"]
    found = read(engine, ddl, odd_mapping({"id": "id", "comment": "big"}), request, tmp_path)
    assert found["1"]["comment"] == TEN_MIB
    assert found["2"]["comment"] == "small"


def test_a_float_of_mariadb_is_told_with_all_its_digits(
    request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """MariaDB shows six digits of a FLOAT: all are read, live; a dump, which has lost them, is refused."""
    ddl = [
        "CREATE TABLE odd (id VARCHAR(10), f FLOAT)",
        "INSERT INTO odd VALUES ('1', 16777215)",
        "INSERT INTO odd VALUES ('2', 0.1)",
    ]
    described = odd_mapping({"id": "id", "comment": "f"})
    found = read("mariadb", ddl, described, request, tmp_path)
    assert (found["1"]["comment"], found["2"]["comment"]) == ("16777215", "0.10000000149011612")
    with pytest.raises(Refusal) as refused:
        read("mariadb-dump", ["DROP TABLE IF EXISTS odd", *ddl], described, request, tmp_path)
    assert refused.value.code == "source/dump-unreadable"


@pytest.mark.parametrize("engine", ["sqlite", "sqlite-dump"])
def test_octets_under_a_text_are_refused(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """SQLite lets octets stand in a column of text: the column is named, and nothing is guessed."""
    ddl = ["CREATE TABLE odd (id VARCHAR(10), t TEXT)", "INSERT INTO odd VALUES ('1', x'ff00')"]
    with pytest.raises(Refusal) as refused:
        read(engine, ddl, odd_mapping({"id": "id", "comment": "t"}), request, tmp_path)
    assert refused.value.code == "source/octets-as-text"


@pytest.mark.parametrize("engine", ["sqlite", "sqlite-dump"])
def test_text_that_is_not_utf8_is_refused_without_showing_it(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Invalid octets and lone surrogates in a text are refused by column; the value is not in the refusal."""
    for octets in ("4d41524b4552ff", "4d41524b4552eda080"):
        ddl = [
            "DROP TABLE IF EXISTS odd",
            "CREATE TABLE odd (id VARCHAR(10), t TEXT)",
            f"INSERT INTO odd VALUES ('1', CAST(x'{octets}' AS TEXT))",
        ]
        with pytest.raises(Refusal) as refused:
            read(engine, ddl, odd_mapping({"id": "id", "comment": "t"}), request, tmp_path)
        assert refused.value.code == "source/encoding"
        assert "MARKER" not in str(refused.value) + repr(
            refused.value.__context__ and refused.value.__suppress_context__
        )


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_in_another_encoding(
    encoding: str, postgresql: Any, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """LATIN1 comes as UTF-8; a database without an encoding that holds invalid octets is refused by column."""
    name = f"ecluse_{encoding.lower()}"
    postgresql.say(
        f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    try:
        address = parse_address(postgresql.url(name))
        connection = open_postgres(address, read_only=False)
        connection.execute("CREATE TABLE odd (id TEXT, t TEXT)")
        if encoding == "LATIN1":
            connection.execute("INSERT INTO odd VALUES ('1', 'Ménard')")
        else:
            connection.execute("SET client_encoding = 'SQL_ASCII'")
            connection.execute(b"INSERT INTO odd VALUES ('1', E'M\\xe9nard')")
        connection.close()
        wanted = whole(odd_mapping({"id": "id", "comment": "t"}))
        with PostgresSource(address).snapshot() as snapshot:
            if encoding == "LATIN1":
                assert rows_by_id(snapshot, wanted, "patient")["1"]["comment"] == "Ménard"
            else:
                with pytest.raises(Refusal) as refused:
                    rows_by_id(snapshot, wanted, "patient")
                assert refused.value.code == "source/encoding"
                assert str(refused.value.values["where"]).startswith("patient")
    finally:
        postgresql.say(f"DROP DATABASE {name} WITH (FORCE)")


def test_an_account_s_own_settings_change_no_text(postgresql: Any) -> None:
    """A role whose sessions write dates, floats and octets in other ways is read in ours."""
    with postgresql.database() as url:
        connection = open_postgres(parse_address(url), read_only=False)
        name = url.rpartition("/")[2]
        for setting in (
            "datestyle = 'German'",
            "extra_float_digits = -10",
            "bytea_output = 'escape'",
            "timezone = 'Asia/Tokyo'",
            "intervalstyle = 'iso_8601'",
        ):
            connection.execute(f'ALTER DATABASE "{name}" SET {setting}'.encode())
        connection.execute("CREATE TABLE odd (id TEXT, a DATE, b FLOAT8, c TIMESTAMPTZ, d INTERVAL)")
        connection.execute(
            "INSERT INTO odd VALUES ('1', '2024-01-31', 0.1::float8 + 0.2, '2024-01-31 10:00+00', '1 day')"
        )
        connection.close()
        wanted = whole(
            odd_mapping({"id": "id", "birth_name": "a", "used_name": "b", "given_names": "c", "city": "d"})
        )
        with PostgresSource(parse_address(url)).snapshot() as snapshot:
            row = rows_by_id(snapshot, wanted, "patient")["1"]
    assert [row[key] for key in ("birth_name", "used_name", "given_names", "city")] == [
        "2024-01-31",
        "0.30000000000000004",
        "2024-01-31 10:00:00+00",
        "1 day",
    ]
