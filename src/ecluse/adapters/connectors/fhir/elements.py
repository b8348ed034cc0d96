"""The elements of FHIR R4 that resources are made of, from exact text and back to it.

Decides what a FHIR string, code, decimal, moment or reference may hold (R4, "Data Types", 2.24; "Resource", 2.26) and how each is made
of a canonical value written as text. What an element cannot hold exactly is `exact`'s to keep; which element a field goes to is the kinds'.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from json import JSONEncoder
from typing import Any, Final
from zoneinfo import ZoneInfo

__all__ = [
    "BASE", "LONGEST", "PREFIXES", "TYPES", "Build", "Element", "Moments", "Number", "Read", "Row", "address", "civil", "code", "coding",
    "concept", "encode", "extended",
    "extension", "fhir_id", "first", "found", "identifier", "integer", "listed", "made", "note", "numbered", "read_address", "reference", "referred",
    "string", "typed", "unread",
]  # fmt: skip

BASE: Final = "https://ecluse.example/fhir"
"""Where our own extensions, code systems and identifier systems are named. A name, not a place: nothing is fetched from it."""

LONGEST: Final = 1 << 20
"""A string holds at most 1,048,576 characters (R4, "string")."""

PREFIXES: Final = {"isolate": "isolate-", "susceptibility": "susceptibility-"}
"""Kinds that share a resource type with another kind are told apart by the beginning of their ids."""

NUMBERED: Final = "n-"
"""Before an id that is a number alone."""

TYPES: Final = {
    "prescriber": "Practitioner", "patient": "Patient", "request": "ServiceRequest", "specimen": "Specimen", "result": "Observation",
    "isolate": "Observation", "susceptibility": "Observation", "document": "DiagnosticReport", "invoice": "ChargeItem",
}  # fmt: skip

Element = dict[str, Any]
Row = dict[str, str | None]
"""A canonical record as text: dates "YYYY-MM-DD", moments "YYYY-MM-DD HH:MM:SS[.ffffff]", flags "true" or "false", octets in base64."""

_UNSAID: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_NUMBER: Final = re.compile(r"\s*(<=|>=|<|>|≤|≥)?\s*(-?(?:0|[1-9]\d{0,11})(?:[.,]\d{1,6})?)\s*")
_INTEGER: Final = re.compile(r"0|-?[1-9]\d{0,8}")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?")
_COMPARATORS: Final = {"≤": "<=", "≥": ">="}


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal's own digits: written without quotes, and never through a float, which would lose the last zero of "5.10"."""

    digits: str

    def __str__(self) -> str:
        return self.digits


# --- JSON ---------------------------------------------------------------------------------------------------------------------


def made(**parts: Any) -> Element | None:
    """An element with the parts that are there, or none: FHIR has no empty element (R4, "JSON": objects are never empty)."""
    return {name: part for name, part in parts.items() if part is not None} or None


def listed(*parts: Any) -> list[Any] | None:
    """The parts that are there, or no list at all."""
    return [part for part in parts if part is not None] or None


def encode(resource: Element) -> str:
    """The resource as one line of JSON, numbers digit for digit."""
    return _MARKED.sub(_digits_alone, _ENCODE(resource))


def _digits_alone(match: re.Match[str]) -> str:
    return match[1]


def _marked(number: object) -> str:
    """A number on its way through the encoder: a text behind a character that `string` lets into no other text."""
    return f"\x01{number}"


_ENCODE: Final = JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_marked).encode
_MARKED: Final = re.compile(r'"\\u0001([-+0-9.eE]+)"')


# --- simple types -------------------------------------------------------------------------------------------------------------


def string(text: str | None) -> str | None:
    """What of a text a FHIR string may say: no control characters, no blanks around it, not empty, not too long."""
    if text is None:
        return None
    said = (text if text.isprintable() else _UNSAID.sub("", text)).strip()
    return said if said and len(said) <= LONGEST else None


def code(text: str | None) -> str | None:
    """What of a text a FHIR code may say: words separated by one blank."""
    return " ".join(_UNSAID.sub("", text).split()) or None if text else None


def integer(text: str | None) -> Number | None:
    """A FHIR integer (32 bits)."""
    return Number(text) if text is not None and _INTEGER.fullmatch(text) else None


def numbered(text: str | None) -> tuple[str | None, Number] | None:
    """The comparator and the number that a text such as "<0,1" states, if it states one."""
    match = _NUMBER.fullmatch(text) if text is not None else None
    if match is None:
        return None
    comparator, number = match.groups()
    return _COMPARATORS.get(comparator, comparator), Number(number.replace(",", "."))


@dataclass(frozen=True, slots=True)
class Moments:
    """The laboratory's civil time as FHIR's, which demands an offset wherever there is an hour (R4, "dateTime", "instant")."""

    zone: ZoneInfo

    def __call__(self, text: str | None) -> str | None:
        """The moment with its offset. `civil` takes the offset away again, so the civil time is exact even in the hour that repeats."""
        if text is None or not _MOMENT.fullmatch(text):
            return None
        offset = _offset(self.zone, text[:16])
        return None if offset is None else f"{text[:10]}T{text[11:]}{offset}"


def civil(moment: str | None) -> str | None:
    """The civil time that a FHIR moment states, its offset left out; none for a date alone."""
    if moment is None or len(moment) <= 10:
        return None
    said = moment[:-1] if moment.endswith("Z") else moment[:-6]
    return f"{said[:10]} {said[11:]}"


@lru_cache(maxsize=1 << 16)
def _offset(zone: ZoneInfo, minute: str) -> str | None:
    try:
        offset = datetime.fromisoformat(minute).replace(tzinfo=zone).utcoffset()
    except (ValueError, OverflowError):
        return None
    minutes = int(offset.total_seconds()) // 60 if offset is not None else 0
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


# --- identifiers and references -----------------------------------------------------------------------------------------------


def fhir_id(kind: str, source: str) -> str:
    """The id of a record's resource: the source's own where FHIR allows it, else `x-` and the first 52 letters of its SHA-256 in base 32.

    A number alone gets `n-` before it: servers keep such ids for those that they give themselves (HAPI, "client id strategy").
    """
    plain = PREFIXES.get(kind, "") + source
    if plain.isascii() and plain.isdigit():
        plain = NUMBERED + plain
    if _ID.fullmatch(plain) and not source.startswith(("x-", NUMBERED, *PREFIXES.values())):
        return plain
    digest = hashlib.sha256(f"{kind}\0{source}".encode()).digest()
    return "x-" + b32encode(digest).decode("ascii").lower()[:52]


def identifier(kind: str, source: str | None) -> Element | None:
    """The source's own identifier, in the laboratory's system for this kind."""
    value = string(source)
    return None if value is None else {"system": f"{BASE}/id/{kind}", "value": value}


def reference(kind: str, source: str | None) -> Element | None:
    """A relative reference; where the id had to be made up, the source's own stands beside it."""
    if not source:
        return None
    made_up = fhir_id(kind, source)
    place: Element = {"reference": f"{TYPES[kind]}/{made_up}"}
    if made_up.startswith("x-"):
        place |= made(identifier=identifier(kind, source)) or {}
    return place


def referred(kind: str, place: Element | None) -> str | None:
    """The source's id that a reference names."""
    if place is None or "reference" not in place:
        return None
    name: str = place["reference"].partition("/")[2]
    if name.startswith("x-"):
        value: str | None = place.get("identifier", {}).get("value")
        return value
    return name.removeprefix(PREFIXES.get(kind, NUMBERED))


def first(place: Sequence[Element] | None) -> Element | None:
    """The first of a list that may not be there."""
    return place[0] if place else None


# --- compound types -----------------------------------------------------------------------------------------------------------


def coding(system: str, value: str | None, display: str | None = None) -> Element | None:
    """One code of a system."""
    return None if value is None else made(system=system, code=value, display=display)


def concept(*codings: Element | None, text: str | None = None) -> Element | None:
    """A CodeableConcept of these."""
    return made(coding=listed(*codings), text=string(text))


def unread() -> Element:
    """What stands where FHIR demands an element and the record has none (HL7 extension data-absent-reason)."""
    return {
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
        ]
    }


def note(text: str | None) -> list[Element] | None:
    """A remark."""
    said = string(text)
    return None if said is None else [{"text": said}]


def extension(name: str, **value: Any) -> Element | None:
    """One of our own extensions."""
    kept = made(**value)
    return None if kept is None else {"url": f"{BASE}/StructureDefinition/{name}", **kept}


def extended(resource: Element, name: str, value: str) -> Any:
    """The value of one of our own extensions, if the resource has it."""
    url = f"{BASE}/StructureDefinition/{name}"
    for line in resource.get("extension", ()):
        if line["url"] == url:
            return line.get(value)
    return None


def digits(number: object) -> str | None:
    """The digits of a number, just made or read from JSON as they stand there."""
    return None if number is None else str(number)


def found(lines: Sequence[Element] | None, **traits: str) -> Element:
    """The first line of a list that has all these traits; an empty element when there is none."""
    for line in lines or ():
        if all(line.get(name) == value for name, value in traits.items()):
            return line
    return {}


def typed(system: str, *codes: str | None) -> Element | None:
    """The type of an identifier."""
    return concept(*(coding(system, value) for value in codes))


def address(row: Row, *, use: str) -> list[Element] | None:
    """The postal address of a row."""
    said = made(
        line=listed(string(row.get("address"))),
        city=string(row.get("city")),
        postalCode=string(row.get("postcode")),
    )
    return None if said is None else [{"use": use, **said}]


def read_address(resource: Element) -> Row:
    """Its inverse."""
    place = first(resource.get("address")) or {}
    lines = place.get("line")
    return {
        "address": lines[0] if lines else None,
        "city": place.get("city"),
        "postcode": place.get("postalCode"),
    }


Build = Callable[[Row, Moments], Element]
Read = Callable[[Element], Row]
