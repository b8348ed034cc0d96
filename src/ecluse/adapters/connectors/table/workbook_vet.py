"""Whether a workbook (XLSX, ISO/IEC 29500) may be opened at all: looked through as a stream before any parser sees it.

Decides what is refused: what is no zip of XML in UTF-8, document types and entities (XML bombs), parts that unpack to far more than they should
(zip bombs, their real size counted and not the one they tell), cells outside the sheet that Excel has. It also notes what the parser does not
tell: merged cells, and formulas that keep no value.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from ecluse.base.refusal import Refusal

__all__ = ["Noted", "vet"]

PARTS: Final = 5_000
LARGEST: Final = 8 << 30
"""Octets of all parts unpacked."""
SUSPECT: Final = 64 << 20
RATIO: Final = 300
"""A part that unpacks to more than `SUSPECT` octets, and to more than so many times its own, is a bomb: real sheets stay under 60."""
LARGEST_STRINGS: Final = 512 << 20
"""The shared strings are held in memory."""

_BLOCK: Final = 1 << 20
_TAIL: Final = 40_000
"""A match may stand across two blocks; the longest, a formula, has 8,192 characters (ECMA-376, limits of Excel)."""
_HEAD: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<(?:\?xml(?P<said>[^>]*)\?>|[\w!])")
_ENCODING: Final = re.compile(rb"encoding\s*=\s*[\"']([\w.-]+)[\"']")
_DOCTYPE: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_PLACES: Final = re.compile(rb"<(?:\w+:)?(?:row|(c))\s(?:[^>]*?\s)?r\s*=\s*[\"']([^\"']*)[\"']")
_CELL: Final = re.compile(rb"([A-Z]{1,3})([1-9]\d{0,6})")
LAST_ROW: Final = 1_048_576
LAST_COLUMN: Final = b"XFD"
_VALUELESS: Final = re.compile(
    rb"<(?:\w+:)?f(?:\s[^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</(?:\w+:)?c>"
)
_MERGED: Final = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?\bref\s*=\s*[\"']([A-Z]+)(\d+):([A-Z]+)(\d+)[\"']")
_MOST_MERGED: Final = 100_000


@dataclass(slots=True)
class Noted:
    """What was seen in one sheet's part: rows (first, last) of merged cells, and whether a formula keeps no value.

    `row` and `column`: where the look stands.
    """

    merged: list[tuple[int, int]] = field(default_factory=list)
    valueless: bool = False
    row: int = 0
    column: bytes = b""

    def follows(self, place: bytes, *, cell: bool) -> bool:
        """Whether this row or cell stands in the sheet, after the one before it: the parser would drop it in silence where it does not."""
        if not cell:
            row, self.column = (int(place) if place.isdigit() and len(place) < 8 else 0), b""
            before, self.row = self.row, row
            return before < row <= LAST_ROW
        found = _CELL.fullmatch(place)
        if found is None or int(found[2]) != self.row:
            return False
        column = found[1].rjust(3)
        before_it, self.column = self.column, column
        return before_it < column <= LAST_COLUMN


def vet(stream: BinaryIO, *, where: str) -> dict[str, Noted]:
    """What was noted, by the name of the part. Raises Refusal `table/unreadable` with the reason."""
    beginning = stream.read(8)
    stream.seek(0)
    if beginning.startswith(b"\xd0\xcf\x11\xe0"):
        raise _refused(where, "an encrypted workbook, or one of Excel 97 (.xls)")
    try:
        with zipfile.ZipFile(stream) as archive:
            parts = archive.infolist()
            if len(parts) > PARTS or len({part.filename for part in parts}) != len(parts):
                raise _refused(where, "too many parts, or two of one name")
            left = LARGEST
            noted: dict[str, Noted] = {}
            for part in parts:
                if part.flag_bits & 1:
                    raise _refused(where, "an encrypted part")
                seen = Noted()
                left -= _looked_through(archive, part, seen, left, where)
                noted[part.filename] = seen
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError):
        raise _refused(where, "a damaged zip") from None
    return noted


def _looked_through(
    archive: zipfile.ZipFile, part: zipfile.ZipInfo, seen: Noted, left: int, where: str
) -> int:
    """The part's real size, once looked through."""
    most = min(left, LARGEST_STRINGS) if part.filename.endswith("sharedStrings.xml") else left
    xml = part.filename.endswith((".xml", ".rels", ".vml"))
    size = 0
    for block, before in _blocks(archive, part):
        size += len(block)
        if size > most or (size > SUSPECT and size > RATIO * max(part.compress_size, 1)):
            raise _refused(where, "a part that unpacks to too much (zip bomb)")
        if xml:
            if size == len(block):
                _check_head(block, where)
            _note(before + block, seen, where, sheet="worksheets/" in part.filename, known=len(before))
    return size


def _blocks(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[tuple[bytes, bytes]]:
    """Each block, with the tail of the one before."""
    with archive.open(part) as stream:
        before = b""
        while block := stream.read(_BLOCK):
            yield block, before
            before = (before + block)[-_TAIL:]


def _check_head(block: bytes, where: str) -> None:
    head = _HEAD.match(block)
    told = _ENCODING.search(head["said"] or b"") if head else None
    if head is None or (told is not None and told[1].lower() not in (b"utf-8", b"us-ascii", b"ascii")):
        raise _refused(where, "a part that is no XML in UTF-8")


def _note(text: bytes, seen: Noted, where: str, *, sheet: bool, known: int) -> None:
    if _DOCTYPE.search(text):
        raise _refused(where, "a document type in its XML (entities)")
    if not sheet:
        return
    for found in _PLACES.finditer(text):
        if found.end() > known and not seen.follows(found[2], cell=found[1] is not None):
            raise _refused(where, "rows or cells out of the sheet, or out of order")
    seen.valueless = seen.valueless or _VALUELESS.search(text) is not None
    for found in _MERGED.finditer(text):
        if found.end() > known:
            seen.merged.append((int(found[2]), int(found[4])))
    if len(seen.merged) > _MOST_MERGED:
        raise _refused(where, "too many merged cells")


def _refused(where: str, got: str) -> Refusal:
    return Refusal("table/unreadable", where=where, got=got)
