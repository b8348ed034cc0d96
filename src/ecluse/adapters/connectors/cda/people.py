"""The patient and the professionals of a CDA document, as records."""

from __future__ import annotations

import re
from typing import Final

from ecluse.adapters.connectors.cda.names import PROFESSIONAL, SDTC, q
from ecluse.adapters.connectors.cda.parts import Page
from ecluse.adapters.xml import Element
from ecluse.terms.recognise import OIDS

__all__ = ["doctor", "patient", "prescriber", "professional"]

Texts = dict[str, str | bytes | None]

_STREET: Final = (
    "houseNumber",
    "houseNumberNumeric",
    "streetNameType",
    "streetName",
    "additionalLocator",
    "unitType",
    "unitID",
    "postBox",
    "precinct",
)
_MOBILE: Final = re.compile(r"(?:0|\+?\s?33|0033)\D{0,4}[67]")


def patient(page: Page) -> Texts:
    """The patient of recordTarget; {} where no identifier tells who it is."""
    role = page.at(page.root, "recordTarget/patientRole")
    ids = page.all(role, "id")
    ins = next((each for each in ids if each.get("root") in OIDS), None)
    local = next(
        (each for each in ids if each is not ins and (each.get("extension") or each.get("root"))), None
    )
    number = page.attribute(ins, "extension")
    who = page.id(local) or number
    if who is None:
        return {}
    person = page.at(role, "patient")
    return {
        "id": who,
        "ins": number,
        "ins_oid": page.attribute(ins, "root"),
        **_names(page, person),
        "sex": page.attribute(page.at(person, "administrativeGenderCode"), "code"),
        "birth_date": _day(page.when(page.at(person, "birthTime"))),
        "birth_place": page.text(page.at(person, "birthplace/place/addr/county")),
        "death_date": _day(page.when(None if person is None else person.find(q("deceasedTime", SDTC)))),
        **address(page, role),
        **_reached(page, role),
    }


def prescriber(page: Page) -> Texts:
    """The prescriber: participant REF; {} where there is none, or none that an identifier tells."""
    for each in page.all(page.root, "participant"):
        if each.get("typeCode") == "REF":
            return professional(page, page.at(each, "associatedEntity"))
    return {}


def doctor(page: Page) -> Texts:
    """The treating doctor: participant INF whose function is PCP."""
    for each in page.all(page.root, "participant"):
        function = page.at(each, "functionCode")
        if each.get("typeCode") == "INF" and function is not None and function.get("code") == "PCP":
            return professional(page, page.at(each, "associatedEntity"))
    return {}


def professional(page: Page, entity: Element | None) -> Texts:
    """One professional. An identifier of the national table that begins with 8 holds an RPPS number."""
    ids = page.all(entity, "id")
    who = next((found for each in ids if (found := page.id(each))), None)
    if who is None:
        return {}
    national = next((each.get("extension", "") for each in ids if each.get("root") == PROFESSIONAL), "")
    for each in ids:
        page.id(each)
    name = page.at(entity, "associatedPerson/name")
    reached = _reached(page, entity)
    return {
        "id": who,
        "rpps": national[1:] if len(national) == 12 and national.startswith("8") else None,
        "family_name": page.text(page.at(name, "family")),
        "given_names": _joined(page, page.all(name, "given")),
        "specialty": page.attribute(page.at(entity, "code"), "code"),
        **address(page, entity),
        "phone": reached["phone"] or reached["mobile"],
    }


def address(page: Page, element: Element | None) -> Texts:
    """The first address: its lines, or the parts of its street in their order; postcode; city."""
    found = page.at(element, "addr")
    lines = [line for each in page.all(found, "streetAddressLine") if (line := page.text(each))]
    parts = [
        part
        for each in (found if found is not None else ())
        if _name(each) in _STREET and (part := page.text(each))
    ]
    return {
        "address": "\n".join(lines) or " ".join(parts) or None,
        "postcode": page.text(page.at(found, "postalCode")),
        "city": page.text(page.at(found, "city")),
    }


def _names(page: Page, person: Element | None) -> Texts:
    """Birth name (BR), used name (CL or SP); given names: those of the birth certificate, written without a qualifier, else BR, else CL."""
    names = page.all(person, "name")
    families = [each for name in names for each in page.all(name, "family")]
    givens = [each for name in names for each in page.all(name, "given")]
    plain, birth = _by(families, None), _by(families, "BR")
    given = _by(givens, None) or _by(givens, "BR") or _by(givens, "CL")
    return {
        "birth_name": _joined(page, birth or plain),
        "used_name": _joined(page, _by(families, "CL") or _by(families, "SP") or (plain if birth else [])),
        "given_names": _joined(page, given),
    }


def _reached(page: Page, element: Element | None) -> Texts:
    """The first landline, mobile and e-mail; the secure mailbox of a patient repeats the INS and is no address of theirs."""
    found: Texts = {"phone": None, "mobile": None, "email": None}
    for each in page.all(element, "telecom"):
        value = each.get("value") or ""
        kind, _, said = value.partition(":")
        if kind == "mailto" and "patient.mssante" not in said:
            name = "email"
        elif kind == "tel":
            name = (
                "mobile"
                if each.get("use") == "MC" or (each.get("use") is None and _MOBILE.match(said))
                else "phone"
            )
        else:
            continue
        if found[name] is None and said:
            page.attribute(each, "value")
            found[name] = said
    return found


def _by(elements: list[Element], qualifier: str | None) -> list[Element]:
    return [each for each in elements if each.get("qualifier") == qualifier]


def _joined(page: Page, elements: list[Element]) -> str | None:
    return " ".join(said for each in elements if (said := page.text(each))) or None


def _day(moment: str | None) -> str | None:
    return moment[:10] if moment else None


def _name(element: Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
