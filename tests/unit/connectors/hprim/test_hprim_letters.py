"""Letters to doctors."""

from __future__ import annotations

import codecs
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecluse.adapters.connectors.hprim.letters import HprimLetters
from ecluse.base.refusal import Refusal
from tests.unit.connectors.hprim.messages import fates, read_letters, reasons, records

HEADING = (
    "1",
    "PETIT",
    "HÉLÈNE",
    "1 RUE",
    "BAT B",
    "75012 PARIS",
    "02/01/1990",
    "290017511200170",
    "R1",
    "15/01/2024",
    "LABO",
    "P1 DR MARTIN",
)
BODY = (
    "",
    "Cher confrère,",
    "",
    "tout va bien.",
    "****LAB****",
    "TEX|Sang|",
    "RES|GLUCOSE|GLU|N|5.2|mmol/L|3.5|6.5|N|F|",
    "TEX|à jeun",
    "TEX|deux",
    "KIN|x",
)


def letter(*lines: str, heading: tuple[str, ...] = HEADING, end: str = "****FIN****") -> str:
    return "\r\n".join([*heading, *lines, end, ""])


def test_a_letter_is_a_patient_a_request_its_text_and_results() -> None:
    """The heading names them; text above the results is the request's, remarks below a result are its comment."""
    told = read_letters((letter(*BODY) + "****FINFICHIER****\r\n").encode("latin-1"))
    assert records(told) == {
        ("patient", "1"): {
            "id": "1", "birth_name": "PETIT", "given_names": "HÉLÈNE", "birth_date": "19900102", "nss": "290017511200170",
            "address": "1 RUE\nBAT B", "postcode": "75012", "city": "PARIS",
        },
        ("prescriber", "P1"): {"id": "P1", "family_name": "DR MARTIN"},
        ("request", "R1"): {
            "id": "R1", "patient": "1", "prescriber": "P1", "site": "LABO", "date": "20240115",
            "clinical_info": "Cher confrère,\n\ntout va bien.\nSang",
        },
        ("result", "R1-GLU"): {
            "id": "R1-GLU", "request": "R1", "code": "GLU", "label": "GLUCOSE", "value": "5.2", "unit": "mmol/L", "range_low": "3.5",
            "range_high": "6.5", "flag": "N", "status": "F", "comment": "à jeun\ndeux",
        },
    }  # fmt: skip
    assert fates(told) == {
        ("line", "carried"): 14, ("mark", "structure"): 3, ("TEX", "carried"): 3, ("RES", "carried"): 1, ("line", "not-in-vocabulary"): 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "codec", ["latin-1", "cp1252", "mac-roman", "utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"]
)
@pytest.mark.parametrize("eol", ["\r", "\n", "\r\n"])
def test_code_pages_and_line_ends_met_in_the_wild(codec: str, eol: str) -> None:
    """UTF-16 with its mark, UTF-8 with or without, MacRoman, Windows-1252 and ISO 8859-1 give the same letter."""
    mark = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(codec, b"")
    octets = mark + letter("Cher confrère, à bientôt, été").replace("\r\n", eol).encode(codec)
    found = records(read_letters(octets))
    assert found["patient", "1"]["given_names"] == "HÉLÈNE"
    assert found["request", "R1"]["clinical_info"] == "Cher confrère, à bientôt, été"


def test_several_letters_in_a_file() -> None:
    """Each ends by its mark; a patient without a number is known by name and birth, the same one in any letter."""
    nameless = ("", *HEADING[1:8], "", *HEADING[9:])
    told = read_letters((letter(*BODY) + letter(heading=nameless) + letter("x", heading=nameless)).encode())
    patients = [key for key in records(told) if key[0] == "patient"]
    assert len(patients) == 2
    assert patients[1][1].startswith("L")
    assert reasons(told) == []


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (letter("texte", end="").encode(), "cut"),
        (b"RES|GLUCOSE|GLU|N|5.2\r\nTEX|x\r\n", "no-heading"),
        (letter(heading=HEADING[:9]).encode(), "no-heading"),
        (letter(heading=(*HEADING[:5], "****LAB****", *HEADING[6:])).encode(), "no-heading"),
        (letter(heading=("1", "", "", *HEADING[3:])).encode(), "no-patient"),
        (codecs.BOM_UTF16_LE + letter().encode("utf-16-le").replace(b"P\0E\0", b"\0\xd8E\0"), "encoding"),
        (codecs.BOM_UTF8 + letter().encode("latin-1"), "encoding"),
    ],
)
def test_a_letter_that_cannot_be_read_is_set_aside_whole(octets: bytes, reason: str) -> None:
    """No end, no heading, nobody named, or octets that are no text: every line is kept and counted, and none is a fact."""
    told = read_letters(octets)
    assert [it[0] for it in reasons(told)] == [reason]
    assert records(told) == {}


def test_the_same_analysis_twice_is_two_results() -> None:
    """A letter has no other number for a result than its code."""
    told = read_letters(letter("****LAB****", "RES|G|GLU|N|1", "RES|G|GLU|N|2", "RES||||3").encode())
    assert [key[1] for key in records(told) if key[0] == "result"] == ["R1-GLU", "R1-GLU-2", "R1-RES"]


def test_letters_are_not_written() -> None:
    """No record fits, and writing is refused by name."""
    fmt = HprimLetters()
    assert fmt.unfit("patient", {"id": "1"}) == "read-only"
    with pytest.raises(Refusal) as refused:
        fmt.write([], [])
    assert refused.value.code == "hprim/letters-read-only"


@given(st.text(max_size=300), st.sampled_from(["utf-8", "utf-16", "latin-1", "mac-roman"]))
def test_any_text_is_counted_line_by_line(text: str, codec: str) -> None:
    """Whatever stands in a file, its lines are all under one fate or another, and reading it twice tells the same."""
    octets = text.encode(codec, "replace")
    told = list(HprimLetters().read(io.BytesIO(octets), name="f"))
    assert told == list(HprimLetters().read(io.BytesIO(octets), name="f"))
