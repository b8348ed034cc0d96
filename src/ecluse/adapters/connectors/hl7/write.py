"""Cases written as HL7 v2.5.1 messages that read back field for field.

Decides what message says a case (ORU^R01, or OML^O21 where nothing has resulted), how files are made (batches, with their counts), and exactness:
each message is read back as soon as it is made, by the reader that any file meets; a field that the standard's own segments do not give back character
for character is said once more in a ZEX segment.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import blake2b
from itertools import count
from secrets import token_bytes
from typing import Final

from ecluse.adapters.connectors.files.format import Case, Row, Written
from ecluse.adapters.connectors.hl7 import segments
from ecluse.adapters.connectors.hl7.delimiters import OURS
from ecluse.adapters.connectors.hl7.layout import INSTANCE
from ecluse.adapters.connectors.hl7.parts import Manner
from ecluse.adapters.connectors.hl7.read import Opened, tell
from ecluse.adapters.connectors.hl7.told import EXTRA, KINDS, Segment, Told, named

__all__ = ["TOGETHER", "messages", "unfit", "write"]

TOGETHER: Final = 200
"""Messages in one file, at most."""
_LARGEST: Final = 16 << 20
"""Octets after which a file ends, whatever it holds."""
_STUDIES: Final = ("26436-6", "Laboratory studies")
_REPORT: Final = ("11502-2", "Laboratory report")
_CULTURE: Final = ("18725-2", "Microbiology studies")
_ANTIBIOGRAM: Final = ("18769-0", "Microbial susceptibility tests")
_ENVELOPE: Final = f"^~\\&|{INSTANCE}"


def unfit(kind: str, row: Row) -> str | None:
    """Why a record cannot be written: "kind" for one that is not in the vocabulary, "no-identifier", or "encoding" for a text that is no Unicode."""
    if kind not in KINDS:
        return "kind"
    if not row.get("id"):
        return "no-identifier"
    for value in row.values():
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                return "encoding"
    return None


def write(
    cases: Iterable[Case], alone: Iterable[tuple[str, Row]], *, at: datetime | None = None
) -> Iterator[Written]:
    """Files of batches, in the order of their names."""
    numbers = count(1)
    batch: list[bytes] = []
    size = 0
    for text in messages(cases, alone, at=at):
        octets = text.encode()
        batch.append(octets)
        size += len(octets)
        if len(batch) == TOGETHER or size > _LARGEST:
            yield _file(next(numbers), batch)
            batch, size = [], 0
    if batch:
        yield _file(next(numbers), batch)


def messages(
    cases: Iterable[Case], alone: Iterable[tuple[str, Row]], *, at: datetime | None = None
) -> Iterator[str]:
    """One message after another, each segment ended by CR: as MLLP sends them."""
    numbers = count(1)
    made = at.strftime("%Y%m%d%H%M%S") if at else ""
    for case in cases:
        yield _of_case(case, next(numbers), made)
    for kind, row in alone:
        for event, lines, expected in _alone(kind, row):
            yield _exact(event, lines, [(kind, expected)], number=next(numbers), made=made)


def _file(number: int, batch: list[bytes]) -> Written:
    head = f"FHS|{_ENVELOPE}\rBHS|{_ENVELOPE}\r".encode()
    return Written(f"{number:06d}.hl7", b"".join((head, *batch, f"BTS|{len(batch)}\rFTS|1\r".encode())))


# --- a case -------------------------------------------------------------------------------------------------------------------------------


def _of_case(case: Case, number: int, made: str) -> str:
    request = case.request
    resulted = any((case.results, case.isolates, case.susceptibilities, case.documents))
    event = "ORU^R01^ORU_R01" if resulted else "OML^O21^OML_O21"
    patient = (
        case.patient if case.patient.get("id") == request.get("patient") else {"id": request.get("patient")}
    )
    who = (
        case.prescriber
        if case.prescriber.get("id") == request.get("prescriber")
        else {"id": request.get("prescriber")}
    )
    lines = [segments.pid(patient), *_doctor(patient), *segments.notes(patient.get("comment"))]
    lines.append(segments.orc(request, who, control="RE" if resulted else "NW"))
    lines += _Groups(case, who).lines()
    expected = [
        (kind, row) for kind, row in (("prescriber", case.prescriber), ("patient", case.patient)) if row
    ]
    expected.append(("request", request))
    for kind, rows in (
        ("specimen", case.specimens), ("result", case.results), ("isolate", case.isolates), ("susceptibility", case.susceptibilities),
        ("document", case.documents), ("invoice", case.invoices),
    ):  # fmt: skip
        expected += [(kind, row) for row in rows]
    moment = segments.moment(request.get("time") or request.get("date")) or made
    return _exact(event, lines, expected, number=number, made=moment, site=segments.said(request.get("site")))


def _doctor(patient: Row) -> Iterator[str]:
    if patient.get("doctor"):
        yield segments.segment("PD1", {4: segments.said(patient["doctor"])})


class _Groups:
    """The OBR of a request: results of one specimen and one visibility together, then the microbiology, then each document."""

    def __init__(self, case: Case, who: Row) -> None:
        self._case, self._who = case, who
        self._orders, self._observations, self._lines = count(1), count(1), [""][:0]

    def lines(self) -> list[str]:
        """All segments from the first OBR on."""
        case = self._case
        by: dict[tuple[object, object], list[Row]] = {}
        for row in case.results:
            by.setdefault((row.get("specimen"), row.get("visibility")), []).append(row)
        used = {specimen for specimen, _visibility in by}
        known = {row["id"]: row for row in case.specimens}
        self._order(_STUDIES)
        bare = by.pop((None, None), [])
        self._results(bare, None)
        for place, row in enumerate(case.invoices, start=1):
            self._lines.append(
                segments.invoice(
                    place, row, segments.moment(case.request.get("date")), case.coding("invoice", row)
                )
            )
        for (specimen, visibility), rows in by.items():
            self._order(_STUDIES)
            self._results(rows, visibility)
            if specimen in known:
                self._lines.append(segments.specimen(1, known[specimen]))
        for row in case.specimens:
            if row["id"] not in used:
                self._order(_STUDIES)
                self._lines.append(segments.specimen(1, row))
        self._microbiology()
        for row in case.documents:
            if row.get("content"):
                self._order(_REPORT)
                self._lines.append(segments.document(next(self._observations), row))
                self._flags(row.get("visibility"))
        return self._lines

    def _order(self, service: tuple[str, str], *, parent: str = "") -> None:
        number = next(self._orders)
        self._lines.append(
            segments.obr(number, self._case.request, service, self._who, first=number == 1, parent=parent)
        )

    def _results(self, rows: Sequence[Row], visibility: object) -> None:
        for row in rows:
            chosen = self._case.coding("result", row)
            self._lines.append(segments.result(next(self._observations), row, chosen))
            self._lines += segments.notes(row.get("comment"))
        self._flags(visibility)

    def _flags(self, visibility: object) -> None:
        if isinstance(visibility, str) and visibility:
            self._lines += segments.flags(next(self._observations), visibility)
            for _ in range(3):
                next(self._observations)

    def _microbiology(self) -> None:
        numbers: dict[object, int] = {}
        if self._case.isolates:
            self._order(_CULTURE)
        for row in self._case.isolates:
            numbers[row["id"]] = number = next(self._observations)
            self._lines.append(segments.isolate(number, row))
        of: dict[object, list[Row]] = {}
        for row in self._case.susceptibilities:
            of.setdefault(row.get("isolate"), []).append(row)
        for isolate, rows in of.items():
            self._order(_ANTIBIOGRAM, parent=segments.parent(numbers[isolate]) if isolate in numbers else "")
            self._lines += [segments.susceptibility(next(self._observations), row) for row in rows]


# --- records alone --------------------------------------------------------------------------------------------------------------------------


def _alone(kind: str, row: Row) -> Iterator[tuple[str, list[str], Row]]:
    """The messages of a record that no request refers to: event, segments, and what they must read back as."""
    if kind != "patient":
        lines = [
            "MFI|PRA^Practitioner master file^HL70175||UPD|||NE",
            f"MFE|MUP||| {segments.said(row['id'])}|CWE".replace("| ", "|"),
        ]
        if kind == "prescriber":
            lines += [segments.staff(row), segments.practitioner(row)]
        yield "MFN^M02^MFN_M02", lines, row
        return
    into = row.get("merged_into")
    rest = {name: value for name, value in row.items() if name != "merged_into" or not into}
    yield (
        "ADT^A28^ADT_A05",
        ["EVN|A28", segments.pid(row), *_doctor(row), *segments.notes(row.get("comment"))],
        rest,
    )
    if into:
        merged = ["EVN|A40", segments.pid({"id": into}), f"MRG|{segments.said(row['id'])}^^^^PI"]
        yield "ADT^A40^ADT_A39", merged, {"id": row["id"], "merged_into": into}


# --- exactness ------------------------------------------------------------------------------------------------------------------------------


def _exact(
    event: str, lines: list[str], expected: list[tuple[str, Row]], *, number: int, made: str, site: str = ""
) -> str:
    """The message with its header, and what it does not say by itself said in ZEX segments."""
    before, after = f"MSH|^~\\&|{INSTANCE}|{site}|||{made}||{event}|", "|P|2.5.1||||||UNICODE UTF-8"
    found = _read_back([f"{before}0{after}", *lines])
    for kind, row in expected:
        lines += _extra(kind, row, found.rows[kind].get(str(row["id"])))
    body = "\r".join(lines)
    control = f"{number:06d}-{blake2b(body.encode(), digest_size=6).hexdigest()}"
    return f"{before}{control}{after}\r{body}\r"


def _read_back(lines: list[str]) -> Told:
    told = Told("", OURS)
    whole = [
        Segment(named(line, "|"), line.split("|"), line, place) for place, line in enumerate(lines, start=1)
    ]
    tell(Opened(whole, OURS, "utf-8"), told, _PLAIN)
    return told


_PLAIN: Final = Manner(secret=token_bytes(32))
"""A secret that no reader has: an id that hangs on one is never taken for given back, and is said again. What is written reads alike everywhere."""


def _extra(kind: str, row: Row, found: object) -> Iterator[str]:
    if not isinstance(found, dict):
        found = {}
        yield _zex(kind, row, "id", str(row["id"]))
    for name, value in row.items():
        if name != "id" and value != found.get(name):
            yield _zex(kind, row, name, value)
    for name in found:
        if name != "id" and name not in row:
            yield _zex(kind, row, name, None)


def _zex(kind: str, row: Row, name: str, value: str | bytes | None) -> str:
    text = b64encode(value).decode("ascii") if isinstance(value, bytes) else value
    return f"{EXTRA}|{kind}|{segments.said(row['id'])}|{name}|{segments.said(text)}".rstrip("|")
