"""In what characters a message is written: MSH-18 (HL7 table 0211), and what is done where it says nothing.

Decides the codec of a message and nothing of its content. Undeclared, or declared ASCII and not: UTF-8 where the octets are valid UTF-8, else
windows-1252, which is counted. A set that is declared and that Python cannot read is not guessed: the message is `Unread`, "encoding".
"""

from __future__ import annotations

import re
from typing import Final

from ecluse.adapters.connectors.hl7.delimiters import Unreadable

__all__ = ["ASSUMED", "declared", "decoded"]

ASSUMED: Final = "windows-1252"

_LATIN: Final = {f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 12), 13, 14, 15, 16)}
_CODECS: Final = {
    "": "", "ASCII": "", "ISO IR6": "", "ISO IR 6": "", **_LATIN,
    **{f"ISO 8859-{name.partition('/')[2]}": codec for name, codec in _LATIN.items()},
    **{f"ISO-8859-{name.partition('/')[2]}": codec for name, codec in _LATIN.items()},
    "ISO IR100": "iso8859-1", "UNICODE": "utf-8", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8", "UTF8": "utf-8", "WINDOWS-1252": "windows-1252",
    "GB 18030-2000": "gb18030", "BIG-5": "big5", "KS X 1001": "euc_kr", "ISO IR87": "iso2022_jp", "ISO IR159": "iso2022_jp_1",
}  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z0-9 /._-]*")


def declared(header: bytes) -> list[str]:
    """The names in MSH-18 of the octets of an MSH segment, in capitals: the first is the one of plain text, others come by escape."""
    fields = header.split(header[3:4] or b"|")
    text = fields[17].decode("latin-1") if len(fields) > 17 else ""
    return [name.strip().upper() for name in _NAME.findall(text) if name.strip()]


def decoded(octets: bytes, names: list[str]) -> tuple[str, str]:
    """The text of a message, and the codec it was read with. Raises Unreadable `encoding`."""
    codec = _CODECS.get(names[0] if names else "")
    if codec == "" and len(names) > 1 and names[1].startswith("ISO IR"):
        codec = _CODECS.get(names[1])  # ASCII~ISO IR87 is how Japan declares ISO-2022-JP
    if codec is None:
        raise Unreadable("encoding")
    for attempt in (codec,) if codec else ("utf-8", ASSUMED):
        try:
            return octets.decode(attempt), attempt
        except UnicodeDecodeError:
            continue
    raise Unreadable("encoding")
