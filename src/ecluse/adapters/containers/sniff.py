"""What octets are, told from the octets: their first signs (« nombres magiques »), never a file name or a media type.

Decides a form's name only. An archive is known by its signature wherever a known format puts it; text is what decodes as text.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

__all__ = ["ARCHIVE", "decoded", "form_of", "text_of"]

ARCHIVE: Final = "archive"

_SIGNATURES: Final = (
    (b"PK\x03\x04", ARCHIVE), (b"PK\x05\x06", ARCHIVE), (b"PK\x07\x08", ARCHIVE), (b"\x1f\x8b", ARCHIVE), (b"\x1f\x9d", ARCHIVE), (b"BZh", ARCHIVE),
    (b"\xfd7zXZ\x00", ARCHIVE), (b"7z\xbc\xaf\x27\x1c", ARCHIVE), (b"Rar!\x1a\x07", ARCHIVE), (b"(\xb5/\xfd", ARCHIVE), (b'\x04"M\x18', ARCHIVE),
    (b"MSCF", ARCHIVE), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ARCHIVE), (b"LZIP", ARCHIVE), (b"]\x00\x00", ARCHIVE),
    (b"\x89PNG", "image"), (b"\xff\xd8\xff", "image"), (b"GIF8", "image"), (b"II*\x00", "image"), (b"MM\x00*", "image"), (b"BM", "image"),
    (b"{\\rtf", "rtf"),
    (b"%!PS", "postscript"),
)  # fmt: skip
"""First octets and the form they tell. Old Office files (OLE) are archives of streams."""

_BASE64: Final = re.compile(rb"(?:data:[\w.+/-]{1,80};base64,)?([A-Za-z0-9+/\s]{40,}={0,2})\s*")
_HL7: Final = re.compile(r"\s*\x0b?(?:MSH|FHS|BHS)[^\w\s]|\s*H\|[^\w\s]{3,5}\|")
_MAIL: Final = re.compile(r"(?:[A-Za-z-]{2,40}:[^\n]*\n){2,}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")


def form_of(octets: bytes) -> str:
    """"archive", "pdf", "xml", "rtf", "image", "base64", "hl7", "html", "mail", "json", "text" or "unknown"."""  # fmt: skip
    head = octets[:1024]
    for sign, form in _SIGNATURES:
        if head.startswith(sign):
            return form
    if octets[257:262] == b"ustar":
        return ARCHIVE
    if octets[128:132] == b"DICM":
        return "image"
    if b"%PDF-" in head:
        return "pdf"
    text = text_of(octets)
    return "unknown" if text is None else _of_text(text, octets)


def _of_text(text: str, octets: bytes) -> str:
    start = text[:400].lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<!doctype html", "<html")):
        return "html"
    if start.startswith("<"):
        return "xml"
    if _HL7.match(text[:200]):
        return "hl7"
    if start.startswith(("{", "[")):
        return "json"
    if decoded(octets) is not None:
        return "base64"
    return "mail" if _MAIL.match(text[:2000]) and "mime-version:" in text[:4000].lower() else "text"


def text_of(octets: bytes) -> str | None:
    """The octets as text (UTF-8, UTF-16 by its mark, else Windows-1252); None where they are none."""
    marks = (b"\xff\xfe", b"\xfe\xff")
    encodings = ("utf-16",) if octets.startswith(marks) else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = octets.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if _CONTROL.search(text.replace("\x0b", "").replace("\x1c", "")) else text
    return None


def decoded(octets: bytes) -> bytes | None:
    """What base64 text (RFC 4648, 4; lines of any length; its padding lost; a data: address) holds, None where it is none."""
    found = _BASE64.fullmatch(octets.strip())
    if found is None:
        return None
    packed = re.sub(rb"\s", b"", found.group(1)).rstrip(b"=")
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error:
        return None
