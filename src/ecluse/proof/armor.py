"""The text form of an age file: base64 between two lines of dashes, strict (C2SP age.md, RFC 7468 figure 3).

Only read, for files that others made as text; Écluse writes binary. This module decides whether the text is well formed and
gives back the binary file; it opens nothing.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import Final

from ecluse.base.refusal import Refusal

__all__ = ["read_armor"]

_BEGIN: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
_END: Final = b"-----END AGE ENCRYPTED FILE-----"
_COLUMNS: Final = 64
_BLANK: Final = b" \t\r\n"


def read_armor(text: bytes) -> bytes:
    """The binary age file inside `text`; space is allowed around the block only. Raises Refusal `seal/armor-malformed`."""
    lines = text.strip(_BLANK).replace(b"\r\n", b"\n").split(b"\n")
    if len(lines) < 2 or lines[0] != _BEGIN or lines[-1] != _END:
        raise Refusal("seal/armor-malformed", why="its first or last line")
    rows = lines[1:-1]
    if any(len(row) != _COLUMNS for row in rows[:-1]) or (rows and not 0 < len(rows[-1]) <= _COLUMNS):
        raise Refusal("seal/armor-malformed", why="the length of a line")
    joined = b"".join(rows)
    try:
        octets = b64decode(joined, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("seal/armor-malformed", why="base64") from None
    if b64encode(octets) != joined:
        raise Refusal("seal/armor-malformed", why="base64 is not canonical")
    return octets
