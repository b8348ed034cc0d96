"""What was found of a table in files is told in words, in both languages, with what it rests on and without a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecluse.adapters.connectors.files.folder import listed
from ecluse.adapters.connectors.table.profile import profile_tables
from ecluse.doors.cli.decided import decisions
from ecluse.doors.cli.speak import Voice


def told(folder: Path, name: str, language: str = "en") -> list[str]:
    found, _ = profile_tables(listed(folder).files, system="old")
    return decisions(Voice(language), found.tables[name], found.decided[name])


def test_a_file_of_windows_is_told_as_it_was_found(tmp_path: Path) -> None:
    """Encoding and separator with their reasons; the order of dates and the decimal mark, by what the sample shows, with the columns."""
    lines = ["NUM;NOM;NAISS;CREA;K;VIDE 1"]
    lines += [f"{n};Ménard É;{n % 28 + 1:02d}/03/1950;{n % 9 + 1},5;{n % 5 + 3}.1;" for n in range(60)]
    (tmp_path / "RES.csv").write_bytes("\r\n".join(lines).encode("cp1252"))
    said = told(tmp_path, "RES")
    assert said[:4] == [
        "encoding: windows-1252, by the French letters and signs that it would give in the whole file: to be checked",
        "separator: semicolon (rows of one width)",
        "quotes: double",
        "names of columns: read in the file",
    ]
    assert "dates written %d/%m/%Y, by the sample: NAISS (100 %); the mapping must say so" in said
    assert "decimal comma, by the sample: CREA (60); numbers leave as they stand" in said
    assert "decimal point, by the sample: K (60); numbers leave as they stand" in said
    french = told(tmp_path, "RES", "fr")
    assert len(french) == len(said)
    assert "séparateur : point-virgule (des lignes de même largeur)" in french
    assert "Ménard" not in "".join(said + french)


def test_what_a_person_said_is_told_as_said(tmp_path: Path) -> None:
    """What `tables.toml` says of a file is believed, and told as such; a sign without a name is shown itself."""
    (tmp_path / "tables.toml").write_text(
        '[RES]\nencoding = "utf-8"\nseparator = ":"\nquote = ""\nheader = false\n'
    )
    (tmp_path / "RES.csv").write_text("1:a\n2:b\n")
    assert told(tmp_path, "RES") == [
        "encoding: utf-8, said in tables.toml",
        "separator: : (rows of one width)",
        "quotes: none",
        "names of columns: none in the file, they are numbered",
    ]


@pytest.mark.parametrize(
    ("octets", "encoding"),
    [
        ("N;V\n1;é\n".encode("utf-8-sig"), "by the mark that opens the file"),
        (b"N;V\n1;e\n", "the whole file is plain ASCII"),
        ("N;V\n1;é\n".encode(), "all octets of the file, or nearly, agree with it"),
        ("N;V\n1;e\n".encode("utf-16-le"), "every other octet is zero"),
    ],
)
def test_an_encoding_says_what_it_rests_on(octets: bytes, encoding: str, tmp_path: Path) -> None:
    """A mark, ASCII alone, octets that agree, zeros: each is said in words."""
    (tmp_path / "RES.csv").write_bytes(octets)
    assert told(tmp_path, "RES")[0].endswith(encoding)
