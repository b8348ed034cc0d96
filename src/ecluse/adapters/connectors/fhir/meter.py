"""How many documents a FHIR file holds, counted by its line ends as its octets go by. Whether they are one to a line is `strict`'s to say."""

from __future__ import annotations

from typing import Final

from ecluse.adapters.connectors.fhir.strict import BLANK, LARGEST, one_a_line
from ecluse.adapters.connectors.files.meter import LineMeter

__all__ = ["DOCUMENT", "DocumentMeter"]

DOCUMENT: Final = "document"


class DocumentMeter:
    """Implements `files.meter.Meter`."""

    measures = DOCUMENT

    def __init__(self) -> None:
        self._first: bytes | None = b""
        self._lines: LineMeter | None = None

    def feed(self, octets: bytes) -> None:
        """See `Meter.feed`."""
        if self._lines is not None:
            self._lines.feed(octets)
        elif self._first is not None:
            self._first = (self._first + octets).lstrip(BLANK)
            line, end, _ = self._first.partition(b"\n")
            if end or len(line) > LARGEST:
                self._decide(line + end)

    def units(self) -> int:
        """See `Meter.units`."""
        if self._lines is not None:
            return self._lines.units()
        return int(self._first is None or bool(self._first))

    def _decide(self, line: bytes) -> None:
        held, self._first = self._first or b"", None
        if one_a_line(line):
            self._lines = LineMeter(ends=b"\n", blank=b" \t\r\x0b\x0c")
            self._lines.feed(held)
