"""Lines, messages and the password: what is known before any segment is read."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.adapters.connectors.files.format import Unread
from ecluse.adapters.connectors.hprim.lines import lines_of
from ecluse.adapters.connectors.hprim.octets import Message, blanked, messages
from tests.unit.connectors.hprim.messages import HEAD, PATIENT, REQUEST, RESULT, read, reasons, records, sent

SIGNS = "!#$%*+,:;=?@_|~^\\&"


@pytest.mark.parametrize("eol", ["\r", "\n", "\r\n", "\r\r\n", "\n\x1a"])
def test_lines_end_as_their_writer_ends_them(eol: str) -> None:
    """CR, LF, CRLF, and control characters after them, make no difference to what is read."""
    octets = sent(PATIENT, REQUEST, RESULT, eol=eol)
    assert records(read(octets)) == records(read(sent(PATIENT, REQUEST, RESULT)))


@given(st.permutations(SIGNS))
def test_separators_are_read_by_position(signs: list[str]) -> None:
    """Any five different signs after H are the separators, each what its place says."""
    plain = sent(PATIENT, REQUEST, RESULT + "||||||BIO", "C|1|L|Un^deux \\F\\ trois").decode()
    body = plain.replace("3.9 - 6.1", "3-6").translate(
        {ord(old): new for old, new in zip("|~^\\&", signs, strict=False)}
    )
    expected = records(read(plain.replace("3.9 - 6.1", "3-6").encode()))
    expected["result", "R1-GLU"]["comment"] = f"Un\ndeux {signs[0]} trois"
    assert records(read(body.encode())) == expected


@pytest.mark.parametrize("order", ["|~^\\&", "|^~\\&", "|^~&\\", "|\\^&~"])
def test_the_four_orders_met_in_the_wild_are_read(order: str) -> None:
    """The order of the recommendation, two that come from HL7, and one of a region: all four give the same name."""
    octets = sent(f"P|1||L1||PETIT{order[1]}ANNE", head=f"H{order}|A|SECRET|LABO||ORU||||||H2.1")
    assert records(read(octets))["patient", "L1"] == {
        "id": "L1",
        "birth_name": "PETIT",
        "given_names": "ANNE",
    }


@pytest.mark.parametrize(
    "head", ["H", "H|", "H|~^", "H||||||A", "H|~~\\&|A", "H|~^\\&x|A", "H|~^\\ |A|SECRET", "H|~^\\a|A|SECRET"]
)
def test_separators_that_are_not_five_different_signs_set_the_message_aside(head: str) -> None:
    """A header that does not declare five different signs cannot be read by, nor can what follows it."""
    told = read(sent(PATIENT, head=head))
    assert reasons(told) == [("separators", {"H": 1, "P": 1, "L": 1})]
    assert b"SECRET" not in b"".join(it.raw for it in told if isinstance(it, Unread))


@pytest.mark.parametrize(
    "octets",
    [
        sent(PATIENT, REQUEST, RESULT),
        sent(PATIENT)[:-5],
        sent(PATIENT, end="L|1||99|99"),
        sent(RESULT, "XYZ|1"),
        b"avant " + sent(PATIENT),
        b"\xef\xbb\xbf" + sent(PATIENT)[:40],
        sent(PATIENT, head="H|~^~&|A|SECRET|LABO"),
        sent(PATIENT, head="H||||||||SECRET|LABO"),
        sent(PATIENT, head="H|~^\\&|A", end="L|1") + b"H|~^\\&|A|\r\nA|SECRET",
        sent(PATIENT, head="H|~^\\&|A\r\nA||SEC\r\nA|RET\r\nA||LABO"),
        sent(PATIENT, head="H|~^\\&|A\r\nA||SECRET")[:-5],
        sent(PATIENT, "H|~^|A|SECRET|", head="H|~^\\&|A||1~LABO"),
        sent(PATIENT, head=HEAD.replace("|P|", "|T|")),
        "H|~^\\&|A|SECRET|LABO\r\nP|1\r\n".encode("utf-16-le"),
        "H|~^\\&|A|SECRET|LABO\r\nP|1\r\n".encode("utf-16"),
    ],
)
def test_the_password_is_nowhere(octets: bytes) -> None:
    """Wherever a header stands, whole, cut, continued or broken, its password is in no fact, no place and no octets set aside."""
    told = repr(read(octets))
    assert "SECRET" not in told
    assert "S\\x00E\\x00C\\x00" not in told
    assert not ("SEC" in told and "RET" in told)


@given(
    st.text(alphabet="abcSECRET0159 éà", min_size=4, max_size=12).map(lambda text: f"<{text}>"),
    st.integers(0, 400),
)
def test_no_cut_shows_the_password(password: str, end: int) -> None:
    """A message cut at any octet shows nothing of the password that it holds."""
    octets = sent(PATIENT, REQUEST, head=f"H|~^\\&|A.HPR|{password}|LABO||ORU")
    assert password[:3] not in repr(read(octets[:end]))


def test_a_high_result_is_not_taken_for_a_header() -> None:
    """The H of a result above its range, with empty fields after it, keeps all that follows it."""
    octets = sent(PATIENT, REQUEST, "OBX|1|NM|K~Potassium~L||6.1|mmol/l||H||||||20240115||V1")
    assert records(read(octets))["result", "R1-K"]["flag"] == "H"
    assert records(read(octets))["result", "R1-K"]["validator"] == "V1"
    assert blanked([b"H. pylori positif\r\n", b"OBX|1|||||||H||||||20240115\r\n"]) == [
        b"H. pylori positif\r\n",
        b"OBX|1|||||||H||||||20240115\r\n",
    ]


def test_a_file_may_hold_several_messages_and_other_lines() -> None:
    """Each message is numbered; what stands in none is set aside, and changes nothing."""
    octets = b"bonjour\r\n" + sent(PATIENT) + b"\r\n\r\n" + sent(PATIENT) + b"au revoir"
    told = read(octets)
    assert reasons(told) == [("outside", {"other": 1}), ("outside", {"other": 1})]
    assert [it.number for it in messages(io.BytesIO(octets)) if isinstance(it, Message)] == [1, 2]


@pytest.mark.parametrize(
    ("said", "codec"),
    [
        ("", "latin-1"), ("", "cp1252"), ("", "utf-8"), ("UTF-8", "utf-8"), ("CP850", "cp850"), ("437", "cp437"), ("MACINTOSH", "mac-roman"),
        ("ISO 8859-15", "iso8859-15"), ("8859-1", "latin-1"), ("ANSI", "cp1252"),
    ],
)  # fmt: skip
def test_a_code_page_is_declared_or_found(said: str, codec: str) -> None:
    """H.8 may name a code page; where it does not, the octets tell ISO 8859-1 from Windows-1252 and UTF-8."""
    name = "CŒUR’É" if codec in ("cp1252", "utf-8") else "HÉLÉNE"
    octets = "\r\n".join([f"H|~^\\&|A||L||ORU||{said}", f"P|1||L1||{name}", "L|1", ""]).encode(codec)
    assert records(read(octets))["patient", "L1"]["birth_name"] == name


def test_octets_that_are_not_of_the_declared_code_page_are_set_aside() -> None:
    """A message that says UTF-8 and is not is not guessed at."""
    octets = "H|~^\\&|A||L||ORU||UTF-8\rP|1||L1||HÉLÈNE\rL|1\r".encode("latin-1")
    assert reasons(read(octets)) == [("encoding", {"H": 1, "P": 1, "L": 1})]


def test_memory_is_bounded_where_nothing_ends() -> None:
    """Lines without number that are in no message are given as they come, not gathered."""
    outside = b"du texte\r\n" * 400_000
    told = read(outside)
    assert len(told) > 1
    assert sum(it.units["other"] for it in told if isinstance(it, Unread)) == 400_000


def test_a_line_without_an_end_is_given_in_pieces() -> None:
    """What never ends is not gathered for ever."""
    pieces = [b"ab", b"cd", b"ef", b"\r", b"\nx"]
    assert list(lines_of(pieces, longest=3)) == [b"abcd", b"ef\r\n", b"x"]
    assert list(lines_of(pieces, longest=99)) == [b"abcdef\r\n", b"x"]
    assert list(lines_of([], longest=99)) == []
