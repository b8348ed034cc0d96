"""Reports, document references and octets as any FHIR server tells them, into documents.

Decides the id of a document: that of the Binary that holds its octets, else its resource's own, numbered from the second on. A report's conclusion is
a document in plain text: free words about a patient, which an instruction names as such or leaves. Octets that do not have the size or the hash
told are refused; octets that lie elsewhere are said to.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ecluse.adapters.connectors.fhir.elements import BASE, Element
from ecluse.adapters.connectors.fhir.links import Scope
from ecluse.adapters.connectors.fhir.parts import Odd, digits, inner, lines, local_time, octets, text
from ecluse.adapters.connectors.fhir.told import ERROR, Claims, Teller, Told, security
from ecluse.adapters.connectors.fhir.told_people import DOCTORS
from ecluse.adapters.connectors.fhir.told_work import check_laboratory, made_request
from ecluse.adapters.connectors.files.format import UNKNOWN

__all__ = ["BINARY", "REFERENCE", "REPORT"]

PLAIN: Final = "text/plain; charset=utf-8"


def _report(resource: Element, scope: Scope, claims: Claims) -> Iterator[Told]:
    check_laboratory(lines(resource, "category"))
    gone = text(resource, "status") == ERROR
    own = f"DiagnosticReport.{scope.key}"
    request = next(
        filter(None, (scope.key_of(line, "ServiceRequest") for line in lines(resource, "basedOn"))), None
    )
    if request is None:
        request = own
        if not gone:
            yield made_request(resource, scope, key=own, performers=lines(resource, "performer"))
    for line in [] if gone else lines(resource, "result"):
        if key := scope.key_of(line, "Observation"):
            claims.results.add(key)
            yield Told("result", {"id": key, "request": request})
    for line in [] if gone else lines(resource, "specimen"):
        if tube := scope.key_of(line, "Specimen"):
            yield Told("specimen", {"id": tube, "request": request})
    signed = {
        "request": request,
        "signatory": _signatory(lines(resource, "resultsInterpreter"), scope),
        "signed_at": local_time(text(resource, "issued"), scope.zone),
        "visibility": security(lines(inner(resource, "meta"), "security")),
    }
    yield from _documents(lines(resource, "presentedForm"), scope, signed, gone=gone)
    if conclusion := text(resource, "conclusion"):
        words: dict[str, str | bytes | None] = {
            "id": f"{scope.key}.conclusion",
            "media_type": PLAIN,
            "content": conclusion.encode(),
        }
        yield Told("document", {**words, **signed}, gone=gone)


def _reference(resource: Element, scope: Scope, _claims: Claims) -> Iterator[Told]:
    related = lines(inner(resource, "context"), "related")
    labels = [coding for concept in lines(resource, "securityLabel") for coding in lines(concept, "coding")]
    signer = inner(resource, "authenticator")
    signed = {
        "request": next(filter(None, (scope.key_of(line, "ServiceRequest") for line in related)), None),
        "signatory": _signatory([signer] if signer else lines(resource, "author"), scope),
        "signed_at": local_time(text(resource, "date"), scope.zone),
        "visibility": security(labels),
    }
    attachments = [inner(line, "attachment") for line in lines(resource, "content")]
    yield from _documents(attachments, scope, signed, gone=text(resource, "status") == ERROR)


def _documents(
    attachments: list[Element], scope: Scope, signed: dict[str, str | None], *, gone: bool
) -> Iterator[Told]:
    for number, line in enumerate(attachments, 1):
        link = scope.link({"reference": line.get("url")}, "Binary")
        own = scope.key if number == 1 else f"{scope.key}.{number}"
        content = octets(line, "data")
        _check_whole(line, content)
        row = {"id": link[1] if link else own, "media_type": text(line, "contentType"), **signed}
        yield Told("document", row if content is None else {**row, "content": content}, gone=gone)


def _check_whole(attachment: Element, content: bytes | None) -> None:
    """The octets are those that were attached (R4, "Attachment": size before base64, SHA-1 in base64). Raises Odd."""
    told, size = text(attachment, "hash"), digits(attachment, "size")
    if content is None:
        return
    if size is not None and size != str(len(content)):
        raise Odd("size-differs")
    digest = b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode("ascii")
    if told is not None and told != digest:
        raise Odd("hash-differs")


@dataclass(frozen=True, slots=True)
class _Holder(Teller):
    """A teller of attachments: one that lies at an address of the network is no Binary, is not fetched, and its element stays behind."""

    def fate(self, resource: Element, name: str) -> str:
        """See `Teller.fate`. Raises Odd."""
        if name == "presentedForm" and any(map(_away, lines(resource, name))):
            return UNKNOWN
        if name == "content" and any(_away(inner(line, "attachment")) for line in lines(resource, name)):
            return UNKNOWN
        return Teller.fate(self, resource, name)


def _away(attachment: Element) -> bool:
    return "data" not in attachment and "Binary/" not in (text(attachment, "url") or "Binary/")


def _signatory(people: list[Element], scope: Scope) -> str | None:
    for line in people:
        link = scope.link(line, *DOCTORS)
        name = next(iter(lines(scope.held.get(link or ("", ""), {}), "name")), {})
        if who := text(line, "display") or text(name, "text") or text(name, "family") or (link and link[1]):
            return who
    return None


def _binary(resource: Element, scope: Scope, _claims: Claims) -> Iterator[Told]:
    """Octets complete the document of their own id, or, of ours, that of the identifier beside them.

    `data` that is null is no FHIR: so `server_read` says that the server has the octets no longer, for the account to tell.
    """
    if "data" in resource and resource["data"] is None:
        raise Odd("gone")
    owner = inner(inner(resource, "securityContext"), "identifier")
    ours = text(owner, "value") if owner.get("system") == f"{BASE}/id/document" else None
    content = octets(resource, "data")
    kind = None if ours else text(resource, "contentType")
    yield Told("document", {"id": ours or scope.key, "media_type": kind, "content": content or b""})


REPORT: Final = _Holder(
    _report,
    frozenset({"identifier", "basedOn", "status", "category", "subject", "effectiveDateTime", "effectivePeriod", "issued", "performer", "resultsInterpreter", "specimen", "result", "conclusion", "presentedForm"}),
    frozenset({"code", "encounter", "imagingStudy", "media", "conclusionCode"}),
)  # fmt: skip
REFERENCE: Final = _Holder(
    _reference,
    frozenset({"identifier", "masterIdentifier", "status", "docStatus", "type", "category", "subject", "date", "author", "authenticator", "securityLabel", "content", "context"}),
    frozenset({"custodian", "relatesTo", "description"}),
)  # fmt: skip
BINARY: Final = Teller(_binary, frozenset({"contentType", "securityContext", "data"}), frozenset())
