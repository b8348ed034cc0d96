"""The five marks that a header declares, and how texts stand between them.

Decides what a field says: nothing (empty), an empty text (two quotes alone, ASTM E1238), or a text whose escapes are undone. The marks are read by
position after H (HPRIM Santé 2.4, 7.2): field, part, repetition, escape, part of a part. Which field means what is not decided here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field as attribute
from functools import lru_cache
from typing import Final

from ecluse.adapters.connectors.files.format import Row

__all__ = ["EMPTIED", "MARKS", "Marks", "after", "marks_of", "quoted", "quoted_lines", "text_of"]

MARKS: Final = "|~^\\&"
"""The order of the recommendation, and the one that is written."""
EMPTIED: Final = '""'

_SIGNS: Final = re.compile(r"[!-/:-@\[-`{-~]{5}")


@dataclass(frozen=True)
class Marks:
    """Five different signs, none a letter, a digit or a blank; and the texts that stand between them."""

    field: str
    part: str
    repeat: str
    escape: str
    subpart: str
    _escaped: re.Pattern[str] = attribute(init=False, repr=False)
    _meant: dict[str, str] = attribute(init=False, repr=False)

    def __post_init__(self) -> None:
        sign = re.escape(self.escape)
        pattern = re.compile(f"{sign}(?:([FSRET])|[HN]|(\\.br)|X((?:[0-9A-Fa-f]{{2}})+)){sign}")
        object.__setattr__(self, "_escaped", pattern)
        meant = {"F": self.field, "S": self.part, "R": self.repeat, "E": self.escape, "T": self.subpart}
        object.__setattr__(self, "_meant", meant)

    def plain(self, raw: str) -> str:
        """The text with its escapes undone (ASTM E1238): a mark, a line, octets of ISO 8859-1; bold and normal type are left out."""
        return self._escaped.sub(self._undone, raw) if self.escape in raw else raw

    def said(self, raw: str) -> str | None:
        """What a field, or a part of one, says: None if nothing, "" if it says that there is nothing."""
        if not raw:
            return None
        return "" if raw == EMPTIED else self.plain(raw)

    def lines(self, raw: str) -> str | None:
        """The same of a text whose lines are the repetitions (types TX and ST)."""
        if not raw or raw == EMPTIED or self.repeat not in raw:
            return self.said(raw)
        return "\n".join(self.plain(line) for line in raw.split(self.repeat))

    def parts(self, raw: str) -> list[str | None]:
        """What each part of the first repetition says."""
        if not raw:
            return [None]
        return [self.said(part) for part in raw.split(self.repeat, 1)[0].split(self.part)]

    def subparts(self, raw: str) -> list[str | None]:
        """What each part of a part says."""
        return [self.said(part) for part in raw.split(self.subpart)]

    def _undone(self, match: re.Match[str]) -> str:
        mark, line, octets = match.groups()
        if mark:
            return self._meant[mark]
        if octets:
            return bytes.fromhex(octets).decode("latin-1")
        return "\n" if line else ""


@lru_cache(maxsize=256)
def marks_of(five: str) -> Marks | None:
    """The marks that these five characters declare, or None if they cannot."""
    return Marks(*five) if len(set(five)) == 5 and _SIGNS.fullmatch(five) else None


def after(fields: list[str | None], place: int) -> str | None:
    """One of the parts; None where the list ends before it."""
    return fields[place] if place < len(fields) else None


# --- writing ----------------------------------------------------------------------------------------------------------------------------

_CONTROLS: Final = (*range(0x20), *range(0x7F, 0xA0))
_WRITTEN: Final = {ord(mark): f"\\{letter}\\" for mark, letter in zip(MARKS, "FSRET", strict=True)} | {
    number: f"\\X{number:02X}\\" for number in _CONTROLS
}
_SPECIAL: Final = re.compile(r"[|~^\\&\x00-\x1f\x7f-\x9f]")


def quoted(text: str | None) -> str:
    """A text as a field or a part: the inverse of `Marks.said` with the marks of the recommendation."""
    if text is None:
        return ""
    if text == EMPTIED:
        return '\\X22\\"'
    return text.translate(_WRITTEN) if _SPECIAL.search(text) else text or EMPTIED


def quoted_lines(text: str | None) -> str:
    """A text whose lines become repetitions: the inverse of `Marks.lines`."""
    if text is None or "\n" not in text:
        return quoted(text)
    return "^".join(line.translate(_WRITTEN) for line in text.split("\n"))


def text_of(row: Row, name: str) -> str | None:
    """A field of a record that is a text."""
    value = row.get(name)
    return value if isinstance(value, str) else None
