"""HPRIM Médecins among the formats of the contract suite: only read."""

from __future__ import annotations

import codecs
import re
from io import RawIOBase

from ecluse.adapters.connectors.hprim.letters import HprimLetters
from tests.ports.formats import Described, Repeat

BLANKS = bytes(range(0x21))
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def units(octets: bytes) -> int:
    """Lines that hold something else than blanks, in the code page that the head of the file declares."""
    for mark, codec in MARKS:
        if octets.startswith(mark):
            octets = octets.removeprefix(mark)
            octets = octets if codec == "utf-8" else octets.decode(codec, "replace").encode()
            break
    return sum(bool(line.strip(BLANKS)) for line in re.split(rb"[\r\n]", octets))


def letter(*lines: str, number: str = "1", end: str = "****FIN****") -> str:
    """A letter of one's own making."""
    heading = (
        number,
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
    return "\r\n".join([*heading, *lines, end, ""])


RESULTS = (
    "",
    "Cher confrère,",
    "tout va bien.",
    "****LAB****",
    "TEX|Sang",
    "RES|GLUCOSE|GLU|N|5.2|mmol/L|3.5|6.5|N|F|",
    "TEX|à jeun",
    "KIN|x",
    "RES|GLUCOSE|GLU|N|5.3",
)
END = "****FINFICHIER****\r\n"

SAMPLES = (
    letter(*RESULTS).encode("latin-1"),
    (letter(*RESULTS) + letter("Deux", number="") + END).encode("cp1252"),
    codecs.BOM_UTF16_LE + (letter(*RESULTS) + END).encode("utf-16-le"),
    codecs.BOM_UTF16_BE + letter(*RESULTS).encode("utf-16-be"),
    codecs.BOM_UTF8 + letter(*RESULTS).encode(),
    (letter(*RESULTS) + letter("É", end=END)).replace("\r\n", "\r").encode("mac-roman"),
    "RES|GLUCOSE|GLU|N|5.2\r\nTEX|remarque\r\n".encode("latin-1"),
    letter("texte", end="").encode(),
    ("\r\n" * 12 + "texte\r\n****FIN****\r\n").encode(),
)  # fmt: skip


def _repeated(times: int) -> RawIOBase:
    return Repeat(lambda n: letter(*RESULTS, number=str(n)).encode("latin-1"), times, tail=END.encode())


DESCRIBED = Described(
    name="hprim-medecins", format=HprimLetters, units=units, samples=SAMPLES, repeated=_repeated, writes=False
)
