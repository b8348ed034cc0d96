"""Cases written as HPRIM Santé 2.4: messages of results (ORU), of admission (ADM) and of invoices (FAC), each in a file with its witness.

Decides which message says what: the request, its specimens and all results in ORU; in ADM what ORU has no place for, the insured person's number
and mergers; invoice lines in FAC. Segments are cut at 220 characters (5.1), octets are ISO 8859-1 (7.1), a file is followed by an empty one of the
same name in .OK (6.3). Whether a record can be said so is `fit`'s to tell, before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Final

from ecluse.adapters.connectors.files.format import Case, Row, Written
from ecluse.adapters.connectors.hprim.marks import MARKS, quoted, quoted_lines, text_of
from ecluse.adapters.connectors.hprim.people import fusion_fields, patient_fields, prescriber_field
from ecluse.adapters.connectors.hprim.requests import invoice_fields, request_fields
from ecluse.adapters.connectors.hprim.results import (
    document_fields,
    isolate_fields,
    result_fields,
    susceptibility_fields,
)
from ecluse.adapters.connectors.hprim.segments import EXACT

__all__ = ["write"]

TOGETHER: Final = 200
"""Patients in one message, at most."""
FULL: Final = 8 << 20
"""A message that has reached so many characters takes no more."""
LONGEST: Final = 219
"""Characters of a line before its CR."""
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ENDS: Final = re.compile(r"\|+$")


def write(
    cases: Iterable[Case], alone: Iterable[tuple[str, Row]], *, sender: str, receiver: str, at: str
) -> Iterator[Written]:
    """The files of all cases, then of the records alone, in the order of their names."""
    letters = _Letters(sender, receiver, at)
    for case in cases:
        letters.case(case)
        yield from letters.full()
    yield from letters.all()
    for kind, row in alone:
        letters.alone(kind, row)
        yield from letters.full()
    yield from letters.all()


class _Letters:
    """The three messages being written."""

    def __init__(self, sender: str, receiver: str, at: str) -> None:
        self._names = count(1)
        self._head = (sender, receiver, at)
        self._open = {context: _Message(context) for context in ("ADM", "ORU", "FAC")}

    def full(self) -> Iterator[Written]:
        """The files of what is full."""
        for message in self._open.values():
            if message.patients >= TOGETHER or message.size >= FULL or message.closed:
                yield from self.all()
                return

    def all(self) -> Iterator[Written]:
        """The files of everything written since the last ones."""
        for message in self._open.values():
            if message.patients or message.closed:
                for part in (*message.closed, message):
                    if part.patients:
                        name = f"ECL{_numbered(next(self._names))}"
                        yield Written(f"{name}.HPR", part.octets(f"{name}.HPR", *self._head))
                        yield Written(f"{name}.OK", b"")
        self._open = {context: _Message(context) for context in self._open}

    def case(self, case: Case) -> None:
        """Write a request with what stands below it."""
        patient = case.patient
        known = text_of(case.request, "patient") or text_of(patient, "id")
        identity = patient if patient.get("id") == known else {}
        self._admission(identity)
        _Results(self._open["ORU"], case, identity, known).write()
        if case.invoices:
            billing = self._open["FAC"]
            billing.patient({}, id=known)
            billing.add(["FAC", "1", "", quoted(text_of(case.request, "id"))])
            for number, row in enumerate(case.invoices, start=1):
                billing.add(invoice_fields(row, number=number))

    def alone(self, kind: str, row: Row) -> None:
        """Write a patient; or a prescriber, as whoever asked for a request that has no number."""
        if kind == "patient":
            message = self._open["ADM"]
            message.patient(row, id=text_of(row, "id"))
            self._insured(row)
            self._merged(row)
        elif kind == "prescriber":
            message = self._open["ORU"]
            message.patient({}, id=None)
            fields = [""] * 18
            fields[0:2] = "OBR", "1"
            fields[16:18] = prescriber_field(row, id=text_of(row, "id")), quoted(text_of(row, "phone"))
            message.add(fields)

    def _admission(self, patient: Row) -> None:
        if patient.get("nss") is not None:
            self._open["ADM"].patient({}, id=text_of(patient, "id"))
            self._insured(patient)
        self._merged(patient)

    def _insured(self, patient: Row) -> None:
        number = text_of(patient, "nss")
        if number is not None:
            self._open["ADM"].add(["AP", "1", "", "", "", quoted(number)])

    def _merged(self, patient: Row) -> None:
        if patient.get("merged_into") is not None:
            message = self._open["ADM"]
            message.patients += 1
            message.add(fusion_fields(patient, number=message.patients))


class _Results:
    """The part of an ORU that a case is: its patient once, an OBR for each specimen, and results below theirs."""

    def __init__(self, message: _Message, case: Case, identity: Row, patient: str | None) -> None:
        self._message, self._case, self._identity, self._patient = message, case, identity, patient
        self._requests = 0

    def write(self) -> None:
        """Write all of it."""
        case = self._case
        groups: dict[str | None, list[Row]] = {text_of(row, "id"): [] for row in case.specimens}
        for row in case.results:
            groups.setdefault(text_of(row, "specimen"), []).append(row)
        specimens = {text_of(row, "id"): row for row in case.specimens}
        self._message.patient(self._identity, id=self._patient)
        for drawn, results in (groups or {None: []}).items():
            self._request(specimens.get(drawn, {} if drawn is None else {"id": drawn}), results)
            for number, row in enumerate(results, start=1):
                self._message.add(result_fields(row, number=number))
                self._message.comment(text_of(row, "comment"))
        number = len(results)
        for rows, fields in (
            (case.isolates, isolate_fields),
            (case.susceptibilities, susceptibility_fields),
            (case.documents, document_fields),
        ):
            for row in rows:
                number += 1
                self._again()
                self._message.add(fields(row, number=number))

    def _request(self, specimen: Row, tests: Sequence[Row]) -> None:
        self._requests += 1
        case = self._case
        fields, info = request_fields(
            case.request, case.prescriber, number=self._requests, specimen=specimen, tests=tests
        )
        self._message.add(fields)
        if self._requests == 1:
            self._message.comment(info)

    def _again(self) -> None:
        """Where documents have filled the message, go on in another one, under the same patient and request."""
        if self._message.size >= FULL:
            self._message.close()
            self._message.patient({}, id=self._patient)
            bare = {name: self._case.request.get(name) for name in ("id", "patient", "prescriber")}
            fields, _ = request_fields(bare, {}, number=1, specimen={}, tests=[])
            self._message.add(fields)


class _Message:
    """One message being written: its lines, and what its L will count."""

    def __init__(self, context: str) -> None:
        self._context = context
        self._lines: list[str] = []
        self.patients = 0
        self.size = 0
        self.closed: list[_Message] = []

    def patient(self, row: Row, *, id: str | None) -> None:
        """A P, and the comment that follows it."""
        self.patients += 1
        fields, comment = patient_fields(row, number=self.patients, id=id)
        self.add(fields)
        self.comment(comment)

    def comment(self, text: str | None) -> None:
        """A C, if there is something to say."""
        if text is not None:
            self.add(["C", "1", "L", quoted_lines(text)])

    def add(self, fields: Sequence[str]) -> None:
        """A segment, cut into lines."""
        text = _ENDS.sub("", "|".join(fields))
        self.size += len(text)
        self._lines.append(text[:LONGEST])
        for place in range(LONGEST, len(text), LONGEST - 2):
            self._lines.append(f"A|{text[place : place + LONGEST - 2]}")

    def close(self) -> None:
        """Put what there is into a file of its own, and begin again."""
        done = _Message(self._context)
        done._lines, done.patients = self._lines, self.patients
        self.closed.append(done)
        self._lines, self.patients, self.size = [], 0, 0

    def octets(self, name: str, sender: str, receiver: str, at: str) -> bytes:
        """The file."""
        head = (
            f"H{MARKS}|{name}||{quoted(sender)}||{self._context}||{EXACT}|{quoted(receiver)}||P|H2.4~L|{at}"
        )
        lines = len(self._lines) + 2
        text = "\r\n".join([head.rstrip("|"), *self._lines, f"L|1||{self.patients}|{lines}", ""])
        return text.encode("latin-1")


def _numbered(number: int) -> str:
    """Five signs of the set that file names are made of (7.2), in order."""
    signs = ""
    for _ in range(5):
        number, rest = divmod(number, 36)
        signs = _DIGITS[rest] + signs
    return signs
