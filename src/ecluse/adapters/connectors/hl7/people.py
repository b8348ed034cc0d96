"""Patients and prescribers: the repetitions of PID-3, PID-5, PID-11 and PID-13, and the persons of an XCN.

Decides which of a patient's numbers is the laboratory's, which is the INS (« identité nationale de santé ») and which the insured person's, and
which name is which (IHE PAM France: L is the birth name, D the used one). Facts of the formats: HL7 v2.8.2 chapters 2.A and 3, IHE PAM national
extension for France.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from ecluse.adapters.connectors.hl7.delimiters import Delimiters
from ecluse.adapters.connectors.hl7.layout import FIELDS
from ecluse.adapters.connectors.hl7.parts import Fields, Manner, Reader, Reading, Record, compiled, words

__all__ = ["INS", "PATIENT", "RPPS", "person", "prescriber"]

INS: Final = {
    "1.2.250.1.213.1.4.8": "ASIP-SANTE-INS-NIR",
    "1.2.250.1.213.1.4.9": "ASIP-SANTE-INS-NIA",
    "1.2.250.1.213.1.4.10": "ASIP-SANTE-INS-NIR",
    "1.2.250.1.213.1.4.11": "ASIP-SANTE-INS-NIR",
}
"""The OIDs of the INS (NIR, NIA, and those of tests and demonstrations), with the name they bear in CX-4.1."""
RPPS: Final = "1.2.250.1.71.4.2.1"
"""The OID of the French national numbers of professionals (CX-4.2 or XCN-9.2)."""

_OF_THE_LABORATORY: Final = ("PI", "MR", "PT", "PN", "")
"""Types (CX-5) of a patient's number in a laboratory or a hospital, the likeliest first."""
_NOT_A_PATIENT: Final = frozenset({
    "INS", "INS-C", "SS", "NH", "NI", "NNFRA", "DL", "PPN", "AN", "VN", "BC", "CZ", "MA", "MC", "MCD", "MB", "WC", "HC", "TAX", "NPI",
})  # fmt: skip
_NSS: Final = ("SS", "NH")
_STATUSES: Final = frozenset({"PROV", "RECUP", "VALI"})
_NATIONAL: Final = re.compile(r"8(\d{11})\Z")
_COMMUNE: Final = re.compile(r"\d[0-9AB]\d{3}\Z")
_MAIL: Final = frozenset({"NET", "Internet", "INTERNET", "X.400"})


# --- numbers ------------------------------------------------------------------------------------------------------------------------------


def _number(value: str, d: Delimiters, manner: Manner) -> str | None:
    """The number of the patient that is the sender's own: never the INS, a visit or an insured person."""
    if d.repetition not in value and d.component not in value:
        return d.text(value)
    found: list[tuple[int, str]] = []
    for said in d.repetitions(value):
        kind, authority = d.text(d.piece(said, 5)) or "", d.piece(said, 4)
        if kind in _NOT_A_PATIENT or d.sub(authority, 2) in INS:
            continue
        number = manner.number(d.text(d.piece(said, 1)), d.sub(authority, 1) or d.sub(authority, 2))
        if number:
            rank = _OF_THE_LABORATORY.index(kind) if kind in _OF_THE_LABORATORY else len(_OF_THE_LABORATORY)
            found.append((rank, number))
    return min(found, key=lambda it: it[0])[1] if found else None


def _ins(value: str, d: Delimiters, _manner: Manner) -> str | None:
    return next((d.text(d.piece(it, 1)) for it, _oid in _national(value, d)), None)


def _ins_oid(value: str, d: Delimiters, _manner: Manner) -> str | None:
    return next((oid for _it, oid in _national(value, d) if oid), None)


def _national(value: str, d: Delimiters) -> Iterator[tuple[str, str | None]]:
    if d.component in value:
        for said in d.repetitions(value):
            oid = d.sub(d.piece(said, 4), 2)
            if oid in INS:
                yield said, oid
            elif d.piece(said, 5) == "INS":
                yield said, None


def _nss(value: str, d: Delimiters, _manner: Manner) -> str | None:
    return next((d.text(d.piece(it, 1)) for it in d.repetitions(value) if d.piece(it, 5) in _NSS), None)


def _ins_status(value: str, d: Delimiters, _manner: Manner) -> str | None:
    """Of the reliability codes of the identity (table 0445), the one that the vocabulary knows."""
    return next((it for it in d.repetitions(value) if it in _STATUSES), None)


# --- names --------------------------------------------------------------------------------------------------------------------------------


def _name(value: str, d: Delimiters, *kinds: str) -> str | None:
    """The first repetition of one of these types (XPN-7), in their order."""
    if d.repetition not in value:
        return value if d.piece(value, 7) in kinds else None
    said = d.repetitions(value)
    return next((it for kind in kinds for it in said if d.piece(it, 7) == kind), None)


def _family(said: str | None, d: Delimiters) -> str | None:
    return d.sub(d.piece(said, 1), 1) if said else None


def _birth_name(value: str, d: Delimiters, _manner: Manner) -> str | None:
    said = _name(value, d, "B", "L", "", "C", "M")
    if said is None and not _name(value, d, "D"):
        said = next(iter(d.repetitions(value)), None)
    return _family(said, d)


def _used_name(value: str, d: Delimiters, _manner: Manner) -> str | None:
    said = _name(value, d, "D")
    if said is None and d.repetition in value and _name(value, d, "B"):
        said = _name(value, d, "L")
    return _family(said, d)


def _given_names(value: str, d: Delimiters, _manner: Manner) -> str | None:
    """The first given name, then the others; France repeats the first in XPN-3, the whole list of the civil status."""
    said = _name(value, d, "B", "L", "", "C", "D") or next(iter(d.repetitions(value)), "")
    first, others = d.text(d.piece(said, 2)), d.text(d.piece(said, 3))
    if not first or not others:
        return first if first is not None else others
    return others if others == first or others.startswith((f"{first} ", f"{first},")) else f"{first} {others}"


# --- places and telephones ------------------------------------------------------------------------------------------------------------------


def _home(value: str, d: Delimiters) -> str | None:
    """The address to write to: home before any other, never the one of birth."""
    if d.repetition not in value:
        return None if d.piece(value, 7) in ("BDL", "N", "BR") else value
    said = [it for it in d.repetitions(value) if d.piece(it, 7) not in ("BDL", "N", "BR")]
    return next((it for it in said if d.piece(it, 7) == "H"), said[0] if said else None)


def street(value: str, d: Delimiters, _manner: Manner) -> str | None:
    """XAD-1.1, then XAD-2."""
    said = _home(value, d)
    if said is None:
        return None
    first, second = d.sub(d.piece(said, 1), 1), d.text(d.piece(said, 2))
    return f"{first}, {second}" if first and second else first if first is not None else second


def _postcode(value: str, d: Delimiters, _manner: Manner) -> str | None:
    said = _home(value, d)
    return d.text(d.piece(said, 5)) if said else None


def _city(value: str, d: Delimiters, _manner: Manner) -> str | None:
    said = _home(value, d)
    return d.text(d.piece(said, 3)) if said else None


def _birth_place(value: str, d: Delimiters, _manner: Manner) -> str | None:
    """The INSEE code of the commune: XAD-9 of the repetition BDL."""
    return next((d.text(d.piece(it, 9)) for it in d.repetitions(value) if d.piece(it, 7) == "BDL"), None)


def _commune(value: str, d: Delimiters, _manner: Manner) -> str | None:
    text = d.part(value, 1)
    return text if text and _COMMUNE.match(text) else None


def phone(value: str, d: Delimiters, _manner: Manner) -> str | None:
    """The first number that is no mobile, fax or pager."""
    return _reached(value, d, lambda kind: kind not in ("CP", "FX", "MD", "BP", "TDD", "TTY", "SAT"))


def _mobile(value: str, d: Delimiters, _manner: Manner) -> str | None:
    return _reached(value, d, lambda kind: kind == "CP")


def _email(value: str, d: Delimiters, _manner: Manner) -> str | None:
    for said in d.repetitions(value):
        if _by_mail(said, d):
            return d.text(d.piece(said, 4)) or d.text(d.piece(said, 1))
        if d.piece(said, 4) and not d.piece(said, 1) and not d.piece(said, 7):
            return d.text(d.piece(said, 4))
    return None


def _by_mail(said: str, d: Delimiters) -> bool:
    return d.piece(said, 2) == "NET" or d.piece(said, 3) in _MAIL


def _reached(value: str, d: Delimiters, wanted: Callable[[str], bool]) -> str | None:
    for said in d.repetitions(value):
        if not _by_mail(said, d) and wanted(d.piece(said, 3)) and (number := _dialled(said, d)) is not None:
            return number
    return None


def _dialled(said: str, d: Delimiters) -> str | None:
    """XTN-1, else the whole number of XTN-12, else country, area and local number in that order."""
    text = d.text(d.piece(said, 1))
    if text is None and d.component in said:
        text = d.text(d.piece(said, 12))
    if text is None and d.component in said:
        country, area, local = (d.text(d.piece(said, place)) for place in (5, 6, 7))
        if local:
            text = " ".join(it for it in (f"+{country}" if country else "", area, local) if it)
    return text


PATIENT: Final[list[Reader]] = compiled(
    FIELDS["patient"],
    {
        **words, "number": _number, "ins": _ins, "ins_oid": _ins_oid, "nss": _nss, "ins_status": _ins_status, "birth_name": _birth_name,
        "used_name": _used_name, "given_names": _given_names, "street": street, "postcode": _postcode, "city": _city, "birth_place": _birth_place,
        "commune": _commune, "phone": phone, "mobile": _mobile, "email": _email,
    },
)  # fmt: skip
"""The readers of a PID."""
_ADDRESS: Final[dict[str, Reading]] = {"address": street, "postcode": _postcode, "city": _city}


# --- prescribers ----------------------------------------------------------------------------------------------------------------------------


def prescriber(value: str, d: Delimiters, manner: Manner) -> Record | None:
    """The professional of an XCN: the first repetition, and the RPPS number of any repetition of the same name. None where it names nobody."""
    said = d.repetitions(value)
    if not said:
        return None
    first = next((it for it in said if not _rpps(it, d) and d.piece(it, 1)), said[0])
    family = d.sub(d.piece(first, 2), 1)
    rpps = next((_rpps(it, d) for it in said if _rpps(it, d) and d.sub(d.piece(it, 2), 1) == family), None)
    row: Record = {"id": None, "rpps": rpps, "family_name": family, "given_names": d.text(d.piece(first, 3))}
    authority = d.piece(first, 9)
    number = manner.number(d.text(d.piece(first, 1)), d.sub(authority, 1) or d.sub(authority, 2))
    name = " ".join(str(it) for it in (row["family_name"], row["given_names"]) if it)
    row["id"] = (rpps if _rpps(first, d) else number) or name
    return {key: it for key, it in row.items() if it is not None} if row["id"] else None


def _rpps(said: str, d: Delimiters) -> str | None:
    """The eleven digits; the national number of a professional is an 8 before them."""
    if d.piece(said, 13) != "RPPS" and d.sub(d.piece(said, 9), 2) != RPPS:
        return None
    number = d.text(d.piece(said, 1))
    national = _NATIONAL.match(number) if number else None
    return national[1] if national else number


def reached(row: Record, *, phones: str, addresses: str, d: Delimiters, manner: Manner) -> None:
    """Puts a prescriber's telephone (XTN) and address (XAD) where they are told."""
    if phones and (number := phone(phones, d, manner)) is not None:
        row["phone"] = number
    if addresses:
        for name, reading in _ADDRESS.items():
            if (text := reading(addresses, d, manner)) is not None:
                row[name] = text


def person(value: str, d: Delimiters, _manner: Manner) -> str | None:
    """Who an XCN names, in words: family and given names, else the number."""
    said = next(iter(d.repetitions(value)), "")
    names = [it for it in (d.sub(d.piece(said, 2), 1), d.text(d.piece(said, 3))) if it]
    return " ".join(names) or d.text(d.piece(said, 1))


def principal(value: str, d: Delimiters, _manner: Manner) -> str | None:
    """Who an NDL (OBR-32) names: its first component is a person in subcomponents, number, family and given names."""
    said = d.piece(next(iter(d.repetitions(value)), ""), 1)
    names = [it for it in (d.sub(said, 2), d.sub(said, 3)) if it]
    return " ".join(names) or d.sub(said, 1)


def fields_at(fields: Fields, place: int) -> str:
    """A field as it stands, "" where the segment ends before it."""
    return fields[place] if place < len(fields) else ""
