"""Patients and prescribers as any FHIR server tells them, French identifiers first (INS, RPPS), into records.

Decides which of several names, identifiers and numbers is which field; a value goes as it stands, never mended. Nothing of ours is read here:
what Écluse wrote is read by `exact`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ecluse.adapters.connectors.fhir.elements import BASE, Element
from ecluse.adapters.connectors.fhir.links import Scope
from ecluse.adapters.connectors.fhir.parts import inner, lines, local_time, named, said, text, words
from ecluse.adapters.connectors.fhir.people import (
    BIRTH_PLACE,
    INS_KINDS,
    INSEE_CODE,
    RELIABILITY,
    RPPS,
)
from ecluse.adapters.connectors.fhir.told import Claims, Elsewhere, Teller, Told

__all__ = ["DOCTORS", "PATIENT", "PRACTITIONER", "ROLE", "rpps_of"]

DOCTORS: Final = ("Practitioner", "PractitionerRole")
RPPS_OIDS: Final = ("urn:oid:1.2.250.1.71.4.2.1", "1.2.250.1.71.4.2.1")
"""The ANS's identifiers of professionals: one figure for the register (8 = RPPS, 0 = ADELI), then the number."""

ANIMAL: Final = "http://hl7.org/fhir/StructureDefinition/patient-animal"
_SEXES: Final = {"male": "M", "female": "F", "unknown": "U"}
_STATUSES: Final = {"VALI": "VALI", "PROV": "PROV", "RECUP": "RECUP"}
_PREFIXED_RPPS: Final = re.compile(r"8\d{11}")


# --- prescribers ------------------------------------------------------------------------------------------------------------------


def _practitioner(resource: Element, scope: Scope, _claims: Claims) -> Iterator[Told]:
    qualification = next((inner(line, "code") for line in lines(resource, "qualification")), {})
    yield Told(
        "prescriber",
        {
            "id": scope.key,
            "rpps": rpps_of(resource),
            **_named(lines(resource, "name")),
            "specialty": said(qualification),
            "phone": _telecom(lines(resource, "telecom"), "phone"),
            **_address(lines(resource, "address")),
        },
    )


def _role(resource: Element, scope: Scope, _claims: Claims) -> Iterator[Told]:
    """A PractitionerRole is a prescriber of its own: what refers to it refers to that; the person's name is told where it stands beside."""
    person = inner(resource, "practitioner")
    held = scope.resource(person, "Practitioner")
    display = text(person, "display")
    name = _named(lines(held, "name")) if held else {"family_name": display, "given_names": None}
    yield Told(
        "prescriber",
        {
            "id": scope.key,
            "rpps": rpps_of(held) or _rpps([inner(person, "identifier")]) or rpps_of(resource),
            **name,
            "specialty": next(filter(None, map(said, lines(resource, "specialty"))), None),
            "phone": _telecom(lines(resource, "telecom"), "phone"),
        },
    )


def rpps_of(resource: Element) -> str | None:
    """The RPPS among a resource's identifiers. Raises Odd."""
    return _rpps(lines(resource, "identifier"))


def _rpps(identifiers: list[Element]) -> str | None:
    for line in identifiers:
        system, value = text(line, "system"), text(line, "value")
        if system == RPPS:
            return value
        if system in RPPS_OIDS and value is not None:
            return value[1:] if _PREFIXED_RPPS.fullmatch(value) else value
    return None


# --- patients ---------------------------------------------------------------------------------------------------------------------


def _patient(resource: Element, scope: Scope, _claims: Claims) -> Iterator[Told]:
    extensions = lines(resource, "extension")
    if named(extensions, url=ANIMAL):
        raise Elsewhere
    identifiers, telecoms = lines(resource, "identifier"), lines(resource, "telecom")
    official, usual = _names(lines(resource, "name"))
    replaced = next((line for line in lines(resource, "link") if text(line, "type") == "replaced-by"), {})
    gender = text(resource, "gender")
    yield Told(
        "patient",
        {
            "id": scope.key,
            "birth_name": official["family_name"],
            "used_name": usual,
            "given_names": official["given_names"],
            "sex": _SEXES.get(gender or "", gender),
            "birth_date": text(resource, "birthDate"),
            "birth_place": _birth_place(extensions),
            "death_date": _day(local_time(text(resource, "deceasedDateTime"), scope.zone)),
            **_ins(identifiers),
            "ins_status": _reliability(extensions),
            "nss": _insured(identifiers),
            **_address(lines(resource, "address")),
            "phone": _telecom(telecoms, "phone"),
            "mobile": text(named(telecoms, system="phone", use="mobile"), "value"),
            "email": text(named(telecoms, system="email"), "value"),
            "doctor": next(
                filter(
                    None, (scope.key_of(line, *DOCTORS) for line in lines(resource, "generalPractitioner"))
                ),
                None,
            ),
            "merged_into": scope.key_of(inner(replaced, "other"), "Patient"),
        },
    )


def _names(names: list[Element]) -> tuple[dict[str, str | None], str | None]:
    """The name at birth, and the name in use where it is another (fr-core: `official` is the name at birth; HL7: `maiden` too)."""
    current = [line for line in names if text(line, "use") not in ("old", "temp", "anonymous", "nickname")]
    maiden, official, usual = (named(current, use=use) for use in ("maiden", "official", "usual"))
    born = maiden or official or next((line for line in current if line is not usual), {}) or usual
    used = usual or (official if maiden else {})
    told = _named([{**official, **born}] if maiden and official else [born])
    family = _named([used])["family_name"] if used else None
    return told, family if family != told["family_name"] else None


def _named(names: list[Element]) -> dict[str, str | None]:
    name = names[0] if names else {}
    given = " ".join(words(name, "given")) or None
    return {
        "family_name": text(name, "family") or (None if given else text(name, "text")),
        "given_names": given,
    }


def _ins(identifiers: list[Element]) -> dict[str, str | None]:
    for line in identifiers:
        system = (text(line, "system") or "").removeprefix("urn:oid:")
        if system in INS_KINDS:
            return {"ins": text(line, "value"), "ins_oid": system}
    return {"ins": None, "ins_oid": None}


def _insured(identifiers: list[Element]) -> str | None:
    """The insured person's number: typed `SS` by HL7 v2-0203, or in our own system."""
    for line in identifiers:
        types = lines(inner(line, "type"), "coding")
        if text(line, "system") == f"{BASE}/id/nss" or named(types, code="SS"):
            return text(line, "value")
    return None


def _reliability(extensions: list[Element]) -> str | None:
    inside = lines(named(extensions, url=RELIABILITY), "extension")
    coding = inner(named(inside, url="identityStatus"), "valueCoding")
    status = text(coding, "code")
    return _STATUSES.get(status or "", status)


def _birth_place(extensions: list[Element]) -> str | None:
    place = inner(named(extensions, url=BIRTH_PLACE), "valueAddress")
    coding = inner(named(lines(place, "extension"), url=INSEE_CODE), "valueCoding")
    return text(coding, "code")


def _address(addresses: list[Element]) -> dict[str, str | None]:
    place = named(addresses, use="home") or (addresses[0] if addresses else {})
    street = "\n".join(words(place, "line")) or None
    whole = text(place, "text") if street is None and text(place, "city") is None else None
    return {"address": street or whole, "postcode": text(place, "postalCode"), "city": text(place, "city")}


def _telecom(telecoms: list[Element], system: str) -> str | None:
    """The first number of this system that is no mobile's."""
    return next(
        (
            text(line, "value")
            for line in telecoms
            if line.get("system") == system and line.get("use") != "mobile"
        ),
        None,
    )


def _day(moment: str | None) -> str | None:
    """A day; a year alone stays as it stands, and is refused as no date."""
    return moment if moment is None else moment[:10]


PATIENT: Final = Teller(
    _patient,
    frozenset({"identifier", "active", "name", "telecom", "gender", "birthDate", "deceasedDateTime", "address", "generalPractitioner", "link"}),
    frozenset({"deceasedBoolean", "maritalStatus", "multipleBirthBoolean", "multipleBirthInteger", "photo", "contact", "communication", "managingOrganization"}),
    frozenset({RELIABILITY, BIRTH_PLACE}),
)  # fmt: skip
PRACTITIONER: Final = Teller(
    _practitioner,
    frozenset({"identifier", "active", "name", "telecom", "address", "qualification"}),
    frozenset({"gender", "birthDate", "photo", "communication"}),
)
ROLE: Final = Teller(
    _role,
    frozenset({"identifier", "active", "practitioner", "code", "specialty", "telecom"}),
    frozenset(
        {
            "period",
            "organization",
            "location",
            "healthcareService",
            "availableTime",
            "notAvailable",
            "availabilityExceptions",
            "endpoint",
        }
    ),
)
