"""A CDA document read as records: what it says in its own elements first, then what our own element beside them adds or corrects.

Decides what makes a document unreadable ("no-patient", "no-id", "not-a-cda"...) and gives every element one fate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from ecluse.adapters.connectors.cda import people
from ecluse.adapters.connectors.cda.beside import told_beside
from ecluse.adapters.connectors.cda.entries import Body, Document, Texts, files_of_level_one, read_entry
from ecluse.adapters.connectors.cda.names import CLINICAL_SECTIONS, COPY, LAB, OURS, V3, q
from ecluse.adapters.connectors.cda.parts import Page
from ecluse.adapters.connectors.files.format import CARRIED, Fact, Seen, Unread
from ecluse.adapters.connectors.files.meter import ALL
from ecluse.adapters.xml import MOST_OCTETS, Element, Malformed, local, namespace, parse_xml

__all__ = ["TagMeter", "Unusable", "facts_of", "read", "tags"]

_NO_TAG: Final = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>", re.DOTALL)
_TAG: Final = re.compile(rb"<(?=[A-Za-z_:\x80-\xff])")


class Unusable(Exception):
    """A document that gives no record; `args[0]` is the reason, a word."""


def read(stream: BinaryIO, *, name: str) -> Iterator[Fact | Unread | Seen]:
    """Everything in one file: one document, or records that belong to none."""
    octets = stream.read(MOST_OCTETS + 1)
    while (more := stream.read(MOST_OCTETS + 1 - len(octets)) if len(octets) <= MOST_OCTETS else b"") != b"":
        octets += more
    if not octets:
        return
    try:
        root = parse_xml(octets)
        page = Page(root)
        facts = list(facts_of(page, place=f"{name}:1"))
    except (Malformed, Unusable) as bad:
        yield Unread(f"{name}:1", str(bad.args[0]), octets, _units(tags(octets)))
        return
    yield from facts
    yield Seen("document", CARRIED)
    yield from page.fates()


def _units(elements: int) -> dict[str, int]:
    return {"document": 1} | ({"element": elements} if elements else {})


def tags(octets: bytes) -> int:
    """How many elements begin in these octets, by their signs alone."""
    return len(_TAG.findall(_NO_TAG.sub(b"", octets)))


class TagMeter:
    """Implements `files.meter.Meter`: the file, and its elements by their signs alone; of a file that is too large, what is read of it."""

    measures = ALL

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, octets: bytes) -> None:
        """See `Meter.feed`."""
        self._held += octets[: MOST_OCTETS + 1 - len(self._held)]

    def units(self) -> int:
        """See `Meter.units`."""
        return 1 + tags(bytes(self._held)) if self._held else 0


def facts_of(page: Page, *, place: str) -> Iterator[Fact]:
    """Every fact of a document. Raises `Unusable`."""
    beside = list(told_beside(page, place))
    if local(page.root) == "records" and namespace(page.root) == OURS:
        yield from (it.fact for it in beside)
        return
    if local(page.root) != "ClinicalDocument" or namespace(page.root) != V3:
        raise Unusable("not-a-cda")
    corrected = {(it.fact.kind, str(it.fact.row["id"])): it for it in beside}
    for kind, row in _own(page, known=bool(beside)):
        there = corrected.get((kind, str(row["id"])))
        absent = there.absent if there is not None else ()
        said = {name: value for name, value in row.items() if value is not None and name not in absent}
        yield Fact(kind, said, place)
    yield from (it.fact for it in beside)


def _own(page: Page, *, known: bool) -> Iterator[tuple[str, Texts]]:
    """What the document says in CDA's own elements."""
    key = _key(page)
    patient, prescriber, doctor = people.patient(page), people.prescriber(page), people.doctor(page)
    if not patient and not known:
        raise Unusable("no-patient")
    if prescriber:
        yield "prescriber", prescriber
    if doctor and doctor["id"] != prescriber.get("id"):
        yield "prescriber", doctor
    if patient:
        yield "patient", {**patient, "doctor": doctor.get("id")}
    request = _request(page, key)
    yield "request", {**request, "patient": patient.get("id"), "prescriber": prescriber.get("id")}
    yield from _body(page, _document(page, key, str(request["id"])))


def _key(page: Page) -> str:
    """What all versions of the document are known by: setId, else id."""
    for name in ("setId", "id"):
        found = page.at(page.root, name)
        if found is not None and found.get("root"):
            page.taken.add(found)
            extension = found.get("extension")
            return f"{found.get('root')}^{extension}" if extension else str(found.get("root"))
    raise Unusable("no-id")


def _document(page: Page, key: str, request: str) -> Document:
    signer = page.at(page.root, "legalAuthenticator")
    return Document(
        key=key,
        request=request,
        version=page.attribute(page.at(page.root, "versionNumber"), "value"),
        visibility=page.attribute(page.at(page.root, "confidentialityCode"), "code"),
        validator=page.id(page.at(signer, "assignedEntity/id")),
        validated_at=page.when(page.at(signer, "time")),
    )


def _request(page: Page, key: str) -> Texts:
    """The laboratory's request: serviceEvent; else the prescription it fulfils; else the document itself."""
    events = page.all(page.root, "documentationOf/serviceEvent")
    event = next((each for each in events if page.at(each, "id") is not None), events[0] if events else None)
    order = page.at(page.root, "inFulfillmentOf/order")
    name = page.id(page.at(event, "id")) or page.id(page.at(order, "id")) or key
    times = page.at(event, "effectiveTime")
    moment = (
        page.when(page.at(times, "low")) or page.when(times) or page.when(page.at(page.root, "effectiveTime"))
    )
    status = None if event is None else event.find(q("statusCode", LAB))
    urgent = page.attribute(page.at(order, "priorityCode"), "code")
    custodian = page.at(page.root, "custodian/assignedCustodian/representedCustodianOrganization/id")
    return {
        "id": name,
        "site": page.id(custodian),
        "date": moment[:10] if moment else None,
        "time": moment,
        "status": page.attribute(status, "code"),
        "urgent": {"UR": "true", "EM": "true", "S": "true", "R": "false"}.get(urgent or ""),
        "clinical_info": _clinical(page),
    }


def _clinical(page: Page) -> str | None:
    sections = [each for each in _sections(page) if _section_code(page, each) in CLINICAL_SECTIONS]
    said = [text for each in sections if (text := page.text(page.at(each, "text")))]
    return "\n".join(said) or None


def _sections(page: Page) -> Iterator[Element]:
    body = page.at(page.root, "component/structuredBody")
    return iter(()) if body is None else body.iter(q("section"))


def _section_code(page: Page, section: Element) -> str:
    code = page.at(section, "code")
    return "" if code is None else code.get("code", "")


def _body(page: Page, document: Document) -> Iterator[tuple[str, Texts]]:
    body = Body()
    for section in _sections(page):
        if _section_code(page, section) == COPY:
            page.taken.update(page.all(section, "code"))
        for entry in page.all(section, "entry"):
            read_entry(page, entry, document, body)
    yield from _parents_first(body.rows)
    yield from files_of_level_one(page, document)


def _parents_first(rows: list[tuple[str, Texts]]) -> Iterator[tuple[str, Texts]]:
    for wanted in ("specimen", "result", "isolate", "susceptibility", "document"):
        yield from (row for row in rows if row[0] == wanted)
