"""Where a GNU Health is, as which account it is entered, and in which civil time the laboratory lives.

    gnuhealth+https://ecluse@health.example/production
    gnuhealth+https://ecluse@health.example/production?zone=Indian/Reunion&test=REPRISE
    gnuhealth+http://ecluse@127.0.0.1:8000/production            (without TLS on this machine only)

GNU Health keeps moments in UTC: `zone` (Europe/Paris unless said) tells the laboratory's own time. `test`: the code of the type of lab test
(`gnuhealth.lab.test_type`) under which reports are written, ECLUSE unless said. The password stands in the password file, never here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

from ecluse.adapters.connectors.sql.address import Address, password_from, refuse_password
from ecluse.base.refusal import Refusal

__all__ = ["SCHEMES", "GnuHealthAddress", "parse_gnuhealth"]

_SECURE: Final = "gnuhealth+https"
_HERE: Final = "gnuhealth+http"
SCHEMES: Final = (f"{_SECURE}:", f"{_HERE}:")
"""How such addresses begin."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_OPTIONS: Final = frozenset({"zone", "test"})
_PORTS: Final = {_SECURE: 443, _HERE: 8000}
ZONE: Final = "Europe/Paris"
TEST: Final = "ECLUSE"


@dataclass(frozen=True, slots=True)
class GnuHealthAddress:
    """A server, a database of it, and an account. `test`: the code of the type of lab test for what is written."""

    host: str
    port: int
    database: str
    account: str
    zone: ZoneInfo
    secure: bool = True
    test: str = TEST
    password: str | None = field(default=None, repr=False)

    def entered(self, file: Path | None) -> GnuHealthAddress:
        """The same place with the password in `file`. Raises Refusal `address/password-...`."""
        if file is None:
            raise Refusal("address/password-not-found", where="-")
        told = Address(
            "postgres", database=self.database, host=self.host, port=self.port, account=self.account
        )
        return replace(self, password=password_from(file, told))

    def __str__(self) -> str:
        return f"{_SECURE if self.secure else _HERE}://{self.account}@{self.host}:{self.port}/{self.database}"


def parse_gnuhealth(url: str) -> GnuHealthAddress:
    """The place written in `url`. Raises Refusal `gnuhealth/address-unreadable`, `gnuhealth/not-encrypted`, `address/password-in-sight`."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        zone = ZoneInfo(options.get("zone", ZONE))
    except (ValueError, KeyError, OSError):
        raise Refusal("gnuhealth/address-unreadable") from None
    refuse_password(url)
    host, account = parts.hostname or "", unquote(parts.username or "")
    database = parts.path.removeprefix("/")
    known = parts.scheme in _PORTS and not options.keys() - _OPTIONS and not parts.fragment
    if not (known and host and account and _plain(database) and options.get("test", TEST)):
        raise Refusal("gnuhealth/address-unreadable")
    if parts.scheme == _HERE and host not in _LOOPBACK:
        raise Refusal("gnuhealth/not-encrypted", where=host)
    secure = parts.scheme == _SECURE
    return GnuHealthAddress(host, port, database, account, zone, secure, options.get("test", TEST))


def _plain(database: str) -> bool:
    """A database's name that is one step of a path and needs no escape."""
    return database.isascii() and database.replace("_", "").replace("-", "").isalnum()
