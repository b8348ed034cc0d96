"""What a kept document is, by its own first words: for the laboratory to know which of its reports are PDF/A. Nothing is converted, nothing validated."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["form_of", "suffix_of"]

_VERSION: Final = re.compile(rb"%PDF-(\d\.\d)")
_PART: Final = re.compile(rb"pdfaid:part(?:>|\s*=\s*[\"'])\s*(\d)")
_LEVEL: Final = re.compile(rb"pdfaid:conformance(?:>|\s*=\s*[\"'])\s*([A-Za-z])")
_HEAD: Final = 1024


def form_of(octets: bytes) -> str:
    """`PDF/A-1b` where the document declares it (ISO 19005, XMP `pdfaid`), else `PDF 1.7`, `XML`, `other`: declared, not verified."""
    version = _VERSION.search(octets[:_HEAD])
    if version is None:
        return "XML" if octets.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" else "other"
    part, level = _PART.search(octets), _LEVEL.search(octets)
    if part is None:
        return f"PDF {version[1].decode()}"
    return f"PDF/A-{part[1].decode()}{level[1].decode().lower() if level else ''}"


def suffix_of(form: str) -> str:
    """The ending of a file of this form."""
    return {"XML": "xml", "other": "bin"}.get(form, "pdf")
