"""Firebird's words, where it stands and how it is entered, without a server (tests/ports has one)."""

from __future__ import annotations

from decimal import Decimal
from importlib.util import find_spec

import pytest
from sqlglot import exp

from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.charsets import codec_of
from ecluse.adapters.connectors.sql.enter_firebird import FAR, said
from ecluse.adapters.connectors.sql.firebird import Firebird, some_rows, written
from ecluse.adapters.connectors.sql.grants import grant_statements, grants
from ecluse.adapters.connectors.sql.read_firebird import FirebirdSource
from ecluse.base.refusal import Fault, Refusal
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, Privilege
from ecluse.terms.mapping import parse_mapping
from ecluse.terms.plan import read_back
from ecluse.terms.vocabulary import vocabulary
from ecluse.wiring.systems import open_source, open_target


def test_an_address_names_an_alias_or_the_server_s_own_path() -> None:
    """A path of Windows or of Linux, and an alias, are read as the server knows them; the address shows no password."""
    for url, database in (
        ("firebird://r:x@lab.example/C:/LABO/LABO.FDB?charset=win1252", "C:/LABO/LABO.FDB"),
        ("firebird://r:x@lab.example:3051//srv/labo.fdb", "/srv/labo.fdb"),
        ("firebird://r:x@127.0.0.1/labo", "labo"),
    ):
        address = parse_address(url)
        assert address.database == database
        assert "x" not in str(address).replace("lab.example", "").replace("C:/LABO/LABO.FDB", "")
    assert parse_address("firebird://r@h/d?charset=win1252").charset == "WIN1252"
    assert parse_address("firebird://r@h/d").port == 3050
    with pytest.raises(Refusal, match="address/unreadable"):
        parse_address("firebird://r@h/d?charset=EBCDIC")
    with pytest.raises(Refusal, match="address/unknown-option"):
        parse_address("firebird://r@h/d?WireCrypt=Disabled")


def test_a_link_that_leaves_this_machine_is_encrypted_or_not_made() -> None:
    """What a server older than 3.0 cannot do is asked of every server outside this machine, and no address says otherwise."""
    assert "WireCrypt = Required" in FAR
    assert "AuthClient = Srp256, Srp" in FAR


def test_it_is_a_source_only() -> None:
    """As a target it is refused before anything is opened."""
    assert isinstance(open_source("firebird://r@h/d"), FirebirdSource)
    with pytest.raises(Refusal, match="address/only-a-source"):
        open_target("firebird://r@h/d")


@pytest.mark.skipif(find_spec("firebird") is not None, reason="firebird-driver is installed here")
def test_an_absent_driver_is_refused_by_the_name_of_its_extra() -> None:
    """What to install is said when such an address is opened, and not before."""
    with pytest.raises(Refusal) as refused:
        open_source("firebird://r@127.0.0.1/d").catalogue()
    assert refused.value.values["expected"] == "ecluse[firebird]"


@pytest.mark.parametrize(
    ("charset", "codec"),
    [("WIN1252", "cp1252"), ("ISO8859_1", "iso8859-1"), ("DOS850", "cp850"), ("UTF8", "utf-8"), ("UNICODE_FSS", "utf-8"), ("NONE", "ascii"),
     ("KOI8R", "koi8-r"), ("OCTETS", None), ("BIG_5", None), ("WIN9999", None)],
)  # fmt: skip
def test_a_character_set_is_known_by_python_s_name(charset: str, codec: str | None) -> None:
    """Sets of one octet for a character, and Unicode; of any other nothing is guessed."""
    assert codec_of(charset) == codec


def test_a_sample_is_drawn_by_chance_and_limited() -> None:
    """ROWS limits in every version since 2.0."""
    assert (
        some_rows("T", [exp.column("A", quoted=True)], rows=5, share=0.25).sql(dialect=Firebird)
        == 'SELECT "A" FROM "T" WHERE RAND() < 0.250000 ROWS 5'
    )


def test_numbers_keep_every_digit() -> None:
    """A scaled number has its zeros; one that is not finite says so; a binary number is the shortest text that reads back the same."""
    scaled = CatalogueColumn("c", "decimal", "NUMERIC(18,6)")
    assert written(
        [Decimal(0).scaleb(-6), Decimal("NaN"), None], scaled, unsaid="", where=""
    ).to_pylist() == ["0.000000", "NaN", None]
    binary = CatalogueColumn("c", "float", "DOUBLE PRECISION")
    assert written([1e22, float("inf"), 0.5, -3.0], binary, unsaid="", where="").to_pylist() == [
        "1e+22",
        "inf",
        "0.5",
        "-3",
    ]


def test_a_table_is_granted_whole_and_needed_whole_only_where_all_its_columns_are_read() -> None:
    """Names are quoted, the account's in capitals; what is left out of a table is what the account has too much."""
    columns = {
        name: CatalogueColumn(name, "text", "VARCHAR(9) CHARACTER SET UTF8", length=9)
        for name in ("NUM", "NOM", "MDP")
    }
    mapping = b'mapping = { system = "old", version = 1 }\n[patient]\ntable = "PAT"\nfields = { id = "NUM", birth_name = "NOM" }\n'
    wanted = read_back(
        records={"patient": ("id", "birth_name")}, instruction="", mapping=parse_mapping(mapping, vocabulary=vocabulary()), vocabulary=vocabulary()
    )  # fmt: skip
    table = CatalogueTable("PAT", columns)
    assert grants(wanted, Catalogue("firebird", {"PAT": table})) == {
        Privilege("SELECT", "PAT", "NUM"),
        Privilege("SELECT", "PAT", "NOM"),
    }
    view = CatalogueTable("PAT", {name: columns[name] for name in ("NUM", "NOM")})
    needed = grants(wanted, Catalogue("firebird", {"PAT": view}))
    assert needed == {Privilege("SELECT", "PAT")}
    assert grant_statements(needed, 'lec"teur', "firebird") == ['GRANT SELECT ON "PAT" TO USER "LEC""TEUR"']


class Complaint(Exception):
    """What the driver raises, with a value of a row in its text."""

    def __init__(self, *numbers: int) -> None:
        self.gds_codes = numbers
        super().__init__("DUPONT")


Told = type("DatabaseError", (Complaint,), {"__module__": "firebird.driver.types"})


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (335544726, "source/connection-cut"),
        (335544352, "source/not-permitted"),
        (335544580, "source/changed"),
        (335544849, "source/encoding"),
        (335544321, "source/not-read"),
    ],
)
def test_complaints_are_told_by_their_numbers(number: int, code: str) -> None:
    """What failed is said, and nothing of the server's text."""
    with pytest.raises((Refusal, Fault), match=code) as refused, said("T"):
        raise Told(number)
    assert "DUPONT" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_what_is_no_complaint_of_the_driver_is_let_through() -> None:
    """A fault of our own program is not hidden as the server's."""
    with pytest.raises(ZeroDivisionError), said("T"):
        raise ZeroDivisionError
