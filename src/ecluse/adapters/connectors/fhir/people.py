"""Prescribers and patients as Practitioner and Patient, in the elements of the French core profiles (hl7.fr fr-core 2.1).

Decides which element each field goes to, and reads it from there. A field that its element cannot say exactly is kept by `exact`.
"""

from __future__ import annotations

import re
from typing import Final

from ecluse.adapters.connectors.fhir.elements import (
    BASE,
    Element,
    Moments,
    Row,
    address,
    code,
    coding,
    concept,
    extended,
    extension,
    first,
    found,
    identifier,
    listed,
    made,
    read_address,
    reference,
    referred,
    string,
    typed,
)

__all__ = ["build_patient", "build_prescriber", "read_patient", "read_prescriber"]

RPPS: Final = "https://rpps.esante.gouv.fr"
FRENCH_TYPES: Final = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0203"
TYPES: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
RELIABILITY: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-identity-reliability"
RELIABILITIES: Final = "https://hl7.fr/ig/fhir/core/CodeSystem/fr-core-cs-v2-0445"
BIRTH_PLACE: Final = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
INSEE_CODE: Final = "https://hl7.fr/ig/fhir/core/StructureDefinition/fr-core-address-insee-code"
INSEE_CODES: Final = "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM"
INS_KINDS: Final = {
    "1.2.250.1.213.1.4.8": "INS-NIR",
    "1.2.250.1.213.1.4.9": "INS-NIA",
    "1.2.250.1.213.1.4.10": "INS-NIR-TEST",
    "1.2.250.1.213.1.4.11": "INS-NIR-DEMO",
}
"""The OIDs of the INS (law-and-laboratory 3.6) and what the French core calls each."""

GENDERS: Final = {"M": "male", "F": "female", "U": "unknown"}
SEXES: Final = {gender: sex for sex, gender in GENDERS.items()}
_OID: Final = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_DATE: Final = re.compile(r"(?!0000)\d{4}-\d\d-\d\d")
_INS_USE: Final = "official"


def _date(text: str | None) -> str | None:
    return text if text is not None and _DATE.fullmatch(text) else None


# --- prescribers ------------------------------------------------------------------------------------------------------------------


def build_prescriber(row: Row, _moments: Moments) -> Element:
    """The Practitioner of a prescriber."""
    rpps, phone = string(row.get("rpps")), string(row.get("phone"))
    name = made(family=string(row.get("family_name")), given=_given(row.get("given_names")))
    specialty = concept(text=row.get("specialty"))
    return {
        "identifier": listed(
            identifier("prescriber", row["id"]),
            rpps and {"use": "official", "type": typed(FRENCH_TYPES, "RPPS"), "system": RPPS, "value": rpps},
        ),
        "name": listed(name),
        "telecom": listed(phone and {"system": "phone", "value": phone, "use": "work"}),
        "address": address(row, use="work"),
        "qualification": listed(specialty and {"code": specialty}),
    }


def read_prescriber(resource: Element) -> Row:
    """Its fields again."""
    name = first(resource.get("name")) or {}
    qualification = first(resource.get("qualification")) or {}
    return {
        "id": found(resource.get("identifier"), system=f"{BASE}/id/prescriber").get("value"),
        "rpps": found(resource.get("identifier"), system=RPPS).get("value"),
        "family_name": name.get("family"),
        "given_names": _given_read(name),
        "specialty": qualification.get("code", {}).get("text"),
        "phone": found(resource.get("telecom"), system="phone").get("value"),
        **read_address(resource),
    }


# --- patients ---------------------------------------------------------------------------------------------------------------------


def build_patient(row: Row, _moments: Moments) -> Element:
    """The Patient. A merged one is inactive, and linked to the one that replaces it."""
    merged = reference("patient", row.get("merged_into"))
    doctor = reference("prescriber", row.get("doctor"))
    return {
        "extension": listed(
            _reliability(row.get("ins_status")),
            _birth_place(row.get("birth_place")),
            extension("patient-comment", valueString=string(row.get("comment"))),
            extension("patient-comment-2", valueString=string(row.get("comment_2"))),
        ),
        "identifier": _patient_identifiers(row),
        "active": False if merged else None,
        "name": _patient_names(row),
        "telecom": _patient_telecoms(row),
        "gender": GENDERS.get(row.get("sex") or ""),
        "birthDate": _date(row.get("birth_date")),
        "deceasedDateTime": _date(row.get("death_date")),
        "address": address(row, use="home"),
        "generalPractitioner": listed(doctor),
        "link": listed(merged and {"other": merged, "type": "replaced-by"}),
    }


def read_patient(resource: Element) -> Row:
    """Its fields again."""
    identifiers, names, telecoms = resource.get("identifier"), resource.get("name"), resource.get("telecom")
    ins = found(identifiers, use=_INS_USE)
    official = found(names, use="official")
    link = first(resource.get("link")) or {}
    reliability = found(resource.get("extension"), url=RELIABILITY).get("extension", [{}])[0]
    place = (
        found(resource.get("extension"), url=BIRTH_PLACE).get("valueAddress", {}).get("extension", [{}])[0]
    )
    return {
        "id": found(identifiers, system=f"{BASE}/id/patient").get("value"),
        "birth_name": official.get("family"),
        "used_name": found(names, use="usual").get("family"),
        "given_names": _given_read(official),
        "sex": SEXES.get(resource.get("gender", "")),
        "birth_date": resource.get("birthDate"),
        "birth_place": place.get("valueCoding", {}).get("code"),
        "death_date": resource.get("deceasedDateTime"),
        "ins": ins.get("value"),
        "ins_oid": _oid_read(ins.get("system")),
        "ins_status": reliability.get("valueCoding", {}).get("code"),
        "nss": found(identifiers, system=f"{BASE}/id/nss").get("value"),
        "phone": found(telecoms, system="phone", use="home").get("value"),
        "mobile": found(telecoms, system="phone", use="mobile").get("value"),
        "email": found(telecoms, system="email").get("value"),
        "doctor": referred("prescriber", first(resource.get("generalPractitioner"))),
        "merged_into": referred("patient", link.get("other")),
        "comment": extended(resource, "patient-comment", "valueString"),
        "comment_2": extended(resource, "patient-comment-2", "valueString"),
        **read_address(resource),
    }


def _patient_identifiers(row: Row) -> list[Element] | None:
    """The laboratory's number, the INS under its OID, and the insured person's number, which several people may share."""
    own, ins, oid, nss = (
        identifier("patient", row["id"]),
        string(row.get("ins")),
        row.get("ins_oid"),
        string(row.get("nss")),
    )
    system = f"urn:oid:{oid}" if oid and _OID.fullmatch(oid) else None
    return listed(
        own and {"use": "usual", "type": typed(TYPES, "PI"), **own},
        (ins or system)
        and made(use=_INS_USE, type=typed(FRENCH_TYPES, INS_KINDS.get(oid or "")), system=system, value=ins),
        nss and {"type": typed(TYPES, "SS"), "system": f"{BASE}/id/nss", "value": nss},
    )


def _patient_names(row: Row) -> list[Element] | None:
    given = _given(row.get("given_names"))
    official = made(family=string(row.get("birth_name")), given=given)
    used = string(row.get("used_name"))
    usual = used and made(use="usual", family=used, given=given)
    return listed(official and {"use": "official", **official}, usual)


def _patient_telecoms(row: Row) -> list[Element] | None:
    phone, mobile, email = string(row.get("phone")), string(row.get("mobile")), string(row.get("email"))
    return listed(
        phone and {"system": "phone", "value": phone, "use": "home"},
        mobile and {"system": "phone", "value": mobile, "use": "mobile"},
        email and {"system": "email", "value": email},
    )


def _reliability(status: str | None) -> Element | None:
    said = coding(RELIABILITIES, code(status))
    return said and {"url": RELIABILITY, "extension": [{"url": "identityStatus", "valueCoding": said}]}


def _birth_place(insee: str | None) -> Element | None:
    said = code(insee)
    return said and {  # type: ignore[return-value]
        "url": BIRTH_PLACE,
        "valueAddress": {"extension": [{"url": INSEE_CODE, "valueCoding": coding(INSEE_CODES, said)}]},
    }


def _given(names: str | None) -> list[str] | None:
    """One given name an element, as they are separated by single blanks; `exact` keeps any other separation."""
    said = string(names)
    return None if said is None else said.split()


def _given_read(name: Element) -> str | None:
    given = name.get("given")
    return " ".join(given) if given else None


def _oid_read(system: str | None) -> str | None:
    return None if system is None else system.removeprefix("urn:oid:")
