"""`passage.containers.DocumentOpener`: opens what it knows, filters what can be filtered, and says so of the rest.

Decides by the octets which reader takes a document, and how deep one file may lie in another. A CDA is filtered; PDF, text and RTF are read; an
archive never leaves; whatever else there is (images, HL7 messages, mails, other XML) counts as unreadable: its fields are not known.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Final, Self

from ecluse.adapters.containers.cda_filter import REPEATS, filter_cda, remarks, said, test_codes
from ecluse.adapters.containers.cda_rules import is_cda
from ecluse.adapters.containers.pdf import PdfTexts
from ecluse.adapters.containers.sniff import ARCHIVE, decoded, form_of, text_of
from ecluse.adapters.xml import MOST_OCTETS, Element, Malformed, parse_xml, written
from ecluse.passage.containers import Allowed, Found

__all__ = ["ContainerOpener"]

MOST_DEPTH: Final = 4
"""How many files may lie in one another: a PDF in a CDA in base64 is the third."""
MOST_TEXT: Final = 4_000_000

_ENCODED: Final = re.compile(
    r"[A-Za-z0-9+/]{80}|(?:[A-Za-z0-9+/]{60,76}=?=?\s+){3}|^begin [0-7]{3} ", re.MULTILINE
)
"""A file written as letters (base64, uuencode) somewhere in a text."""
_DRAWN: Final = re.compile(r"\\(?:pict|object|objdata|bin\d|shppict|field)\b")
_RTF: Final = re.compile(
    r"\\'([0-9a-f]{2})|\\u(-?\d{1,6}) ?\??|\\([a-z]{1,32})(-?\d{1,10})? ?|\\([\\{}~_-])|[{}]", re.IGNORECASE
)
_BREAKS: Final = frozenset({"par", "line", "tab", "cell", "row", "page", "sect"})


class ContainerOpener:
    """Use it in a `with`: the process that reads PDF files ends with it."""

    def __init__(self, *, pdf: PdfTexts | None = None) -> None:
        self._pdf = pdf or PdfTexts()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pdf.close()

    def open(self, content: bytes, *, allowed: Allowed) -> Found:
        """See `DocumentOpener.open`."""
        return self._open(content, allowed, 1)

    def _open(self, content: bytes, allowed: Allowed, depth: int) -> Found:
        if len(content) > MOST_OCTETS:
            return Found("unknown", content, never="too-large")
        if depth > MOST_DEPTH:
            return Found("unknown", content, never="too-deep")
        form = form_of(content)
        readers: dict[str, Callable[[bytes, Allowed, int], Found]] = {
            "base64": self._base64,
            "pdf": self._pdf_text,
            "xml": self._xml,
        }
        if form == ARCHIVE:
            return Found(form, content, never=ARCHIVE)
        if form in readers:
            return readers[form](content, allowed, depth)
        return _plain(content, form) if form in ("text", "rtf") else Found(form, content, why=form)

    def _pdf_text(self, content: bytes, _allowed: Allowed, _depth: int) -> Found:
        reading = self._pdf.read(content)
        return Found("pdf", content, text=reading.text, why=reading.why)

    def _base64(self, content: bytes, allowed: Allowed, depth: int) -> Found:
        inside = decoded(content) or b""
        found = self._open(inside, allowed, depth + 1)
        if found.content == inside:
            return found._replace(content=content)
        return found._replace(content=base64.b64encode(found.content))

    def _xml(self, content: bytes, allowed: Allowed, depth: int) -> Found:
        try:
            root = parse_xml(content)
        except Malformed as bad:
            return Found("xml", content, never=bad.reason)
        if not is_cda(root):
            return Found("xml", content, why="xml")
        return self._cda(root, content, allowed, depth)

    def _cda(self, root: Element, content: bytes, allowed: Allowed, depth: int) -> Found:
        def inner(octets: bytes) -> tuple[Found, str]:
            found = self._open(octets, allowed, depth + 1)
            return found, allowed.why_not(found)

        codes, beside = test_codes(root), remarks(root)
        done = filter_cda(root, allowed=allowed, inner=inner)
        if done.lost:
            return Found("cda", content, never=done.lost)
        text = "\n".join(said(root, done))
        if done.repeated(text):
            return Found("cda", content, never=REPEATS)
        told = Found("cda", content, text, codes=codes, names_seen=True, inside=tuple(done.inside))
        if done.removed:
            return told._replace(content=written(root), removed=done.removed)
        return told._replace(text=f"{beside}\n{text}")


def _plain(content: bytes, form: str) -> Found:
    text = text_of(content)
    if text is None or len(text) > MOST_TEXT:
        return Found(form, content, why="damaged")
    if form == "rtf":
        if _DRAWN.search(text):
            return Found(form, content, why="attached-files")
        text = _RTF.sub(_letter, text)
    if _ENCODED.search(text):
        return Found(form, content, why="encoded")
    return Found(form, content, text=text)


def _letter(found: re.Match[str]) -> str:
    """A character of an RTF text (RTF 1.9.1), nothing for a command."""
    octet, code, word, _, escaped = found.groups()
    if octet:
        return bytes([int(octet, 16)]).decode("cp1252", "replace")
    if code:
        return chr(int(code) % 0x10000)
    if word:
        return "\n" if word.lower() in _BREAKS else ""
    return escaped or ""
