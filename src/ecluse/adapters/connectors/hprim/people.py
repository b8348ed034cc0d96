"""Patients and doctors: the fields of P, AP and of whoever is named by a code, as records and back.

Decides where each field of the vocabulary stands (HPRIM Santé 2.4, 8 and 9.17; numbers here are those of the norm less one, the name of the
segment counting for none), and the defaults of the recommendation, which hold unless we wrote the message. The number of a patient is the one
the laboratory gave (P.3), or failing that the one the sender gave (P.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ecluse.adapters.connectors.files.format import Row
from ecluse.adapters.connectors.hprim.marks import Marks, after, quoted, text_of
from ecluse.adapters.connectors.hprim.segments import Header, at

__all__ = [
    "INS_NAMES", "date_of", "doctor_field", "doctors_of", "fusion_fields", "fusion_of", "insured_of", "moment_of", "patient_fields", "patient_of",
    "prescriber_field", "prescriber_of",
]  # fmt: skip

Texts = dict[str, str | bytes | None]

INS_NAMES: Final = {
    "INS-NIR": "1.2.250.1.213.1.4.8",
    "INS-NIA": "1.2.250.1.213.1.4.9",
    "INS-NIR-TEST": "1.2.250.1.213.1.4.10",
    "INS-NIR-DEMO": "1.2.250.1.213.1.4.11",
}
"""What P.11 calls the national identifier, and its OID. INS-C and INS-A, which came before it, are kept by their names."""
_INS_OIDS: Final = {oid: name for name, oid in INS_NAMES.items()}
_MERGED: Final = "FU"
_SHORT_COMMENT: Final = 60
_RPPS: Final = "R"
_LOCAL: Final = "L"


# --- dates ------------------------------------------------------------------------------------------------------------------------------


def date_of(raw: str | None) -> str | None:
    """The day of a TS (YYYYMMDD); a text that is no TS is left as it is, for the mapping to reject."""
    return raw[:8] if raw is not None and raw.isdecimal() and len(raw) in (8, 12, 14) else raw


def moment_of(raw: str | None) -> str | None:
    """A TS to the second (YYYYMMDDHHMMSS). A day alone begins at midnight, a minute at its first second."""
    return raw.ljust(14, "0") if raw is not None and raw.isdecimal() and len(raw) in (8, 12) else raw


# --- patients ---------------------------------------------------------------------------------------------------------------------------


def patient_of(fields: Sequence[str], header: Header) -> Texts:
    """The record of a P; its `id` is None where it has no number."""
    marks = header.marks
    numbers = marks.parts(at(fields, 2))
    name = marks.parts(at(fields, 5))
    family = marks.said(at(fields, 6))
    ins, oid = _ins_of(at(fields, 11), marks)
    phones = [marks.said(phone) for phone in at(fields, 12).split(marks.repeat)]
    return {
        "id": marks.said(at(fields, 3)) or numbers[0] or None,
        "birth_name": name[0] if family is None else family,
        "used_name": None if family is None else name[0],
        "given_names": _joined(after(name, 1), after(name, 2), by=" "),
        "sex": marks.said(at(fields, 8)),
        "birth_date": date_of(marks.said(at(fields, 7))),
        "death_date": date_of(marks.said(at(fields, 33))),
        "ins": ins,
        "ins_oid": oid,
        **_address_of(marks.parts(at(fields, 10))),
        "phone": phones[0],
        "mobile": after(phones, 1),
        "comment": marks.said(at(fields, 21)),
        "comment_2": marks.said(at(fields, 22)),
    }


def patient_fields(row: Row, *, number: int, id: str | None) -> tuple[list[str], str | None]:
    """The P of a record, and the comment that follows it as a C, if it is long."""
    birth, used = text_of(row, "birth_name"), text_of(row, "used_name")
    comment = text_of(row, "comment")
    short = comment is None or (len(comment) <= _SHORT_COMMENT and "\n" not in comment)
    fields = [""] * 34
    fields[0:4] = "P", str(number), quoted(id), quoted(id)
    fields[5] = _ended("~", quoted(birth if used is None else used), quoted(text_of(row, "given_names")))
    fields[6] = "" if used is None else quoted(birth)
    fields[7], fields[8] = quoted(text_of(row, "birth_date")), quoted(text_of(row, "sex"))
    fields[10] = _ended("~", *_address_parts(row))
    fields[11] = _ended("~", quoted(text_of(row, "ins")), _ins_name(text_of(row, "ins_oid")))
    fields[12] = _ended("^", quoted(text_of(row, "phone")), quoted(text_of(row, "mobile")))
    fields[13] = doctor_field(text_of(row, "doctor"))
    fields[21] = quoted(comment) if short else ""
    fields[22] = quoted(text_of(row, "comment_2"))
    fields[33] = quoted(text_of(row, "death_date"))
    return fields, None if short else comment


def fusion_of(fields: Sequence[str], header: Header) -> Texts | None:
    """The record that a P says is another patient's from now on (8.3.2 and 8.3.3), if it says so."""
    numbers = header.marks.parts(at(fields, 2))
    kept, merged = numbers[0], after(numbers, 1)
    if not merged or after(numbers, 2) != _MERGED:
        return None
    return {"id": merged, "merged_into": kept if header.exact else header.marks.said(at(fields, 3)) or kept}


def fusion_fields(row: Row, *, number: int) -> list[str]:
    """The P that says so."""
    return ["P", str(number), f"{quoted(text_of(row, 'merged_into'))}~{quoted(text_of(row, 'id'))}~{_MERGED}"]


def insured_of(fields: Sequence[str], marks: Marks) -> str | None:
    """The insured person's number, of an AP (23.6)."""
    return marks.said(at(fields, 5))


def _ins_of(raw: str, marks: Marks) -> tuple[str | None, str | None]:
    """The national identifier among all that are given: the NIR or NIA first, else the first one."""
    given = [marks.parts(one) for one in raw.split(marks.repeat)]
    told = [(one[0], INS_NAMES.get(after(one, 1) or "", after(one, 1))) for one in given]
    return next((one for one in told if one[1] in _INS_OIDS), told[0])


def _ins_name(oid: str | None) -> str:
    return quoted(_INS_OIDS.get(oid, oid)) if oid is not None else ""


# --- doctors ----------------------------------------------------------------------------------------------------------------------------


def doctors_of(raw: str, marks: Marks) -> list[Texts]:
    """Every doctor of P.13, in order."""
    found = (prescriber_of(one, "", marks) for one in raw.split(marks.repeat))
    return [row for row in found if row is not None]


def prescriber_of(raw: str, phone: str, marks: Marks) -> Texts | None:
    """The doctor that a code, a name and an address tell of (9.17); one who has no code is known by the name. None if there is nobody.

    The fourth part is an address from 2.4 on, where it has parts of its own; before, it begins the department that asks.
    """
    first, *others = (one.split(marks.part) for one in raw.split(marks.repeat))
    code = marks.said(first[0])
    family, *given = marks.subparts(at(first, 1))
    given_names = _joined(*[*given, None, None][:2], by=" ")
    kind = marks.said(at(first, 2))
    rpps = next(
        (marks.said(one[0]) for one in others if at(one, 2) == _RPPS), code if kind == _RPPS else None
    )
    known = code or " ".join(name for name in (family, given_names) if name)
    if not known:
        return None
    row: Texts = {"id": known, "rpps": rpps, "family_name": family, "given_names": given_names}
    place = at(first, 3)
    if marks.subpart in place or len(first) > 6:
        row |= _address_of(marks.subparts(place))
    row["phone"] = marks.said(phone.split(marks.repeat, 1)[0])
    return row


def prescriber_field(row: Row, *, id: str | None) -> str:
    """The doctor as OBR.16: code, name, L, address; and once more with the RPPS number, if there is one."""
    name = _ended("&", quoted(text_of(row, "family_name")), quoted(text_of(row, "given_names")))
    place = _ended("&", *_address_parts(row))
    if place and "&" not in place:
        place += "&"
    field = f"{quoted(id)}~{name}~{_LOCAL}" + (f"~{place}" if place else "")
    rpps = text_of(row, "rpps")
    return field if rpps is None else f"{field}^{quoted(rpps)}~~{_RPPS}"


def doctor_field(id: str | None) -> str:
    """A doctor by code alone."""
    return "" if id is None else f"{quoted(id)}~~{_LOCAL}"


# --- what both have ---------------------------------------------------------------------------------------------------------------------


def _address_of(parts: list[str | None]) -> Texts:
    """Two lines, town, department, postcode, country (type AD)."""
    return {
        "address": _joined(after(parts, 0), after(parts, 1), by="\n"),
        "city": after(parts, 2),
        "postcode": after(parts, 4),
    }


def _address_parts(row: Row) -> tuple[str, ...]:
    address = text_of(row, "address")
    line, _, rest = (address or "").partition("\n")
    lines = (quoted(line), quoted(rest)) if line and rest else (quoted(address), "")
    return *lines, quoted(text_of(row, "city")), "", quoted(text_of(row, "postcode"))


def _joined(first: str | None, second: str | None, *, by: str) -> str | None:
    return f"{first}{by}{second}" if first and second else second if first is None else first


def _ended(sign: str, *parts: str) -> str:
    """Parts joined, without the signs after the last one that says something."""
    return sign.join(parts).rstrip(sign)
