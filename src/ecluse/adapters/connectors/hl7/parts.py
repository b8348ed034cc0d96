"""How a path of `layout` is run: compiled once into readers, each giving one field of a row from the fields of a segment.

Decides how places are read and in what order alternatives are tried; what the words after `>` mean is `people`'s and `observed`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ecluse.adapters.connectors.hl7.delimiters import Delimiters
from ecluse.adapters.connectors.hl7.moments import iso_date, iso_moment

__all__ = ["Fields", "Manner", "Reader", "Reading", "Record", "compiled", "entity", "row_of", "words"]

Fields = list[str]
"""The fields of a segment as they stand; the first is its name."""
Record = dict[str, str | bytes | None]

_PLACE: Final = re.compile(r"([A-Z0-9]{3})-(\d+)(?:\.(\d+))?(?: > (\w+))?\Z")


@dataclass(frozen=True, slots=True)
class Manner:
    """What the laboratory says once for all its messages: `own` authorities, whose numbers need no name beside them; the `secret` that keys the
    ids made here; the `zone` it lives in.
    """

    own: frozenset[str] = frozenset()
    secret: bytes = field(default=b"", repr=False)
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Paris"))

    def number(self, number: str | None, authority: str | None) -> str | None:
        """A number that another authority gives bears its name: two patients 12 of two hospitals are two."""
        if not number or not authority or authority in self.own:
            return number
        return f"{number}@{authority}"

    def made(self, *said: str) -> str:
        """An id for what has none: the same for the same words, and no way back to them for who has not the laboratory's secret."""
        digest = blake2b(key=self.secret, digest_size=9)
        for word in said:
            digest.update(f"{len(word)}:{word}".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


Reading = Callable[[str, Delimiters, Manner], str | None]
"""From a field as it stands (all its repetitions) to a text."""


class Reader(NamedTuple):
    """One alternative of one field of a row."""

    name: str
    place: int
    component: int
    reading: Reading | None


def compiled(
    paths: Mapping[str, str], readings: Mapping[str, Reading], *, of: Iterable[str] = ()
) -> list[Reader]:
    """The readers of a kind, for its paths in the segments `of` (all of them if none is named). Raises KeyError for a word that no reading bears."""
    found = []
    for name, path in paths.items():
        for alternative in path.split(" | "):
            place = _PLACE.match(alternative)
            if place and (not of or place[1] in of):
                reading = readings[place[4]] if place[4] else None
                if reading is None and not place[3]:
                    reading = readings["whole"]
                if reading is not None and place[3]:
                    reading = _of_part(int(place[3]), reading)
                found.append(Reader(name, int(place[2]), int(place[3] or 1), reading))
    return found


def _of_part(component: int, reading: Reading) -> Reading:
    def read(value: str, d: Delimiters, manner: Manner) -> str | None:
        text = d.part(value, component)
        return reading(text, d, manner) if text else text

    return read


def row_of(readers: list[Reader], fields: Fields, d: Delimiters, manner: Manner) -> Record:
    """The fields of a row that a segment tells. Raises Unreadable."""
    row: Record = {}
    many = len(fields)
    for name, place, component, reading in readers:
        if place < many and fields[place] and name not in row:
            raw = fields[place]
            said = reading(raw, d, manner) if reading else d.part(raw, component)
            if said is not None:
                row[name] = said
    return row


# --- readings that any kind may use -------------------------------------------------------------------------------------------------------


def _moment(value: str, _d: Delimiters, manner: Manner) -> str:
    return iso_moment(value, manner.zone)


def _date(value: str, _d: Delimiters, _manner: Manner) -> str:
    return iso_date(value)


def whole(value: str, d: Delimiters, _manner: Manner) -> str | None:
    """The field as one text, even where a delimiter stands in it that was not escaped; repetitions are lines."""
    if d.repetition in value:
        return "\n".join(d.text(it) or "" for it in value.split(d.repetition))
    return d.text(value)


def coded(value: str, d: Delimiters, _manner: Manner) -> str | None:
    """What a coded field (CE, CWE, CNE) says in words, else its code; repetitions are lines."""
    said = [
        next((text for place in (2, 9, 5, 1, 4) if (text := d.text(d.piece(it, place)))), None)
        for it in d.repetitions(value)
    ]
    told = [it for it in said if it]
    return "\n".join(told) if told else d.part(value, 1)


def entity(value: str, d: Delimiters, manner: Manner) -> str | None:
    """An EI (or the CM of 2.2): its number, with its authority."""
    if d.component not in value and d.repetition not in value:
        return d.text(value)
    return manner.number(d.part(value, 1), d.part(value, 2) or d.part(value, 3))


words: Final[dict[str, Reading]] = {
    "moment": _moment, "date": _date, "whole": whole, "lines": whole, "coded": coded, "entity": entity,
}  # fmt: skip
