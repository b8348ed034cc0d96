"""A stream of octets cut into messages, batch headers and trailers, and what is neither.

Decides where a message begins (a line that starts with MSH, FHS, BHS, BTS or FTS and a delimiter) and that lines end with CR, LF, both, or the
framing octets of MLLP (VT, FS). It reads nothing inside a message. Memory stays that of the longest message, of at most `LARGEST` octets.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple, Protocol

__all__ = ["LARGEST", "Piece", "counted", "pieces"]

LARGEST: Final = 64 << 20
"""Octets of a message; a longer one is `Unread`, "too-long", in parts of this size."""
_CHUNK: Final = 1 << 16
_START: Final = re.compile(rb"(?<![^\r\n\x0b\x1c])(?:\xef\xbb\xbf)?(MSH|FHS|BHS|BTS|FTS)(?=[^0-9A-Za-z \t])")
_LONGEST_START: Final = 8
_ENDS: Final = re.compile(rb"[\r\n\x0b\x1c]+")
_LAST: Final = (b"\r", b"\n", b"\x0b", b"\x1c")


class Piece(NamedTuple):
    """`what`: the segment it starts with, or "" where it is no message. `framed`: it began with MLLP's VT. `closed`: its last line ended.

    `codec`: of the file, where it is UTF-16 (`octets` are then UTF-8); `whole`: False for a part of a message that is too long.
    """

    what: str
    octets: bytes
    framed: bool = False
    closed: bool = True
    codec: str = ""
    whole: bool = True
    lines: int = -1

    @property
    def raw(self) -> bytes:
        """The octets as the file has them."""
        if not self.codec:
            return self.octets
        return self.octets.decode("utf-8", "replace").encode(self.codec, "replace")


class _Octets(Protocol):
    def read(self, size: int, /) -> bytes | None: ...


def pieces(stream: BinaryIO) -> Iterator[Piece]:
    """Every piece in order; together they hold every line of the stream."""
    head = _at_least(stream, 6)
    codec = _wide(head)
    source: _Octets = _Narrowed(stream, codec, head) if codec else _After(stream, head)
    held, place, framed, before = bytearray(), 0, False, b""
    while chunk := source.read(_CHUNK):
        held += chunk
        begin = 0
        for start in [it.start() for it in _START.finditer(held, place) if it.start()]:
            yield _piece(bytes(held[begin:start]), framed=framed, codec=codec, before=before)
            framed, before, begin = held[start - 1 : start] == b"\x0b", b"", start
        del held[:begin]
        while len(held) > LARGEST:
            yield _too_long(bytes(held[:LARGEST]), codec, before=before)
            before = bytes(held[LARGEST - 1 : LARGEST])
            del held[:LARGEST]
        place = max(0, len(held) - _LONGEST_START)
    if held:
        yield _piece(bytes(held), framed=framed, codec=codec, before=before)


def counted(octets: bytes) -> int:
    """The lines of some octets that are not empty."""
    return sum(bool(it) for it in _ENDS.split(octets))


def _piece(octets: bytes, *, framed: bool, codec: str, before: bytes) -> Piece:
    if before:
        return _too_long(octets, codec, before=before)
    start = _START.match(octets)
    closed = b"\x1c" in octets if framed else octets.endswith(_LAST)
    return Piece(start[1].decode() if start else "", octets, framed, closed, codec)


def _too_long(octets: bytes, codec: str, *, before: bytes) -> Piece:
    """A part of what is too long, `before` being the last octet of the part before it: a line counts where it begins."""
    lines = counted(octets)
    if before and before not in _LAST and octets[:1] not in _LAST:
        lines -= 1
    return Piece("", octets, codec=codec, whole=False, lines=lines)


# --- UTF-16 -------------------------------------------------------------------------------------------------------------------------------


def _wide(head: bytes) -> str:
    """The UTF-16 codec of a file by its first octets, or ""."""
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if head.startswith(mark):
            return codec
    for codec in ("utf-16-le", "utf-16-be"):
        if head in ("MSH".encode(codec), "FHS".encode(codec), "BHS".encode(codec)):
            return codec
    return ""


def _at_least(stream: BinaryIO, size: int) -> bytes:
    head = b""
    while len(head) < size and (more := stream.read(size - len(head))):
        head += more
    return head


class _After:
    """A stream of which the first octets have been read."""

    def __init__(self, stream: BinaryIO, head: bytes) -> None:
        self._stream, self._head = stream, head

    def read(self, size: int, /) -> bytes | None:
        head, self._head = self._head, b""
        return head or self._stream.read(size)


class _Narrowed:
    """A stream of UTF-16 as UTF-8; what is not UTF-16 becomes U+FFFD, and its message is not read."""

    def __init__(self, stream: BinaryIO, codec: str, head: bytes) -> None:
        self._stream = _After(stream, head)
        self._decoder = codecs.getincrementaldecoder(codec)("replace")
        self._ended = False

    def read(self, size: int, /) -> bytes | None:
        while not self._ended:
            octets = self._stream.read(size)
            self._ended = not octets
            if told := self._decoder.decode(octets or b"", final=self._ended):
                return told.encode()
        return b""
