"""The memo file beside a DBF: long texts in numbered blocks (dBASE III and IV `.dbt`, FoxPro `.fpt`).

Decides where a text ends in each of the three; a block out of the file is told as none, and the row is unread.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from ecluse.adapters.connectors.files.format import File
from ecluse.adapters.connectors.table.head import LARGEST_CELL

__all__ = ["Memo", "open_memo"]

_DBASE_BLOCK: Final = 512
_DBASE4: Final = b"\xff\xff\x08\x00"


class Memo:
    """The texts of one memo file."""

    def __init__(self, stream: BinaryIO, *, foxpro: bool) -> None:
        self._stream, self._foxpro = stream, foxpro
        head = stream.read(_DBASE_BLOCK)
        if foxpro:
            self._block = max(struct.unpack_from(">H", head.ljust(8, b"\x00"), 6)[0], 1)
        else:
            size = struct.unpack_from("<H", head.ljust(22, b"\x00"), 20)[0]
            self._block = size if size >= _DBASE_BLOCK and size % 64 == 0 else _DBASE_BLOCK

    def read(self, block: int) -> bytes | None:
        """The octets of the text that begins at this block; None where there is none."""
        self._stream.seek(block * self._block)
        head = self._stream.read(8)
        if self._foxpro:
            if len(head) < 8:
                return None
            return self._exactly(struct.unpack(">I", head[4:])[0])
        if head.startswith(_DBASE4) and len(head) == 8:
            return self._exactly(struct.unpack("<I", head[4:])[0] - 8)
        return self._until_end(head)

    def _exactly(self, size: int) -> bytes | None:
        if not 0 <= size <= LARGEST_CELL:
            return None
        octets = self._stream.read(size)
        return octets if len(octets) == size else None

    def _until_end(self, begun: bytes) -> bytes | None:
        """As dBASE III: up to the end mark 0x1A."""
        octets = bytearray(begun)
        while octets:
            end = octets.find(b"\x1a")
            if end >= 0:
                return bytes(octets[:end])
            more = self._stream.read(_DBASE_BLOCK)
            if not more or len(octets) > LARGEST_CELL:
                return None
            octets += more
        return None


@contextmanager
def open_memo(file: File | None) -> Iterator[Memo | None]:
    """This memo file, read as its ending says; none where there is none."""
    if file is None:
        yield None
        return
    with file.open() as stream:
        yield Memo(stream, foxpro=file.name.lower().endswith(".fpt"))
