"""From a stream to letters: the code page of a file, its lines, and where a letter ends.

Decides what the octets are, since nothing declares it: UTF-16 or UTF-8 by their mark, else letter by letter UTF-8 if it is one and could be no
other, MacRoman where its accented letters are there and those of ISO 8859-1 are not, Windows-1252 where its own signs are, else ISO 8859-1.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO, Final

from ecluse.adapters.connectors.hprim.lines import lines_of

__all__ = ["ENDS", "LAB", "LARGEST", "Letter", "letters", "said", "unit_of"]

LARGEST: Final = 16 << 20
"""A letter holds at most this many octets: more is set aside in pieces, never gathered."""
LAB: Final = re.compile(r"\s*\*{3,4}\s*LAB\s*\*{3,4}\s*", re.IGNORECASE)
ENDS: Final = re.compile(r"\s*\*{3,4}\s*FIN(?:FICHIER)?\s*\*{3,4}\s*", re.IGNORECASE)

_CHUNK: Final = 1 << 16
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# é è à ù ê ç, as each page writes them; those of MacRoman are hardly ever anything in the others.
_MAC: Final = re.compile(rb"[\x8e\x8f\x88\x9d\x90\x8d]")
_LATIN: Final = re.compile(rb"[\xe9\xe8\xe0\xf9\xea\xe7]")
_WINDOWS: Final = re.compile(rb"[\x80-\x9f]")
_UNDEFINED: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_UTF8: Final = re.compile(
    rb"(?:[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})*"
)
_BLANKS: Final = bytes(range(0x21))
_BLANKS_TEXT: Final = _BLANKS.decode("ascii")


@dataclass(slots=True)
class Letter:
    """One letter: `lines` as they came (in UTF-8 where the file is UTF-16), `texts` decoded, or none if they cannot be. `whole`: it has its end."""

    number: int
    large: bool = False
    whole: bool = False
    lines: list[bytes] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def units(self) -> Iterator[str]:
        """What each line that is not blank is, whatever its code page."""
        return (unit_of(line.decode("latin-1")) for line in self.lines if line.strip(_BLANKS))


def letters(stream: BinaryIO) -> Iterator[Letter]:
    """The letters of a file in order, each up to its end; what stands after the last end is one more, unless it is blank."""
    declared, pieces = _opened(stream)
    size = 0
    current = Letter(1)
    for line in lines_of(pieces, longest=LARGEST):
        current.lines.append(line)
        size += len(line)
        current.whole = bool(ENDS.fullmatch(line.decode("latin-1")))
        if current.whole or size > LARGEST:
            current.large |= not current.whole
            yield from _given(current, declared)
            current = Letter(current.number + 1, large=not current.whole)
            size = 0
    yield from _given(current, declared)


def said(text: str) -> bool:
    """Whether a line says something: blanks and control characters do not."""
    return bool(text.strip(_BLANKS_TEXT))


def unit_of(text: str) -> str:
    """What a line is: a result, a remark, a mark, or a line like another."""
    if text.startswith(("RES|", "TEX|")):
        return text[:3]
    return "mark" if LAB.fullmatch(text) or ENDS.fullmatch(text) else "line"


def _given(letter: Letter, declared: str | None) -> Iterator[Letter]:
    if any(line.strip(_BLANKS) for line in letter.lines):
        octets = b"".join(letter.lines)
        try:
            texts = [line.rstrip(b"\r\n").decode(declared or _code_page(octets)) for line in letter.lines]
        except UnicodeDecodeError:
            texts = []
        letter.texts = [] if any("\ufffd" in text for text in texts) else texts
        yield letter


def _code_page(octets: bytes) -> str:
    if octets.isascii():
        return "ascii"
    if _UTF8.fullmatch(octets):
        return "utf-8"
    if len(_MAC.findall(octets)) > len(_LATIN.findall(octets)):
        return "mac-roman"
    return "cp1252" if _WINDOWS.search(octets) and not _UNDEFINED.search(octets) else "latin-1"


# --- octets ------------------------------------------------------------------------------------------------------------------------------


def _opened(stream: BinaryIO) -> tuple[str | None, Iterator[bytes]]:
    """The code page that the head of the file declares, and its octets after that mark: UTF-16 comes as UTF-8."""
    head = b""
    while len(head) < 3 and (more := stream.read(_CHUNK)):
        head += more
    for mark, codec in _MARKS:
        if head.startswith(mark):
            octets = chain([head.removeprefix(mark)], iter(lambda: stream.read(_CHUNK), b""))
            return "utf-8", octets if codec == "utf-8" else _transcoded(octets, codec)
    return None, chain([head], iter(lambda: stream.read(_CHUNK), b""))


def _transcoded(octets: Iterator[bytes], codec: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(codec)(errors="replace")
    for piece in octets:
        yield decoder.decode(piece).encode("utf-8")
    yield decoder.decode(b"", final=True).encode("utf-8")
