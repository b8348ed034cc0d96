"""Where FHIR resources are put: `fhir+file:///path/folder`, and in which civil time the laboratory lives.

    fhir+file:///srv/fhir/new-laboratory
    fhir+file:///srv/fhir/new-laboratory?zone=Indian/Reunion       (Europe/Paris unless said)

The zone gives FHIR's moments the offset they must have; reading back leaves it out, so it changes no value.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from ecluse.base.refusal import Refusal

__all__ = ["SCHEME", "FolderAddress", "parse_folder"]

SCHEME: Final = "fhir+file"
ZONE: Final = "Europe/Paris"


@dataclass(frozen=True, slots=True)
class FolderAddress:
    """A folder of this machine, and the laboratory's time zone (IANA name)."""

    path: Path
    zone: ZoneInfo

    def __str__(self) -> str:
        return f"{SCHEME}://{self.path}"


def parse_folder(url: str) -> FolderAddress:
    """The folder written in `url`. Raises Refusal `fhir/address-unreadable`, `fhir/zone-unknown`."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    path = unquote(parts.path)
    if parts.scheme != SCHEME or parts.netloc or path in ("", "/") or options.keys() - {"zone"}:
        raise Refusal("fhir/address-unreadable")
    name = options.get("zone", ZONE)
    try:
        zone = ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Refusal("fhir/zone-unknown", got=name) from None
    return FolderAddress(Path(path), zone)
