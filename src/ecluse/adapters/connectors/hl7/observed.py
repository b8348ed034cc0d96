"""What an OBX says: its value by its type, its range and flags, and the document it may hold.

Decides how the values of OBX-5 become the text that was reported (HL7 v2.8.2, chapter 7.4.2), and how encapsulated data (ED) becomes octets. It
does not decide whether an OBX is a result, a document or a line of an antibiogram: `walk` does.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from typing import Final

from ecluse.adapters.connectors.hl7.delimiters import Delimiters, Unreadable
from ecluse.adapters.connectors.hl7.layout import FIELDS, RESULT_STATUS, TYPES
from ecluse.adapters.connectors.hl7.parts import (
    Fields,
    Manner,
    Reader,
    Record,
    coded,
    compiled,
    row_of,
    whole,
    words,
)
from ecluse.adapters.connectors.hl7.people import fields_at, person, principal

__all__ = ["INTERPRETATIONS", "document", "result", "value_of"]

INTERPRETATIONS: Final = frozenset({"S", "I", "R"})
_BETWEEN: Final = re.compile(r"\s*([+-]?\d+(?:[.,]\d+)?)\s*(?:-|–|to|à)\s*([+-]?\d+(?:[.,]\d+)?)\s*\Z")
_BELOW: Final = re.compile(r"\s*(?:<|≤)")
_JOINED: Final = frozenset({"SN"})
_CODED: Final = frozenset({"CE", "CWE", "CNE", "CF"})
_QUANTITY: Final = frozenset({"CQ", "MO", "CP"})


# --- results --------------------------------------------------------------------------------------------------------------------------------


def value_of(kind: str, value: str, d: Delimiters, manner: Manner) -> str | None:
    """The value as reported: words before codes, a structured number joined (`>100`, `1:128`), any other text as it stands, escapes read."""
    if kind in _CODED:
        return coded(value, d, manner)
    if kind in _JOINED:
        return "\n".join(
            "".join(d.text(it) or "" for it in said.split(d.component)) for said in d.repetitions(value)
        )
    if kind in _QUANTITY:
        return d.part(value, 1)
    if kind == "NR":
        low, high = d.part(value, 1), d.part(value, 2)
        return f"{low or ''}-{high or ''}" if d.component in value else low
    return whole(value, d, manner)


def _range_low(value: str, d: Delimiters, manner: Manner) -> str | None:
    """The lower bound of `3.9-6.1`; the whole text of what is no pair of numbers (`> 60`, `Négatif`), save what only bounds from above."""
    text = whole(value, d, manner)
    if not text:
        return text
    between = _BETWEEN.match(text)
    return between[1] if between else None if _BELOW.match(text) else text


def _range_high(value: str, d: Delimiters, manner: Manner) -> str | None:
    text = whole(value, d, manner)
    between = _BETWEEN.match(text) if text else None
    return between[2] if between else text if text and _BELOW.match(text) else None


def _flags(value: str, d: Delimiters, _manner: Manner) -> str | None:
    if d.repetition not in value:
        return d.part(value, 1)
    return " ".join(text for it in d.repetitions(value) if (text := d.text(d.piece(it, 1))))


def _result_status(value: str, _d: Delimiters, _manner: Manner) -> str | None:
    return RESULT_STATUS.get(value, value)


def _elsewhere(_value: str, _d: Delimiters, _manner: Manner) -> str | None:
    return None


_WORDS: Final = {
    **words, "value": _elsewhere, "range_low": _range_low, "range_high": _range_high, "flags": _flags, "result_status": _result_status,
    "person": person, "principal": principal, "media_type": _elsewhere, "content": _elsewhere,
}  # fmt: skip
_RESULT: Final[list[Reader]] = compiled(FIELDS["result"], _WORDS, of=("OBX",))
_DOCUMENT: Final[list[Reader]] = compiled(FIELDS["document"], _WORDS, of=("OBX",))


def result(fields: Fields, d: Delimiters, manner: Manner) -> Record:
    """The row of a result, without its id, request and comments. Raises Unreadable."""
    row = row_of(_RESULT, fields, d, manner)
    value = fields_at(fields, 5)
    if value:
        kind = fields[2]
        said = value_of(kind, value, d, manner)
        if said is not None:
            row["value"] = said
        if kind == "CQ" and "unit" not in row and (unit := d.sub(d.piece(value, 2), 1)):
            row["unit"] = unit
    return row


# --- documents ------------------------------------------------------------------------------------------------------------------------------


def document(fields: Fields, d: Delimiters, manner: Manner) -> Record:
    """The row of a document, without its id and request. Raises Unreadable `document-encoding` where the octets cannot be had exactly."""
    row = row_of(_DOCUMENT, fields, d, manner)
    said = fields_at(fields, 5)
    first = d.repetitions(said)[0] if said else ""
    kind, under, encoding = (d.text(d.piece(first, place)) or "" for place in (2, 3, 4))
    row["content"] = (
        _octets(encoding, d.text(first.split(d.component, 4)[4]) or "", d)
        if first.count(d.component) >= 4
        else b""
    )
    row["media_type"] = TYPES.get((kind.upper(), under.upper())) or f"{kind}/{under}".strip("/").lower()
    return {name: it for name, it in row.items() if it not in ("", b"")}


def _octets(encoding: str, text: str, d: Delimiters) -> bytes:
    """The octets of ED-5: Base64 (with or without its padding and line ends), Hex, or the text itself (A)."""
    try:
        if encoding.lower() == "base64":
            packed = "".join(text.split()).rstrip("=")
            return b64decode(packed + "=" * (-len(packed) % 4), validate=True)
        if encoding.lower() == "hex":
            return bytes.fromhex(text)
    except (Error, ValueError):
        raise Unreadable("document-encoding") from None
    if encoding.upper() not in ("A", ""):
        raise Unreadable("document-encoding")
    return text.encode(d.codec, "replace") if d.codec != "utf-8" else text.encode()
