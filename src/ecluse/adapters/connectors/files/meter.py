"""How many units a file holds, counted by its separators alone as its octets go by, and knowing nothing of what the reader makes of them.

Decides the second count that an account is held to (`intake`): a reader that drops a line, or tells it twice, differs from it. Memory is that of a chunk.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Mapping
from typing import Any, BinaryIO, Final, Protocol, cast

__all__ = ["ALL", "EndMeter", "LineMeter", "Meter", "Metered", "OneMeter"]

ALL: Final = "*"
"""Every unit of a file, whatever its name."""


class Meter(Protocol):
    """One file's count. `measures`: the name of the units that are counted, or `ALL`."""

    measures: str

    def feed(self, octets: bytes) -> None:
        """The next octets of the file."""
        ...

    def units(self) -> int:
        """How many units they were, when all were given."""
        ...


class LineMeter:
    """Lines that hold something else than `blank` octets, ended by any of `ends`.

    `marks`: by the octets that a file may begin with, its code page, "" for the octets as they are; those of a `mark` are no part of the file,
    unless it is `kept`.
    """

    measures = ALL

    def __init__(
        self, *, ends: bytes, blank: bytes = b"", marks: Mapping[bytes, str] | None = None, kept: bool = False
    ) -> None:
        self._end = bytes.maketrans(ends, b"\n" * len(ends))
        self._blank = bytes(set(blank) - set(ends))
        self._marks, self._kept = marks or {}, kept
        self._head, self._begun = b"", False
        self._decoder: codecs.IncrementalDecoder | None = None
        self._units, self._within = 0, False

    def feed(self, octets: bytes) -> None:
        """See `Meter.feed`."""
        if not self._begun:
            self._head += octets
            if len(self._head) < max(map(len, self._marks), default=0):
                return
            octets = self._beginning()
        self._count(octets)

    def units(self) -> int:
        """See `Meter.units`."""
        if not self._begun:
            self._count(self._beginning())
        if self._decoder:
            self._lines(self._decoder.decode(b"", final=True).encode())
            self._decoder = None
        return self._units

    def _beginning(self) -> bytes:
        self._begun = True
        for mark, codec in self._marks.items():
            if self._head.startswith(mark):
                if codec:
                    self._decoder = codecs.getincrementaldecoder(codec)("replace")
                return self._head if self._kept else self._head.removeprefix(mark)
        return self._head

    def _count(self, octets: bytes) -> None:
        self._lines(self._decoder.decode(octets).encode() if self._decoder else octets)

    def _lines(self, octets: bytes) -> None:
        lines = octets.translate(self._end, self._blank).split(b"\n")
        self._units += sum(map(bool, lines)) - bool(self._within and lines[0])
        self._within = bool(lines[-1]) or (len(lines) == 1 and self._within)


class EndMeter:
    """Lines, empty ones too, ended by LF, CR or both; `mark`: octets that a file may begin with and that are none of it."""

    measures = ALL

    def __init__(self, *, mark: bytes = b"") -> None:
        self._mark, self._head = mark, b""
        self._units, self._last = 0, b""

    def feed(self, octets: bytes) -> None:
        """See `Meter.feed`."""
        if self._mark:
            self._head += octets
            if len(self._head) < len(self._mark):
                return
            octets, self._mark = self._head.removeprefix(self._mark), b""
        if octets:
            pairs = octets.count(b"\r\n") + (self._last == b"\r" and octets[:1] == b"\n")
            self._units += octets.count(b"\r") + octets.count(b"\n") - pairs
            self._last = octets[-1:]

    def units(self) -> int:
        """See `Meter.units`."""
        if self._mark:
            self._mark, held = b"", self._head
            self.feed(held)
        return self._units + (self._last not in (b"", b"\r", b"\n"))


class OneMeter:
    """A file that is one unit, unless it is empty."""

    measures = ALL

    def __init__(self) -> None:
        self._units = 0

    def feed(self, octets: bytes) -> None:
        """See `Meter.feed`."""
        self._units |= bool(octets)

    def units(self) -> int:
        """See `Meter.units`."""
        return self._units


class Metered(io.RawIOBase):
    """A file's octets as they are read; each goes to the meter once, however often and in whatever order the reader asks for it."""

    def __init__(self, stream: BinaryIO, meter: Meter) -> None:
        self._stream, self._meter = stream, meter
        self._place = self._fed = 0

    def readable(self) -> bool:
        """It is only read."""
        return True

    def seekable(self) -> bool:
        """As what is behind it."""
        return self._stream.seekable()

    def tell(self) -> int:
        """Where the reader is."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Back to what was read, to read it again; never forward: what is passed over would not be counted."""
        if whence != io.SEEK_SET or offset > self._fed:
            raise io.UnsupportedOperation("what is not read is not counted")
        self._place = self._stream.seek(offset)
        return self._place

    def readinto(self, buffer: Any) -> int:
        """The next octets."""
        octets = self._stream.read(len(buffer)) or b""
        buffer[: len(octets)] = octets
        self._place += len(octets)
        if self._place > self._fed:
            self._meter.feed(octets[len(octets) - (self._place - self._fed) :])
            self._fed = self._place
        return len(octets)

    def opened(self) -> BinaryIO:
        """What a reader is given."""
        return cast("BinaryIO", io.BufferedReader(self, 1 << 16))

    def total(self) -> int:
        """The units of the whole file: what the reader left is counted too. Asked once, last."""
        if self._place != self._fed:
            self._stream.seek(self._fed)
        while octets := self._stream.read(1 << 16):
            self._meter.feed(octets)
        return self._meter.units()
