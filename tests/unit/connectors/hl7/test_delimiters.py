"""Delimiters and escapes: what is written is read, and what is not understood is left as it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.adapters.connectors.hl7.charsets import declared, decoded
from ecluse.adapters.connectors.hl7.delimiters import OURS, Delimiters, Unreadable
from tests.unit.connectors.hl7.reading import MSH, ORU, PID, told


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.sampled_from([OURS, Delimiters("!", "$", "%", "@", "#"), Delimiters("|", "^", "\u02dc", "\\", "&")]),
)
def test_any_text_is_read_as_it_was_written(text: str, d: Delimiters) -> None:
    """Escaped as one part of a field, any text comes back, and holds no delimiter and no line end on the way."""
    written = d.escaped(text)
    assert not {d.field, d.component, d.repetition, d.subcomponent, "\r", "\n"} & set(written)
    assert (d.text(written) or "") == text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", "a|b^c&d~e\\f"), ("\\X0D0A\\", "\r\n"), ("\\XC3A9\\", "é"), ("\\XE9\\", "é"), ("a\\.br\\b", "a\nb"),
        ("\\H\\gras\\N\\ ou non", "gras ou non"), ("a\\.sp2\\b", "a\n\nb"), ("a\\.sk 3\\b", "a   b"), ("\\.in+4\\x", "x"), ("\\Z99\\", "\\Z99\\"),
        ("C:\\dir", "C:\\dir"), ("\\", "\\"), ("\\\\", "\\\\"), ("a\\F\\\\", "a|\\"), ("\\XZZ\\", "\\XZZ\\"), ("C:\\a\\F\\b", "C:\\a|b"), ("\\P\\", "#"),
    ],
)  # fmt: skip
def test_escapes_are_read_or_left(written: str, said: str) -> None:
    """What HL7 defines is read; a local sequence, a Windows path or half an escape stays."""
    assert OURS.text(written) == said


@pytest.mark.parametrize("written", ["\\C2842\\", "\\M2442\\", "\\X81\\"])
def test_a_change_of_characters_within_a_text_is_refused(written: str) -> None:
    """Another character set in the middle of a text is not guessed: the message is kept and said unread."""
    with pytest.raises(Unreadable, match="escape"):
        OURS.text(f"a{written}b")
    found = told(ORU, f"PID|1||12||D{written}^ANNE")
    assert (found.reasons, found.facts) == (["escape"], [])


def test_delimiters_are_those_of_the_message() -> None:
    """Any five, a tilde that is not one, one written twice, fewer than five: the same patient."""
    for signs in ("|^~\\&", "!$%@#", "|^\u02dc\\&", "|^~\\\\&", "|^~\\&#", "|^"):
        d = Delimiters.of(f"MSH{signs}{signs[0]}")
        name = d.escaped("DURAND|^~\\&")
        lines = (MSH.format("ADT^A28"), "PID|1||12||{}^ANNE")
        text = [line.replace("|", signs[0]).replace("^", d.component) for line in lines]
        header = text[0].replace(f"{d.component}~\\&", signs[1:], 1)
        assert told(header, text[1].format(name)).one("patient")["birth_name"] == "DURAND|^~\\&"


@pytest.mark.parametrize("header", ["MSH", "MSHA", "MSH |", "MSH|a~\\&|", "MSH|^ \\&|"])
def test_letters_delimit_nothing(header: str) -> None:
    """A delimiter that is a letter or a space is no delimiter."""
    with pytest.raises(Unreadable, match="delimiters"):
        Delimiters.of(header)


@pytest.mark.parametrize(
    ("declaration", "codec"),
    [
        ("", "utf-8"), ("", "windows-1252"), ("ASCII", "utf-8"), ("ASCII", "windows-1252"), ("8859/1", "iso8859-1"), ("8859/15", "iso8859-15"),
        ("UNICODE UTF-8", "utf-8"), ("UTF-8~UNICODE", "utf-8"), ("GB 18030-2000", "gb18030"), ("8859/2", "iso8859-2"),
    ],
)  # fmt: skip
def test_a_message_is_read_in_the_characters_it_declares(declaration: str, codec: str) -> None:
    """Declared, the set is that one; undeclared, UTF-8 if it is valid, else windows-1252, and that is counted."""
    header = MSH.format("ADT^A28").replace("UNICODE UTF-8", declaration)
    found = told(header, "PID|1||12||L\u00c9GER^ANDR\u00c9", codec=codec)
    assert found.one("patient")["birth_name"] == "L\u00c9GER"
    assumed = codec == "windows-1252"
    assert (("MSH (windows-1252 assumed)", "structure") in found.fates) is assumed


@pytest.mark.parametrize("declaration", ["CNS 11643-1992", "JIS X 9999", "8859/12", "EBCDIC"])
def test_characters_that_cannot_be_read_are_not_guessed(declaration: str) -> None:
    """A declared set that Python has not: nothing is read, all is kept."""
    found = told(MSH.format("ADT^A28").replace("UNICODE UTF-8", declaration), PID)
    assert (found.reasons, found.unread[0].units) == (["encoding"], {"MSH": 1, "PID": 1})


def test_what_is_not_in_the_declared_characters_is_not_read() -> None:
    """Octets that UTF-8 has not, in a message that says UTF-8; a character that windows-1252 has not, undeclared."""
    assert told(MSH.format("ADT^A28"), "PID|1||12||L\u00c9GER", codec="latin-1").reasons == ["encoding"]
    with pytest.raises(Unreadable, match="encoding"):
        decoded(b"\xe9\x81", [])


def test_japanese_is_read_as_japan_declares_it() -> None:
    """ASCII~ISO IR87 is ISO-2022-JP."""
    header = MSH.format("ADT^A28").replace("UNICODE UTF-8", "ASCII~ISO IR87")
    assert told(header, "PID|1||12||山田^太郎", codec="iso2022_jp").one("patient")["birth_name"] == "山田"
    assert declared(header.encode()) == ["ASCII", "ISO IR87"]


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_read_with_or_without_its_mark(codec: str) -> None:
    """Two octets a character, either end first."""
    octets = "".join(f"{line}\r" for line in (MSH.format("ADT^A28").replace("8|", "16|"), "PID|1||12||LÉGER"))
    assert told(octets.rstrip("\r"), codec=codec).one("patient")["birth_name"] == "LÉGER"
