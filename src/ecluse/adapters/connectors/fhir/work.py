"""Requests, specimens, results, isolates, susceptibilities, reports and acts as resources.

Decides which element each field goes to, and reads it from there. Observation is the resource of three kinds, told apart by file and id. A
field that its element cannot say exactly (a status that FHIR does not tell from another, "0,1") is kept by `exact`.
"""

from __future__ import annotations

from typing import Final

from ecluse.adapters.connectors.fhir.elements import (
    BASE,
    Element,
    Moments,
    Row,
    civil,
    code,
    coding,
    concept,
    digits,
    extended,
    extension,
    fhir_id,
    first,
    found,
    identifier,
    integer,
    listed,
    made,
    note,
    numbered,
    reference,
    referred,
    string,
    unread,
)

__all__ = [
    "build_document", "build_invoice", "build_isolate", "build_request", "build_result", "build_specimen", "build_susceptibility",
    "read_document", "read_invoice", "read_isolate", "read_request", "read_result", "read_specimen", "read_susceptibility",
]  # fmt: skip

TESTS: Final = f"{BASE}/CodeSystem/local-test"
VISIBILITIES: Final = f"{BASE}/CodeSystem/visibility"
LOINC: Final = "http://loinc.org"
NABM: Final = "urn:oid:1.2.250.1.213.2.7"
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
INTERPRETATIONS: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
LABORATORY: Final = [
    {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}
        ]
    }
]
REPORT: Final = {
    "coding": [{"system": "http://loinc.org", "code": "11502-2"}],
    "text": "Compte rendu d'analyses de biologie médicale",
}
ORGANISM: Final = {"coding": [{"system": "http://loinc.org", "code": "634-6"}], "text": "Germe isolé"}
COUNT: Final = {"text": "Numération"}

REQUEST_STATUS: Final = {
    "open": "active",
    "validated": "completed",
    "closed": "completed",
    "cancelled": "revoked",
}
RESULT_STATUS: Final = {
    "ordered": "registered", "entered": "preliminary", "validated": "final", "corrected": "corrected", "cancelled": "cancelled",
}  # fmt: skip
REQUEST_STATUS_READ: Final = {"active": "open", "completed": "validated", "revoked": "cancelled"}
RESULT_STATUS_READ: Final = {theirs: ours for ours, theirs in RESULT_STATUS.items()}
CONFIDENTIAL: Final = {"visible": "N", "hidden": "R", "hidden-from-guardians": "R", "secret": "V"}
PRIORITY: Final = {"true": "urgent", "false": "routine"}
URGENT: Final = {"urgent": "true", "routine": "false"}
FLAGS: Final = frozenset({"L", "LL", "H", "HH", "N", "A", "AA", "S", "I", "R"})


# --- requests and specimens -------------------------------------------------------------------------------------------------------


def build_request(row: Row, moments: Moments) -> Element:
    """The ServiceRequest of a request."""
    return {
        "identifier": listed(identifier("request", row["id"])),
        "status": REQUEST_STATUS.get(row.get("status") or "", "unknown"),
        "intent": "order",
        "priority": PRIORITY.get(row.get("urgent") or ""),
        "subject": reference("patient", row.get("patient")) or unread(),
        "authoredOn": moments(row.get("time")) or row.get("date"),
        "requester": reference("prescriber", row.get("prescriber")),
        "locationCode": listed(concept(text=row.get("site"))),
        "note": note(row.get("clinical_info")),
    }


def read_request(resource: Element) -> Row:
    """Its fields again."""
    written = resource.get("authoredOn")
    return {
        "id": _own(resource, "request"),
        "patient": referred("patient", resource["subject"]),
        "prescriber": referred("prescriber", resource.get("requester")),
        "site": (first(resource.get("locationCode")) or {}).get("text"),
        "date": written and written[:10],
        "time": civil(written),
        "status": REQUEST_STATUS_READ.get(resource["status"]),
        "urgent": URGENT.get(resource.get("priority", "")),
        "clinical_info": _noted(resource),
    }


def build_specimen(row: Row, moments: Moments) -> Element:
    """The Specimen of a specimen."""
    collected = moments(row.get("collected_at"))
    return {
        "identifier": listed(identifier("specimen", row["id"])),
        "type": concept(text=row.get("type")),
        "subject": reference("patient", row.get("_subject")),
        "receivedTime": moments(row.get("received_at")),
        "request": listed(reference("request", row.get("request"))),
        "collection": made(collectedDateTime=collected),
    }


def read_specimen(resource: Element) -> Row:
    """Its fields again."""
    return {
        "id": _own(resource, "specimen"),
        "request": referred("request", first(resource.get("request"))),
        "type": resource.get("type", {}).get("text"),
        "collected_at": civil(resource.get("collection", {}).get("collectedDateTime")),
        "received_at": civil(resource.get("receivedTime")),
    }


# --- results ----------------------------------------------------------------------------------------------------------------------


def build_result(row: Row, moments: Moments) -> Element:
    """The Observation of a result. The text of the reference range is `low - high`; its ends are numbers too where they state one."""
    flag, local = row.get("flag"), code(row.get("code"))
    validator = string(row.get("validator"))
    return {
        "meta": _visible(row),
        "extension": listed(extension("version", valueInteger=integer(row.get("version")))),
        "identifier": listed(identifier("result", row["id"])),
        "basedOn": listed(reference("request", row.get("request"))),
        "status": RESULT_STATUS.get(row.get("status") or "", "unknown"),
        "category": LABORATORY,
        "code": concept(coding(TESTS, local), coding(LOINC, row.get("_coding")), text=row.get("label"))
        or unread(),
        "subject": reference("patient", row.get("_subject")),
        "issued": moments(row.get("validated_at")),
        "performer": listed(validator and {"display": validator}),
        **_measured(row.get("value"), row.get("unit")),
        "interpretation": listed(
            concept(coding(INTERPRETATIONS, flag if flag in FLAGS else None), text=flag)
        ),
        "note": note(row.get("comment")),
        "specimen": reference("specimen", row.get("specimen")),
        "referenceRange": listed(_range(row.get("range_low"), row.get("range_high"))),
    }


def read_result(resource: Element) -> Row:
    """Its fields again."""
    performer = first(resource.get("performer")) or {}
    low, high = _range_read(first(resource.get("referenceRange")) or {})
    return {
        "id": _own(resource, "result"),
        "request": referred("request", first(resource.get("basedOn"))),
        "specimen": referred("specimen", resource.get("specimen")),
        "code": (first(resource["code"].get("coding")) or {}).get("code"),
        "label": resource["code"].get("text"),
        "value": _measure(resource),
        "unit": resource.get("valueQuantity", {}).get("unit"),
        "range_low": low,
        "range_high": high,
        "flag": (first(resource.get("interpretation")) or {}).get("text"),
        "status": RESULT_STATUS_READ.get(resource["status"]),
        "version": digits(extended(resource, "version", "valueInteger")),
        "visibility": _visibility(resource),
        "validator": performer.get("display"),
        "validated_at": civil(resource.get("issued")),
        "comment": _noted(resource),
    }


def build_isolate(row: Row, _moments: Moments) -> Element:
    """The Observation of an isolated organism, derived from the culture's result."""
    count = string(row.get("count"))
    return {
        "identifier": listed(identifier("isolate", row["id"])),
        "basedOn": listed(reference("request", row.get("request"))),
        "status": "final",
        "category": LABORATORY,
        "code": ORGANISM,
        "subject": reference("patient", row.get("_subject")),
        "valueCodeableConcept": concept(text=row.get("organism")),
        "derivedFrom": listed(reference("result", row.get("result"))),
        "component": listed(count and {"code": COUNT, "valueString": count}),
    }


def read_isolate(resource: Element) -> Row:
    """Its fields again."""
    return {
        "id": _own(resource, "isolate"),
        "request": referred("request", first(resource.get("basedOn"))),
        "result": referred("result", first(resource.get("derivedFrom"))),
        "organism": resource.get("valueCodeableConcept", {}).get("text"),
        "count": (first(resource.get("component")) or {}).get("valueString"),
    }


def build_susceptibility(row: Row, _moments: Moments) -> Element:
    """The Observation of one line of an antibiogram, derived from the isolate's."""
    said = row.get("interpretation")
    return {
        "identifier": listed(identifier("susceptibility", row["id"])),
        "basedOn": listed(reference("request", row.get("request"))),
        "status": "final",
        "category": LABORATORY,
        "code": concept(text=row.get("antibiotic")) or unread(),
        "subject": reference("patient", row.get("_subject")),
        **_measured(row.get("mic"), None),
        "interpretation": listed(concept(coding(INTERPRETATIONS, code(said)))),
        "derivedFrom": listed(reference("isolate", row.get("isolate"))),
    }


def read_susceptibility(resource: Element) -> Row:
    """Its fields again."""
    said = first((first(resource.get("interpretation")) or {}).get("coding")) or {}
    return {
        "id": _own(resource, "susceptibility"),
        "request": referred("request", first(resource.get("basedOn"))),
        "isolate": referred("isolate", first(resource.get("derivedFrom"))),
        "antibiotic": resource["code"].get("text"),
        "mic": _measure(resource),
        "interpretation": said.get("code"),
    }


# --- reports and acts -------------------------------------------------------------------------------------------------------------


def build_document(row: Row, moments: Moments) -> Element:
    """The DiagnosticReport of a document. Its octets are a Binary of the same id, in a file of its own."""
    signatory = string(row.get("signatory"))
    place = f"Binary/{fhir_id('document', row['id'] or '')}" if row.get("content") is not None else None
    return {
        "meta": _visible(row),
        "extension": listed(extension("version", valueInteger=integer(row.get("version")))),
        "identifier": listed(identifier("document", row["id"])),
        "basedOn": listed(reference("request", row.get("request"))),
        "status": "final",
        "code": REPORT,
        "subject": reference("patient", row.get("_subject")),
        "issued": moments(row.get("signed_at")),
        "resultsInterpreter": listed(signatory and {"display": signatory}),
        "presentedForm": listed(made(contentType=code(row.get("media_type")), url=place)),
    }


def read_document(resource: Element) -> Row:
    """Its fields again, but for its octets."""
    return {
        "id": _own(resource, "document"),
        "request": referred("request", first(resource.get("basedOn"))),
        "media_type": (first(resource.get("presentedForm")) or {}).get("contentType"),
        "signatory": (first(resource.get("resultsInterpreter")) or {}).get("display"),
        "signed_at": civil(resource.get("issued")),
        "version": digits(extended(resource, "version", "valueInteger")),
        "visibility": _visibility(resource),
    }


def build_invoice(row: Row, _moments: Moments) -> Element:
    """The ChargeItem of one act of an invoice."""
    amount, quantity, payer = (
        numbered(row.get("amount")),
        integer(row.get("quantity")),
        string(row.get("payer")),
    )
    act, mapped = code(row.get("act")), row.get("_coding")
    return {
        "identifier": listed(identifier("invoice", row["id"])),
        "status": "billed",
        "code": concept(coding(NABM, act), coding(NABM, mapped if mapped != act else None)) or unread(),
        "subject": reference("patient", row.get("_subject")) or unread(),
        "quantity": made(value=quantity),
        "priceOverride": made(value=amount[1]) if amount and amount[0] is None else None,
        "account": listed(payer and {"display": payer}),
        "supportingInformation": listed(reference("request", row.get("request"))),
    }


def read_invoice(resource: Element) -> Row:
    """Its fields again."""
    return {
        "id": _own(resource, "invoice"),
        "request": referred("request", first(resource.get("supportingInformation"))),
        "act": (first(resource["code"].get("coding")) or {}).get("code"),
        "quantity": digits(resource.get("quantity", {}).get("value")),
        "amount": digits(resource.get("priceOverride", {}).get("value")),
        "payer": (first(resource.get("account")) or {}).get("display"),
    }


# --- what several share -----------------------------------------------------------------------------------------------------------


def _own(resource: Element, kind: str) -> str | None:
    value: str | None = found(resource.get("identifier"), system=f"{BASE}/id/{kind}").get("value")
    return value


def _noted(resource: Element) -> str | None:
    value: str | None = (first(resource.get("note")) or {}).get("text")
    return value


def _visible(row: Row) -> Element | None:
    """The laboratory's own word, and the confidentiality that any FHIR server understands."""
    said = code(row.get("visibility"))
    if said is None:
        return None
    return {"security": listed(coding(VISIBILITIES, said), coding(CONFIDENTIALITY, CONFIDENTIAL.get(said)))}


def _visibility(resource: Element) -> str | None:
    value: str | None = found(resource.get("meta", {}).get("security"), system=VISIBILITIES).get("code")
    return value


def _measured(value: str | None, unit: str | None) -> Element:
    """A number with its comparator and unit where the text states one, else the text."""
    number = numbered(value)
    if number is None:
        return {"valueString": string(value)}
    return {"valueQuantity": made(value=number[1], comparator=number[0], unit=string(unit))}


def _measure(resource: Element) -> str | None:
    quantity = resource.get("valueQuantity")
    if quantity is None:
        value: str | None = resource.get("valueString")
        return value
    return f"{quantity.get('comparator', '')}{quantity['value']}"


def _range(low: str | None, high: str | None) -> Element | None:
    from_, to = string(low), string(high)
    if from_ is None and to is None:
        return None
    least, most = numbered(from_), numbered(to)
    return made(
        low=made(value=least[1]) if least and least[0] is None else None,
        high=made(value=most[1]) if most and most[0] is None else None,
        text=f"{from_ or ''} - {to or ''}".strip(),
    )


def _range_read(line: Element) -> tuple[str | None, str | None]:
    text = line.get("text")
    if text is None:
        return None, None
    low, _, high = f" {text} ".partition(" - ")
    return low.strip() or None, high.strip() or None
