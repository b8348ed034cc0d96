"""Where files are: a folder or one file of this machine, or standard input; of which format; and what the laboratory says of them once.

    hl7v2+file:///srv/export/hl7                       (a folder, or one file)
    hl7v2+file:///srv/export/hl7?zone=Indian/Reunion   (the civil time the laboratory lives in, where the format asks for it)
    hprim+file:-                                       (standard input, read once)

Decides how such an address is written and read; which options a format knows is the format's affair (`wiring.formats`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from ecluse.base.refusal import Refusal

__all__ = ["FilesAddress", "format_named", "parse_files"]

_ENDING: Final = "+file"


@dataclass(frozen=True, slots=True)
class FilesAddress:
    """Files of one format. `path` is absolute; None is standard input."""

    format: str
    path: Path | None
    options: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.format}{_ENDING}:{f'//{self.path}' if self.path else '-'}"


def format_named(url: str) -> str:
    """The format that an address of files names, before its colon; "" for any other address."""
    scheme = url.partition(":")[0]
    return scheme.removesuffix(_ENDING) if scheme.endswith(_ENDING) else ""


def parse_files(url: str) -> FilesAddress:
    """The files written in `url`. Raises Refusal `files/address-unreadable`."""
    named = format_named(url)
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise Refusal("files/address-unreadable") from None
    path, options = unquote(parts.path), dict(pairs)
    readable = path == "-" or (path.startswith("/") and path.strip("/") and "\x00" not in path)
    if not named or parts.netloc or parts.fragment or not readable or len(options) != len(pairs):
        raise Refusal("files/address-unreadable")
    return FilesAddress(named, None if path == "-" else Path(path), options)
