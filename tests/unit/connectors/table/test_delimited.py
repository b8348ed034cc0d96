"""CSV and its like: encoding and dialect found and said, cells left as they stand, and rows that are none told as unread."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.adapters.connectors.table.dialect import SEPARATORS
from ecluse.base.refusal import Refusal
from tests.unit.connectors.table.files import account, files, one, read, table


def only_unreadable(refusal: Refusal) -> None:
    """Octets may make a whole file unreadable, and nothing else."""
    assert refusal.code == "table/unreadable"


PEOPLE = "NUMPAT;NOM;REMARQUE\n0012;LEFÈVRE;prélèvement à jeun\n0013;Noël;sœur : 30 €\n"


@pytest.mark.parametrize(
    ("codec", "mark", "named"),
    [
        ("utf-8", b"", "utf-8 (octets)"), ("utf-8", b"\xef\xbb\xbf", "utf-8 (mark)"), ("cp1252", b"", "windows-1252 (letters)"),
        ("iso8859-15", b"", "iso-8859-15 (letters)"), ("utf-16-le", b"\xff\xfe", "utf-16-le (mark)"), ("utf-16-be", b"\xfe\xff", "utf-16-be (mark)"),
        ("utf-16-le", b"", "utf-16-le (pattern)"), ("utf-16-be", b"", "utf-16-be (pattern)"),
    ],
)  # fmt: skip
def test_the_encoding_is_found_and_said(codec: str, mark: bytes, named: str) -> None:
    """The same French rows come out of every encoding they are met in, and the account says which it was and why."""
    octets = mark + PEOPLE.encode(codec)
    assert table("PATIENT.csv", octets) == [
        {"NUMPAT": "0012", "NOM": "LEFÈVRE", "REMARQUE": "prélèvement à jeun"},
        {"NUMPAT": "0013", "NOM": "Noël", "REMARQUE": "sœur : 30 €"},
    ]
    assert account("PATIENT.csv", octets)["encoding"] == named


@pytest.mark.parametrize("codec", ["cp850", "mac-roman"])
def test_old_encodings_without_the_euro_are_found(codec: str) -> None:
    """What DOS and old Macintosh systems exported is read too."""
    text = "NUM;NOM;NOTE\n1;LEFÈVRE;créatinine élevée\n2;Hélène;à jeun, fièvre\n"
    assert [row["NOTE"] for row in table("P.csv", text.encode(codec))] == [
        "créatinine élevée",
        "à jeun, fièvre",
    ]


def test_an_accent_after_the_first_megabyte_still_decides() -> None:
    """The encoding is found from the whole file: plain octets at its beginning decide nothing."""
    rows = "".join(f"{number};RIEN\n" for number in range(200_000))
    found = table("P.csv", f"NUM;NOM\n{rows}X;Hélène\n".encode("cp1252"))
    assert found[-1]["NOM"] == "Hélène"
    assert len(found) == 200_001


@pytest.mark.parametrize("separator", SEPARATORS)
def test_the_separator_is_found(separator: str) -> None:
    """Semicolons, commas, tabs and bars are told apart, and said."""
    sign = SEPARATORS[separator]
    text = sign.join(["CODE", "LIBELLE", "UNITE"]) + "\n" + sign.join(["GLU", "Glucose", "mmol/L"]) + "\n"
    assert table("T.csv", text.encode()) == [{"CODE": "GLU", "LIBELLE": "Glucose", "UNITE": "mmol/L"}]
    assert account("T.csv", text.encode())["separator"] == separator


def test_decimal_commas_are_no_separators() -> None:
    """A file of semicolons whose every value has a decimal comma keeps its commas, as text."""
    assert table("R.csv", b"VAL;REF\n1,50;2,0\n-0,1;12,5\n") == [
        {"VAL": "1,50", "REF": "2,0"}, {"VAL": "-0,1", "REF": "12,5"},
    ]  # fmt: skip
    without_head = table("R.csv", b"12,5;3,5\n1,0;2,0\n")
    assert without_head[0] == {"column 1": "12,5", "column 2": "3,5"}


def test_cells_are_the_text_that_stands_there() -> None:
    """Leading zeros, numbers of thirty digits, exponents, blanks, dates and formulas are the text they are; an empty cell is absent."""
    octets = b"A;B;C;D;E;F\n007;123456789012345678901234567890;1E5;  x ;=1+1;\n"
    assert table("T.csv", octets) == [
        {"A": "007", "B": "123456789012345678901234567890", "C": "1E5", "D": "  x ", "E": "=1+1", "F": None}
    ]


def test_quoted_cells_may_hold_anything() -> None:
    """Line ends, separators and doubled quotes inside quotes belong to the cell."""
    octets = b'ID;TEXTE\r\n1;"ligne 1\r\nligne 2;\n""fin"""\r\n2;x\r\n'
    assert table("T.csv", octets) == [
        {"ID": "1", "TEXTE": 'ligne 1\r\nligne 2;\n"fin"'},
        {"ID": "2", "TEXTE": "x"},
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system(end: str) -> None:
    """Unix, Windows and old Macintosh line ends all end a row; blank lines are none."""
    found = one("T.csv", end.join(["A;B", "1;2", "", "3;4", ""]).encode())
    assert [row["A"] for row in found.rows["T"]] == ["1", "3"]
    assert found.unread == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [(b"1;2;3;4", "ragged"), (b"1;2", "ragged"), (b"1;\x00;3", "nul"), (b'1;"a"b;3', "quote"), (b"1;\xc3\x28;3", "encoding"), (b"A;B;C", "header-again")],
)  # fmt: skip
def test_a_row_that_is_none_is_unread_with_its_octets(line: bytes, reason: str) -> None:
    """A ragged row, a NUL, a quote closed too early, octets of no character, the head once more: the row alone is unread, its octets kept."""
    accents = "é;è;à\n".encode() * 50
    found = one("T.csv", b"A;B;C\n" + accents + line + b"\nx;y;z\n")
    assert [(it.reason, it.raw.rstrip(b"\n"), it.units) for it in found.unread] == [
        (reason, line, {"row": 1})
    ]
    assert found.unread[0].place == "1:52"
    assert found.rows["T"][-1] == {"A": "x", "B": "y", "C": "z"}
    assert len(found.rows["T"]) == 51


def test_a_quote_that_never_closes_takes_the_rest_aloud() -> None:
    """From an open quote on, nobody can tell the rows: all lines to the end are unread, with their octets, and none becomes a row."""
    rest = b'2;"oubli\n3;c\n4;d\n'
    found = one("T.csv", b"A;B\n1;a\n" + rest)
    assert found.rows["T"] == [{"A": "1", "B": "a"}]
    assert set(found.reasons) == {"quote-open"}
    assert b"".join(it.raw for it in found.unread) == rest
    assert sum(it.units["line"] for it in found.unread) == 3


def test_utf_16_cut_in_a_character_is_told() -> None:
    """Half a character at the end of a file is unread, and the rows before it are read."""
    found = one("T.csv", b"\xff\xfe" + "A;B\n1;é\n2;".encode("utf-16-le") + b"\xe9")
    assert found.rows["T"] == [{"A": "1", "B": "é"}]
    assert [(it.reason, it.raw) for it in found.unread] == [("encoding", b"2\x00;\x00\xe9")]


def test_columns_of_one_name_are_told_apart() -> None:
    """Two columns of one name, or none, are given names by their place, and the account says so: neither hides the other."""
    octets = b"NOM;nom;;Adresse.Ville\nA;B;C;D\n"
    assert table("T.csv", octets) == [{"NOM": "A", "nom (2)": "B", "column 3": "C", "Adresse_Ville": "D"}]
    assert account("T.csv", octets)["renamed"] == "nom (2), column 3, Adresse_Ville"


def test_a_file_without_a_head_numbers_its_columns() -> None:
    """Where the first row is data, it is read as data, and columns are numbered."""
    octets = b"0012;1984-02-29;M\n0013;1990-01-01;F\n"
    assert account("T.csv", octets)["header"] == "none"
    assert [row["column 1"] for row in table("T.csv", octets)] == ["0012", "0013"]


def test_what_a_person_says_is_obeyed() -> None:
    """tables.toml names the file, its encoding, separator, quote and columns; nothing of it is guessed then."""
    layout = b"[PATIENT]\nfile = 'EXPORT.TXT'\nencoding = 'cp850'\nseparator = '!'\nquote = \"'\"\nheader = false\ncolumns = ['NUM', 'NOM']\n"
    held = files(EXPORT__TXT="1!'L!x'\n2!Zoé\n".encode("cp850"), tables__toml=layout)
    assert read(held).rows == {"PATIENT": [{"NUM": "1", "NOM": "L!x"}, {"NUM": "2", "NOM": "Zoé"}]}


@pytest.mark.parametrize(
    "layout",
    [
        "[T]\nfile = '../x'", "[T]\nencoding = 'klingon'", "[T]\nseparator = ';;'", "[T]\nunknown = 1", "T = 1", "[T", "[T]\nseparator = '\"'\nquote = '\"'",
        "[T]\ncolumns = [1]", "[T]\nheader = 'yes'", "[T]\nfile = 'absent.txt'", "[T]\nfixed = [{ name = 'A', start = 0, width = 1 }]",
        "[T]\nfixed = [{ name = 'A', start = 1, width = 3 }, { name = 'B', start = 3, width = 1 }]", "[T]\ncolumns = ['A']",
        "[T]\nrecord = 2\nfixed = [{ name = 'A', start = 1, width = 3 }]", "[T]\nfixed = [{ name = 'A' }]",
    ],
)  # fmt: skip
def test_a_layout_out_of_its_grammar_is_refused(layout: str) -> None:
    """An unknown key, an unknown encoding, columns that overlap, a file elsewhere: tables.toml is refused, never half obeyed."""
    with pytest.raises(Refusal) as said:
        read(files(T__csv=b"A;B\n1;2\n", tables__toml=layout.encode()))
    assert said.value.code == "table/layout-unreadable"


@pytest.mark.parametrize("name", ["photo.jpg", "notes.txt", "README", "old.xls"])
def test_a_file_of_no_known_kind_is_refused(name: str) -> None:
    """What cannot be told to be a table is not passed over: the folder is refused until a person says what it is."""
    with pytest.raises(Refusal) as said:
        one(name, b"x")
    assert said.value.code == "table/unknown-kind"


def test_two_tables_of_one_name_are_refused() -> None:
    """A database that ignores case could not tell them apart."""
    with pytest.raises(Refusal) as said:
        read(files(PATIENT__csv=b"A;B\n", patient__tsv=b"A\tB\n"))
    assert said.value.code == "table/two-of-a-name"


def test_rows_that_nobody_wants_are_counted() -> None:
    """Of a table that the plan does not read, no value is given and every row is counted."""
    held = files(A__csv=b"X;Y\n1;2\n3;4\n", B__csv=b"X;Y\n1;2\n3\n")
    found = read(held, {"A": ["Y"]})
    assert found.rows == {"A": [{"Y": "2"}, {"Y": "4"}]}
    assert found.seen == {("row", "carried"): 2, ("row", "not-read"): 1}
    assert found.reasons == ["ragged"]


def test_a_cell_of_ten_megabytes() -> None:
    """A long text is one cell like another."""
    long = "x" * 10_000_000
    assert table("T.csv", f'ID;DOC\n1;"{long}"\n2;y\n'.encode())[0]["DOC"] == long


def test_many_columns_are_columns() -> None:
    """Ten thousand columns are read; a head of other width than its rows takes none of them."""
    head = ";".join(f"C{place}" for place in range(10_000))
    found = one("T.csv", f"{head}\n{';'.join(['1'] * 10_000)}\n{';'.join(['1'] * 9_999)}\n".encode())
    assert found.reasons == ["ragged"]
    assert len(found.rows["T"]) == 1


def test_an_empty_file_is_an_empty_table() -> None:
    """No octet, no column, no row."""
    assert one("T.csv", b"").rows == {"T": []}


@given(
    rows=st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8), min_size=3, max_size=3), max_size=6),
    separator=st.sampled_from(list(SEPARATORS.values())),
)  # fmt: skip
def test_what_the_standard_writer_wrote_is_read_back(rows: list[list[str]], separator: str) -> None:
    """Any text at all, written by Python's own CSV writer, comes back cell for cell; a row that repeats the head is told apart."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerow(["ALPHA", "BETA", "GAMMA"])
    writer.writerows(rows)
    found = one("T.csv", b"\xef\xbb\xbf" + text.getvalue().encode())
    expected = [[cell or None for cell in row] for row in rows if row != ["ALPHA", "BETA", "GAMMA"]]
    assert [list(row.values()) for row in found.rows["T"]] == expected
    assert set(found.reasons) <= {"header-again"}


@given(octets=st.binary(max_size=300))
def test_any_octets_are_rows_or_unread(octets: bytes) -> None:
    """Octets of no meaning raise nothing but a refusal of the whole file, and reading them twice tells the same."""
    try:
        first = one("T.csv", octets)
    except Refusal as refusal:
        only_unreadable(refusal)
        return
    assert one("T.csv", octets) == first


@given(hurt=st.tuples(st.integers(0, 60), st.binary(max_size=4), st.integers(0, 6)))
def test_a_hurt_file_loses_nothing_in_silence(hurt: tuple[int, bytes, int]) -> None:
    """Wherever octets are put in, taken out or changed, each octet of the file stands in a row that was read or in one that was not."""
    start, put, taken = hurt
    whole = b"ID;NOM;VAL\n" + b"".join(b"%04d;NOM%d;1,5\n" % (number, number) for number in range(5))
    octets = whole[:start] + put + whole[start + taken :]
    try:
        found = one("T.csv", octets)
    except Refusal as refusal:
        only_unreadable(refusal)
        return
    read_rows, unread = len(found.rows["T"]), sum(sum(it.units.values()) for it in found.unread)
    lines = [line for line in octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n") if line]
    assert read_rows + unread <= len(lines) + 1
    assert read_rows + unread >= 1 or len(lines) <= 1 or put
