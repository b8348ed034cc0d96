"""The header of a CR-BIO document that is written: patient, author, custodian, prescriber, request.

Decides which elements of CDA say which fields; what they cannot say exactly is said beside them (`write`). Elements that CDA requires and of
which nothing is known are there with a nullFlavor: no name is made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from lxml import etree

from ecluse.adapters.connectors.cda.names import LAB, LOINC, PROFESSIONAL, REPORT, ROOTS, SDTC, TEMPLATES, q
from ecluse.adapters.connectors.cda.tree import add, add_address, add_id, add_telecom, coded, said, stamp
from ecluse.adapters.connectors.files.format import Case, Row
from ecluse.adapters.xml import Element

__all__ = ["add_header"]


def add_header(root: Element, case: Case, *, zone: ZoneInfo) -> None:
    """Everything before the body."""
    request, moment = case.request, _moment(case, zone)
    add(root, "realmCode", code="FR")
    add(root, "typeId", root="2.16.840.1.113883.1.3", extension="POCD_HD000040")
    for template in TEMPLATES:
        add(root, "templateId", root=template)
    add(root, "id", root=ROOTS["document"], extension=said(request, "id"))
    add(
        root,
        "code",
        code=REPORT,
        codeSystem=LOINC,
        codeSystemName="LOINC",
        displayName="CR d'examens biologiques",
    )
    add(root, "title", "Compte rendu d'examens biologiques")
    add(root, "effectiveTime", value=moment) if moment else add(root, "effectiveTime", nullFlavor="NI")
    add(
        root,
        "confidentialityCode",
        code=_shared(case, "visibility") or "N",
        codeSystem="2.16.840.1.113883.5.25",
    )
    add(root, "languageCode", code="fr-FR")
    add(root, "setId", root=ROOTS["document"], extension=said(request, "id"))
    add(root, "versionNumber", value=_shared(case, "version") or "1")
    _patient(root, case.patient, zone)
    _author(root, moment)
    custodian = add(add(add(root, "custodian"), "assignedCustodian"), "representedCustodianOrganization")
    add_id(custodian, ROOTS["site"], said(request, "site"))
    _signer(root, case, zone)
    if case.prescriber:
        _professional(root, case.prescriber, "REF")
    if said(case.patient, "doctor") and said(case.patient, "doctor") == said(case.prescriber, "id"):
        _professional(root, case.prescriber, "INF", function="PCP")
    _order(root, request)
    _event(root, case, zone)


def _moment(case: Case, zone: ZoneInfo) -> str | None:
    return stamp(said(case.request, "time"), zone=zone) or stamp(said(case.request, "date"), zone=zone)


def _told_by(case: Case) -> Iterator[Row]:
    yield from case.results
    yield from case.documents


def _shared(case: Case, name: str) -> str | None:
    """The value that the most of the results and documents share: it is said once, in the header."""
    values = [value for row in _told_by(case) if (value := said(row, name))]
    return max(sorted(set(values)), key=values.count) if values else None


def _patient(root: Element, row: Row, zone: ZoneInfo) -> None:
    role = add(add(root, "recordTarget"), "patientRole")
    if said(row, "ins") and said(row, "ins_oid"):
        add(role, "id", root=said(row, "ins_oid"), extension=said(row, "ins"))
    add_id(role, ROOTS["patient"], said(row, "id"))
    add_address(role, row)
    add_telecom(role, "tel", said(row, "phone"), use="H")
    add_telecom(role, "tel", said(row, "mobile"), use="MC")
    add_telecom(role, "mailto", said(row, "email"))
    person = add(role, "patient")
    _names(person, row)
    coded(person, "administrativeGenderCode", said(row, "sex"))
    born = stamp(said(row, "birth_date"), zone=zone)
    add(person, "birthTime", value=born) if born else add(person, "birthTime", nullFlavor="NI")
    if died := stamp(said(row, "death_date"), zone=zone):
        etree.SubElement(person, q("deceasedTime", SDTC), value=died)
    if place := said(row, "birth_place"):
        add(add(add(add(person, "birthplace"), "place"), "addr"), "county", place)


def _names(person: Element, row: Row) -> None:
    name = add(person, "name")
    for field, qualifier in (("birth_name", "BR"), ("used_name", "CL")):
        if value := said(row, field):
            add(name, "family", value, qualifier=qualifier)
    if given := said(row, "given_names"):
        add(name, "given", given)


def _author(root: Element, moment: str | None) -> None:
    author = add(root, "author")
    add(author, "time", value=moment) if moment else add(author, "time", nullFlavor="NI")
    assigned = add(author, "assignedAuthor")
    add(assigned, "id", nullFlavor="NI")
    device = add(assigned, "assignedAuthoringDevice")
    add(device, "softwareName", "Écluse")


def _signer(root: Element, case: Case, zone: ZoneInfo) -> None:
    """Who took responsibility: not a signature of this copy, which Écluse cannot give, but whose name the records hold."""
    who, when = (
        _shared(case, "validator") or _shared(case, "signatory"),
        _shared(case, "validated_at") or _shared(case, "signed_at"),
    )
    if not who:
        return
    signer = add(root, "legalAuthenticator")
    moment = stamp(when, zone=zone)
    add(signer, "time", value=moment) if moment else add(signer, "time", nullFlavor="NI")
    add(signer, "signatureCode", nullFlavor="NI")
    add_id(add(signer, "assignedEntity"), PROFESSIONAL, who)


def _professional(root: Element, row: Row, part: str, *, function: str | None = None) -> None:
    found = add(root, "participant", typeCode=part)
    if function:
        add(found, "functionCode", code=function, codeSystem="2.16.840.1.113883.5.88")
    entity = add(found, "associatedEntity", classCode="PROV")
    add_id(entity, ROOTS["prescriber"], said(row, "id"))
    if rpps := said(row, "rpps"):
        add(entity, "id", root=PROFESSIONAL, extension=f"8{rpps}")
    if specialty := said(row, "specialty"):
        add(entity, "code", code=specialty, codeSystem="1.2.250.1.213.1.1.4.5")
    add_address(entity, row)
    add_telecom(entity, "tel", said(row, "phone"), use="WP")
    name = add(add(entity, "associatedPerson"), "name")
    for field, element in (("family_name", "family"), ("given_names", "given")):
        if value := said(row, field):
            add(name, element, value)


def _order(root: Element, request: Row) -> None:
    order = add(add(root, "inFulfillmentOf"), "order")
    add_id(order, ROOTS["request"], said(request, "id"))
    if urgent := {"true": "UR", "false": "R"}.get(said(request, "urgent") or ""):
        add(order, "priorityCode", code=urgent, codeSystem="2.16.840.1.113883.5.7")


def _event(root: Element, case: Case, zone: ZoneInfo) -> None:
    event = add(add(root, "documentationOf"), "serviceEvent")
    add_id(event, ROOTS["request"], said(case.request, "id"))
    coded(event, "code", None)
    if status := said(case.request, "status"):
        etree.SubElement(event, q("statusCode", LAB), code=status)
    if moment := _moment(case, zone):
        add(add(event, "effectiveTime"), "low", value=moment)
