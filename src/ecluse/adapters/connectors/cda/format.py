"""CDA R2 laboratory reports (CR-BIO) as a format of files.

Decides nothing but the zone whose civil time the documents tell. Reading is `read`'s, writing `write`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from typing import BinaryIO, Final
from zoneinfo import ZoneInfo

from ecluse.adapters.connectors.cda.read import TagMeter, read
from ecluse.adapters.connectors.cda.write import unfit, write
from ecluse.adapters.connectors.files.format import Case, Fact, Row, Seen, Unread, Written
from ecluse.adapters.connectors.files.meter import Meter

__all__ = ["MAPPING", "Cda"]

MAPPING: Final = resources.files("ecluse.adapters.connectors.cda").joinpath("cda.toml").read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Cda:
    """Implements `files.format.Format`. `zone`: that of the laboratory, from which written instants take their offset."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Paris"))
    name: str = field(default="cda", init=False)
    mapping: str = field(default=MAPPING, init=False)

    def read(self, stream: BinaryIO, *, name: str) -> Iterator[Fact | Unread | Seen]:
        """Everything in one file: a document, or a list of records without a request."""
        return read(stream, name=name)

    def meter(self) -> Meter:
        """One for the file, and one for each sign that an element begins, outside comments."""
        return TagMeter()

    def unfit(self, kind: str, row: Row) -> str | None:
        """Why this record could not be read back exactly, in a word."""
        return unfit(kind, row)

    def write(self, cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[Written]:
        """A document for each case, then lists of what is alone."""
        return write(cases, alone, zone=self.zone)
