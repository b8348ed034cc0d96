"""What an ORC, an OBR and an SPM say of a request and its specimens.

Decides a request's number (filler before placer, the laboratory's before the ward's), its moment and its status, and a specimen's id.
"""

from __future__ import annotations

from typing import Final

from ecluse.adapters.connectors.hl7.delimiters import Delimiters
from ecluse.adapters.connectors.hl7.layout import (
    FIELDS,
    ORDER_CONTROL,
    ORDER_STATUS,
    REQUEST_STATUS,
)
from ecluse.adapters.connectors.hl7.moments import iso_moment
from ecluse.adapters.connectors.hl7.parts import (
    Fields,
    Manner,
    Reader,
    Record,
    coded,
    compiled,
    entity,
    row_of,
    words,
)
from ecluse.adapters.connectors.hl7.people import fields_at

__all__ = ["collected_of", "merged_status", "numbered", "request_of", "specimen_of"]


def _urgent(value: str, d: Delimiters, _manner: Manner) -> str | None:
    return _priority(d.part(value, 1))


def _urgent6(value: str, d: Delimiters, _manner: Manner) -> str | None:
    """The sixth component of a TQ."""
    return _priority(d.part(value, 6))


def _priority(word: str | None) -> str | None:
    return {"S": "true", "A": "true", "R": "false"}.get(word or "")


def _request_status(value: str, _d: Delimiters, _manner: Manner) -> str | None:
    return REQUEST_STATUS.get(value, value)


_WORDS: Final = {**words, "urgent": _urgent, "urgent6": _urgent6, "request_status": _request_status}
_REQUEST: Final[list[Reader]] = compiled(FIELDS["request"], _WORDS, of=("OBR",))
_SPECIMEN: Final[list[Reader]] = compiled(FIELDS["specimen"], _WORDS, of=("SPM",))
_BY_WEIGHT: Final = ("open", "validated", "closed", "cancelled")


def numbered(order: Fields, fields: Fields, d: Delimiters, manner: Manner) -> str | None:
    """The request's number: OBR-3, ORC-3, OBR-2, ORC-2."""
    for place in (3, 2):
        for segment in (fields, order):
            if (value := fields_at(segment, place)) and (number := entity(value, d, manner)):
                return number
    return None


def request_of(order: Fields, fields: Fields, d: Delimiters, manner: Manner) -> tuple[Record, str | None]:
    """The row of a request but for its number and people, and its status."""
    row = row_of(_REQUEST, fields, d, manner)
    status = row.pop("status", None)
    if status is None:
        status = ORDER_STATUS.get(fields_at(order, 5)) or ORDER_CONTROL.get(fields_at(order, 1))
    if "urgent" not in row and (urgent := _urgent6(fields_at(order, 7), d, manner)):
        row["urgent"] = urgent
    moment = row.pop("time", None)
    for segment, place in ((order, 9), (fields, 7), (fields, 22)):
        if moment is None and (stamp := d.part(fields_at(segment, place), 1)):
            moment = iso_moment(stamp, manner.zone)
    if isinstance(moment, str) and moment:
        row["date"] = moment[:10]
        if len(moment) > 10:
            row["time"] = moment
    return row, str(status) if status else None


def merged_status(said: set[str]) -> str:
    """Of the statuses of a request's orders: open while one is; what the vocabulary does not know before any other, for a person to see."""
    unknown = sorted(said - set(_BY_WEIGHT))
    return unknown[0] if unknown else next(it for it in _BY_WEIGHT if it in said)


def specimen_of(fields: Fields, of: str, d: Delimiters, manner: Manner) -> tuple[str, Record]:
    """The id and row of an SPM: its number is the filler's (SPM-2.2), else the placer's, else made from what it is `of`."""
    row = row_of(_SPECIMEN, fields, d, manner)
    both = d.repetitions(fields_at(fields, 2))
    for place in (2, 1):
        pair = d.piece(both[0], place) if both else ""
        number, authority = d.sub(pair, 1), d.sub(pair, 2) or d.sub(pair, 3)
        if named := manner.number(number, authority):
            return named, row
    said = (of, str(row.get("type") or ""), fields_at(fields, 1))
    return f"{of}.{manner.made('specimen', *said)}" if of else manner.made("specimen", *said), row


def collected_of(fields: Fields, of: str, d: Delimiters, manner: Manner) -> tuple[str, Record] | None:
    """The specimen of an OBR that no SPM follows (OBR-15, OBR-7, OBR-14), or None where it tells of none."""
    row: Record = {}
    source = fields_at(fields, 15)
    if source:
        first = d.piece(d.repetitions(source)[0] if d.repetitions(source) else "", 1)
        kind = d.sub(first, 2) or d.sub(first, 1) or coded(source, d, manner)
        if kind:
            row["type"] = kind
    for name, place in (("collected_at", 7), ("received_at", 14)):
        if stamp := d.part(fields_at(fields, place), 1):
            row[name] = iso_moment(stamp, manner.zone)
    if not row:
        return None
    said = manner.made("specimen", of, str(row.get("type") or ""), d.part(fields_at(fields, 4), 1) or "")
    return f"{of}.{said}", row
