"""What stands on a FHIR server already: which ids, whose they are, and the patients of the requests.

Decides how it is asked (searches by id, a few dozen at a time) and that a resource which does not bear our identifier is not ours. Changes nothing.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ecluse.adapters.connectors.fhir.elements import BASE, TYPES, Element, Row, fhir_id, found, referred
from ecluse.adapters.connectors.fhir.exact import row_of
from ecluse.adapters.connectors.fhir.server import PAGE, Answer, Server
from ecluse.base.refusal import Fault

__all__ = ["DECODE", "Standing", "octets_of"]

DECODE: Final = json.JSONDecoder(parse_float=str, parse_int=str).decode
"""Numbers as the digits that stand there."""
REMEMBERED: Final = 200_000
"""Requests whose patient is remembered; beyond, all are forgotten and asked again."""


class Standing:
    """The server's resources, as they are asked for."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._patients: dict[str, str | None] = {}

    def search(self, kind: str, query: Mapping[str, str], *, where: str) -> Iterator[Element]:
        """Every resource of a type that a search finds."""
        asked = {**query, "_count": str(PAGE)}
        for page in self._server.pages(kind, asked, decode=DECODE, where=where):
            yield from page

    def there(self, kind: str, ids: Sequence[str], *, where: str) -> dict[str, bool]:
        """Which of these ids there are, and whether each has octets in a Binary of its own."""
        wanted = set(ids)
        return {
            made_up: f'"Binary/{made_up}"' in json.dumps(resource.get("presentedForm"))
            for resource in self.search(kind, {"_id": ",".join(ids)}, where=where)
            if isinstance(made_up := resource.get("id"), str) and made_up in wanted
        }

    def records(
        self, kind: str, ids: Sequence[str], rows: Sequence[Row], *, where: str
    ) -> dict[str, Row | None]:
        """The records that stand under these ids; none for one that is not ours. Raises Fault `fhir/damaged`."""
        sources = {made_up: row["id"] for made_up, row in zip(ids, rows, strict=True)}
        held: dict[str, Row | None] = {}
        for resource in self.search(TYPES[kind], {"_id": ",".join(ids)}, where=where):
            made_up = str(resource.get("id"))
            if made_up in sources:
                ours = found(resource.get("identifier"), system=f"{BASE}/id/{kind}").get("value")
                mine = ours == sources[made_up] or made_up.startswith("x-")
                held[made_up] = self.record(kind, resource) if mine else None
        return held

    def record(self, kind: str, resource: Element, *, octets: bool = True) -> Row:
        """The record of one resource of ours, with its octets. Raises Fault `fhir/damaged`."""
        try:
            row = row_of(kind, resource)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            raise Fault("fhir/damaged", where=TYPES[kind]) from None
        made_up = str(resource.get("id"))
        if (
            octets
            and kind == "document"
            and f'"Binary/{made_up}"' in json.dumps(resource.get("presentedForm"))
        ):
            row["content"] = self.octets(made_up)
        return row

    def octets(self, made_up: str) -> str:
        """A Binary's octets in base64. Raises Fault `fhir/damaged`."""
        answer = self._server.read(f"Binary/{made_up}", where="Binary")
        octets = octets_of(answer)
        if octets is None:
            raise Fault("fhir/damaged", where="Binary")
        return octets

    def tell_subjects(self, kind: str, rows: Sequence[Row]) -> None:
        """Beside each row, the patient of its request: FHIR wants a subject, and the record need not repeat it."""
        if len(self._patients) > REMEMBERED:
            self._patients.clear()
        if kind == "request":
            self._patients.update({row["id"] or "": row.get("patient") for row in rows})
            return
        if not rows or "request" not in rows[0]:
            return
        wanted = {
            request for row in rows if (request := row.get("request")) and request not in self._patients
        }
        self._ask_patients(sorted(wanted))
        for row in rows:
            row["_subject"] = self._patients.get(row.get("request") or "")

    def _ask_patients(self, requests: Sequence[str]) -> None:
        ids = {fhir_id("request", request): request for request in requests}
        self._patients.update(dict.fromkeys(requests))
        if not ids:
            return
        for resource in self.search(TYPES["request"], {"_id": ",".join(ids)}, where="request"):
            request, subject = ids.get(str(resource.get("id"))), resource.get("subject")
            if request is not None and isinstance(subject, dict):
                self._patients[request] = referred("patient", subject)


def octets_of(answer: Answer) -> str | None:
    """What a Binary holds, in base64, whether the server gives the resource or the octets themselves (R4, "Binary", "Serving Binary")."""
    if not answer.good:
        return None
    if answer.fhir:
        resource: dict[str, Any] = answer.element()
        if resource.get("resourceType") == "Binary":
            data = resource.get("data", "")
            return data if isinstance(data, str) else None
    return b64encode(answer.octets).decode("ascii")
