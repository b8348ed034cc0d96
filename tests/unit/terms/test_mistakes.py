"""Every mistake of a mapping with its line, and where the statements of a TOML file stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecluse.base.refusal import Refusal
from ecluse.terms.catalogue import Catalogue, CatalogueColumn, CatalogueTable
from ecluse.terms.mapping import LARGEST, parse_mapping
from ecluse.terms.mistakes import mistakes
from ecluse.terms.placed import placed
from ecluse.terms.vocabulary import vocabulary

WRONG = """\
# What its reader
# should know.
[mapping]
system = "x"
version = "1"
zorg = 2

[patient]
tabel = "P"
table = "P"
fields.id = "NUM"
fields.zorg = "Z"
fields.sex = { column = "S", values = { "1" = "M", "2" = "M" } }
fields.city = "q.V"
fields.mobile = "b.TEL"
fields.birth_date = { column = "D", format = "%y" }
without.sexe = "no"
scope.site = { column = 3 }
[[patient.join]]
table = "A"
as = "a"
on = { N = "NUM" }
role = "mine"
[[patient.join]]
table = "B"
as = "b"
on = { N = "a.NUM" }
[[patient.join]]
table = "C"
as = "b"
on = { N = "z.NUM" }
[patient.write]
X = { field = "nope" }

[zork]
table = "Z"
[request]
table = "R"
[specimen]
table = "E"
fields = 3
join = 4
[[result]]
table = "T"
"""


def read(text: str, catalogue: Catalogue | None = None) -> list[tuple[int, str, str]]:
    found = mistakes(text.encode(), vocabulary=vocabulary(), catalogue=catalogue)
    return [(one.line, one.where, one.refusal.code) for one in found]


def test_every_mistake_is_named_with_its_line() -> None:
    """All that is wrong is told at once, in the order of the lines, each by the refusal that alone would stop the file."""
    assert read(WRONG) == [
        (3, "mapping", "mapping/unreadable"),
        (6, "mapping.zorg", "mapping/unknown-key"),
        (9, "patient.tabel", "mapping/unknown-key"),
        (12, "patient.zorg", "vocabulary/unknown-field"),
        (13, "patient.sex", "mapping/values-not-one-to-one"),
        (14, "patient.city", "mapping/alias-unknown"),
        (16, "patient.birth_date", "mapping/date-format"),
        (17, "patient.without.sexe", "vocabulary/unknown-field"),
        (18, "patient.scope.site", "mapping/unreadable"),
        (19, "patient.join 1", "mapping/unreadable"),
        (28, "patient.join 3", "mapping/alias-unknown"),
        (33, "patient.write.X", "vocabulary/unknown-field"),
        (35, "zork", "vocabulary/unknown-kind"),
        (37, "request", "mapping/unreadable"),
        (41, "specimen.fields", "mapping/unreadable"),
        (42, "specimen.join", "mapping/unreadable"),
        (43, "result", "mapping/unreadable"),
    ]


HEAD = '[mapping]\nsystem = "x"\nversion = 1\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (HEAD + "[patient\n", 4),
        (HEAD + 'system = "y"\n', 4),
        (HEAD + 'note = "', 4),
        ("a = " + "[" * 5000, 1),
    ],
)
def test_a_file_that_is_not_toml_has_one_mistake(text: str, line: int) -> None:
    """Where TOML itself is broken, the reader's line is told, and nothing of what stands there."""
    [only] = mistakes(text.encode(), vocabulary=vocabulary())
    assert (only.line, only.where, only.refusal.code) == (line, "file", "mapping/unreadable")
    assert '"y"' not in only.refusal.message()


def test_a_head_that_is_no_table_and_a_kind_that_is_no_table_are_told() -> None:
    """A number in place of a table is one mistake, at its line; a field both taken and not is the kind's."""
    assert read("mapping = 1\npatient = 2\n") == [
        (1, "mapping", "mapping/unreadable"),
        (2, "patient", "mapping/unreadable"),
    ]
    both = HEAD + '[patient]\ntable = "P"\nfields.id = "N"\nfields.sex = "S"\nwithout.sex = "none"\n'
    assert read(both) == [(4, "patient", "mapping/unreadable")]
    with pytest.raises(Refusal) as caught:
        parse_mapping(both.encode(), vocabulary=vocabulary())
    assert "patient.without.sex" in caught.value.message()


def test_a_file_too_large_is_one_mistake() -> None:
    """What only the whole file shows is told of its first line."""
    assert read(HEAD + "#" * LARGEST) == [(1, "file", "mapping/unreadable")]
    assert mistakes(HEAD.encode() + b"# \xff\n", vocabulary=vocabulary())[0].line == 1


RIGHT = (
    HEAD
    + """\
[patient]
table = "P"
changed = "MAJ"
where = { TYPE = "P" }
scope.site = "SITE"
fields.id = "NUM"
fields.city = "a.V"
[[patient.join]]
table = "A"
as = "a"
on = { N = "NUM" }
[patient.write]
"a.X" = { constant = "1" }
"""
)


def catalogue(**tables: str) -> Catalogue:
    return Catalogue(
        "sqlite",
        {
            table: CatalogueTable(
                table, {name: CatalogueColumn(name, "text", "text") for name in columns.split()}
            )
            for table, columns in tables.items()
        },
    )


def test_what_the_system_does_not_have_is_a_mistake_too() -> None:
    """Each absent table and column is told at the line that names it; of an absent table no column is looked for."""
    assert read(RIGHT) == []
    assert read(RIGHT, catalogue(P="NUM MAJ TYPE SITE", A="N V X")) == []
    absent, column = "mapping/table-absent", "mapping/column-absent"
    assert read(RIGHT, catalogue(P="ZORG", A="ZORG")) == [
        (6, "patient.changed", column), (7, "patient.where", column), (8, "patient.scope.site", column), (9, "patient.id", column),
        (10, "patient.city", column), (11, "patient.join 1", column), (11, "patient.join 1", column), (16, "patient.write.a.X", column),
    ]  # fmt: skip
    assert read(RIGHT, catalogue(P="NUM MAJ TYPE SITE")) == [(11, "patient.join 1", absent)]
    assert read(RIGHT, catalogue(A="N V X")) == [(5, "patient.table", absent)]
    assert read(HEAD + '[patient]\ntable = "P"\nfields.id = "NUM"\n', catalogue(P="NUM")) == []


def test_what_is_absent_is_told_beside_what_is_wrong() -> None:
    """A kind with a mistake is still looked for in the system, without what is wrong and what falls with it; one of which nothing is left is not."""
    wrong = RIGHT.replace(
        'fields.city = "a.V"', 'fields.city = "a.V"\nfields.zorg = "Z"\nfields.sex = "SEXE"\nzorg = 1'
    )
    assert read(wrong, catalogue(P="NUM MAJ TYPE SITE", A="N V X")) == [
        (11, "patient.zorg", "vocabulary/unknown-field"),
        (12, "patient.sex", "mapping/column-absent"),
        (13, "patient.zorg", "mapping/unknown-key"),
    ]
    fallen = RIGHT.replace('on = { N = "NUM" }', "on = {}").replace('"SITE"', '"SITES"')
    assert read(fallen, catalogue(P="NUM MAJ TYPE SITE", A="N V X")) == [
        (8, "patient.scope.site", "mapping/column-absent"),
        (11, "patient.join 1", "mapping/unreadable"),
    ]
    assert read(RIGHT.replace('fields.id = "NUM"', "fields.id = 1"), catalogue(P="")) == [
        (9, "patient.id", "mapping/unreadable")
    ]
    assert read("patient = 1\n" + HEAD, catalogue(P="")) == [(1, "patient", "mapping/unreadable")]


def test_the_mappings_that_ship_have_no_mistake(root: Path) -> None:
    """Each mapping of the project is without mistake, and says of every field it does not take why, or is the invented laboratory's."""
    files = sorted((root / "src/ecluse/invent/mappings").glob("*.toml"))
    assert files
    for file in files:
        assert mistakes(file.read_bytes(), vocabulary=vocabulary()) == ()
    known = parse_mapping(
        (root / "src/ecluse/invent/mappings/openelis-global2.toml").read_bytes(), vocabulary=vocabulary()
    )
    for name, kind in known.kinds.items():
        assert set(kind.fields) | set(kind.without) == set(vocabulary().kinds[name].fields)


# --- where things stand ------------------------------------------------------------------------------------------------


def test_statements_are_found_with_their_remarks() -> None:
    """Headers, lists of tables, dotted and quoted keys, values over several lines: each has its line, and the comment at its end."""
    found = placed(
        "# head\n#\n#  more\n\n[a]  # of a\nb.c = 1 # first\n'd#e' = '#' # of d\nlist = [ # open\n  1,\n  2 ] # closed\n"
        "[[a.t]]\nx = 1\n[a.t.in]\ny = { z = 2 }\n[[a.t]]\nx = 2\n"
    )
    assert found.head == "head\n\n more"
    assert found.lines["a", "b", "c"] == 6
    assert found.remarks["a", "b", "c"] == "first"
    assert (found.remarks["a",], found.remarks["a", "d#e"], found.remarks["a", "list"]) == (
        "of a",
        "of d",
        "closed",
    )
    assert (
        found.lines["a", "t", 0],
        found.lines["a", "t", 0, "in", "y", "z"],
        found.lines["a", "t", 1, "x"],
    ) == (11, 14, 16)
    assert found.line(("a", "t", 1, "zorg", "deep")) == 15
    assert found.line(("zorg",)) == 1
    assert placed("x = 1\n").head == ""
    assert placed("").lines == {}


def test_what_is_no_statement_is_passed_over() -> None:
    """Lines that never become a statement are nobody's, and the rest still has its lines."""
    assert placed("a = [\n").lines == {}
