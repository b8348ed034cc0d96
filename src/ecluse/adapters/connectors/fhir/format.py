"""FHIR R4 files as a format (`files.format.Format`): NDJSON, single resources and Bundles of any server, into records; and cases into NDJSON.

Decides that each resource has one fate: it is told as records, or belongs to no record kind, or is unread with a reason; that every element without a
place in the vocabulary is counted; and that what Écluse itself wrote is read back exactly. What each resource type tells is `told_*`'s.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from typing import Any, BinaryIO, Final
from zoneinfo import ZoneInfo

from ecluse.adapters.connectors.fhir.elements import BASE, TYPES, Element, Moments, Number, encode, string
from ecluse.adapters.connectors.fhir.elements import Row as Text
from ecluse.adapters.connectors.fhir.exact import KINDS, binary_of, line_of, resource_of, row_of
from ecluse.adapters.connectors.fhir.holding import Document, Held, modified, open_document
from ecluse.adapters.connectors.fhir.meter import DOCUMENT, DocumentMeter
from ecluse.adapters.connectors.fhir.parts import Odd, lines, text
from ecluse.adapters.connectors.fhir.strict import LARGEST, NotJson, decoded, documents
from ecluse.adapters.connectors.fhir.told import Claims, Elsewhere, Teller, Told
from ecluse.adapters.connectors.fhir.told_documents import BINARY, REFERENCE, REPORT
from ecluse.adapters.connectors.fhir.told_people import PATIENT, PRACTITIONER, ROLE
from ecluse.adapters.connectors.fhir.told_work import CHARGE, OBSERVATION, REQUEST, SPECIMEN
from ecluse.adapters.connectors.files.format import (
    CARRIED,
    IGNORED,
    UNKNOWN,
    Case,
    Fact,
    Row,
    Seen,
    Unread,
    Written,
)

__all__ = ["FhirFormat"]

TELLERS: Final[Mapping[str, Teller]] = {
    "Patient": PATIENT, "Practitioner": PRACTITIONER, "PractitionerRole": ROLE, "ServiceRequest": REQUEST, "Specimen": SPECIMEN,
    "Observation": OBSERVATION, "ChargeItem": CHARGE, "DiagnosticReport": REPORT, "DocumentReference": REFERENCE, "Binary": BINARY,
}  # fmt: skip
KIND_OF: Final = {
    "Patient": "patient", "Practitioner": "prescriber", "PractitionerRole": "prescriber", "ServiceRequest": "request",
    "Specimen": "specimen", "Observation": "result", "ChargeItem": "invoice", "DiagnosticReport": "document",
    "DocumentReference": "document", "Binary": "document",
}  # fmt: skip
ENVELOPES: Final = frozenset({"MessageHeader", "OperationOutcome", "Parameters"})
CLAIMING: Final = (b'"DiagnosticReport"', b'"hasMember"', b"\\u")
MEANING: Final = (b"odifierExtension", b"implicitRules", b"\\u")
"""What the octets hold of what must be looked at; an escape may hide any word."""
_Counts = Counter[tuple[str, str]]
WRITTEN: Final = 1_000
"""Cases to a file."""


class FhirFormat:
    """A `files.format.Format`. `zone`: the laboratory's civil time, into which moments with an offset are told."""

    name = "fhir"

    def __init__(self, zone: ZoneInfo | None = None) -> None:
        self._zone = zone or ZoneInfo("Europe/Paris")
        self._moments = Moments(self._zone)
        self._claims = Claims()
        self.mapping = resources.files(__package__).joinpath("fhir-r4.toml").read_text("utf-8")

    # --- reading ------------------------------------------------------------------------------------------------------------------

    def read(self, stream: BinaryIO, *, name: str) -> Iterator[Fact | Unread | Seen]:
        """Everything in one file. Reports claim their results first where the stream can be read twice, so that none is told apart.

        A unit is a document, or an element of a resource; the one named as the resource's type stands for the resource. They are counted at the end of the file.
        """
        if stream.seekable():
            self._claim(stream, name=name)
            stream.seek(0)
        counts: _Counts = Counter()
        for number, octets in documents(stream):
            place = f"{name}:{number}"
            try:
                document = _opened(octets, place=place)
            except NotJson as why:
                yield Unread(place, str(why), octets, {DOCUMENT: 1})
                continue
            counts[DOCUMENT, IGNORED] += 1
            self._claim_within(document)
            yield from self._all(document, octets, counts)
        for (unit, fate), times in sorted(counts.items()):
            yield Seen(unit, fate, times)

    def meter(self) -> DocumentMeter:
        """Documents: what stands in each, only a reader can tell."""
        return DocumentMeter()

    def _claim(self, stream: BinaryIO, *, name: str) -> None:
        for number, octets in documents(stream):
            if any(word in octets for word in CLAIMING):
                try:
                    self._claim_within(_opened(octets, place=f"{name}:{number}"))
                except NotJson:  # told where it is read
                    continue

    def _claim_within(self, document: Document) -> None:
        for held in document.resources:
            if held.type in ("DiagnosticReport", "Observation") and not held.deleted:
                scope = document.scope(held.key, self._zone)
                name = "result" if held.type == "DiagnosticReport" else "hasMember"
                try:
                    keys = [scope.key_of(line, "Observation") for line in lines(held.element, name)]
                except Odd:  # told where it is read
                    continue
                self._claims.results.update(filter(None, keys))

    def _all(self, document: Document, octets: bytes, counts: _Counts) -> Iterator[Fact | Unread]:
        for elements in document.bundles:
            counts["Bundle", IGNORED] += elements
        for place, what, reason in document.odd:
            yield Unread(place, reason, _raw(what) if document.bundles else octets, {"resource": 1})
        alone = len(document.resources) == 1 and not document.bundles
        suspect = any(word in octets for word in MEANING)
        for held in document.resources:
            try:
                told, fates = self._told(held, document, suspect=suspect)
            except Odd as why:
                units = {held.type: 1, "element": len(held.element) - 1}
                raw = octets if alone else _raw(held.element)
                yield Unread(
                    held.place, str(why), raw, {unit: times for unit, times in units.items() if times}
                )
                continue
            counts.update(fates)
            for one in told:
                yield Fact(one.kind, one.row, held.place, one.gone)

    def _told(
        self, held: Held, document: Document, *, suspect: bool
    ) -> tuple[list[Told], list[tuple[str, str]]]:
        """The records that one resource tells, and the fate of it and of each of its elements. Raises Odd."""
        if held.deleted:
            kind = KIND_OF.get(held.type)
            told = [Told(kind, {"id": held.key}, gone=True)] if kind and held.key else []
            return told, [(f"deleted {held.type}", CARRIED if told else UNKNOWN)]
        reason = next(modified(held.element), None) if suspect else None
        if reason is not None:
            raise Odd(reason)
        unit, names = held.type, [name for name in held.element if name != "resourceType"]
        if ours := _ours(held):
            return [ours], [(unit, CARRIED), *((f"{unit}.{name}", CARRIED) for name in names)]
        teller, fate = TELLERS.get(held.type), IGNORED if held.type in ENVELOPES else UNKNOWN
        try:
            if teller is None:
                raise Elsewhere
            if not held.key:
                raise Odd("no-id")
            told = list(teller.tell(held.element, document.scope(held.key, self._zone), self._claims))
        except Elsewhere:
            return [], [(unit, fate), *((f"{unit}.element", fate) for _ in names)]
        fates = [(f"{unit}.{teller.unit(name)}", teller.fate(held.element, name)) for name in names]
        return told, [(unit, CARRIED), *fates]

    # --- writing ------------------------------------------------------------------------------------------------------------------

    def unfit(self, kind: str, row: Row) -> str | None:  # noqa: ARG002 - the port's
        """Every record can be said exactly (`exact`), if its id is one that an identifier can hold and its texts are Unicode."""
        source = row.get("id")
        if not isinstance(source, str) or string(source) != source:
            return "identifier"
        try:
            for value in row.values():
                if isinstance(value, str):
                    value.encode()
        except UnicodeEncodeError:
            return "encoding"
        return None

    def write(self, cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[Written]:
        """NDJSON, a thousand cases a file, parents before children."""
        lot: list[bytes] = []
        number = count = 0
        for count, case in enumerate(cases, 1):
            lot += self._lines(case)
            if count % WRITTEN == 0:
                number += 1
                yield Written(f"requests-{number:06d}.ndjson", b"".join(lot))
                lot = []
        if lot:
            yield Written(f"requests-{number + 1:06d}.ndjson", b"".join(lot))
        rest = [line for kind, row in alone for line in self._line(kind, row, None)]
        if rest:
            yield Written("others.ndjson", b"".join(rest))

    def _lines(self, case: Case) -> Iterator[bytes]:
        patient = case.request.get("patient")
        below = (
            ("prescriber", [case.prescriber] if case.prescriber else []), ("patient", [case.patient] if case.patient else []),
            ("request", [case.request]), ("specimen", case.specimens), ("result", case.results), ("isolate", case.isolates),
            ("susceptibility", case.susceptibilities), ("document", case.documents), ("invoice", case.invoices),
        )  # fmt: skip
        for kind, rows in below:
            for row in rows:
                yield from self._line(kind, row, patient if isinstance(patient, str) else None)

    def _line(self, kind: str, row: Row, subject: str | None) -> Iterator[bytes]:
        said: Text = {
            name: b64encode(value).decode("ascii") if isinstance(value, bytes) else value
            for name, value in row.items()
        }
        yield line_of(resource_of(kind, {**said, "_subject": subject}, self._moments))
        octets = binary_of(said) if kind == "document" else None
        if octets is not None:
            yield line_of(octets)


# --- what was opened --------------------------------------------------------------------------------------------------------------


def _opened(octets: bytes, *, place: str) -> Document:
    if len(octets) > LARGEST:
        raise NotJson("too-large")
    return open_document(decoded(octets), place=place)


def _ours(held: Held) -> Told | None:
    """The record of a resource that Écluse wrote, exact. Raises Odd `damaged`."""
    if not isinstance(held.element.get("identifier"), list):
        return None
    for line in lines(held.element, "identifier"):
        kind = (text(line, "system") or "").removeprefix(f"{BASE}/id/")
        if kind in KINDS and TYPES[kind] == held.type:
            try:
                row = row_of(kind, _texts(held.element))
            except (ValueError, KeyError, TypeError, AttributeError, IndexError):
                raise Odd("damaged") from None
            return Told(kind, _checked(row))
    return None


def _checked(row: Text) -> Text:
    if any(value is not None and not isinstance(value, str) for value in row.values()):
        raise Odd("damaged")
    return row


def _texts(value: Any) -> Any:
    """The element with its numbers as their digits: what the exact reading expects."""
    if isinstance(value, dict):
        return {name: _texts(inside) for name, inside in value.items()}
    if isinstance(value, list):
        return [_texts(inside) for inside in value]
    return value.digits if isinstance(value, Number) else value


def _raw(element: Element) -> bytes:
    return encode(element).encode(errors="replace")
