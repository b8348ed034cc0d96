"""Single values between their texts and Tryton's: days, moments in UTC, numbers, bounds of a range.

Decides what can be given back to the letter; what cannot is `Unfit` with its reason, and is never written.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

__all__ = [
    "Unfit",
    "bounds",
    "day",
    "day_of",
    "line",
    "moment",
    "moment_of",
    "normal_range",
    "number",
    "number_text",
]

_NUMBER: Final = re.compile(r"-?\d{1,15}(?:[.,]\d{1,15})?")
_BETWEEN: Final = " - "
_FROM, _TO = "≥ ", "≤ "


class Unfit(Exception):
    """A value that GNU Health would not give back as it is. `reason`: of the short list."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def line(text: str | None) -> str | None:
    """A text of one line: Tryton takes blanks off both its ends. Raises Unfit."""
    if text is not None and text != text.strip():
        raise Unfit("check")
    return text


def day(text: str) -> dict[str, Any]:
    """A day, from "YYYY-MM-DD"."""
    return {"__class__": "date", **_parts(date.fromisoformat(text), "year month day")}


def day_of(value: Any) -> str | None:
    """The day's text."""
    return None if value is None else date(value["year"], value["month"], value["day"]).isoformat()


def moment(text: str, zone: ZoneInfo) -> dict[str, Any]:
    """A moment of the laboratory's time, in UTC. Raises Unfit for one that a change of the hour leaves out, or tells twice and this is the second."""
    local = datetime.fromisoformat(text)
    try:
        there = local.replace(tzinfo=zone).astimezone(UTC)
        back = there.astimezone(zone).replace(tzinfo=None)
    except OverflowError:
        raise Unfit("type") from None
    if back != local:
        raise Unfit("type")
    return {"__class__": "datetime", **_parts(there, "year month day hour minute second microsecond")}


def moment_of(value: Any, zone: ZoneInfo) -> str | None:
    """The moment in the laboratory's time, as "YYYY-MM-DD HH:MM:SS"."""
    if value is None:
        return None
    parts = {
        name: value.get(name, 0)
        for name in ["year", "month", "day", "hour", "minute", "second", "microsecond"]
    }
    local = datetime(**parts, tzinfo=UTC).astimezone(zone).replace(tzinfo=None, fold=0)
    return local.isoformat(" ")


def number(text: str | None) -> float | None:
    """What a text means as a number, where it is one."""
    return float(text.replace(",", ".")) if text is not None and _NUMBER.fullmatch(text) else None


def number_text(value: float | None, *, whole: bool = False) -> str | None:
    """A number of GNU Health as a person reads it there."""
    if value is None:
        return None
    return str(int(value)) if whole or value == int(value) else repr(value)


def normal_range(low: str | None, high: str | None) -> str | None:
    """Both bounds as the text beside a result. Raises Unfit where it could not be taken apart again."""
    if low is None and high is None:
        return None
    if low is not None and high is not None:
        said = f"{low}{_BETWEEN}{high}"
    else:
        said = f"{_FROM}{low}" if low is not None else f"{_TO}{high}"
    if bounds(said) != (low, high):
        raise Unfit("check")
    return said


def bounds(said: str | None) -> tuple[str | None, str | None]:
    """The bounds that such a text tells; none where it tells something else."""
    if said is None:
        return None, None
    if said.startswith(_FROM):
        return said.removeprefix(_FROM), None
    if said.startswith(_TO):
        return None, said.removeprefix(_TO)
    low, found, high = said.partition(_BETWEEN)
    return (low, high) if found and _BETWEEN not in high else (None, None)


def _parts(value: date, names: str) -> dict[str, int]:
    return {name: getattr(value, name) for name in names.split()}
