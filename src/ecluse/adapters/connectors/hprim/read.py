"""A message read: every segment gives facts, is counted, or is set aside with all that hangs on it.

Decides what becomes of each segment (HPRIM Santé 2.4, 4.2): requests need a patient above them and results a request; what has none is set
aside until the next segment that does. A comment is of what it follows (5.6). The vocabulary has no place for coverage, payments and errors (AC,
REG, ERR), nor for what was said of graphs and of files that are elsewhere: these are counted. What fields say is not decided here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from ecluse.adapters.connectors.files.format import CARRIED, IGNORED, UNKNOWN, Fact, Row, Seen, Unread
from ecluse.adapters.connectors.hprim.marks import after
from ecluse.adapters.connectors.hprim.octets import Message, messages, names
from ecluse.adapters.connectors.hprim.people import (
    doctors_of,
    fusion_of,
    insured_of,
    patient_of,
    prescriber_of,
)
from ecluse.adapters.connectors.hprim.requests import (
    billed_request_of,
    invoices_of,
    ordered_of,
    request_of,
    specimen_of,
)
from ecluse.adapters.connectors.hprim.results import ELSEWHERE, TITLE, Within, told_of
from ecluse.adapters.connectors.hprim.segments import (
    Header,
    Segment,
    Unusable,
    at,
    header_of,
    segments_of,
)

__all__ = ["read"]

Told = Fact | Unread | Seen

_COMMENTS: Final = {"patient": "comment", "request": "clinical_info", "result": "comment"}
"""Where a comment goes, by the kind of what it follows."""


def read(stream: BinaryIO, *, name: str) -> Iterator[Told]:
    """Everything in one file of HPRIM Santé, a message at a time."""
    for part in messages(stream):
        if isinstance(part, Message):
            yield from _message(part, f"{name}, message {part.number}")
        else:
            yield _aside(part.lines, "outside", f"{name}, outside")


def _message(message: Message, place: str) -> Iterator[Told]:
    try:
        header = header_of(message)
        segments = segments_of(message, header)
    except Unusable as reason:
        yield _aside(message.lines, str(reason), place)
        return
    reading = _Reading(message, header, place)
    for segment in segments:
        yield from reading.tell(segment)
    yield from reading.end()


def _aside(lines: list[bytes], reason: str, place: str) -> Unread:
    return Unread(place, reason, b"".join(lines), Counter(names(lines)))


class _Reading:
    """One message on its way: what was met above the segment that comes next."""

    def __init__(self, message: Message, header: Header, place: str) -> None:
        self._message, self._header, self._place = message, header, place
        self._fates: Counter[tuple[str, str]] = Counter()
        self._lost: list[Segment] = []
        self._reason = ""
        self._patient: str | None = None
        self._patient_met = False
        self._request: str | None = None
        self._billed: str | None = None
        self._acts = 0
        self._within: Within | None = None
        self._seen: dict[str, int] = {}
        self._commented: tuple[str, str, str] | None = None
        self._known: dict[str, Callable[[Segment], Iterator[Told]]] = {
            "H": self._structure, "L": self._structure, "P": self._p, "OBR": self._obr, "OBX": self._obx, "C": self._c, "FAC": self._fac,
            "ACT": self._act, "AP": self._ap, "AC": self._unknown, "REG": self._unknown, "ERR": self._unknown,
        }  # fmt: skip

    def tell(self, segment: Segment) -> Iterator[Told]:
        """What a segment tells."""
        return self._known.get(segment.name, self._strange)(segment)

    def end(self) -> Iterator[Told]:
        """What is still held back, and the count of all segments."""
        yield from self._found()
        for (unit, fate), times in self._fates.items():
            yield Seen(unit, fate, times)

    # --- people ---

    def _p(self, segment: Segment) -> Iterator[Told]:
        yield from self._found()
        row = patient_of(segment.fields, self._header)
        fusion = fusion_of(segment.fields, self._header)
        doctors = doctors_of(at(segment.fields, 13), self._header.marks)
        self._patient = str(row["id"]) if row["id"] else None
        self._patient_met = bool(self._patient) or self._header.exact
        self._request = self._billed = self._within = self._commented = None
        if not self._patient_met:
            yield from self._lose(segment, "no-patient")
            return
        self._fate(segment, CARRIED if self._patient or doctors else IGNORED)
        for doctor in doctors:
            yield self._fact("prescriber", doctor, segment)
        bare = all(value is None for name, value in row.items() if name != "id")
        if self._patient and not (fusion and bare):
            yield self._fact("patient", row | {"doctor": doctors[0]["id"] if doctors else None}, segment)
            self._commented = ("patient", self._patient, str(row["comment"] or ""))
        if fusion:
            yield self._fact("patient", fusion, segment)

    def _ap(self, segment: Segment) -> Iterator[Told]:
        number = insured_of(segment.fields, self._header.marks)
        if self._lost:
            yield from self._lose(segment, self._reason)
        elif number is None or self._patient is None:
            self._fate(segment, UNKNOWN)
        else:
            self._fate(segment, CARRIED)
            yield self._fact("patient", {"id": self._patient, "nss": number}, segment)
        self._commented = None

    # --- requests ---

    def _obr(self, segment: Segment) -> Iterator[Told]:
        if self._reason == "no-request":
            yield from self._found()
        fields, marks = segment.fields, self._header.marks
        row = request_of(fields, self._header)
        prescriber = prescriber_of(at(fields, 16), at(fields, 17), marks)
        self._request = self._within = self._commented = None
        if not self._patient_met:
            yield from self._lose(segment, "no-patient")
            return
        if not row["id"] and not (prescriber and self._header.exact):
            yield from self._lose(segment, "no-request")
            return
        self._fate(segment, CARRIED)
        if prescriber:
            yield self._fact("prescriber", prescriber, segment)
        if row["id"]:
            row |= {"patient": self._patient, "prescriber": prescriber["id"] if prescriber else None}
            yield self._fact("request", row, segment)
            yield from self._below(segment, str(row["id"]))
            self._commented = ("request", str(row["id"]), str(row["clinical_info"] or ""))

    def _below(self, segment: Segment, request: str) -> Iterator[Told]:
        """What an OBR tells besides the request: its specimen, and the analyses it asks for."""
        fields, marks = segment.fields, self._header.marks
        place = self._seen[f"\0{request}"] = self._seen.get(f"\0{request}", 0) + 1
        specimen = specimen_of(fields, self._header, request=request, place=place)
        drawn = str(specimen["id"]) if specimen else None
        if specimen:
            yield self._fact("specimen", specimen, segment)
        signatory = marks.parts(at(fields, 32))
        name = after(signatory, 1) or signatory[0]
        self._request = request
        self._within = Within(request, drawn, name, self._seen)
        if self._header.orders:
            for row in ordered_of(fields, self._header, request=request):
                yield self._fact("result", {"specimen": drawn, **row}, segment)

    # --- results ---

    def _obx(self, segment: Segment) -> Iterator[Told]:
        self._commented = None
        fields = segment.fields
        if self._lost or self._within is None:
            yield from self._lose(segment, self._reason or self._missing())
        elif at(fields, 2) in ELSEWHERE:
            self._fate(segment, UNKNOWN)
        elif not self._header.exact and at(fields, 2) == "TX" and at(fields, 5) == TITLE:
            self._fate(segment, IGNORED)
        else:
            kind, row = told_of(segment, self._header, self._within)
            if kind is None:
                yield self._unread([segment], "base64")
                return
            self._fate(segment, CARRIED)
            yield self._fact(kind, row, segment)
            self._commented = (kind, str(row["id"]), str(row.get("comment") or ""))

    def _missing(self) -> str:
        return "no-request" if self._patient_met else "no-patient"

    # --- invoices ---

    def _fac(self, segment: Segment) -> Iterator[Told]:
        if self._reason == "no-request":
            yield from self._found()
        self._commented = None
        self._billed = billed_request_of(segment.fields, self._header)
        self._acts = 0
        if self._lost or not self._patient_met or self._billed is None:
            yield from self._lose(segment, self._reason or self._missing())
            return
        self._fate(segment, CARRIED)
        yield self._fact("request", {"id": self._billed, "patient": self._patient}, segment)

    def _act(self, segment: Segment) -> Iterator[Told]:
        self._commented = None
        if self._lost or self._billed is None:
            yield from self._lose(segment, self._reason or self._missing())
            return
        self._acts += 1
        self._fate(segment, CARRIED)
        for row in invoices_of(segment.fields, self._header, request=self._billed, place=self._acts):
            yield self._fact("invoice", row, segment)

    # --- the rest ---

    def _c(self, segment: Segment) -> Iterator[Told]:
        text = self._header.marks.lines(at(segment.fields, 3))
        if self._lost:
            yield from self._lose(segment, self._reason)
        elif self._commented is None or self._commented[0] not in _COMMENTS:
            self._fate(segment, UNKNOWN if text else IGNORED)
        elif text is None:
            self._fate(segment, IGNORED)
        else:
            kind, known, before = self._commented
            whole = f"{before}\n{text}" if before else text
            self._commented = (kind, known, whole)
            self._fate(segment, CARRIED)
            yield self._fact(kind, {"id": known, _COMMENTS[kind]: whole}, segment)

    def _structure(self, segment: Segment) -> Iterator[Told]:
        self._fate(segment, IGNORED)
        yield from ()

    def _unknown(self, segment: Segment) -> Iterator[Told]:
        self._commented = None
        if self._lost:
            yield from self._lose(segment, self._reason)
        else:
            self._fate(segment, UNKNOWN)

    def _strange(self, segment: Segment) -> Iterator[Told]:
        """A segment that no version has: perhaps the rest of a text cut in two. It is kept, and changes nothing for what follows."""
        self._commented = None
        yield self._unread([segment], "unknown-segment")

    # --- counting ---

    def _fact(self, kind: str, row: Row, segment: Segment) -> Fact:
        return Fact(kind, row, f"{self._place}, {segment.name} {segment.rank}")

    def _fate(self, segment: Segment, fate: str) -> None:
        self._fates[segment.name, fate] += 1
        if segment.lines > 1:
            self._fates["A", fate] += segment.lines - 1

    def _lose(self, segment: Segment, reason: str) -> Iterator[Told]:
        """Set this segment aside, with what comes below it."""
        if self._lost and reason != self._reason:
            yield from self._found()
        self._lost.append(segment)
        self._reason = reason

    def _found(self) -> Iterator[Told]:
        """Give what was set aside."""
        if self._lost:
            yield self._unread(self._lost, self._reason)
        self._lost, self._reason = [], ""

    def _unread(self, segments: list[Segment], reason: str) -> Unread:
        lines = [line for it in segments for line in self._message.lines[it.first : it.last]]
        return _aside(lines, reason, f"{self._place}, {segments[0].rank}")
