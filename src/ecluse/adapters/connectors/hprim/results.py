"""What an OBX tells: a result, an isolate, a line of its susceptibility, or a document; as records and back.

Decides which of these an OBX is, and where each field stands (HPRIM Santé 2.4, 10). HPRIM has no number for a result: it is known by its request,
its test and its sub-identifier (10.5), where we put our own number. The same test told twice without either is two results, unless the second
corrects the first. A file beside the message (type FIC) and a graph are not in the vocabulary; a title (TX of a full stop) is structure.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from typing import Final, NamedTuple

from ecluse.adapters.connectors.files.format import Row
from ecluse.adapters.connectors.hprim.marks import EMPTIED, Marks, after, quoted, quoted_lines, text_of
from ecluse.adapters.connectors.hprim.people import moment_of
from ecluse.adapters.connectors.hprim.segments import Header, Segment, at

__all__ = [
    "ELSEWHERE", "MEDIA_TYPES", "TITLE", "Told", "Within", "document_fields", "isolate_fields", "result_fields", "susceptibility_fields", "told_of",
]  # fmt: skip

Texts = dict[str, str | bytes | None]

MEDIA_TYPES: Final = {"PDF": "application/pdf", "TIF": "image/tiff"}
_TYPES: Final = {media: name for name, media in MEDIA_TYPES.items()}
ELSEWHERE: Final = frozenset(["FIC", "GC", "GB", "GN"])
TITLE: Final = "."
_ISOLATE: Final = "ISOLAT"
_SUSCEPTIBILITY: Final = "ANTIBIOGRAMME"
_GERM: Final = "GERME"
_CORRECTS: Final = frozenset("CUDX")
_VALIDATED: Final = frozenset("FCU")
_SENSITIVE: Final = frozenset(["S", "I", "R", "MS", "VS"])
_DECIMAL: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")
_RANGE: Final = re.compile(r"\s*([+-]?[0-9]+(?:[.,][0-9]+)?)?\s*-\s*([+-]?[0-9]+(?:[.,][0-9]+)?)?\s*")
_BOUND: Final = re.compile(r"\s*([<>])=?\s*([+-]?[0-9]+(?:[.,][0-9]+)?)\s*")
_PLAIN: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)?")


class Within(NamedTuple):
    """What stands above an OBX. `seen`: how often each test was told in this message, by what it would be known by."""

    request: str
    specimen: str | None
    signatory: str | None
    seen: dict[str, int]


class Told(NamedTuple):
    """One record that an OBX tells. `kind` is None where its content cannot be read."""

    kind: str | None
    row: Texts


# --- reading ----------------------------------------------------------------------------------------------------------------------------


def told_of(segment: Segment, header: Header, within: Within) -> Told:
    """The record of an OBX that is neither a title, nor a graph, nor a file elsewhere."""
    fields, marks = segment.fields, header.marks
    media = MEDIA_TYPES.get(at(fields, 2))
    if media is not None:
        return _document(fields, header, within, media)
    code = marks.parts(at(fields, 3))[0]
    sector = marks.parts(at(fields, 15))
    key = after(sector, 5)
    flags = at(fields, 8).split(marks.repeat)
    if header.exact:
        isolate, susceptible = sector[0] == _ISOLATE, sector[0] == _SUSCEPTIBILITY
    else:
        isolate, susceptible = code == _GERM, bool(key) and flags[0] in _SENSITIVE
    if isolate:
        return _isolate(fields, header, within, sector)
    return _susceptibility(fields, header, within, key) if susceptible else _result(fields, header, within)


def _result(fields: Sequence[str], header: Header, within: Within) -> Told:
    marks = header.marks
    code, *rest = marks.parts(at(fields, 3))
    low, high, unclear = _range(at(fields, 7), header)
    status = marks.said(at(fields, 11))
    obtained = moment_of(marks.said(at(fields, 14)))
    validator = _person(at(fields, 16), marks)
    if not header.exact:
        status = status or (None if header.orders else "F")
        obtained = obtained if status in _VALIDATED else None
        validator = validator or (within.signatory if status in _VALIDATED else None)
    return Told(
        "result",
        {
            "id": _id(fields, header, within, code or after(rest, 0)),
            "request": within.request,
            "specimen": within.specimen,
            "code": code,
            "label": after(rest, 0),
            "value": _value(fields, header),
            "unit": _coded(at(fields, 6), marks),
            "range_low": low,
            "range_high": high,
            "flag": marks.lines(at(fields, 8)),
            "status": status,
            "visibility": marks.said(at(fields, 13)),
            "validator": validator,
            "validated_at": obtained,
            "comment": unclear,
        },
    )


def _isolate(fields: Sequence[str], header: Header, within: Within, sector: list[str | None]) -> Told:
    marks = header.marks
    raw, *counts = at(fields, 5).split(marks.repeat)
    coded = marks.parts(raw)
    key = after(sector, 5)
    own = f"{within.request}-{key}" if key and not header.exact else _id(fields, header, within, _GERM)
    return Told(
        "isolate",
        {
            "id": own,
            "request": within.request,
            "result": after(sector, 2) if header.exact else None,
            "organism": after(coded, 1) if at(fields, 2) == "CE" and after(coded, 1) else marks.said(raw),
            "count": marks.said(counts[0]) if counts else None,
        },
    )


def _susceptibility(fields: Sequence[str], header: Header, within: Within, key: str | None) -> Told:
    marks = header.marks
    code, *rest = marks.parts(at(fields, 3))
    name = after(rest, 0) if header.exact or after(rest, 0) else code
    own = f"{code or name}-{key}" if key else code
    return Told(
        "susceptibility",
        {
            "id": _id(fields, header, within, own),
            "request": within.request,
            "isolate": key if header.exact else f"{within.request}-{key}",
            "antibiotic": name,
            "mic": marks.lines(at(fields, 5)),
            "interpretation": marks.said(at(fields, 8).split(marks.repeat, 1)[0]),
        },
    )


def _document(fields: Sequence[str], header: Header, within: Within, media: str) -> Told:
    marks = header.marks
    raw = at(fields, 5).replace(marks.repeat, "").replace(" ", "")
    try:
        content = None if not raw else b"" if raw == EMPTIED else b64decode(marks.plain(raw), validate=True)
    except (Error, ValueError):
        return Told(None, {})
    return Told(
        "document",
        {
            "id": _id(fields, header, within, marks.parts(at(fields, 3))[0]),
            "request": within.request,
            "media_type": media,
            "content": content,
            "signatory": _person(at(fields, 16), marks) or (None if header.exact else within.signatory),
            "signed_at": moment_of(marks.said(at(fields, 14))),
            "visibility": marks.said(at(fields, 13)),
        },
    )


def _id(fields: Sequence[str], header: Header, within: Within, test: str | None) -> str:
    sub = header.marks.said(at(fields, 4))
    if header.exact and sub:
        return sub
    known = "-".join(name for name in (within.request, test, sub) if name)
    told = within.seen.get(known, 0) + (at(fields, 11) not in _CORRECTS or known not in within.seen)
    within.seen[known] = told
    return known if told == 1 else f"{known}-{told}"


def _value(fields: Sequence[str], header: Header) -> str | None:
    """The value as reported: of a coded one, its label."""
    if at(fields, 2) == "CE" and not header.exact:
        return _coded(at(fields, 5), header.marks, label=True)
    return header.marks.lines(at(fields, 5))


def _coded(raw: str, marks: Marks, *, label: bool = False) -> str | None:
    if marks.part not in raw and marks.repeat not in raw:
        return marks.said(raw)
    first, *rest = marks.parts(raw)
    second = after(rest, 0)
    return (second or first) if label else (second if first is None else first)


def _person(raw: str, marks: Marks) -> str | None:
    """Who validated: the name where there is one, else the code."""
    return _coded(raw.replace(marks.subpart, " ") if marks.subpart in raw else raw, marks, label=True)


def _range(raw: str, header: Header) -> tuple[str | None, str | None, str | None]:
    """The bounds of the normal range (10.8); and the text where it states none, which is the result's comment then."""
    marks = header.marks
    first, *more = raw.split(marks.repeat)
    if header.exact and more:
        return marks.said(first), marks.said(more[0]), None
    text = marks.said(first)
    if not text:
        return text, text, None
    if match := _RANGE.fullmatch(text):
        return match[1], match[2], None
    if match := _BOUND.fullmatch(text):
        return (match[2], None, None) if match[1] == ">" else (None, match[2], None)
    return None, None, text


# --- writing ----------------------------------------------------------------------------------------------------------------------------


def result_fields(row: Row, *, number: int) -> list[str]:
    """The OBX of a result, its comment left to a C."""
    value = text_of(row, "value")
    form = (
        "NM" if value is not None and _DECIMAL.fullmatch(value) else "TX" if "\n" in (value or "") else "ST"
    )
    fields = _fields(number, form, f"{quoted(text_of(row, 'code'))}~{quoted(text_of(row, 'label'))}~L", row)
    fields[5], fields[6] = quoted_lines(value), quoted(text_of(row, "unit"))
    fields[7] = _bounds(text_of(row, "range_low"), text_of(row, "range_high"))
    fields[8], fields[11] = quoted_lines(text_of(row, "flag")), quoted(text_of(row, "status"))
    fields[13], fields[14] = quoted(text_of(row, "visibility")), quoted(text_of(row, "validated_at"))
    fields[16] = quoted(text_of(row, "validator"))
    return fields


def isolate_fields(row: Row, *, number: int) -> list[str]:
    """The OBX of an isolate: the germ, and its count as the second value."""
    fields = _fields(number, "ST", f"{_GERM}~Germe~L", row)
    count = text_of(row, "count")
    fields[5] = quoted(text_of(row, "organism")) + ("" if count is None else f"^{quoted(count)}")
    fields[11] = "F"
    fields[15] = f"{_ISOLATE}~~{quoted(text_of(row, 'result'))}~~~{quoted(text_of(row, 'id'))}"
    return fields


def susceptibility_fields(row: Row, *, number: int) -> list[str]:
    """The OBX of a line of susceptibility, tied to its isolate by the key that the recommendation keeps for it (10.16.6)."""
    fields = _fields(number, "ST", f"ATB~{quoted(text_of(row, 'antibiotic'))}~L", row)
    fields[5], fields[8] = quoted_lines(text_of(row, "mic")), quoted(text_of(row, "interpretation"))
    fields[11] = "F"
    fields[15] = f"{_SUSCEPTIBILITY}~~~~~{quoted(text_of(row, 'isolate'))}"
    return fields


def document_fields(row: Row, *, number: int) -> list[str]:
    """The OBX of a document, encapsulated. Only two media types can be said; `fit` has kept the others back."""
    form = _TYPES.get(str(row.get("media_type")), "PDF")
    fields = _fields(number, form, f"CRL{form}~Compte rendu~L", row)
    content = row.get("content")
    if isinstance(content, bytes):
        fields[5] = b64encode(content).decode("ascii") or EMPTIED
    fields[11], fields[13] = "F", quoted(text_of(row, "visibility"))
    fields[14], fields[16] = quoted(text_of(row, "signed_at")), quoted(text_of(row, "signatory"))
    return fields


def _fields(number: int, type: str, test: str, row: Row) -> list[str]:
    fields = [""] * 17
    fields[0:5] = "OBX", str(number), type, test, quoted(text_of(row, "id"))
    return fields


def _bounds(low: str | None, high: str | None) -> str:
    """The inverse of `_range`: low-high where both are plain numbers, else two values."""
    if low is None and high is None:
        return ""
    if all(bound is None or _PLAIN.fullmatch(bound) for bound in (low, high)):
        return f"{low or ''}-{high or ''}"
    return f"{quoted(low)}^{quoted(high)}"
