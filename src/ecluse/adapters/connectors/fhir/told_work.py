"""Requests, specimens, observations and charged acts as any FHIR server tells them, into records.

Decides to which request a result belongs: the one it names; else the report's that claims it; else one made of itself, so that it has a day and a
place by which an instruction can name it. A panel and each component are results; a correction replaces by its id; an error takes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ecluse.adapters.connectors.fhir.elements import Element
from ecluse.adapters.connectors.fhir.links import Scope, identified
from ecluse.adapters.connectors.fhir.parts import (
    boolean,
    coded,
    digits,
    inner,
    lines,
    local_time,
    named,
    said,
    text,
)
from ecluse.adapters.connectors.fhir.told import (
    ERROR,
    Claims,
    Elsewhere,
    Teller,
    Told,
    a_moment,
    loosely,
    security,
)
from ecluse.adapters.connectors.fhir.told_people import DOCTORS

__all__ = [
    "CHARGE",
    "OBSERVATION",
    "REQUEST",
    "SPECIMEN",
    "UNSAID",
    "check_laboratory",
    "made_request",
    "notes",
    "site_of",
]

UNSAID: Final = "unsaid"
"""The site of a request that names no place: a word that an instruction can name."""

LABORATORY: Final = frozenset({
    "laboratory", "LAB", "108252007", "26436-6", "394595002", "CH", "HM", "MB", "BLB", "SR", "IMM", "TX", "VR", "CG", "GE", "SP", "CP", "MYC", "PAR", "BG",
})  # fmt: skip
"""The laboratory among the category codes of R4, HL7 v2-0074, SNOMED CT and LOINC. Another category is no laboratory's; none at all may be."""

REQUEST_STATUS: Final = {
    "draft": "open", "active": "open", "on-hold": "open", "completed": "validated", "revoked": "cancelled",
}  # fmt: skip
RESULT_STATUS: Final = {
    "registered": "ordered", "preliminary": "entered", "final": "validated", "amended": "corrected", "corrected": "corrected",
    "cancelled": "cancelled",
}  # fmt: skip
URGENT: Final = {"routine": "false", "urgent": "true", "asap": "true", "stat": "true"}
RANGE_KIND: Final = "http://terminology.hl7.org/CodeSystem/referencerange-meaning"


# --- requests and specimens -------------------------------------------------------------------------------------------------------


def _request(resource: Element, scope: Scope, _claims: Claims) -> Iterator[Told]:
    check_laboratory(lines(resource, "category"))
    if (
        boolean(resource, "doNotPerform") == "true"
    ):  # a request that it not be done changes the meaning of all the rest
        raise Elsewhere
    status, written = text(resource, "status"), local_time(text(resource, "authoredOn"), scope.zone)
    moment = written or a_moment(resource, "occurrence", scope.zone)
    row = {
        "id": scope.key,
        "patient": scope.key_of(inner(resource, "subject"), "Patient"),
        "prescriber": scope.key_of(inner(resource, "requester"), *DOCTORS),
        "site": site_of(resource, scope),
        **_when(moment),
        "status": REQUEST_STATUS.get(status or ""),
        "urgent": URGENT.get(text(resource, "priority") or ""),
        "clinical_info": _joined([*map(said, lines(resource, "reasonCode")), notes(resource)]),
    }
    yield Told("request", row, gone=status == ERROR)
    ordered = inner(resource, "code")
    if REQUEST_STATUS.get(status or "") == "open" and coded(ordered):
        test = {
            "id": f"ServiceRequest.{scope.key}",
            "request": scope.key,
            "code": coded(ordered),
            "label": said(ordered),
            "status": "ordered",
        }
        yield Told("result", test)  # fmt: skip
    for line in lines(resource, "specimen"):
        if tube := scope.key_of(line, "Specimen"):
            yield Told("specimen", {"id": tube, "request": scope.key})


def site_of(resource: Element, scope: Scope) -> str:
    """Where a request belongs: its location, in words or by its number (FINESS), else the organization that performs; `UNSAID` where neither is told."""
    for concept in lines(resource, "locationCode"):
        if place := said(concept):
            return place
    for name, types in (("locationReference", ("Location",)), ("performer", ("Organization",))):
        for line in lines(resource, name):
            link = scope.link(line, *types)
            if link is None:
                continue
            held = scope.held.get(link, {})
            _, number = next(map(identified, lines(held, "identifier")), ("", None))
            _, own = identified(inner(line, "identifier"))
            return own or number or text(held, "name") or text(line, "display") or link[1]
    return UNSAID


def made_request(resource: Element, scope: Scope, *, key: str, performers: Sequence[Element] = ()) -> Told:
    """The request that a report or a result without one stands for: its patient, its day, who performs it."""
    when = loosely(a_moment(resource, "effective", scope.zone)) or local_time(
        text(resource, "issued"), scope.zone
    )
    return Told(
        "request",
        {
            "id": key,
            "patient": scope.key_of(inner(resource, "subject"), "Patient"),
            "site": site_of({"performer": list(performers)}, scope),
            **_when(when),
        },
    )


def _specimen(resource: Element, scope: Scope, _claims: Claims) -> Iterator[Told]:
    collection = inner(resource, "collection")
    requests = (scope.key_of(line, "ServiceRequest") for line in lines(resource, "request"))
    yield Told(
        "specimen",
        {
            "id": scope.key,
            "request": next(filter(None, requests), None),
            "type": said(inner(resource, "type")),
            "collected_at": a_moment(collection, "collected", scope.zone),
            "received_at": local_time(text(resource, "receivedTime"), scope.zone),
        },
        gone=text(resource, "status") == ERROR,
    )


# --- observations -----------------------------------------------------------------------------------------------------------------


def _observation(resource: Element, scope: Scope, claims: Claims) -> Iterator[Told]:
    check_laboratory(lines(resource, "category"))
    gone = text(resource, "status") == ERROR
    request = next(
        filter(None, (scope.key_of(line, "ServiceRequest") for line in lines(resource, "basedOn"))), None
    )
    if request is None and scope.key not in claims.results:
        request = f"Observation.{scope.key}"
        if not gone:
            yield made_request(resource, scope, key=request, performers=lines(resource, "performer"))
    tube = scope.key_of(inner(resource, "specimen"), "Specimen")
    told = {**_shared(resource, scope), "request": request, "specimen": tube}
    yield Told("result", {"id": scope.key, **told, **_measured(resource, scope)}, gone=gone)
    for number, line in enumerate(lines(resource, "component"), 1):
        yield Told("result", {"id": f"{scope.key}.{number}", **told, **_measured(line, scope)}, gone=gone)
    if tube and request and not gone:
        yield Told("specimen", {"id": tube, "request": request})
    if request is not None:
        for member in lines(resource, "hasMember"):
            if (key := scope.key_of(member, "Observation")) and not gone:
                claims.results.add(key)
                yield Told("result", {"id": key, "request": request})


def _shared(resource: Element, scope: Scope) -> dict[str, str | None]:
    """What an observation and its components have in common."""
    return {
        "status": RESULT_STATUS.get(text(resource, "status") or ""),
        "visibility": security(lines(inner(resource, "meta"), "security")),
        "validator": _who(lines(resource, "performer"), scope),
        "validated_at": local_time(text(resource, "issued"), scope.zone),
        "comment": notes(resource),
    }


def _who(performers: list[Element], scope: Scope) -> str | None:
    for line in performers:
        link = scope.link(line, *DOCTORS)
        if link is not None or (text(line, "display") and scope.link(line, "Organization") is None):
            name = next(iter(lines(scope.held.get(link or ("", ""), {}), "name")), {})
            return text(line, "display") or text(name, "text") or text(name, "family") or (link and link[1])
    return None


def _measured(line: Element, scope: Scope) -> dict[str, str | None]:
    """Code, value, unit, range and flag: of an observation, or of one component."""
    low, high = _range(lines(line, "referenceRange"))
    value, unit = _value(line, scope)
    absent = said(inner(line, "dataAbsentReason")) if value is None else None
    return {
        "code": coded(inner(line, "code")),
        "label": said(inner(line, "code")),
        "value": value,
        "unit": unit,
        "range_low": low,
        "range_high": high,
        "flag": next(filter(None, map(coded, lines(line, "interpretation"))), None),
        **({} if absent is None else {"comment": _joined([absent, notes(line)])}),
    }


def _value(line: Element, scope: Scope) -> tuple[str | None, str | None]:
    """The value as text, and its unit."""
    quantity = inner(line, "valueQuantity")
    if quantity:
        return _number(quantity), _unit(quantity)
    concept = inner(line, "valueCodeableConcept")
    if concept:
        return said(concept), None
    between, ratio = inner(line, "valueRange"), inner(line, "valueRatio")
    if between:
        low, high = inner(between, "low"), inner(between, "high")
        return f"{_number(low) or ''} - {_number(high) or ''}".strip(), _unit(low) or _unit(high)
    if ratio:
        over, under = inner(ratio, "numerator"), inner(ratio, "denominator")
        return f"{_number(over) or ''}:{_number(under) or ''}", _unit(over)
    period = inner(line, "valuePeriod")
    if period:
        ends = (local_time(text(period, name), scope.zone) or "" for name in ("start", "end"))
        return "/".join(ends), None
    moment = local_time(text(line, "valueDateTime"), scope.zone)
    plain = text(line, "valueString") or text(line, "valueTime") or moment
    return plain or boolean(line, "valueBoolean") or digits(line, "valueInteger"), None


def _number(quantity: Element) -> str | None:
    value = digits(quantity, "value")
    return None if value is None else f"{text(quantity, 'comparator') or ''}{value}"


def _unit(quantity: Element) -> str | None:
    return text(quantity, "unit") or text(quantity, "code")


def _range(ranges: list[Element]) -> tuple[str | None, str | None]:
    """The ends of the normal range, or its words where it has no ends."""
    for line in ranges:
        kinds = lines(inner(line, "type"), "coding")
        if kinds and not named(kinds, system=RANGE_KIND, code="normal") and len(ranges) > 1:
            continue
        low, high = _number(inner(line, "low")), _number(inner(line, "high"))
        if low is None and high is None:
            low, dash, high = (text(line, "text") or "").partition(" - ")
            return low or None, high or None if dash else None
        return low, high
    return None, None


# --- acts -------------------------------------------------------------------------------------------------------------------------


def _charge(resource: Element, scope: Scope, _claims: Claims) -> Iterator[Told]:
    named_by = [*lines(resource, "supportingInformation"), *lines(resource, "service")]
    account = next(iter(lines(resource, "account")), {})
    yield Told(
        "invoice",
        {
            "id": scope.key,
            "request": next(filter(None, (scope.key_of(line, "ServiceRequest") for line in named_by)), None),
            "act": coded(inner(resource, "code")),
            "quantity": digits(inner(resource, "quantity"), "value"),
            "amount": digits(inner(resource, "priceOverride"), "value"),
            "payer": text(account, "display"),
        },
        gone=text(resource, "status") == ERROR,
    )


# --- what several share -----------------------------------------------------------------------------------------------------------


def check_laboratory(categories: list[Element]) -> None:
    """Raises Elsewhere where every category told is another than the laboratory's."""
    codings = [line for concept in categories for line in lines(concept, "coding")]
    if codings and not any(line.get("code") in LABORATORY for line in codings):
        raise Elsewhere


def _when(moment: str | None) -> dict[str, str | None]:
    """The day and, where there is one, the hour."""
    return {"date": moment[:10] if moment else None, "time": moment if moment and len(moment) > 10 else None}


def notes(resource: Element) -> str | None:
    """The remarks, one a line. Raises Odd."""
    return _joined([text(line, "text") for line in lines(resource, "note")])


def _joined(said: Sequence[str | None]) -> str | None:
    return "\n".join(filter(None, said)) or None


REQUEST: Final = Teller(
    _request,
    frozenset({"identifier", "status", "intent", "category", "priority", "code", "subject", "occurrenceDateTime", "occurrencePeriod", "authoredOn", "requester", "doNotPerform", "performer", "locationCode", "locationReference", "reasonCode", "specimen", "note"}),
    frozenset({"instantiatesCanonical", "instantiatesUri", "basedOn", "replaces", "requisition", "orderDetail", "quantityQuantity", "quantityRatio", "quantityRange", "encounter", "occurrenceTiming", "asNeededBoolean", "asNeededCodeableConcept", "performerType", "reasonReference", "insurance", "supportingInfo", "bodySite", "patientInstruction", "relevantHistory"}),
)  # fmt: skip
SPECIMEN: Final = Teller(
    _specimen,
    frozenset({"identifier", "status", "type", "subject", "receivedTime", "request", "collection"}),
    frozenset({"accessionIdentifier", "parent", "processing", "container", "condition", "note"}),
)
OBSERVATION: Final = Teller(
    _observation,
    frozenset({"identifier", "basedOn", "status", "category", "code", "subject", "effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued", "performer", "valueQuantity", "valueCodeableConcept", "valueString", "valueBoolean", "valueInteger", "valueRange", "valueRatio", "valueTime", "valueDateTime", "valuePeriod", "dataAbsentReason", "interpretation", "note", "specimen", "referenceRange", "hasMember", "component"}),
    frozenset({"partOf", "focus", "encounter", "effectiveTiming", "valueSampledData", "bodySite", "method", "device", "derivedFrom"}),
)  # fmt: skip
CHARGE: Final = Teller(
    _charge, frozenset({"identifier", "status", "code", "subject", "quantity", "priceOverride", "account", "supportingInformation", "service"}),
    frozenset({"definitionUri", "definitionCanonical", "partOf", "context", "occurrenceDateTime", "occurrencePeriod", "occurrenceTiming", "performer", "performingOrganization", "requestingOrganization", "costCenter", "bodysite", "factorOverride", "overrideReason", "enterer", "enteredDate", "reason", "productReference", "productCodeableConcept", "note"})
)  # fmt: skip
