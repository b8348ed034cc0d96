"""Every record as a resource that can be read back exactly, by construction.

A resource is built of FHIR's own elements, then read back at once; each field that does not come back character for character is written
in one extension, as JSON. So whatever the elements cannot say ('' beside null, "0,10", a status FHIR does not know, control characters)
is neither lost nor changed, and whatever they can say is said only once. Decides nothing about files.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from ecluse.adapters.connectors.fhir import people, work
from ecluse.adapters.connectors.fhir.elements import (
    BASE,
    LONGEST,
    TYPES,
    Build,
    Element,
    Moments,
    Number,
    Read,
    Row,
    code,
    encode,
    fhir_id,
    identifier,
)

__all__ = ["BINARY", "EXACT", "KINDS", "as_floats", "binary_of", "line_of", "resource_of", "row_of"]

EXACT: Final = f"{BASE}/StructureDefinition/exact"
BINARY: Final = "Binary"


def _as_it_stands(resource: Element) -> Element:
    return resource


def as_floats(value: Any) -> Any:
    """The element after a server that keeps decimals as binary floats, as those in JavaScript do: "5.10" comes back as 5.1."""
    if isinstance(value, Number):
        return Number(_shortest(float(value.digits)))
    if isinstance(value, dict):
        return {name: as_floats(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [as_floats(inside) for inside in value]
    return value


def _shortest(number: float) -> str:
    """The fewest digits that tell a float, without an exponent and without an idle zero."""
    said = f"{Decimal(repr(number)):f}"
    said = said.rstrip("0").rstrip(".") if "." in said else said
    return "0" if said == "-0" else said


class _Kind(NamedTuple):
    build: Build
    read: Read


KINDS: Final[Mapping[str, _Kind]] = {
    "prescriber": _Kind(people.build_prescriber, people.read_prescriber),
    "patient": _Kind(people.build_patient, people.read_patient),
    "request": _Kind(work.build_request, work.read_request),
    "specimen": _Kind(work.build_specimen, work.read_specimen),
    "result": _Kind(work.build_result, work.read_result),
    "isolate": _Kind(work.build_isolate, work.read_isolate),
    "susceptibility": _Kind(work.build_susceptibility, work.read_susceptibility),
    "document": _Kind(work.build_document, work.read_document),
    "invoice": _Kind(work.build_invoice, work.read_invoice),
}


def resource_of(
    kind: str, row: Row, moments: Moments, *, kept_as: Callable[[Element], Element] = _as_it_stands
) -> Element:
    """The resource of a record; fields whose name begins with "_" are context, not to be read back.

    `kept_as`: what becomes of the elements where they are kept (`as_floats` on a server), so that what is lost there is kept beside them.
    """
    source = row["id"] or ""
    resource: Element = {"resourceType": TYPES[kind], "id": fhir_id(kind, source)}
    resource |= {name: part for name, part in KINDS[kind].build(row, moments).items() if part is not None}
    read = KINDS[kind].read(kept_as(resource))
    kept = {
        name: value
        for name, value in row.items()
        if read.get(name) != value and name[0] != "_" and name != "content"
    }
    if kept:
        resource.setdefault("extension", []).append(_exact(kept))
    return resource


def row_of(kind: str, resource: Element) -> Row:
    """The record of a resource, but for a document's octets."""
    row = KINDS[kind].read(resource)
    for line in resource.get("extension", ()):
        if line["url"] == EXACT:
            row |= _exact_read(line)
    return row


def binary_of(row: Row) -> Element | None:
    """The Binary of a document, if it has octets (none at all is another thing than no octets)."""
    content = row.get("content")
    if content is None:
        return None
    resource: Element = {
        "resourceType": BINARY,
        "id": fhir_id("document", row["id"] or ""),
        "contentType": code(row.get("media_type")) or "application/octet-stream",
    }
    owner = identifier("document", row["id"])
    if owner is not None:
        # Who may see the octets is who may see the report (R4, "Binary"); and it tells whose they are where the id had to be made up.
        resource["securityContext"] = {
            "reference": f"{TYPES['document']}/{resource['id']}",
            "identifier": owner,
        }
    return resource | ({"data": content} if content else {})


def line_of(resource: Element) -> bytes:
    """One line of NDJSON."""
    return encode(resource).encode() + b"\n"


def _exact(kept: Row) -> Element:
    said = json.dumps(kept)
    if len(said) <= LONGEST:
        return {"url": EXACT, "valueString": said}
    return {"url": EXACT, "valueBase64Binary": b64encode(said.encode()).decode("ascii")}


def _exact_read(line: Element) -> Row:
    said = line["valueString"] if "valueString" in line else b64decode(line["valueBase64Binary"])
    row: Row = json.loads(said)
    return row
