"""FHIR R4 files before the contract suite of formats: how its units are counted by another road, and samples of what others write."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from typing import Any

from ecluse.adapters.connectors.fhir.format import FhirFormat
from ecluse.adapters.connectors.fhir.strict import NotJson, decoded, type_of
from tests.ports.formats import Described, Repeat

PDF = b64encode(b"%PDF-1.7 invented").decode("ascii")

PATIENT = {
    "resourceType": "Patient", "id": "p1", "active": True,
    "identifier": [{"use": "official", "system": "urn:oid:1.2.250.1.213.1.4.10", "value": "284022A00400158"}],
    "name": [{"use": "official", "family": "MARTIN", "given": ["JEANNE", "LOUISE"]}, {"use": "usual", "family": "DURAND"}],
    "gender": "female", "birthDate": "1984-02-29", "_birthDate": {"extension": []}, "maritalStatus": {"text": "mariée"}, "nickname": "Jeannette",
}  # fmt: skip
REQUEST = {
    "resourceType": "ServiceRequest", "id": "s1", "status": "completed", "intent": "order", "subject": {"reference": "urn:uuid:p1"},
    "authoredOn": "2024-03-30T08:00:00+01:00", "requester": {"identifier": {"system": "https://rpps.esante.gouv.fr", "value": "10003456787"}},
    "contained": [{"resourceType": "Specimen", "id": "t", "type": {"text": "Sang"}}], "specimen": [{"reference": "#t"}],
}  # fmt: skip
RESULT = {
    "resourceType": "Observation", "id": "o1", "status": "final", "basedOn": [{"reference": "ServiceRequest/s1"}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "2951-2", "display": "Sodium"}]}, "subject": {"reference": "Patient/p1"},
    "valueQuantity": {"value": 5.10, "unit": "mmol/L"}, "component": [{"code": {"text": "K"}, "valueString": "4"}], "method": {"text": "ISE"},
}  # fmt: skip
REPORT = {
    "resourceType": "DiagnosticReport", "id": "r1", "status": "final", "code": {"text": "CR"}, "subject": {"reference": "Patient/p1"},
    "result": [{"reference": "Observation/o1"}], "issued": "2024-03-31T00:30:00Z", "conclusion": "RAS",
    "presentedForm": [{"contentType": "application/pdf", "data": PDF}, {"url": "https://elsewhere.example/report.pdf"}],
}  # fmt: skip
BUNDLE = {
    "resourceType": "Bundle", "type": "collection",
    "entry": [
        {"fullUrl": "urn:uuid:p1", "resource": PATIENT}, {"resource": REQUEST}, {"resource": RESULT}, {"resource": REPORT},
        {"resource": {"resourceType": "Location", "id": "l", "name": "là"}}, {"resource": {"resourceType": "Nonsense"}}, {},
        {"request": {"method": "DELETE", "url": "Observation/o9"}}, {"resource": {**PATIENT, "id": "p2", "birthDate": 1984}},
        {"resource": {**RESULT, "modifierExtension": [{"url": "urn:x", "valueBoolean": True}]}},
    ],
}  # fmt: skip


def units(octets: bytes) -> int:
    """One for each document, and the elements of every resource; one for an entry or a resource that is none."""
    return sum(map(_document, _documents(octets)))


def _documents(octets: bytes) -> list[bytes]:
    """One to a line where the first line is a whole one or ends as one."""
    lines = list(io.BytesIO(octets))
    while lines and not lines[0].strip(b" \t\r\n\xef\xbb\xbf"):
        lines.pop(0)
    if not lines:
        return []
    try:
        decoded(lines[0])
    except NotJson as why:
        if str(why) == "json" and not lines[0].rstrip().endswith(b"}"):
            return [b"".join(lines)]
    return [line for line in lines if line.strip()]


def _document(octets: bytes) -> int:
    try:
        value = decoded(octets)
        type_of(value)
    except NotJson:
        return 1
    return 1 + _resource(value)


def _resource(value: dict[str, Any], depth: int = 1) -> int:
    if value["resourceType"] == "Bundle":
        entries = value.get("entry") or []
        if not _list(value, "entry") or not isinstance(value.get("type"), str | None):
            return 1
        return len(value) + sum(_entry(entry, depth) for entry in entries)
    contained = value.get("contained") or []
    named = [value, *contained] if _list(value, "contained") else []
    if not named or not all(map(_named, named)):
        return 1
    return sum(map(len, named))


def _entry(entry: dict[str, Any], depth: int) -> int:
    resource, request = entry.get("resource") or {}, entry.get("request") or {}
    if not isinstance(resource, dict) or not isinstance(request, dict):
        return 1
    if not isinstance(request.get("method"), str | None):
        return 1
    if request.get("method") == "DELETE":
        return 1
    if not resource:
        return 0 if entry.get("resource") in ({}, None) else 1
    if not isinstance(resource.get("resourceType"), str):
        return 1
    try:
        type_of(resource)
    except NotJson:
        return 1
    if resource["resourceType"] == "Bundle" and depth >= 4:
        return 1
    if resource["resourceType"] != "Bundle" and not isinstance(entry.get("fullUrl"), str | None):
        return 1
    return _resource(resource, depth + 1)


def _list(element: dict[str, Any], name: str) -> bool:
    value = element.get(name)
    return value is None or (isinstance(value, list) and all(isinstance(line, dict) for line in value))


def _named(resource: dict[str, Any]) -> bool:
    """Whether it can be told what a resource is called: its type, id and identifiers are of their types."""
    try:
        type_of(resource)
    except NotJson:
        return False
    identifier = resource.get("identifier")
    lines = [identifier] if isinstance(identifier, dict) else identifier
    if not _list({"lines": lines}, "lines"):
        return False
    texts = [resource.get("id"), *(line.get(name) for line in lines or [] for name in ("system", "value"))]
    return all(isinstance(text, str | None) for text in texts)


def _line(resource: dict[str, Any]) -> bytes:
    return json.dumps(resource, ensure_ascii=False).encode() + b"\n"


def _repeated(times: int) -> io.RawIOBase:
    return Repeat(lambda number: _line({**PATIENT, "id": f"p{number}"}), times)


DESCRIBED = Described(
    name="fhir",
    format=FhirFormat,
    units=units,
    samples=(
        b"".join(map(_line, (REPORT, PATIENT, REQUEST, RESULT))),
        json.dumps(BUNDLE, indent=1).encode(),
        b"\xef\xbb\xbf"
        + _line(BUNDLE)
        + b"\n  \n"
        + _line({**PATIENT, "implicitRules": "urn:x"})
        + b'{"a": NaN}\n{"a":1,"a":2}\n',
    ),
    repeated=_repeated,
)
