"""HL7's dates and times as the vocabulary's texts: exactly, or left as they stand.

Decides what becomes of each precision of TS, DTM and DT (HL7 v2.8.2, 2.A.22): a day or a time from the minute on is told in ISO 8601, with the
decimals that were given. A year, a month or an hour alone, or more than six decimals, is left raw: nothing is made up, and the row is rejected
by name at the laboratory. An offset says which instant it was: it becomes the civil time of the laboratory's zone.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

__all__ = ["hl7_of", "iso_date", "iso_moment"]

_STAMP: Final = re.compile(
    r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?(?:([+-])(\d\d)(\d\d))?\Z"
)
_DAY: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:\d\d){0,3}(?:\.\d+)?(?:[+-]\d{4})?\Z")
_ISO: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(\.\d{1,6})?)?)?\Z")


@lru_cache(maxsize=8192)
def iso_moment(stamp: str, zone: ZoneInfo) -> str:
    """`2021-06-06 09:31` from `202106060931`, in the civil time of `zone` where there is an offset; what is not exact comes back unchanged."""
    said = _STAMP.match(stamp)
    if said is None:
        return stamp
    year, month, day, hour, minute, second, decimals, sign, _hours, _minutes = said.groups()
    if hour is None:
        return stamp if sign else f"{year}-{month}-{day}"
    if sign:
        return _in_zone(said, zone) or stamp
    told = f"{year}-{month}-{day} {hour}:{minute}"
    return told + (f":{second}" if second else "") + (f".{decimals}" if decimals else "")


def _in_zone(said: re.Match[str], zone: ZoneInfo) -> str | None:
    year, month, day, hour, minute, second, decimals, sign, hours, minutes = said.groups()
    away = timedelta(hours=int(hours), minutes=int(minutes))
    try:
        offset = timezone(-away if sign == "-" else away)
        instant = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=offset
        )
        civil = instant.astimezone(zone)
    except (ValueError, OverflowError):
        return None
    if civil.utcoffset() is None or civil.utcoffset() % timedelta(minutes=1):  # type: ignore[operator]
        return None
    told = f"{civil.year:04d}-{civil:%m-%d %H:%M}"
    return told + (f":{civil:%S}" if second else "") + (f".{decimals}" if decimals else "")


@lru_cache(maxsize=8192)
def iso_date(stamp: str) -> str:
    """`2010-08-07` from `20100807` or `201008071200+0200`: the day as it was written, whatever the hour; a year or a month comes back unchanged."""
    said = _DAY.match(stamp)
    return f"{said[1]}-{said[2]}-{said[3]}" if said else stamp


@lru_cache(maxsize=8192)
def hl7_of(iso: str) -> str:
    """`20210606093100` from `2021-06-06 09:31:00`; what is not ISO comes back unchanged, and is told exactly beside it."""
    said = _ISO.match(iso)
    return "".join(it for it in said.groups() if it) if said else iso
