"""HL7 v2 as a format of files (`files.format.Format`): what `source` and `target` of the folder `files` are given."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from importlib import resources
from typing import BinaryIO, Final

from ecluse.adapters.connectors.files.format import Case, Fact, Row, Seen, Unread, Written
from ecluse.adapters.connectors.files.meter import LineMeter, Meter
from ecluse.adapters.connectors.hl7 import read, write
from ecluse.adapters.connectors.hl7.parts import Manner

__all__ = ["Hl7v2"]

_WIDE: Final = {
    begins: codec
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
    for begins in (mark, *(name.encode(codec) for name in ("MSH", "FHS", "BHS")))
}
"""How a file in UTF-16 begins."""


def _mapping() -> str:
    return resources.files(__package__).joinpath("hl7v2.toml").read_text("utf-8")


@dataclass(slots=True)
class Hl7v2:
    """HL7 v2.1 to 2.8 read, 2.5.1 written. `manner`: what the laboratory says for all its messages; `at`: MSH-7 of what is written, where the
    record itself has no moment.
    """

    manner: Manner = field(default_factory=Manner)
    at: datetime | None = None
    name: str = "hl7v2"
    mapping: str = field(default_factory=_mapping, repr=False)

    def keyed(self, secret: bytes) -> Hl7v2:
        """The same format, whose made ids nobody makes without the secret (at most 64 octets)."""
        return replace(self, manner=replace(self.manner, secret=secret))

    def read(self, stream: BinaryIO, *, name: str) -> Iterator[Fact | Unread | Seen]:
        """Everything in one file, as it comes."""
        return read.read(stream, name=name, manner=self.manner)

    def meter(self) -> Meter:
        """Lines that are not empty."""
        return LineMeter(ends=b"\r\n\x0b\x1c", marks=_WIDE, kept=True)

    def unfit(self, kind: str, row: Row) -> str | None:
        """What no message can hold: a record without its id, a text that is no Unicode."""
        return write.unfit(kind, row)

    def write(self, cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[Written]:
        """Batches of messages: ORU^R01 or OML^O21 for a case, ADT^A28 and A40 for a patient alone, MFN^M02 for a prescriber."""
        return write.write(cases, alone, at=self.at)
