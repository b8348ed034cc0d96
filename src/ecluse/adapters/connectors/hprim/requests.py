"""Requests, their specimens and their invoice lines: the fields of OBR, FAC and ACT, as records and back.

Decides where each field stands (HPRIM Santé 2.4, 9, 20 and 21) and the defaults that hold where we did not write the message: the number of the
request is the laboratory's, else the sender's, else the specimen's; its day is that of acceptance, else of prescription, of arrival, of sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ecluse.adapters.connectors.files.format import Row
from ecluse.adapters.connectors.hprim.marks import after, quoted, quoted_lines, text_of
from ecluse.adapters.connectors.hprim.people import date_of, moment_of, prescriber_field
from ecluse.adapters.connectors.hprim.segments import Header, at

__all__ = [
    "billed_request_of", "invoice_fields", "invoices_of", "ordered_of", "request_fields", "request_of", "specimen_of",
]  # fmt: skip

Texts = dict[str, str | bytes | None]

SHORT_INFO: Final = 300
"""Clinical information is a field of OBR up to this length (9.14), and a comment that follows it past that."""
_CANCELLED: Final = "X"
_RECEIVED: Final = "I"
_EUROS: Final = "E"


# --- requests ---------------------------------------------------------------------------------------------------------------------------


def request_of(fields: Sequence[str], header: Header) -> Texts:
    """The record of an OBR; its `id` is None where nothing identifies it. `patient` and `prescriber` are the reader's."""
    marks = header.marks
    asked, done = marks.parts(at(fields, 2)), marks.parts(at(fields, 3))
    known = after(done, 1) or after(asked, 1)
    if not header.exact:
        known = known or done[0] or asked[0]
    day, time = _when(fields, header)
    return {
        "id": known or None,
        "site": marks.parts(at(fields, 24))[0],
        "date": day,
        "time": time,
        "status": marks.parts(at(fields, 25))[0],
        "urgent": marks.parts(at(fields, 5))[0],
        "clinical_info": marks.lines(at(fields, 13)),
    }


def specimen_of(fields: Sequence[str], header: Header, *, request: str, place: int) -> Texts | None:
    """The specimen that an OBR tells of; without a number of its own it has its request's, and its `place` there. None if there is none."""
    marks = header.marks
    asked, done = marks.parts(at(fields, 2)), marks.parts(at(fields, 3))
    code, *labels = marks.subparts(at(fields, 15).split(marks.part, 1)[0])
    label = after(labels, 0)
    kind = code if label is None else label
    row: Texts = {
        "id": done[0] or asked[0] or None,
        "request": request,
        "type": kind,
        "collected_at": moment_of(marks.said(at(fields, 7).split(marks.repeat, 1)[0])),
        "received_at": moment_of(marks.said(at(fields, 14))),
    }
    if row["id"]:
        return row
    told = any(row[name] for name in ("type", "collected_at", "received_at"))
    return row | {"id": f"{request}-{place}"} if told and not header.exact else None


def request_fields(
    row: Row, prescriber: Row, *, number: int, specimen: Row, tests: Sequence[Row]
) -> tuple[list[str], str | None]:
    """The OBR of a request for one of its specimens ({} for none), and the comment that follows the first as a C, if it is long."""
    info = text_of(row, "clinical_info")
    short = info is None or len(info) <= SHORT_INFO
    taken, prescribed = _told(text_of(row, "date"), text_of(row, "time"))
    fields = [""] * 26
    fields[0:2] = "OBR", str(number)
    fields[3] = f"{quoted(text_of(specimen, 'id'))}~{quoted(text_of(row, 'id'))}"
    fields[4] = "^".join(dict.fromkeys(_test(test) for test in tests))
    fields[5], fields[6] = quoted(text_of(row, "urgent")), taken
    fields[7] = f"{quoted(text_of(specimen, 'collected_at'))}^{prescribed}".rstrip("^")
    fields[13] = quoted_lines(info) if short else ""
    fields[14] = quoted(text_of(specimen, "received_at"))
    kind = text_of(specimen, "type")
    fields[15] = "" if kind is None else f"&{quoted(kind)}"
    asking = text_of(row, "prescriber") or text_of(prescriber, "id")
    if asking is not None:
        same = prescriber if prescriber.get("id") == asking else {}
        fields[16], fields[17] = prescriber_field(same, id=asking), quoted(text_of(same, "phone"))
    fields[24], fields[25] = quoted(text_of(row, "site")), quoted(text_of(row, "status"))
    return fields, None if short else info


def ordered_of(fields: Sequence[str], header: Header, *, request: str) -> list[Texts]:
    """The analyses that an OBR asks for, as results to come."""
    status = _CANCELLED if at(fields, 11) == "C" else _RECEIVED
    found: list[Texts] = []
    for one in at(fields, 4).split(header.marks.repeat):
        code, *rest = header.marks.parts(one)
        label = after(rest, 0)
        if name := code or label:
            found.append(
                {
                    "id": f"{request}-{name}",
                    "request": request,
                    "code": code,
                    "label": label,
                    "status": status,
                }
            )
    return found


def _when(fields: Sequence[str], header: Header) -> tuple[str | None, str | None]:
    """The request's day and time: when it was accepted (9.7), or prescribed (9.8, second)."""
    marks = header.marks
    taken = marks.said(at(fields, 6))
    sampled, *prescribed = [marks.said(moment) for moment in at(fields, 7).split(marks.repeat)]
    asked = prescribed[0] if prescribed else None
    time = next((moment_of(raw) for raw in (taken, asked) if raw is not None and len(raw) > 8), None)
    if header.exact:
        return date_of(taken), time
    arrived = marks.said(at(fields, 14))
    return next((date_of(raw) for raw in (taken, asked, arrived, sampled) if raw), None), time


def _told(day: str | None, time: str | None) -> tuple[str, str]:
    """The inverse of `_when`: one moment where the time is of that day, else both beside each other."""
    if day and time and time.startswith(day):
        return quoted(time), ""
    return quoted(day), quoted(time)


def _test(row: Row) -> str:
    return f"{quoted(text_of(row, 'code'))}~{quoted(text_of(row, 'label'))}~L"


# --- invoices ---------------------------------------------------------------------------------------------------------------------------


def billed_request_of(fields: Sequence[str], header: Header) -> str | None:
    """The request that an invoice is of (20.4, else 20.3)."""
    return header.marks.said(at(fields, 3)) or header.marks.said(at(fields, 2)) or None


def invoices_of(fields: Sequence[str], header: Header, *, request: str, place: int) -> list[Texts]:
    """The invoice lines of an ACT: one for each of its codes, the amount with the first. Only euros are an amount (key letter E)."""
    marks = header.marks
    ours = marks.said(at(fields, 11))
    codes = [marks.said(code) for code in at(fields, 9).split(marks.part, 1)[0].split(marks.repeat)]
    found: list[Texts] = [
        {
            "id": (f"{request}-{place}" if ours is None else ours) + (f"-{rank}" if rank else ""),
            "request": request,
            "act": code,
        }
        for rank, code in enumerate(codes)
    ]
    found[0]["amount"] = marks.said(at(fields, 5)) if at(fields, 2) == _EUROS else None
    if len(found) == 1:
        found[0]["quantity"] = marks.said(at(fields, 4))
    return found


def invoice_fields(row: Row, *, number: int) -> list[str]:
    """The ACT of an invoice line; its own number stands past the last field of the recommendation."""
    amount = text_of(row, "amount")
    fields = ["ACT", str(number), "" if amount is None else _EUROS, *[""] * 9]
    fields[4], fields[5] = quoted(text_of(row, "quantity")), quoted(amount)
    fields[9], fields[11] = quoted(text_of(row, "act")), quoted(text_of(row, "id"))
    return fields
