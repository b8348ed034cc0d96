"""What a profile shows and hides, what it recognises, and what it drafts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ecluse.adapters.connectors.sql.address import parse_address
from ecluse.adapters.connectors.sql.profile import Budget, profile_database
from ecluse.adapters.invented import fill
from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, ForeignKey
from ecluse.terms.draft import draft_mapping
from ecluse.terms.guess import guesses
from ecluse.terms.mapping import check_mapping, parse_mapping
from ecluse.terms.profile import ColumnProfile, Profile, TableProfile, profile_table
from ecluse.terms.recognise import recognise, shape
from ecluse.terms.secrets import looks_secret, words
from ecluse.terms.vocabulary import vocabulary


def profiled(**sample: Sequence[object]) -> TableProfile:
    """The profile of a table T with these columns, all of text, without a key."""
    columns = {name: CatalogueColumn(name, "text", "text") for name in sample}
    return profile_table(CatalogueTable("T", columns), rows=100, sample=dict(sample))


def column(name: str, values: Sequence[object]) -> ColumnProfile:
    return profiled(**{name: values}).columns[name]


# --- what is shown -----------------------------------------------------------------------------------------------------


def test_a_value_seen_fewer_than_five_times_is_hidden() -> None:
    """Five times is shown, four is not, and how many different values are hidden is said."""
    found = column("unit", ["g/L"] * 5 + ["mmol/L"] * 4 + ["UI"] * 30)
    assert found.frequent == (("UI", 30), ("g/L", 5))
    assert (found.hidden, found.distinct) == (1, 3)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("NOMNAI", ["MARTIN"] * 50 + ["DURAND"] * 50),
        ("x", ["jean.martin@example.org"] * 50),
        ("x", ["06 39 98 00 01"] * 50),
        ("x", ["19840229"] * 50),
        ("MDP", ["azerty12"] * 50),
        ("x", ["a long sentence that a doctor wrote here", "and another one quite different", "and still another of them all"] * 20),
    ],
)  # fmt: skip
def test_a_persons_data_is_never_shown_however_often_it_is_seen(name: str, values: list[str]) -> None:
    """Names, contacts, dates, free text and secrets show no value at all, only shapes; a secret not even these."""
    found = column(name, values)
    assert (found.frequent, found.hidden) == ((), found.distinct)
    assert bool(found.shapes) == (found.secret is None)
    assert not any(value in repr(found) for value in values)


@pytest.mark.parametrize(
    "name",
    ["CP", "CODE_POSTAL", "lastName", "maiden_name", "ipp", "signedby", "prescripteur", "oid_ins", "rue"],
)
def test_what_the_lexicon_takes_for_a_person_is_never_shown(name: str) -> None:
    """A column that would be proposed for a person's field shows no value, seen twice or ten thousand times, and whatever its values are."""
    for values in (["A1"] * 10_000, ["56000", "29200"] * 50, ["12"] * 5):
        found = column(name, values)
        assert (found.frequent, found.hidden) == ((), found.distinct)
        assert not any(repr(value) in repr(found) for value in values)


@pytest.mark.parametrize("name", ["UNITE", "CODANA", "ETATRES", "unit_of_measure", "status"])
def test_what_nobody_is_named_by_is_shown(name: str) -> None:
    """A code that says nothing of a person is shown from five times on: a mapping could not be written without."""
    assert column(name, ["A1"] * 5 + ["B2"] * 5).frequent == (("A1", 5), ("B2", 5))


def test_what_names_one_thing_each_is_not_shown() -> None:
    """A primary key, and a column of hundreds of different values, show none: they are no codes."""
    numbers = [f"P{row:05}" for row in range(500)] * 5
    assert column("x", numbers).frequent == ()
    key = CatalogueTable("T", {"id": CatalogueColumn("id", "text", "text")}, ("id",))
    assert profile_table(key, rows=10, sample={"id": ["a"] * 10}).columns["id"].frequent == ()


def test_a_code_of_one_character_is_shown_whatever_its_name() -> None:
    """One character names nobody: the status of an identity is shown though its name says identity."""
    assert column("STAINS", ["P"] * 9 + ["V"] * 20).frequent == (("V", 20), ("P", 9))


def test_counts_lengths_and_absence_are_measured() -> None:
    """Share absent, lengths, shapes with their number, and texts that stand for nothing are told."""
    found = column("code", [None] * 5 + [""] * 5 + ["AB12"] * 10)
    assert (found.seen, found.nulls, found.shortest, found.longest) == (20, 0.25, 0, 4)
    assert found.shapes == (("AA99", 10), ("", 5))
    assert found.absents == ("",)
    empty = column("code", [])
    assert (empty.seen, empty.nulls, empty.distinct, empty.longest) == (0, 0.0, 0, 0)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("AB-12", "AA-99"),
        ("Éa1", "Aa9"),
        ("123456789012345", "9{15}"),
        ("a" * 4, "aaaa"),
        ("x\n" * 100, "a\n" * 40),
    ],
)
def test_a_shape_says_the_form_and_nothing_else(value: str, form: str) -> None:
    """Letters become A or a, figures 9, long runs are counted, long texts cut."""
    assert shape(value) == form


# --- what is recognised ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "what", "detail"),
    [
        (["253072B07300470", "164084515163172"], "nir", ""),
        (["1.2.250.1.213.1.4.10"], "ins-oid", ""),
        (["99000099749", "99000199473"], "rpps", ""),
        (["a@b.fr"], "email", ""),
        (["0639980001", "+33639980002"], "mobile", ""),
        (["02 61 91 00 21"], "phone", ""),
        (["123e4567-e89b-12d3-a456-426614174000"], "uuid", ""),
        (["14749-6"], "loinc", ""),
        (["75001", "97400"], "postcode", ""),
        (["990000021"], "finess", ""),
        (["application/pdf"], "media-type", ""),
        (["S", "I", "R"], "interpretation", ""),
        (["<?xml version='1.0'?>"], "xml", ""),
        (["QUJD" * 60], "base64", ""),
        (["19840229", "20011231", "00000000"], "date", "%Y%m%d"),
        (["29021984", "31122001"], "date", "%d%m%Y"),
        (["29/02/1984", "31/12/2001"], "date", "%d/%m/%Y"),
        (["02/29/1984", "12/31/2001"], "date", "%m/%d/%Y"),
        (["1984-02-29"], "date", "%Y-%m-%d"),
        (["2001-12-31 23:59:59"], "date", "%Y-%m-%d %H:%M:%S"),
        (["1", "2", "9", "1"], "sex", "1/2/9"),
        (["M", "F"], "sex", "F/M/U"),
        ([b"%PDF-1.4", b"%PDF-1.7"], "document", "pdf"),
        ([b"<?xml?>"], "document", "xml"),
        ([b"\x00\x01"], "document", "bytes"),
    ],
)
def test_a_column_is_recognised_by_its_values(values: list[object], what: str, detail: str) -> None:
    """Keys, forms and known codes tell what the values are, the surest first."""
    found = recognise(values, distinct=len(set(values)))
    assert (found[0].what, found[0].detail) == (what, detail)
    assert found[0].share >= 0.9


@pytest.mark.parametrize(
    "values",
    [["253072B07300471"], ["19841329"], ["17000101"], ["1"] * 99 + ["2"], ["00000000"], [], [3, 4], ["12 rue du Bac au bord", "3 rue des Lilas en Fleur", "145 avenue de la Paix et des Champs"] * 9],
)  # fmt: skip
def test_what_does_not_fit_is_not_recognised(values: list[object]) -> None:
    """A NIR of a wrong key, an impossible or far date, a version number, an absent value, an address: nothing is claimed."""
    assert recognise(values, distinct=len(set(values))) == ()


# --- secrets -----------------------------------------------------------------------------------------------------------

DISORDER = ["a7Kd92mQ", "zz3Rt8p1", "9KlmP0x2", "Qw3rTy77", "pA55w0rd", "x9Y8z7W6", "1a2B3c4D", "Lm0nOp9Q", "t5U6v7w8", "G4h5J6k7", "b1N2m3X4",
            "c9V8b7N6", "d0F1g2H3", "e4R5t6Y7u", "s8D9f0G1", "k2L3p4O5i", "w6Q7e8R9", "z1X2c3V4b", "n5M6a7S8", "h9J0k1L2q", "y3U4i5O6p7"]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("MDP", [], "name: mdp"),
        ("userPassword", [], "name: password"),
        ("MOTDEPASSE", [], "name: motdepasse"),
        ("MOT_DE_PASSE", [], "name: passe"),
        ("CODEACC", [], "name: codeacc"),
        ("api-key", [], "name: apikey"),
        ("JETON", [], "name: jeton"),
        ("libelle", ["$2b$10$4cdbaca42d01641cc672320cd5cc695b054f410e3246640c72d81"], "content: bcrypt"),
        ("libelle", ["$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"], "content: argon2"),
        ("libelle", ["5f4dcc3b5aa765d61d8327deb882cf99"], "content: a digest"),
        ("libelle", ["{SSHA}abcdef"], "content: an LDAP password"),
        ("libelle", ["x"] * 40 + ["$6$salt$hash"] * 5, "content: crypt"),
        ("libelle", DISORDER, "content: disorder"),
    ],
)
def test_a_secret_is_recognised_by_its_name_or_its_values(name: str, values: list[str], reason: str) -> None:
    """A word or a part of the name, a digest among the values, or disorder without a shape is enough, and the reason is told."""
    assert looks_secret(name, values) == reason


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("CLEF", ["LABO", "VERSION"]),
        ("passage", []),
        ("spine", []),
        ("NUMPAT", [f"P{row:09}" for row in range(100)]),
        ("accession", [f"26{row:02}A{row:04}" for row in range(90)]),
        ("fhir_uuid", [f"123e4567-e89b-12d3-a456-4266141740{row:02}" for row in range(50)]),
        ("valeur", ["12,5", "<0,1", "Négatif"] * 20),
        ("mel", [f"p{row}@example.org" for row in range(50)]),
        ("x", ["x"] * 40 + ["$6$salt$hash"] * 4),
        ("x", DISORDER[:10]),
        ("NOM", [f"Nom{chr(65 + row % 26)}{chr(97 + row // 26)}" for row in range(60)]),
        ("content", [b"\x00"]),
    ],
)
def test_what_is_no_secret_is_left(name: str, values: list[object]) -> None:
    """Identifiers of one shape, uuids, values, addresses and names are no secrets, nor are a few strange texts among many."""
    assert looks_secret(name, values) is None


def test_a_name_is_cut_into_words() -> None:
    """Capitals, separators and accents are undone."""
    assert words("lastName_ID2 Prénom") == ["last", "name", "id", "2", "prenom"]


def test_the_answer_beside_a_question_and_the_login_beside_a_password_are_secrets() -> None:
    """A secret answer is a password under another name; what one enters with goes with it. Elsewhere both words are innocent."""
    table = profiled(LOGIN=["a"], MDP=["b"], QUESTION=["c"], REPONSE=["d"], DATCNX=["e"])
    assert {name: found.secret for name, found in table.columns.items()} == {
        "LOGIN": "beside a secret", "MDP": "name: mdp", "QUESTION": "beside a question", "REPONSE": "beside a question", "DATCNX": None,
    }  # fmt: skip
    assert not any(found.secret for found in profiled(LOGIN=["a"], REPONSE=["d"]).columns.values())


# --- the draft ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> tuple[Profile, Catalogue]:
    """The invented old system, profiled."""
    url = f"sqlite:///{tmp_path_factory.mktemp('old')}/old.db"
    Path(url.removeprefix("sqlite:///")).touch()
    fill(url, patients=400, seed=7, documents=0.2)
    return profile_database(parse_address(url), system="old", budget=Budget(rows=2000))


def test_the_draft_of_the_invented_system_finds_what_its_mapping_says(
    old: tuple[Profile, Catalogue], root: Path
) -> None:
    """The draft is a mapping that exists in the catalogue, and has at least 98 % of the fields of the one written by hand, none wrong.

    The lexicon was written by those who invented the system: this figure says that nothing broke, not how a stranger's system would fare.
    """
    draft = parse_mapping(draft_mapping(*old, vocabulary()).encode(), vocabulary=vocabulary())
    check_mapping(draft, old[1])
    truth = parse_mapping(
        (root / "src/ecluse/invent/mappings/invented-old.toml").read_bytes(), vocabulary=vocabulary()
    )
    wanted = {
        (kind.kind, name): (kind.table, reading.columns)
        for kind in truth.kinds.values()
        for name, reading in kind.fields.items()
    }
    given = {
        (kind.kind, name): (kind.table, reading.columns)
        for kind in draft.kinds.values()
        for name, reading in kind.fields.items()
    }
    right = sum(given.get(path) == place for path, place in wanted.items())
    assert right / len(wanted) >= 0.98
    assert not [path for path, place in wanted.items() if path in given and given[path] != place]


def test_the_draft_reads_dates_and_codes(old: tuple[Profile, Catalogue]) -> None:
    """Formats of dates, sexes, flags and statuses by initials are proposed; codes that say nothing by themselves are a TODO."""
    text = draft_mapping(*old, vocabulary())
    kinds = parse_mapping(text.encode(), vocabulary=vocabulary()).kinds
    assert kinds["patient"].fields["birth_date"].format == "%Y%m%d"
    assert kinds["patient"].fields["death_date"].format == "%d/%m/%Y"
    assert dict(kinds["patient"].fields["sex"].values) == {"1": "M", "2": "F", "9": "U"}
    assert dict(kinds["patient"].fields["ins_status"].values) == {"P": "PROV", "R": "RECUP", "V": "VALI"}
    assert kinds["result"].fields["code"].trim
    assert "# TODO fields.status: say which of" in text


def test_the_draft_never_maps_a_secret_and_names_them(old: tuple[Profile, Catalogue]) -> None:
    """No secret column is proposed for anything; all are listed at the end with the reason."""
    text = draft_mapping(*old, vocabulary())
    for name in ("PORTAIL.MDP", "PORTAIL.REPONSE", "PATIENT.CODEACC", "PARAM.JETON"):
        assert name in text.splitlines()[-1]
    assert not any("CODEACC" in line or "MDP" in line for line in text.splitlines()[:-1])


def test_every_proposed_line_says_how_sure_and_why(old: tuple[Profile, Catalogue]) -> None:
    """Each table and field carries a comment with a percentage and a reason."""
    for line in draft_mapping(*old, vocabulary()).splitlines():
        if line.startswith(("table =", "fields.", "without.")) and "join" not in line:
            assert "%: " in line.partition("    # ")[2]


def test_fields_behind_foreign_keys_are_joined() -> None:
    """A name that stands in a person's table is found through the patient's key, and the join is written; what is absent is a TODO."""
    catalogue = Catalogue(
        "postgres",
        {
            "person": _table("person", "id", "last_name", "e-mail"),
            "patient": _table("patient", "id", "person_id", link="person"),
        },
    )
    tables = {
        name: profile_table(table, rows=9, sample={column: ["1", "2"] for column in table.columns})
        for name, table in catalogue.tables.items()
    }
    text = draft_mapping(Profile("oe", "postgres", tables), catalogue, vocabulary())
    mapping = parse_mapping(text.encode(), vocabulary=vocabulary())
    check_mapping(mapping, catalogue)
    patient = mapping.kinds["patient"]
    assert str(patient.fields["birth_name"].column) == "person1.last_name"
    assert patient.joins[0].table == "person"
    assert 'without.sex = "no column of such a name or such values (sex)"    # TODO 0%: sex' in text
    assert "# TODO [invoice]" in text
    assert "none seen" in text


def _table(name: str, *columns: str, link: str = "") -> CatalogueTable:
    links = (
        (ForeignKey((f"{link}_id",), link, ("id",)), ForeignKey(("x",), "elsewhere", ("id",))) if link else ()
    )
    return CatalogueTable(
        name, {column: CatalogueColumn(column, "text", "text") for column in columns}, ("id",), links
    )


def test_a_profile_of_another_system_is_refused(old: tuple[Profile, Catalogue]) -> None:
    """A draft names only what the catalogue has."""
    with pytest.raises(Refusal, match="mapping/table-absent"):
        draft_mapping(old[0], Catalogue("sqlite"), vocabulary())


def test_a_kind_is_recognised_by_its_columns_when_its_table_has_another_name() -> None:
    """Four fields and more tell a table whose name says nothing; a table with fewer is not taken."""
    columns = ("NUMPAT", "NOMNAI", "PRENOM", "DATNAI", "SEXE", "NSS", "LIEUNAI", "NOMUSU")
    table = CatalogueTable(
        "T0042", {name: CatalogueColumn(name, "text", "text") for name in columns}, ("NUMPAT",)
    )
    found = guesses(
        Profile(
            "x", "sqlite", {"T0042": profile_table(table, rows=0, sample={name: [] for name in columns})}
        ),
        vocabulary=vocabulary(),
    )
    assert found["patient"].table.name == "T0042"
    assert "invoice" not in found


# --- reading on a budget -----------------------------------------------------------------------------------------------


def test_a_large_sqlite_table_is_sampled_over_its_whole_length(
    old: tuple[Profile, Catalogue], tmp_path: Path
) -> None:
    """No more rows than the budget are read, from the beginning to the end of the table."""
    import sqlite3
    from contextlib import closing

    path = tmp_path / "large.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (tenth TEXT)")
        connection.executemany("INSERT INTO t VALUES (?)", [(str(row // 1000),) for row in range(10_000)])
        connection.execute("CREATE TABLE w (id INTEGER PRIMARY KEY) WITHOUT ROWID")
        connection.executemany("INSERT INTO w VALUES (?)", [(row,) for row in range(500)])
        connection.execute("CREATE VIEW v AS SELECT * FROM t")
        connection.commit()
    profile, _ = profile_database(parse_address(f"sqlite:///{path}"), system="x", budget=Budget(rows=200))
    assert (profile.tables["t"].rows, profile.tables["t"].sampled) == (10_000, 200)
    assert profile.tables["t"].columns["tenth"].distinct == 10
    assert (profile.tables["w"].rows, profile.tables["w"].sampled) == (500, 200)
    assert profile.tables["v"].sampled == 200


def test_what_the_time_does_not_reach_is_said(old: tuple[Profile, Catalogue], tmp_path: Path) -> None:
    """With no second to spend every table is skipped, by name."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(tmp_path / "t.db")) as connection:
        connection.execute("CREATE TABLE t (a)")
    profile, _ = profile_database(
        parse_address(f"sqlite:///{tmp_path}/t.db"), system="x", budget=Budget(seconds=0)
    )
    assert (profile.tables, profile.skipped) == ({}, ("t",))


@pytest.mark.parametrize("fixture", ["postgresql_url", "mariadb_url"])
def test_a_server_is_profiled_as_a_file_is(
    fixture: str, request: pytest.FixtureRequest, old: tuple[Profile, Catalogue]
) -> None:
    """The same laboratory, sampled on a server, gives the same draft but for the tables' order of rows."""
    url = request.getfixturevalue(fixture)
    fill(url, patients=400, seed=7, documents=0.2)
    profile, catalogue = profile_database(parse_address(url), system="old", budget=Budget(rows=1500))
    assert profile.skipped == ()
    assert 0 < profile.tables["RESULT"].sampled <= 1500 < profile.tables["RESULT"].rows
    drafted = parse_mapping(draft_mapping(profile, catalogue, vocabulary()).encode(), vocabulary=vocabulary())
    expected = parse_mapping(draft_mapping(*old, vocabulary()).encode(), vocabulary=vocabulary())
    for kind, mapped in expected.kinds.items():
        assert {name: reading.columns for name, reading in drafted.kinds[kind].fields.items()} == {
            name: reading.columns for name, reading in mapped.fields.items()
        }
