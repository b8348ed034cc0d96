"""Firebird's character sets by Python's names. Decides which are read: those of one octet for a character, and Unicode."""

from __future__ import annotations

import codecs
import re
from typing import Final

__all__ = ["NONE", "codec_of"]

NONE: Final = "NONE"
"""The character set that says nothing: octets that programs wrote as they liked, of which only ASCII is sure."""
_FAMILIES: Final = {"WIN": "cp", "DOS": "cp", "ISO8859_": "iso8859-", "KOI8": "koi8-"}
_OTHERS: Final = {"ASCII": "ascii", "UTF8": "utf-8", "UNICODE_FSS": "utf-8", NONE: "ascii"}


def codec_of(charset: str) -> str | None:
    """Python's name of one of Firebird's character sets, None where there is none."""
    known = re.fullmatch(r"(WIN|DOS|ISO8859_|KOI8)(\w+)", charset)
    name = _FAMILIES[known[1]] + known[2] if known else _OTHERS.get(charset, "")
    try:
        return codecs.lookup(name).name if name else None
    except LookupError:
        return None
