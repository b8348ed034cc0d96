"""A contract's pages, from the file that the vendor sent: PDF, Word (.docx) or text. Nothing of it is kept, run or fetched.

Decides how each is read within bounds: a PDF by the process that reads documents (`containers.pdf`), a Word file as its one XML part out of its ZIP, sizes
checked before a byte is inflated; a text as UTF-8, else Windows-1252.
"""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Final

from ecluse.adapters.containers.pdf import PdfTexts
from ecluse.adapters.xml import Malformed, local, parse_xml
from ecluse.base.refusal import Refusal

__all__ = ["LARGEST", "pages_of"]

LARGEST: Final = 10 << 20
"""Octets of a contract's file."""
_INSIDE: Final = 20 << 20
_PART: Final = "word/document.xml"


def pages_of(octets: bytes) -> list[str]:
    """The text of each page, from 1. Raises Refusal `agreement/unreadable`."""
    if len(octets) > LARGEST:
        raise _refused("too-large")
    if octets.lstrip()[:5] == b"%PDF-":
        return _of_pdf(octets)
    if octets[:2] == b"PK":
        return _of_word(octets)
    return _of_text(octets)


def _of_pdf(octets: bytes) -> list[str]:
    with PdfTexts() as reader:
        reading = reader.read(octets)
    if reading.text is None:
        raise _refused(reading.why)
    return reading.text.split("\f")


def _of_word(octets: bytes) -> list[str]:
    try:
        with zipfile.ZipFile(BytesIO(octets)) as archive:
            if archive.getinfo(_PART).file_size > _INSIDE:
                raise _refused("too-large")
            with archive.open(_PART) as part:
                inside = part.read(_INSIDE + 1)
        if len(inside) > _INSIDE:
            raise _refused("too-large")
        root = parse_xml(inside)
    except (zipfile.BadZipFile, KeyError, Malformed, NotImplementedError, RuntimeError, OSError, EOFError):
        raise _refused("damaged") from None
    pages, said = [], [""]
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        name = local(element)
        if name == "t":
            said[-1] += element.text or ""
        elif name == "p":
            said.append("")
        elif name == "lastRenderedPageBreak" or (name == "br" and "page" in element.attrib.values()):
            pages.append("\n\n".join(said))
            said = [""]
    return [*pages, "\n\n".join(said)]


def _of_text(octets: bytes) -> list[str]:
    if b"\0" in octets:
        raise _refused("damaged")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = octets.decode("cp1252", "replace")
    return text.split("\f")


def _refused(why: str) -> Refusal:
    return Refusal("agreement/unreadable", got=why)
