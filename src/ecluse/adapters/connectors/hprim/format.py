"""HPRIM Santé as a format of files.

Decides nothing but what is written where no message says it: sender, receiver and moment. Octets are `octets`', segments `segments`', records
`people`'s, `requests`' and `results`'.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from ecluse.adapters.connectors.files.format import Case, Fact, Row, Seen, Unread, Written
from ecluse.adapters.connectors.files.meter import LineMeter, Meter
from ecluse.adapters.connectors.hprim import fit
from ecluse.adapters.connectors.hprim.read import read
from ecluse.adapters.connectors.hprim.write import write

__all__ = ["Hprim"]


@dataclass(frozen=True, slots=True)
class Hprim:
    """Implements `files.format.Format`. `sender`, `receiver`: H.4 and H.9; `at`: the moment of the messages (YYYYMMDDHHMMSS), if one is told."""

    sender: str = "ECLUSE"
    receiver: str = "LABORATOIRE"
    at: str = ""
    name: str = field(default="hprim", init=False)
    mapping: str = field(default=fit.MAPPING, init=False)

    def read(self, stream: BinaryIO, *, name: str) -> Iterator[Fact | Unread | Seen]:
        """Everything in one file; a witness (.OK) is empty and holds nothing."""
        return read(stream, name=name)

    def meter(self) -> Meter:
        """Lines that hold something else than control characters."""
        return LineMeter(ends=b"\r\n", blank=bytes(range(0x20)), marks={codecs.BOM_UTF8: ""})

    def unfit(self, kind: str, row: Row) -> str | None:
        """Why this record could not be read back exactly, in a word."""
        return fit.unfit(kind, row)

    def write(self, cases: Iterable[Case], alone: Iterable[tuple[str, Row]]) -> Iterator[Written]:
        """Files of messages, each followed by its witness."""
        return write(cases, alone, sender=self.sender, receiver=self.receiver, at=self.at)
