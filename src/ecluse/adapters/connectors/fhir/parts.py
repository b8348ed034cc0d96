"""Reading elements that others wrote: an element is there, is not there, or is not what FHIR says it is.

Decides that a wrong type is never taken for an absence: it raises `Odd`, and the whole resource is unread with a reason. Knows no resource.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from ecluse.adapters.connectors.fhir.elements import Element, Number

__all__ = [
    "Odd",
    "boolean",
    "coded",
    "day",
    "digits",
    "inner",
    "lines",
    "local_time",
    "named",
    "octets",
    "said",
    "text",
    "words",
]

LOINC: Final = "http://loinc.org"
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?")


class Odd(Exception):
    """An element is not what FHIR says it is, or cannot be taken; the argument is the reason, never a value."""


def text(element: Element, name: str) -> str | None:
    """A string, code, uri, date or the like. Raises Odd."""
    value = element.get(name)
    if value is None or isinstance(value, str):
        return value or None
    raise Odd("wrong-type")


def digits(element: Element, name: str) -> str | None:
    """A number's digits. Raises Odd."""
    value = element.get(name)
    if value is None or isinstance(value, Number):
        return None if value is None else value.digits
    raise Odd("wrong-type")


def boolean(element: Element, name: str) -> str | None:
    """A flag, as "true" or "false". Raises Odd."""
    value = element.get(name)
    if value is None or isinstance(value, bool):
        return None if value is None else str(value).lower()
    raise Odd("wrong-type")


def inner(element: Element, name: str) -> Element:
    """An element within; an empty one where it is not there. Raises Odd."""
    value = element.get(name)
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise Odd("wrong-type")


def lines(element: Element, name: str) -> list[Element]:
    """The elements of a list; none where it is not there. Raises Odd."""
    return [_element(line) for line in _list(element, name)]


def words(element: Element, name: str) -> list[str]:
    """The texts of a list, those that only say why they are absent left out. Raises Odd."""
    return [_text(word) for word in _list(element, name) if word is not None]


def _list(element: Element, name: str) -> Sequence[Any]:
    value = element.get(name)
    if value is None:
        return ()
    if isinstance(value, list):
        return value
    raise Odd("wrong-type")


def _element(value: Any) -> Element:
    if not isinstance(value, dict):
        raise Odd("wrong-type")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Odd("wrong-type")
    return value


def octets(element: Element, name: str) -> bytes | None:
    """What a base64Binary holds. Raises Odd."""
    value = text(element, name)
    if value is None:
        return None
    try:
        return b64decode("".join(value.split()), validate=True)
    except (NotBase64, ValueError):
        raise Odd("base64") from None


# --- compound types ---------------------------------------------------------------------------------------------------------------


def named(lines: Sequence[Element], **traits: str) -> Element:
    """The first line with all these traits; an empty one when there is none."""
    return next(
        (line for line in lines if all(line.get(name) == value for name, value in traits.items())), {}
    )


def coded(concept: Element) -> str | None:
    """The one code of a CodeableConcept: the one a person chose, else LOINC's, else the first; else its text."""
    codings = [line for line in lines(concept, "coding") if text(line, "code")]
    chosen = next((line for line in codings if line.get("userSelected") is True), None)
    chosen = chosen or named(codings, system=LOINC) or (codings[0] if codings else {})
    return text(chosen, "code") or text(concept, "text")


def said(concept: Element) -> str | None:
    """What a CodeableConcept says in words: its text, else a display, else a code."""
    codings = lines(concept, "coding")
    displays: Iterator[str | None] = (text(line, name) for name in ("display", "code") for line in codings)
    return text(concept, "text") or next(filter(None, displays), None)


def local_time(moment: str | None, zone: ZoneInfo) -> str | None:
    """The laboratory's civil time of a FHIR moment; a partial date as it stands, which the conversion then refuses by its shape."""
    match = _MOMENT.fullmatch(moment) if moment is not None else None
    if match is None:
        return moment
    date, time, fraction, offset = match.groups()
    kept = f"{date} {time}{(fraction or '')[:7]}"
    if offset is None or (fraction or "")[7:].strip("0"):
        return kept if offset is None else moment
    try:
        at = datetime.fromisoformat(f"{date}T{time}{'+00:00' if offset == 'Z' else offset}").astimezone(zone)
    except (ValueError, OverflowError):
        return moment
    return at.strftime(f"{at.year:04d}-%m-%d %H:%M:%S") + (fraction or "")[:7]


def day(moment: str | None, zone: ZoneInfo) -> str | None:
    """The civil day of a FHIR moment."""
    local = local_time(moment, zone)
    return local[:10] if local is not None and _MOMENT.fullmatch(moment or "") else local
