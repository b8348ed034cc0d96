"""Where FHIR resources are: a folder or a server's base address, and in which civil time the laboratory lives.

    fhir+file:///srv/fhir/new-laboratory
    fhir+file:-                                                    (standard input, read once: a source)
    fhir+file:///srv/fhir/new-laboratory?zone=Indian/Reunion       (Europe/Paris unless said)
    fhir+https://fhir.laboratory.example/R4?entries=200            (entries in one transaction, 50 unless said)
    fhir+http://127.0.0.1:8080/fhir                                (without TLS on this machine only)

The zone gives FHIR's moments the offset they must have; reading back leaves it out, so it changes no value. The token never stands in an address:
it is read from the file of passwords.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from ecluse.base.refusal import Refusal

__all__ = ["SCHEME", "SECURE", "FolderAddress", "ServerAddress", "parse_folder", "parse_server", "token_from"]

SCHEME: Final = "fhir+file"
SECURE: Final = "fhir+https"
_HERE: Final = "fhir+http"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_OPTIONS: Final = frozenset({"zone", "entries"})
ZONE: Final = "Europe/Paris"
ENTRIES: Final = 50
"""What a public server is known to take in one transaction (Medplum); others take more."""
MOST_ENTRIES: Final = 5_000


@dataclass(frozen=True, slots=True)
class FolderAddress:
    """A folder or a file of this machine, and the laboratory's time zone (IANA name). `path` "-": standard input."""

    path: Path
    zone: ZoneInfo

    @property
    def is_stream(self) -> bool:
        """Whether it is standard input, which is read once and never written."""
        return str(self.path) == "-"

    def __str__(self) -> str:
        return f"{SCHEME}:{'-' if self.is_stream else f'//{self.path}'}"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A FHIR server. `base`: the path before resource types, with no slash at its end; `port` 0 is the scheme's own; `entries` in one transaction."""

    host: str
    port: int
    base: str
    zone: ZoneInfo
    secure: bool = True
    entries: int = ENTRIES

    @property
    def origin(self) -> str:
        """Scheme, host and port, as in the addresses the server gives."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{'https' if self.secure else 'http'}://{host}{port}"

    def __str__(self) -> str:
        return f"fhir+{self.origin}{self.base}"


def is_folder(url: str) -> bool:
    """Whether an address of ours names a folder, not a server."""
    return url.startswith(f"{SCHEME}:")


def parse_folder(url: str) -> FolderAddress:
    """The folder written in `url`. Raises Refusal `fhir/address-unreadable`, `fhir/zone-unknown`."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    path = unquote(parts.path)
    if parts.scheme != SCHEME or parts.netloc or path in ("", "/") or options.keys() - {"zone"}:
        raise Refusal("fhir/address-unreadable")
    return FolderAddress(Path(path), _zone(options))


def parse_server(url: str) -> ServerAddress:
    """The server written in `url`. Raises Refusal `fhir/server-unreadable`, `fhir/not-encrypted`, `fhir/zone-unknown`."""
    try:
        parts = urlsplit(url)
        port = parts.port or 0
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        raise Refusal("fhir/server-unreadable") from None
    entries = options.get("entries", str(ENTRIES))
    if not _written_well(parts, options) or not entries.isdecimal() or not 2 <= int(entries) <= MOST_ENTRIES:
        raise Refusal("fhir/server-unreadable")
    host = parts.hostname or ""
    if parts.scheme == _HERE and host not in _LOOPBACK:
        raise Refusal("fhir/not-encrypted", where=host)
    return ServerAddress(
        host, port, parts.path.rstrip("/"), _zone(options), parts.scheme == SECURE, int(entries)
    )


def _written_well(parts: SplitResult, options: dict[str, str]) -> bool:
    """A scheme of ours, a host, no account, no fragment, no option that is not known, and a path that says nothing twice."""
    known = parts.scheme in (SECURE, _HERE) and not options.keys() - _OPTIONS and not parts.fragment
    plain = (
        parts.path.isascii() and parts.path.isprintable() and ".." not in parts.path and " " not in parts.path
    )
    return known and plain and bool(parts.hostname) and "@" not in parts.netloc


def token_from(file: Path) -> str:
    """The bearer token in `file`: its only line (RFC 6750, 2.1: no blank in it).

    Raises Refusal `address/password-file-open` (others than its owner may read it), `address/password-not-found`.
    """
    try:
        mode = file.stat().st_mode
        lines = [line for line in file.read_text("ascii").splitlines() if line and not line.startswith("#")]
    except (OSError, UnicodeDecodeError):
        raise Refusal("address/password-not-found", where=file.name) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Refusal(
            "address/password-file-open", where=file.name, got=f"{stat.S_IMODE(mode):04o}", expected="0600"
        )
    if len(lines) != 1 or not lines[0].isprintable() or " " in lines[0]:
        raise Refusal("address/password-not-found", where=file.name)
    return lines[0]


def _zone(options: dict[str, str]) -> ZoneInfo:
    name = options.get("zone", ZONE)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Refusal("fhir/zone-unknown", got=name) from None
