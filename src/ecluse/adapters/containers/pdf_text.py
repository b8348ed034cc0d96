"""The text of one PDF file, in a process of its own: whatever the file does to its reader ends there.

Decides what of a PDF is text that can be judged: pages, form fields, notes, bookmarks, descriptions, every earlier revision. Where something
could be shown that is not read (a scanned page, a font without its letters, an attached file, a cipher), it says so instead. Run as a module it
answers one request after another on its standard input (`pdf.py` asks); it writes no file and reads none.
"""

from __future__ import annotations

import re
import resource
import struct
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO, Final

from pypdf import PdfReader
from pypdf.generic import DictionaryObject, IndirectObject, StreamObject

__all__ = ["Unreadable", "serve", "text_of_pdf"]

MEMORY: Final = 1 << 30
MOST_PAGES: Final = 400
MOST_TEXT: Final = 4_000_000
MOST_REVISIONS: Final = 6
LARGE_IMAGE: Final = 250_000
"""Pixels from which an image may be a scanned page rather than a logo."""
MOST_DEPTH: Final = 12

_WORDS: Final = re.compile(
    r"\b(le|la|les|de|du|des|et|par|pour|patient|laboratoire|demande|page|the|of|and|laboratory|report)\b",
    re.IGNORECASE,
)
_STRANGE: Final = re.compile(r"[^\w\s.,;:!?'\"()\[\]{}<>/\\|@#&%+*=~^$£€§°µ·•–—’‘“”«»…≤≥±×÷²³½¼-]")


class Unreadable(Exception):
    """Why the text cannot be judged, in one word: "encrypted", "scan", "fonts", "attached-files", "damaged", "empty", "too-large",
    "before-the-start", "after-the-end".
    """


def text_of_pdf(octets: bytes) -> str:
    """All the text of a PDF file (ISO 32000-2). Raises `Unreadable`; nothing else, whatever the octets."""
    try:
        return "\n".join(_of_revisions(octets))
    except Unreadable:
        raise
    except Exception:  # noqa: BLE001 - the library raises anything on hostile files, and all of it means the same
        raise Unreadable("damaged") from None


def _of_revisions(octets: bytes) -> Iterator[str]:
    """The text of the file and of each earlier revision in it (7.5.6): what was taken out of the last one still lies in the file."""
    ends = [found.end() for found in re.finditer(rb"%%EOF", octets)]
    if not ends:
        raise Unreadable("damaged")
    if octets[: octets.find(b"%PDF-")].strip(b"\xef\xbb\xbf\r\n \t"):
        raise Unreadable("before-the-start")
    if octets[ends[-1] :].strip(b"\x00\r\n \t"):
        raise Unreadable("after-the-end")
    if len(ends) > MOST_REVISIONS:
        raise Unreadable("too-large")
    yield from _of_file(octets)
    for end in ends[:-1]:
        # A linearized file (Annex F) ends its first page so, which is no revision.
        if re.search(rb"startxref\s+0\s+%%EOF\Z", octets[max(0, end - 40) : end]) is None:
            yield from _of_file(octets[:end])


def _of_file(octets: bytes) -> Iterator[str]:
    reader = PdfReader(BytesIO(octets), strict=False)
    if reader.is_encrypted:
        raise Unreadable("encrypted")
    _refuse_attached(reader)
    if len(reader.pages) > MOST_PAGES:
        raise Unreadable("too-large")
    pages = []
    for page in reader.pages:
        text = page.extract_text()
        _check_shown(page.get("/Resources"))
        pages.append(text)
    whole = "\f".join(pages)
    if not whole.strip():
        raise Unreadable("empty")
    if len(whole) > MOST_TEXT:
        raise Unreadable("too-large")
    if len(_STRANGE.findall(whole)) * 20 > len(whole) or _WORDS.search(whole) is None:
        raise Unreadable("fonts")
    yield whole
    yield from _beside(reader)


def _refuse_attached(reader: PdfReader) -> None:
    """Files in the file (7.11.4), XFA forms and scripts: what they show is not read here."""
    root = _plain(reader.trailer["/Root"])
    names = _plain(root.get("/Names")) or {}
    if "/EmbeddedFiles" in names or "/JavaScript" in names or "/AF" in root or "/Collection" in root:
        raise Unreadable("attached-files")
    if "/XFA" in (_plain(root.get("/AcroForm")) or {}):
        raise Unreadable("attached-files")


def _check_shown(resources: Any, depth: int = 0) -> None:
    """That what the page draws is text with letters: fonts that can be read back, and no image large enough to be a page."""
    if depth > MOST_DEPTH:
        raise Unreadable("too-large")
    found = _plain(resources)
    if not isinstance(found, DictionaryObject):
        return
    for each in (_plain(found.get("/Font")) or {}).values():
        font = _plain(each)
        lost = font.get("/Subtype") == "/Type3" or font.get("/Encoding") in ("/Identity-H", "/Identity-V")
        if lost and "/ToUnicode" not in font:
            raise Unreadable("fonts")
    for each in (_plain(found.get("/XObject")) or {}).values():
        drawn = _plain(each)
        if drawn.get("/Subtype") == "/Image":
            if int(drawn.get("/Width", 0)) * int(drawn.get("/Height", 0)) > LARGE_IMAGE:
                raise Unreadable("scan")
        elif isinstance(drawn, StreamObject):
            _check_shown(drawn.get("/Resources"), depth + 1)


def _beside(reader: PdfReader) -> Iterator[str]:
    """What a reader shows beside the pages: form fields, notes, links, bookmarks, the file's description."""
    for value in (reader.metadata or {}).values():
        yield str(value)
    root = _plain(reader.trailer["/Root"])
    described = _plain(root.get("/Metadata"))
    if isinstance(described, StreamObject):
        yield described.get_data().decode("utf-8", "replace")
    for place in ("/AcroForm", "/Outlines"):
        yield from _strings(root.get(place))
    for page in reader.pages:
        yield from _strings(page.get("/Annots"))


def _strings(start: Any) -> Iterator[str]:
    """Every string below an object, each object once."""
    waiting, seen = [start], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, IndirectObject):
            if value.idnum in seen:
                continue
            seen.add(value.idnum)
            value = value.get_object()
        if isinstance(value, DictionaryObject):
            if value.get("/Subtype") == "/FileAttachment" or "/EF" in value:
                raise Unreadable("attached-files")
            # Up and sideways leads to the pages again.
            waiting += [value.raw_get(key) for key in value if key not in ("/P", "/Parent", "/Page", "/Dest")]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            yield str(value)


def _plain(value: Any) -> Any:
    return value.get_object() if isinstance(value, IndirectObject) else value


# --- as a process ---------------------------------------------------------------------------------------------------------------------


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer until the input ends. A request: length (8 octets), content. An answer: b"T" or b"N", length (8 octets), UTF-8 text or reason."""
    while len(head := requests.read(8)) == 8:
        content = requests.read(struct.unpack(">Q", head)[0])
        try:
            sign, text = b"T", text_of_pdf(content)
        except Unreadable as no:
            sign, text = b"N", str(no)
        body = text.encode("utf-8", "replace")
        answers.write(sign + struct.pack(">Q", len(body)) + body)
        answers.flush()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer)
