"""HPRIM Médecins, the letters that laboratories mail to doctors: read, never written.

Decides what each line of a letter is: twelve lines of heading (a thirteenth is often blank), free text, and below `****LAB****` results (RES|) with
their remarks (TEX|), up to `****FIN****` or `****FINFICHIER****`. The recommendation leaves so much to each writer that writing it would be
guessing: a laboratory's records go to doctors by HPRIM Santé, HL7 or CDA. Octets and their code pages are `letter_octets`'.
"""

from __future__ import annotations

import codecs
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from itertools import takewhile
from typing import BinaryIO, Final

from ecluse.adapters.connectors.files.format import (
    CARRIED,
    IGNORED,
    UNKNOWN,
    Case,
    Fact,
    Row,
    Seen,
    Unread,
    Written,
)
from ecluse.adapters.connectors.files.meter import LineMeter, Meter
from ecluse.adapters.connectors.hprim.letter_octets import Letter, letters, said, unit_of
from ecluse.base.refusal import Refusal

__all__ = ["HprimLetters"]

Told = Fact | Unread | Seen
Texts = dict[str, str | bytes | None]

HEADING: Final = 12
_DATE: Final = re.compile(r"\s*(\d\d)[/.-](\d\d)[/.-](\d{4})\s*")
_TOWN: Final = re.compile(r"\s*(\d{5})\s+(.*\S)\s*")
_DOCTOR: Final = re.compile(r"\s*(\S+)(?:\s+(.*\S))?\s*")
_MAPPING: Final = files(__package__).joinpath("hprim-medecins.toml").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class HprimLetters:
    """Implements `files.format.Format`, except that nothing can be written: every record is unfit, and `write` refuses. `secret`: keys the ids made here."""

    secret: bytes = field(default=b"", repr=False)
    name: str = field(default="hprim-medecins", init=False)
    mapping: str = field(default=_MAPPING, init=False)

    def keyed(self, secret: bytes) -> HprimLetters:
        """The same format, whose made ids nobody makes without the secret (at most 64 octets)."""
        return HprimLetters(secret)

    def read(self, stream: BinaryIO, *, name: str) -> Iterator[Told]:
        """Everything in one file, a letter at a time."""
        for letter in letters(stream):
            yield from _letter(letter, f"{name}, letter {letter.number}", self.secret)

    def meter(self) -> Meter:
        """Lines that hold something else than blanks."""
        marks = {codecs.BOM_UTF8: "", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
        return LineMeter(ends=b"\r\n", blank=bytes(range(0x21)), marks=marks)

    def unfit(self, kind: str, row: Row) -> str | None:  # noqa: ARG002 - no record fits, whatever it says
        """Always "read-only"."""
        return "read-only"

    def write(self, cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[Written]:  # noqa: ARG002
        """Refuse: `hprim/letters-read-only`."""
        raise Refusal("hprim/letters-read-only")


def _letter(letter: Letter, place: str, secret: bytes) -> Iterator[Told]:
    units = Counter(letter.units)
    if units.keys() == {"mark"}:
        yield Seen("mark", IGNORED, units["mark"])
    elif reason := _unusable(letter):
        yield Unread(place, reason, b"".join(letter.lines), units)
    else:
        yield from _Reading(letter.texts, place, secret).tell()


def _unusable(letter: Letter) -> str | None:
    """Why a letter cannot be read: its length, its octets, its heading, its end, its patient."""
    heading = letter.texts[:HEADING]
    if letter.large:
        return "too-long"
    if not letter.texts:
        return "encoding"
    if len(letter.texts) <= HEADING or any(unit_of(text) != "line" for text in heading):
        return "no-heading"
    if not letter.whole:
        return "cut"
    return None if any(said(text) for text in heading[1:3]) else "no-patient"


class _Reading:
    """One letter: its heading, then its lines."""

    def __init__(self, texts: list[str], place: str, secret: bytes) -> None:
        self._heading, self._lines = texts[:HEADING], texts[HEADING:]
        self._place, self._secret = place, secret
        self._fates: Counter[tuple[str, str]] = Counter()
        self._seen: Counter[str] = Counter()
        self._request = ""
        self._text = ""

    def tell(self) -> Iterator[Told]:
        """The records of the letter, then the count of its lines."""
        patient, prescriber, request = self._people()
        self._request = str(request["id"])
        self._fates["line", CARRIED] += sum(said(text) for text in self._heading)
        yield self._fact("patient", patient, 1)
        if prescriber:
            yield self._fact("prescriber", prescriber, HEADING)
        self._text = self._free_text()
        yield self._fact("request", request | {"clinical_info": self._text or None}, 9)
        yield from self._results()
        for (unit, fate), times in self._fates.items():
            yield Seen(unit, fate, times)

    def _people(self) -> tuple[Texts, Texts | None, Texts]:
        index, name, given, line_1, line_2, town, born, number, reference, day, sender, doctor = (
            text.strip() or None for text in self._heading
        )
        code, city = match.groups() if (match := _TOWN.fullmatch(town or "")) else (None, town)
        patient: Texts = {
            "id": index or _made_up(self._secret, name, given, born),
            "birth_name": name,
            "given_names": given,
            "birth_date": _day(born),
            "nss": number,
            "address": "\n".join(line for line in (line_1, line_2) if line) or None,
            "postcode": code,
            "city": city,
        }
        prescriber: Texts | None = None
        if match := _DOCTOR.fullmatch(doctor or ""):
            prescriber = {"id": match[1], "family_name": match[2]}
        request: Texts = {
            "id": reference or _made_up(self._secret, name, given, born, day, sender),
            "patient": patient["id"],
            "prescriber": prescriber["id"] if prescriber else None,
            "site": sender,
            "date": _day(day),
        }
        return patient, prescriber, request

    def _free_text(self) -> str:
        """What stands before the results, blank lines around it left out."""
        lines = list(takewhile(lambda text: unit_of(text) == "line", self._lines))
        self._fates["line", CARRIED] += sum(said(text) for text in lines)
        self._lines[: len(lines)] = [""] * len(lines)
        return "\n".join(lines).strip("\n")

    def _results(self) -> Iterator[Told]:
        above: Texts | None = None
        for place, text in enumerate(self._lines, start=HEADING + 1):
            unit = unit_of(text)
            if unit == "RES":
                above = self._result(text.split("|"))
                yield self._fact("result", above, place)
            elif unit == "TEX":
                yield self._remark(text[4:].strip().removesuffix("|"), above, place)
            if said(text):
                fate = IGNORED if unit == "mark" else UNKNOWN if unit == "line" else CARRIED
                self._fates[unit, fate] += 1

    def _remark(self, text: str, above: Texts | None, place: int) -> Fact:
        """A remark on the result above it; before any, it goes on with the letter's text."""
        if above is None:
            self._text = f"{self._text}\n{text}" if self._text else text
            return self._fact("request", {"id": self._request, "clinical_info": self._text}, place)
        before = str(above.get("comment") or "")
        above["comment"] = f"{before}\n{text}" if before else text
        return self._fact("result", {"id": above["id"], "comment": above["comment"]}, place)

    def _result(self, fields: list[str]) -> Texts:
        told = [text.strip() or None for text in (*fields, *[""] * 11)]
        label, code, _type, value, unit, low, high, flag, status = told[1:10]
        known = f"{self._request}-{code or label or 'RES'}"
        self._seen[known] += 1
        return {
            "id": known if self._seen[known] == 1 else f"{known}-{self._seen[known]}",
            "request": self._request,
            "code": code,
            "label": label,
            "value": value,
            "unit": unit,
            "range_low": low,
            "range_high": high,
            "flag": flag,
            "status": status,
        }

    def _fact(self, kind: str, row: Texts, line: int) -> Fact:
        return Fact(kind, dict(row), f"{self._place}, line {line}")


def _day(text: str | None) -> str | None:
    match = _DATE.fullmatch(text or "")
    return f"{match[3]}{match[2]}{match[1]}" if match else text


def _made_up(secret: bytes, *traits: str | None) -> str:
    """An identifier for what the letter gives none: the same for the same traits, in any letter, and no way back to them without the secret."""
    told = "\0".join(trait or "" for trait in traits)
    digest = hashlib.blake2b(told.encode("utf-8", "surrogatepass"), key=secret, digest_size=12)
    return "L" + digest.hexdigest()
