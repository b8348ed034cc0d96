"""What one message tells, gathered before it is given: records by kind, fates by segment, and what could not be read.

Decides that the facts of a message come parents first, one for each record, and that what Écluse wrote beside the standard (ZEX) overrules what the
standard alone gives back. It reads no segment.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ecluse.adapters.connectors.files.format import Fact, Unread
from ecluse.adapters.connectors.hl7.delimiters import Delimiters
from ecluse.adapters.connectors.hl7.layout import SEGMENTS
from ecluse.adapters.connectors.hl7.parts import Fields, Record
from ecluse.adapters.connectors.hl7.people import fields_at

__all__ = ["EXTRA", "KINDS", "Segment", "Told", "named"]

KINDS: Final = (
    "prescriber", "patient", "request", "specimen", "result", "isolate", "susceptibility", "document", "invoice",
)  # fmt: skip
"""In loading order: a record's parents come before it."""
EXTRA: Final = "ZEX"
"""ZEX|kind|id|field|value: one field that no segment of the standard gives back exactly; an empty value says that the field is absent."""


class Segment(NamedTuple):
    """`fields` as they stand, the name first; `lines` that hold it (more than one where a text was broken); `number` in its message, from 1."""

    name: str
    fields: Fields
    text: str
    number: int
    lines: int = 1

    @property
    def units(self) -> dict[str, int]:
        """What it counts for."""
        return {self.name: 1, "line": self.lines - 1} if self.lines > 1 else {self.name: 1}


def named(line: str, field_separator: str) -> str:
    """The unit that a line counts as: its segment's name, or "line" for what is no segment (a name is never a value)."""
    name = line[:3]
    known = name in SEGMENTS or (name[:1] == "Z" and len(name) == 3 and name.isascii() and name.isalnum())
    return name if known and line[3:4] in (field_separator, "") else "line"


@dataclass(slots=True)
class Told:
    """One message. `place`: its file and number; `at`: the number of the segment that is being read."""

    place: str
    d: Delimiters
    rows: dict[str, dict[str, Record]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    gone: set[tuple[str, str]] = field(default_factory=set)
    fates: Counter[tuple[str, str]] = field(default_factory=Counter)
    unread: list[Unread] = field(default_factory=list)
    at: int = 0
    began: dict[tuple[str, str], int] = field(default_factory=dict)
    """The segment that first told of each record."""

    def put(self, kind: str, name: str, row: Record) -> Record:
        """Adds what is told of a record; returns it whole."""
        rows = self.rows[kind]
        if name in rows:
            rows[name].update(row)
        else:
            rows[name] = row
            self.began[kind, name] = self.at
        return rows[name]

    def count(self, segment: Segment, fate: str) -> None:
        """The fate of a segment, and of the lines broken off it."""
        for unit, times in segment.units.items():
            self.fates[unit, fate] += times

    def refuse(self, segment: Segment, reason: str) -> None:
        """A segment that cannot be read as a record."""
        raw = segment.text.encode(self.d.codec, "replace")
        self.unread.append(Unread(f"{self.place}.{segment.number}", reason, raw, segment.units))

    def overrule(self, fields: Fields) -> None:
        """What a ZEX says."""
        d = self.d
        kind, name, column = (d.text(fields_at(fields, place)) for place in (1, 2, 3))
        if kind not in KINDS or not name or not column:
            return
        value: str | bytes | None = d.text(fields_at(fields, 4))
        if column == "content" and isinstance(value, str):
            try:
                value = b64decode(value, validate=True)
            except (Error, ValueError):
                return
        row = self.rows[kind].setdefault(name, {})
        if value is None:
            row.pop(column, None)
        elif column != "id":
            row[column] = value

    def facts(self) -> Iterator[Fact]:
        """Every record, parents first."""
        for kind in KINDS:
            for name, row in self.rows[kind].items():
                row["id"] = name
                place = f"{self.place}.{self.began.get((kind, name), self.at)}"
                yield Fact(kind, row, place, (kind, name) in self.gone)
