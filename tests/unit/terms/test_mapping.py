"""A mapping is read to the letter, or refused: never guessed, never a crash."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable, Privilege
from ecluse.terms.mapping import (
    BASE,
    LARGEST,
    Column,
    Join,
    Reading,
    Where,
    Writing,
    check_mapping,
    layout,
    parse_mapping,
)
from ecluse.terms.vocabulary import vocabulary

WORDS = vocabulary()
WHOLE = """
mapping = { system = "old", version = 1, note = "un mot" }
[patient]
table = "PATIENT"
where = { TYPE = ["P", "Q"], "a.FIN" = { present = false }, NOM = { present = true } }
changed = "DATMAJ"
fields.id = "NUMPAT"
fields.sex = { column = "SEXE", values = { "1" = "M", "2" = "F" }, absent = ["9", ""], trim = true }
fields.city = "a.VILLE"
fields.birth_name = { first = ["NOM", "a.NOM"] }
fields.email = { constant = "x" }
scope = { site = "SITE", date = { column = "DAT", format = "%d/%m/%Y" } }
write = { STATUT = { constant = "" }, NUM = { field = "id", plus = 7 } }
[[patient.join]]
table = "ADRESSE"
as = "a"
on = { NUMPAT = "NUMPAT" }
where = { RANG = "1" }
role = "owned"
text = true
"""


def read(text: str) -> Any:
    return parse_mapping(text.encode(), vocabulary=WORDS)


def test_a_whole_mapping_says_what_was_written() -> None:
    """Every line of the file is in the value, columns once and in a stable order, with the digest of the exact bytes."""
    mapping = read(WHOLE)
    kind = mapping.kinds["patient"]
    assert (mapping.system, mapping.version, mapping.digest[:7]) == ("old", 1, "sha256:")
    assert list(kind.fields) == ["id", "birth_name", "sex", "city", "email"]
    assert kind.fields["sex"] == Reading(
        (Column(BASE, "SEXE"),), values=(("1", "M"), ("2", "F")), absent=("9", ""), trim=True
    )
    assert (kind.fields["birth_name"].column, kind.fields["email"].constant) == (None, "x")
    assert kind.joins == (
        Join(
            "a",
            "ADRESSE",
            (("NUMPAT", Column(BASE, "NUMPAT")),),
            (Where(Column("a", "RANG"), ("1",)),),
            "owned",
            text=True,
        ),
    )
    assert kind.where == (
        Where(Column(BASE, "TYPE"), ("P", "Q")), Where(Column("a", "FIN"), present=False), Where(Column(BASE, "NOM"), present=True),
    )  # fmt: skip
    assert kind.writes == (
        Writing(Column(BASE, "STATUT"), constant=""),
        Writing(Column(BASE, "NUM"), field="id", plus=7),
    )
    assert [str(column) for column in kind.columns] == [
        "NUMPAT", "NOM", "a.NOM", "SEXE", "a.VILLE", "SITE", "DAT", "a.NUMPAT", "a.RANG", "TYPE", "a.FIN", "DATMAJ",
    ]  # fmt: skip
    assert kind.alias_table(BASE) == "PATIENT"


HEAD = 'mapping = { system = "old", version = 1 }\n'
PATIENT = HEAD + '[patient]\ntable = "T"\nfields.id = "I"\n'


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[", "mapping/unreadable"), ("", "mapping/unreadable"), ('mapping = { system = "x", version = true }', "mapping/unreadable"),
        ('mapping = { system = "x", version = 1, more = 1 }', "mapping/unknown-key"), ("mapping = 1", "mapping/unreadable"),
        (HEAD + "[portal]", "vocabulary/unknown-kind"), (HEAD + "patient = 1", "mapping/unreadable"), (HEAD + "[patient]", "mapping/unreadable"),
        (HEAD + '[patient]\nfields.id = "I"', "mapping/unreadable"), (HEAD + '[patient]\ntable = "T"', "mapping/unreadable"),
        (HEAD + '[patient]\ntable = "T"\nfields = 1', "mapping/unreadable"), (HEAD + '[patient]\ntable = "T"\nfields.id = 5', "mapping/unreadable"),
        (PATIENT + "fields.password = 'P'", "vocabulary/unknown-field"), (PATIENT + "colour = 1", "mapping/unknown-key"),
        (PATIENT + "fields.sex = { column = 'S', first = ['S'] }", "mapping/unreadable"), (PATIENT + "fields.sex = {}", "mapping/unreadable"),
        (PATIENT + "fields.sex = { first = [] }", "mapping/unreadable"), (PATIENT + "fields.sex = { first = 'AB' }", "mapping/unreadable"),
        (PATIENT + "fields.sex = { column = 'S', absent = '00000000' }", "mapping/unreadable"),
        (PATIENT + "fields.sex = { column = 'S', absent = [0] }", "mapping/unreadable"), (PATIENT + "fields.sex = { column = '' }", "mapping/unreadable"),
        (PATIENT + "fields.sex = { column = 'S', trim = 'yes' }", "mapping/unreadable"),
        (PATIENT + 'fields.sex = { column = "S\\u0000" }', "mapping/unreadable"), (PATIENT + "fields.sex = { column = 'S', values = 1 }", "mapping/unreadable"),
        (PATIENT + "fields.sex = { column = 'S', values = { a = 1 } }", "mapping/unreadable"),
        (PATIENT + "fields.sex = { column = 'S', values = { a = ['M'] } }", "mapping/unreadable"),
        (PATIENT + "fields.sex = { column = 'S', values = { a = 'M', b = 'M' } }", "mapping/values-not-one-to-one"),
        (PATIENT + "fields.sex = { column = 'S', sql = 'x' }", "mapping/unknown-key"), (PATIENT + "fields.sex = { column = 'S', format = 5 }", "mapping/unreadable"),
        (PATIENT + "fields.sex = { column = 'S', format = '%y%m%d' }", "mapping/date-format"), (PATIENT + "fields.city = 'z.VILLE'", "mapping/alias-unknown"),
        (PATIENT + "scope = { place = 'S' }", "mapping/unknown-key"), (PATIENT + "changed = 1", "mapping/unreadable"), (PATIENT + "where = 1", "mapping/unreadable"),
        (PATIENT + "where = { A = [] }", "mapping/unreadable"), (PATIENT + "where = { A = {} }", "mapping/unreadable"),
        (PATIENT + "where = { A = { present = 1 } }", "mapping/unreadable"), (PATIENT + "where = { A = 1 }", "mapping/unreadable"),
        (PATIENT + "write = 1", "mapping/unreadable"), (PATIENT + "write = { A = {} }", "mapping/unreadable"),
        (PATIENT + "write = { A = { field = 'id', constant = 'x' } }", "mapping/unreadable"), (PATIENT + "write = { A = { field = 'nope' } }", "vocabulary/unknown-field"),
        (PATIENT + "write = { A = { field = 'id', plus = true } }", "mapping/unreadable"), (PATIENT + "write = { 'z.A' = { constant = 'x' } }", "mapping/alias-unknown"),
        (PATIENT + "join = 1", "mapping/unreadable"), (PATIENT + "join = [1]", "mapping/unreadable"), (PATIENT + "join = [{ as = 'base', on = { A = 'A' } }]", "mapping/unreadable"),
        (PATIENT + "join = [{ as = 'a', table = 'A' }]", "mapping/unreadable"), (PATIENT + "join = [{ as = 'a', table = 'A', on = 'A' }]", "mapping/unreadable"),
        (PATIENT + "join = [{ as = 'a', table = 'A', on = { A = 'A' }, role = 'x' }]", "mapping/unreadable"),
        (PATIENT + "join = [{ as = 'a', table = 'A', on = { A = 'A' } }, { as = 'a', table = 'B', on = { A = 'A' } }]", "mapping/unreadable"),
        ("x = " + "[" * 100_000, "mapping/unreadable"), ("#" * (LARGEST + 1), "mapping/unreadable"),
    ],
)  # fmt: skip
def test_what_a_mapping_cannot_say_is_refused(text: str, code: str) -> None:
    """A key unknown, a text in the place of a list, a value that is none of its kind: refused with where it stands."""
    with pytest.raises(Refusal, match=code):
        read(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    """A mapping is UTF-8."""
    with pytest.raises(Refusal, match="mapping/unreadable"):
        parse_mapping(b"\xff", vocabulary=WORDS)


leaves = st.booleans() | st.integers(-3, 3) | st.text("aA.%Ymd", max_size=6).map(repr)
trees = st.recursive(
    leaves.map(lambda leaf: str(leaf).lower() if isinstance(leaf, bool) else str(leaf)),
    lambda inner: st.lists(inner, max_size=2).map(lambda items: f"[{', '.join(items)}]")
    | st.dictionaries(st.sampled_from(["column", "first", "values", "absent", "format", "trim", "on", "as", "table", "present", "field", "x"]), inner, max_size=3).map(
        lambda table: "{ " + ", ".join(f"{key} = {value}" for key, value in table.items()) + " }"
    ),
    max_leaves=8,
)  # fmt: skip


@given(
    st.sampled_from(
        [
            "fields.sex",
            "join",
            "where",
            "scope",
            "changed",
            "write",
            "table",
            "fields.city",
            "write.A",
            "where.A",
            "scope.date",
        ]
    ),
    trees,
)
def test_any_line_is_read_or_refused(key: str, value: str) -> None:
    """Whatever stands behind a key, the mapping is read or refused: it is never a crash."""
    text = PATIENT if key != "table" else PATIENT.replace('table = "T"\n', "")
    try:
        assert read(f"{text}{key} = {value}\n").kinds["patient"].table
    except Refusal as refusal:
        assert refusal.code.partition("/")[0] in ("mapping", "vocabulary")  # noqa: PT017 - either is right


@pytest.mark.parametrize(
    "format",
    [
        "%Y%m",
        "%Y%m%d%H",
        "%Y%m%d%M",
        "%Y%m%d%H%S",
        "%Y%m%d%f",
        "%Y%m%d%S",
        "%Y%m%d%%",
        "%Y%m%d%Y",
        "%Y-%j",
        "%",
        "%d%m%y",
        "",
    ],
)
def test_a_date_format_that_would_mislead_is_refused(format: str) -> None:
    """A day lacking a part, or a time lacking the part before another (seconds taken for minutes), is no format."""
    with pytest.raises(Refusal, match="mapping/date-format"):
        layout(format, where="x")


def test_the_places_of_a_format_are_told() -> None:
    """Where each directive stands, in characters, literals counted."""
    assert layout("le %d/%m/%Y %H:%M", where="") == {
        "%d": (3, 2),
        "%m": (6, 2),
        "%Y": (9, 4),
        "%H": (14, 2),
        "%M": (17, 2),
    }


def test_a_mapping_is_held_against_its_system() -> None:
    """Each table and column named exists, those of joins, conditions and writing too; the refusal says which line asked."""
    columns = {
        "PATIENT": "NUMPAT NOM SEXE SITE DAT TYPE DATMAJ STATUT NUM",
        "ADRESSE": "NUMPAT VILLE NOM RANG FIN",
    }
    tables = {
        name: CatalogueTable(name, {it: CatalogueColumn(it, "text", "") for it in names.split()})
        for name, names in columns.items()
    }
    mapping = read(WHOLE)
    check_mapping(mapping, Catalogue("sqlite", tables))
    for table, lost in (("ADRESSE", "RANG"), ("PATIENT", "STATUT"), ("PATIENT", "NUMPAT")):
        less = {
            **tables,
            table: CatalogueTable(
                table, {name: it for name, it in tables[table].columns.items() if name != lost}
            ),
        }
        with pytest.raises(Refusal, match="mapping/column-absent"):
            check_mapping(mapping, Catalogue("sqlite", less))
    for table in tables:
        with pytest.raises(Refusal, match="mapping/table-absent"):
            check_mapping(
                mapping, Catalogue("sqlite", {name: it for name, it in tables.items() if name != table})
            )


def test_a_privilege_covers_what_it_holds() -> None:
    """All covers a table, a table covers a column, and nothing covers another act."""
    everything, table, column = Privilege("SELECT"), Privilege("SELECT", "T"), Privilege("SELECT", "T", "C")
    assert [
        everything.covers(column),
        table.covers(column),
        column.covers(table),
        column.covers(everything),
    ] == [True, True, False, False]
    assert not Privilege("UPDATE").covers(column)
    assert [str(it) for it in (everything, table, column)] == ["SELECT", "SELECT T", "SELECT T(C)"]
